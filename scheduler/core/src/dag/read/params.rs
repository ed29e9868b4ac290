//! Params: typed inputs of a run.

use serde_json::Value as Json;

use super::Reader;
use super::entry::Owner;
use super::settings::is_identifier;
use crate::dag::keys::{Key, Level, param as keys};
use crate::dag::spec::{Param, ParamKind};
use crate::dag::tree::{Entry, Kind, Map, Node, Style, Value};
use crate::diag::{Code, Fault, Span};

impl Reader<'_> {
    /// All params, in the order of the file.
    pub(super) fn params(&mut self, key: &Key, node: &Node<'_>) -> Option<Vec<Param>> {
        let map = self.map(key, node)?;
        Some(map.entries.iter().filter_map(|entry| self.param(entry)).collect())
    }

    /// A param is a map of its keys, or only its default.
    fn param(&mut self, entry: &Entry<'_>) -> Option<Param> {
        let name = &*entry.key;
        if !is_identifier(name) {
            let message = format!("`{name}` is no name of a param");
            let help = "write letters, digits and `_`, so that `{{ params.name }}` can be read";
            self.faults.add(Fault::new(Code::BadName, entry.key_at, message).help(help));
        }
        match &entry.value.kind {
            Kind::Map(map) => Some(self.described(name, map, entry)),
            Kind::Broken => None,
            Kind::Scalar(_) | Kind::List(_) => self.defaulted(name, &entry.value),
        }
    }

    /// `limit: 1000`.
    fn defaulted(&mut self, name: &str, node: &Node<'_>) -> Option<Param> {
        self.warn_of_surprise(name, node);
        let default = node.to_json();
        let Some(kind) = kind_of(&default) else {
            let message = format!("the param `{name}` has neither a default nor a type");
            let help = format!("write `{name}: {{type: string, required: true}}` or give it a default");
            self.faults.add(Fault::new(Code::Empty, node.at, message).help(help));
            return None;
        };
        Some(Param { default: Some(default), ..empty(name, kind) })
    }

    /// `region: {type: string, enum: [eu, us], default: eu}`.
    fn described(&mut self, name: &str, map: &Map<'_>, entry: &Entry<'_>) -> Param {
        let owner = format!("param `{name}`");
        self.check_keys(map, Owner { level: Level::Param, name: &owner });
        let default_node = map.get(keys::DEFAULT.name);
        let default = default_node.map(Node::to_json).filter(|value| !value.is_null());
        let kind = self.read(map, &keys::TYPE, Self::word);
        let param = Param {
            required: self.read(map, &keys::REQUIRED, Self::boolean).unwrap_or(false),
            choices: self.read(map, &keys::ENUM, Self::choices).unwrap_or_default(),
            min: self.read(map, &keys::MIN, Self::number),
            max: self.read(map, &keys::MAX, Self::number),
            pattern: self.read(map, &keys::PATTERN, Self::pattern),
            description: self.read(map, &keys::DESCRIPTION, Self::owned_text),
            ..empty(name, kind.or_else(|| kind_of(default.as_ref()?)).unwrap_or(ParamKind::String))
        };
        if kind.is_none()
            && let Some(node) = default_node
        {
            self.warn_of_surprise(name, node);
        }
        // A wrong type was reported: what it would have allowed cannot be judged.
        if kind.is_some() || map.get(keys::TYPE.name).is_none() {
            self.check_param(&param, map, entry.key_at);
            self.check_values(&param, map);
        }
        Param { default, ..param }
    }

    fn choices(&mut self, key: &Key, node: &Node<'_>) -> Option<Vec<Json>> {
        let items = self.list(key, node)?;
        if items.is_empty() {
            let fault = Fault::new(Code::Empty, node.at, "an `enum` without values allows nothing");
            self.faults.add(fault.help("list the values, or leave the key out"));
        }
        Some(items.iter().map(Node::to_json).collect())
    }

    fn pattern(&mut self, key: &Key, node: &Node<'_>) -> Option<String> {
        let pattern = self.text(key, node)?;
        if let Err(error) = regex::Regex::new(pattern) {
            // The engine's last line says what is wrong, those before draw it.
            let words = error.to_string();
            let words = words.lines().last().unwrap_or_default().trim_start_matches("error: ");
            self.faults.add(Fault::new(
                Code::BadPattern,
                node.at,
                format!("`{pattern}` is no regular expression: {words}"),
            ));
        }
        Some(pattern.to_owned())
    }

    /// Limits that contradict each other, or the type.
    fn check_param(&mut self, param: &Param, map: &Map<'_>, name_at: Span) {
        let at = |key: &Key| map.entry(key.name).map_or(name_at, |entry| entry.key_at);
        let name = &param.name;
        let mut add = |at, message: String| self.faults.add(Fault::new(Code::BadParam, at, message));
        if let (Some(min), Some(max)) = (param.min, param.max)
            && min > max
        {
            add(
                at(&keys::MIN),
                format!("the param `{name}` can have no value: `min` {min} is above `max` {max}"),
            );
        }
        if matches!(param.kind, ParamKind::Boolean | ParamKind::Object)
            && (param.min.is_some() || param.max.is_some())
        {
            let key = if param.min.is_some() { &keys::MIN } else { &keys::MAX };
            add(at(key), format!("`{}` means nothing for type {}", key.name, param.kind.as_str()));
        }
        if param.pattern.is_some() && param.kind != ParamKind::String {
            add(at(&keys::PATTERN), format!("`pattern` means nothing for type {}", param.kind.as_str()));
        }
        if param.required && map.get(keys::DEFAULT.name).is_some() {
            add(
                at(&keys::REQUIRED),
                format!("the param `{name}` has a default, so that no run needs to give it"),
            );
        }
    }

    /// The default and the choices are values that the param allows.
    fn check_values(&mut self, param: &Param, map: &Map<'_>) {
        // A bad pattern was reported, and matches nothing.
        let pattern = param.pattern.clone().filter(|pattern| regex::Regex::new(pattern).is_ok());
        let param = Param { pattern, ..param.clone() };
        if let Some(node) = map.get(keys::DEFAULT.name) {
            self.check_value(&param, node, "the default");
        }
        if let Some(Kind::List(items)) = map.get(keys::ENUM.name).map(|node| &node.kind) {
            let param = Param { choices: Vec::new(), ..param };
            for item in items {
                self.check_value(&param, item, "a value in `enum`");
            }
        }
    }

    fn check_value(&mut self, param: &Param, node: &Node<'_>, what: &str) {
        let fault = match (&node.kind, param.accepts(&node.to_json())) {
            (Kind::Broken, _) | (_, Ok(())) => return,
            (Kind::Scalar(scalar), Err(words)) => {
                let fault = Fault::new(Code::BadDefault, node.at, format!("{what} is not allowed: {words}"));
                let quote = param.kind == ParamKind::String && !matches!(scalar.value(), Value::Text(_));
                fault.maybe_help(quote.then(|| format!("write \"{}\" in quotes", scalar.text)))
            }
            (_, Err(words)) => {
                Fault::new(Code::BadDefault, node.at, format!("{what} is not allowed: {words}"))
            }
        };
        self.faults.add(fault);
    }

    /// A plain word or number that other tools read otherwise, where nothing says what is meant.
    fn warn_of_surprise(&mut self, name: &str, node: &Node<'_>) {
        let Kind::Scalar(scalar) = &node.kind else { return };
        if scalar.style != Style::Plain {
            return;
        }
        let text = &*scalar.text;
        let fault = match scalar.value() {
            Value::Text(
                "yes" | "Yes" | "YES" | "no" | "No" | "NO" | "on" | "On" | "ON" | "off" | "Off" | "OFF",
            ) => Fault::new(
                Code::NotABoolean,
                node.at,
                format!("`{text}` is text, not a boolean: the param `{name}` is a string"),
            )
            .help(format!("write `true` or `false`, or \"{text}\" in quotes if text is meant")),
            Value::Float(value) if value.to_string() != text && text.contains('.') && text.ends_with('0') => {
                Fault::new(Code::NumberLosesForm, node.at, format!("`{text}` is the number {value}"))
                    .help(format!("write \"{text}\" in quotes if text is meant, such as a version"))
            }
            _ => return,
        };
        self.faults.add(fault);
    }
}

fn empty(name: &str, kind: ParamKind) -> Param {
    Param {
        name: name.to_owned(),
        kind,
        default: None,
        required: false,
        choices: Vec::new(),
        min: None,
        max: None,
        pattern: None,
        description: None,
    }
}

fn kind_of(value: &Json) -> Option<ParamKind> {
    match value {
        Json::Null => None,
        Json::Bool(_) => Some(ParamKind::Boolean),
        Json::Number(number) if number.is_f64() => Some(ParamKind::Number),
        Json::Number(_) => Some(ParamKind::Integer),
        Json::String(_) => Some(ParamKind::String),
        Json::Array(_) => Some(ParamKind::Array),
        Json::Object(_) => Some(ParamKind::Object),
    }
}
