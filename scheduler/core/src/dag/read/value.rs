//! Values of a key: text, numbers, durations, words, lists; each wrong one is reported with its cure.

use std::time::Duration;

use super::Reader;
use crate::dag::keys::{Key, Shape, Words, words};
use crate::dag::tree::{Kind, Map, Node, Scalar, Style, Value};
use crate::diag::{Code, Fault};
use crate::template::nearest;
use crate::time::parse_duration;

impl Reader<'_> {
    /// What `read` makes of a key's value, if the map has it and it is right.
    pub(super) fn read<'n, 'a, T>(
        &mut self,
        map: &'n Map<'a>,
        key: &Key,
        read: impl FnOnce(&mut Self, &Key, &'n Node<'a>) -> Option<T>,
    ) -> Option<T> {
        read(self, key, map.get(key.name)?)
    }

    /// Reports a value that is not of the key's shape; always `None`.
    pub(crate) fn wrong_type<T>(&mut self, key: &Key, node: &Node<'_>) -> Option<T> {
        let Key { name, shape, example, .. } = key;
        let like = format!("for example `{name}: {example}`");
        let fault = match &node.kind {
            Kind::Broken => return None,
            Kind::Scalar(scalar) if scalar.value() == Value::Null => {
                Fault::new(Code::Empty, node.at, format!("`{name}` has no value"))
                    .help(format!("{like}, or leave the key out"))
            }
            kind => {
                let message = format!("`{name}` takes {}, and this is {}", shape.what(), node.what());
                let help = match (shape, kind) {
                    (Shape::Boolean, Kind::Scalar(scalar)) => boolean_help(&scalar.text),
                    (Shape::Integer { .. } | Shape::Number, Kind::Scalar(scalar))
                        if scalar.style != Style::Plain && scalar.text.parse::<f64>().is_ok() =>
                    {
                        Some(format!("write {} without quotes", scalar.text))
                    }
                    _ => None,
                };
                Fault::new(Code::WrongType, node.at, message).help(help.unwrap_or(like))
            }
        };
        self.faults.add(fault);
        None
    }

    /// A scalar that is text, by its style or its letters.
    pub(crate) fn text<'n>(&mut self, key: &Key, node: &'n Node<'_>) -> Option<&'n str> {
        match &node.kind {
            Kind::Scalar(scalar) => match scalar.value() {
                Value::Text(text) => Some(text),
                Value::Null => self.wrong_type(key, node),
                value => {
                    self.faults.add(quote_it(node, scalar, value, &format!("`{}` takes text", key.name)));
                    None
                }
            },
            _ => self.wrong_type(key, node),
        }
    }

    /// Text with at least one character that is seen.
    pub(crate) fn some_text<'n>(&mut self, key: &Key, node: &'n Node<'_>) -> Option<&'n str> {
        let text = self.text(key, node)?;
        if text.trim().is_empty() {
            let message = format!("`{}` is empty", key.name);
            self.faults.add(
                Fault::new(Code::Empty, node.at, message)
                    .help(format!("for example `{}: {}`", key.name, key.example)),
            );
            return None;
        }
        Some(text)
    }

    pub(super) fn owned_text(&mut self, key: &Key, node: &Node<'_>) -> Option<String> {
        self.text(key, node).map(str::to_owned)
    }

    pub(crate) fn boolean(&mut self, key: &Key, node: &Node<'_>) -> Option<bool> {
        match &node.kind {
            Kind::Scalar(scalar) if let Value::Bool(value) = scalar.value() => Some(value),
            _ => self.wrong_type(key, node),
        }
    }

    /// A whole number within the key's range.
    pub(crate) fn integer<T: TryFrom<i64>>(&mut self, key: &Key, node: &Node<'_>) -> Option<T> {
        let Kind::Scalar(scalar) = &node.kind else { return self.wrong_type(key, node) };
        let value = match scalar.value() {
            Value::Integer(value) => value,
            Value::Float(value) if value.fract() == 0.0 => {
                if value < 0.0 {
                    i64::MIN
                } else {
                    i64::MAX
                }
            }
            _ => return self.wrong_type(key, node),
        };
        let (min, max) = match key.shape {
            Shape::Integer { min, max } => (min, max),
            _ => (i64::MIN, i64::MAX),
        };
        let right = T::try_from(value).ok().filter(|_| (min..=max).contains(&value));
        if right.is_none() {
            let message = format!("`{}` is {}, and must be between {min} and {max}", key.name, scalar.text);
            self.faults.add(Fault::new(Code::OutOfRange, node.at, message));
        }
        right
    }

    pub(super) fn number(&mut self, key: &Key, node: &Node<'_>) -> Option<f64> {
        match &node.kind {
            Kind::Scalar(scalar) => match scalar.value() {
                #[expect(
                    clippy::cast_precision_loss,
                    reason = "limits beyond 2^53 are not exact in JSON either"
                )]
                Value::Integer(value) => Some(value as f64),
                Value::Float(value) if value.is_finite() => Some(value),
                _ => self.wrong_type(key, node),
            },
            _ => self.wrong_type(key, node),
        }
    }

    /// A duration longer than nothing.
    pub(crate) fn duration(&mut self, key: &Key, node: &Node<'_>) -> Option<Duration> {
        self.duration_from_zero(key, node).and_then(|length| {
            if length.is_zero() {
                let message = format!("`{}` must be longer than nothing", key.name);
                self.faults.add(
                    Fault::new(Code::BadDuration, node.at, message).help("leave the key out for no limit"),
                );
                return None;
            }
            Some(length)
        })
    }

    pub(crate) fn duration_from_zero(&mut self, key: &Key, node: &Node<'_>) -> Option<Duration> {
        let Kind::Scalar(scalar) = &node.kind else { return self.wrong_type(key, node) };
        let fault = match scalar.value() {
            Value::Text(text) => match parse_duration(text) {
                Ok(length) => return Some(length),
                Err(words) => match short_form(text) {
                    Some(short) => Fault::new(Code::BadDuration, node.at, format!("`{text}` is no duration"))
                        .help(format!("write `{short}`")),
                    None => Fault::new(Code::BadDuration, node.at, words),
                },
            },
            Value::Integer(seconds) if seconds >= 0 => {
                Fault::new(Code::BadDuration, node.at, format!("`{}: {seconds}` has no unit", key.name))
                    .help(format!("write `{seconds}s` for seconds, `{seconds}m` for minutes"))
            }
            Value::Null | Value::Bool(_) => return self.wrong_type(key, node),
            Value::Integer(_) | Value::Float(_) => {
                Fault::new(Code::BadDuration, node.at, format!("`{}` is no duration", scalar.text))
                    .help("write a whole number and a unit, such as `90s`, `15m` or `1h30m`")
            }
        };
        self.faults.add(fault);
        None
    }

    /// One of the words of a choice.
    pub(crate) fn word<T: Words>(&mut self, key: &Key, node: &Node<'_>) -> Option<T> {
        let text = self.text(key, node)?;
        let found = T::WORDS.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            self.faults.add(unknown_word(key, node, text, &words::<T>()));
        }
        found
    }

    /// A list of texts, each of them right for `check`.
    pub(super) fn texts(&mut self, key: &Key, node: &Node<'_>) -> Option<Vec<String>> {
        let items = self.list(key, node)?;
        let texts: Vec<String> =
            items.iter().filter_map(|item| self.item_text(key, item)).map(str::to_owned).collect();
        (texts.len() == items.len()).then_some(texts)
    }

    /// An element of a list of texts.
    pub(crate) fn item_text<'n>(&mut self, key: &Key, item: &'n Node<'_>) -> Option<&'n str> {
        let fault = match &item.kind {
            Kind::Broken => return None,
            Kind::Scalar(scalar) => match scalar.value() {
                Value::Text(text) if !text.trim().is_empty() => return Some(text),
                Value::Text(_) | Value::Null => {
                    Fault::new(Code::Empty, item.at, format!("an entry of `{}` is empty", key.name))
                        .help("remove it")
                }
                value => quote_it(item, scalar, value, &format!("an entry of `{}` is text", key.name)),
            },
            Kind::List(_) | Kind::Map(_) => Fault::new(
                Code::WrongType,
                item.at,
                format!("an entry of `{}` is text, and this is {}", key.name, item.what()),
            )
            .help(format!("for example `{}: {}`", key.name, key.example)),
        };
        self.faults.add(fault);
        None
    }

    pub(crate) fn list<'n, 'a>(&mut self, key: &Key, node: &'n Node<'a>) -> Option<&'n [Node<'a>]> {
        match &node.kind {
            Kind::List(items) => Some(items),
            _ => self.wrong_type(key, node),
        }
    }
}

