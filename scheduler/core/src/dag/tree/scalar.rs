//! What a YAML scalar means: YAML 1.2's core schema, as `serde_yaml` reads it.

use std::borrow::Cow;

use serde_json::Value as Json;

/// A scalar as it is written.
#[derive(Debug, Clone)]
pub(crate) struct Scalar<'a> {
    /// Its text, without quotes and escapes.
    pub(crate) text: Cow<'a, str>,
    pub(crate) style: Style,
}

/// How a scalar is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// Without quotes: it may be a number, a boolean or null.
    Plain,
    /// In single or double quotes: always text.
    Quoted,
    /// A block after `|`.
    Literal,
    /// A block after `>`.
    Folded,
}

/// What a scalar means.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Value<'a> {
    Null,
    Bool(bool),
    Integer(i64),
    /// Also a whole number beyond 64 bits.
    Float(f64),
    Text(&'a str),
}

impl Value<'_> {
    /// What it is, as a message calls it.
    pub(crate) fn what(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "a boolean",
            Self::Float(value) if value.fract() != 0.0 => "a number with a fraction",
            Self::Integer(_) | Self::Float(_) => "a number",
            Self::Text(_) => "text",
        }
    }
}

impl Scalar<'_> {
    /// Nothing.
    pub(crate) fn null() -> Self {
        Self { text: Cow::Borrowed(""), style: Style::Plain }
    }

    /// What it means.
    pub(crate) fn value(&self) -> Value<'_> {
        if self.style == Style::Plain { plain(&self.text) } else { Value::Text(&self.text) }
    }

    /// As JSON.
    pub(crate) fn to_json(&self) -> Json {
        match self.value() {
            Value::Null => Json::Null,
            Value::Bool(value) => value.into(),
            Value::Integer(value) => value.into(),
            Value::Float(value) => {
                serde_json::Number::from_f64(value).map_or_else(|| self.text.as_ref().into(), Json::Number)
            }
            Value::Text(text) => text.into(),
        }
    }
}

/// The few words and the numbers that are not text when they stand without quotes.
fn plain(text: &str) -> Value<'_> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ if !may_be_number(text) => Value::Text(text),
        _ => number(text).unwrap_or(Value::Text(text)),
    }
}

/// False for nearly every text, so that the rare number can afford to be asked about.
fn may_be_number(text: &str) -> bool {
    let digits = text.trim_start_matches(['+', '-', '.']);
    text.len() <= 400
        && (digits.starts_with(|c: char| c.is_ascii_digit())
            || matches!(digits.to_ascii_lowercase().as_str(), "inf" | "nan"))
        && text.bytes().all(|b| {
            b.is_ascii_hexdigit() || matches!(b, b'+' | b'-' | b'.' | b'o' | b'x' | b'i' | b'I' | b'n' | b'N')
        })
}

/// Decimal whole numbers here (beyond 64 bits they are only ever out of range); every other form as
/// `serde_yaml` has it.
fn number(text: &str) -> Option<Value<'_>> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.bytes().all(|b| b.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0')) {
        return text.parse().map(Value::Integer).or_else(|_| text.parse().map(Value::Float)).ok();
    }
    match serde_yaml::from_str(text).ok()? {
        serde_yaml::Value::Number(number) => {
            number.as_i64().map(Value::Integer).or(number.as_f64().map(Value::Float))
        }
        _ => None,
    }
}