/// A scalar's letters as they stand, where text is meant and anything but nothing will do.
pub(super) fn as_written<'n>(node: &'n Node<'_>) -> Option<&'n str> {
    match &node.kind {
        Kind::Scalar(scalar) if scalar.value() != Value::Null => Some(&scalar.text),
        _ => None,
    }
}

/// YAML took for a number or a boolean what is meant as text.
fn quote_it(node: &Node<'_>, scalar: &Scalar<'_>, value: Value<'_>, takes: &str) -> Fault {
    let message = format!("{takes}, and YAML reads `{}` as {}", scalar.text, value.what());
    Fault::new(Code::QuoteIt, node.at, message).help(format!("write \"{}\" in quotes", scalar.text))
}

/// `5m` for `5 minutes`.
fn short_form(text: &str) -> Option<String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let unit = match text[digits..].trim().to_ascii_lowercase().as_str() {
        "s" | "sec" | "secs" | "second" | "seconds" => "s",
        "m" | "min" | "mins" | "minute" | "minutes" => "m",
        "h" | "hr" | "hrs" | "hour" | "hours" => "h",
        "d" | "day" | "days" => "d",
        "w" | "week" | "weeks" => "w",
        _ => return None,
    };
    (digits > 0).then(|| format!("{}{unit}", &text[..digits]))
}

/// A word that is none of a choice.
pub(super) fn unknown_word(key: &Key, node: &Node<'_>, text: &str, words: &[&'static str]) -> Fault {
    let list = words.join(", ");
    let help = match nearest(text, words.iter().copied()) {
        Some(word) => format!("did you mean `{word}`? It is one of: {list}"),
        None => format!("it is one of: {list}"),
    };
    Fault::new(Code::UnknownWord, node.at, format!("`{}` cannot be `{text}`", key.name)).help(help)
}

/// What a person meant who wrote a boolean as YAML 1.1 or a shell has it.
fn boolean_help(text: &str) -> Option<String> {
    let truth = match text.to_ascii_lowercase().as_str() {
        "yes" | "on" | "y" | "1" | "true" => "true",
        "no" | "off" | "n" | "0" | "false" => "false",
        _ => return None,
    };
    Some(format!("write `{truth}`: YAML 1.2 knows no other boolean words"))
}
