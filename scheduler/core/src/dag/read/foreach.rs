//! `foreach`: where items come from and how many of them may fail.

use super::Reader;
use super::entry::Owner;
use super::settings::is_identifier;
use super::task::{Text, TextKind};
use super::value::as_written;
use crate::dag::keys::{Key, Level, foreach as keys};
use crate::dag::spec::{Fan, Items, Share};
use crate::dag::tree::{Kind, Map, Node, Value};
use crate::diag::{Code, Fault, Span};
use crate::template::{self, NAMES};

/// A fan as it stands in the file, before it has tasks.
pub(crate) struct DraftFan<'n, 'a> {
    pub(crate) fan: Fan,
    pub(crate) at: Span,
    /// Its templates, of which all but the key are rendered before there is an item.
    pub(crate) texts: Vec<Text<'n, 'a>>,
}

impl Reader<'_> {
    /// A `foreach`.
    pub(super) fn foreach<'n, 'a>(&mut self, key: &Key, node: &'n Node<'a>) -> Option<DraftFan<'n, 'a>> {
        let map = self.map(key, node)?;
        self.check_keys(map, Owner { level: Level::Foreach, name: "`foreach`" });
        let mut texts = Vec::new();
        let items = if let Some(items) = map.get(keys::ITEMS.name) {
            self.items(items, &mut texts)
        } else {
            let fault = Fault::new(Code::MissingKey, node.at, "the `foreach` has no `items`");
            self.faults.add(fault.help("say what it is done for: `foreach: {items: [eu, us], as: region}`"));
            None
        };
        let shown = map.get(keys::KEY.name);
        texts.extend(shown.map(|node| Text { node, kind: TextKind::Plain }));
        let fan = Fan {
            items: items?,
            name: self.read(map, &keys::AS, Self::item_name),
            key: self.read(map, &keys::KEY, Self::owned_text),
            max_parallel: self.read(map, &keys::MAX_PARALLEL, Self::integer),
            min_success: self.read(map, &keys::MIN_SUCCESS, Self::share),
            max_failures: self.read(map, &keys::MAX_FAILURES, Self::share),
            lockstep: self.read(map, &keys::LOCKSTEP, Self::boolean).unwrap_or(false),
            tasks: Vec::new(),
        };
        Some(DraftFan { fan, at: node.at, texts })
    }

    fn items<'n, 'a>(&mut self, node: &'n Node<'a>, texts: &mut Vec<Text<'n, 'a>>) -> Option<Items> {
        if let Kind::Map(map) = &node.kind
            && let [entry] = map.entries.as_slice()
        {
            match &*entry.key {
                "range" => return self.range(&entry.value),
                "matrix" => return self.matrix(&entry.value, texts),
                _ => {}
            }
        }
        self.values(&keys::ITEMS, node, texts)
    }

    /// A list or a map as it stands, or an expression.
    fn values<'n, 'a>(
        &mut self,
        key: &Key,
        node: &'n Node<'a>,
        texts: &mut Vec<Text<'n, 'a>>,
    ) -> Option<Items> {
        match &node.kind {
            Kind::List(_) | Kind::Map(_) => {
                super::task::texts_of(node, texts);
                Some(Items::Given(node.to_json()))
            }
            Kind::Scalar(_) => {
                let text = as_written(node).unwrap_or_default();
                texts.push(Text { node, kind: TextKind::Plain });
                match template::expression_of(text) {
                    Some(range) => Some(Items::Expression(text[range].to_owned())),
                    None if text.contains("{{") && template::check(text).is_err() => None,
                    None => self.wrong_type(key, node),
                }
            }
            Kind::Broken => None,
        }
    }

    /// `[first, end]` or `[first, end, step]`.
    fn range(&mut self, node: &Node<'_>) -> Option<Items> {
        let wrong = |what: &str| {
            Fault::new(Code::OutOfRange, node.at, format!("`range` {what}"))
                .help("write `{range: [0, 10]}` for 0 to 9, or `{range: [0, 10, 2]}`")
        };
        let numbers: Vec<i64> = match &node.kind {
            Kind::List(items) => items.iter().filter_map(whole).collect(),
            _ => Vec::new(),
        };
        let count = if let Kind::List(items) = &node.kind { items.len() } else { 0 };
        let items = match numbers[..] {
            _ if numbers.len() != count => None,
            [first, end] => Some(Items::Range(first, end, 1)),
            [first, end, step] => Some(Items::Range(first, end, step)),
            _ => None,
        };
        match items {
            Some(Items::Range(_, _, 0)) => self.faults.add(wrong("has a step of 0 and would never end")),
            None => self.faults.add(wrong("takes two or three whole numbers")),
            Some(_) => {}
        }
        items
    }

    fn matrix<'n, 'a>(&mut self, node: &'n Node<'a>, texts: &mut Vec<Text<'n, 'a>>) -> Option<Items> {
        let axes = match &node.kind {
            Kind::Map(Map { entries }) if !entries.is_empty() => entries,
            _ => {
                let fault = Fault::new(Code::WrongType, node.at, "`matrix` takes a map of lists");
                self.faults.add(fault.help("for example `{matrix: {region: [eu, us], day: [1, 2]}}`"));
                return None;
            }
        };
        let mut read = Vec::with_capacity(axes.len());
        for axis in axes {
            if !is_identifier(&axis.key) {
                let fault =
                    Fault::new(Code::BadName, axis.key_at, format!("`{}` is no name in templates", axis.key));
                self.faults.add(fault.help("write letters, digits and `_`, not beginning with a digit"));
            }
            if matches!(axis.value.kind, Kind::Map(_)) {
                let message = format!("the axis `{}` takes a list, and this is a map", axis.key);
                self.faults.add(Fault::new(Code::WrongType, axis.value.at, message));
            }
            read.push((axis.key.to_string(), self.values(&keys::ITEMS, &axis.value, texts)?));
        }
        Some(Items::Matrix(read))
    }

    /// A name for the item that no other name of templates is.
    fn item_name(&mut self, key: &Key, node: &Node<'_>) -> Option<String> {
        let name = self.some_text(key, node)?;
        let taken = NAMES.contains(&name) && name != "item";
        if is_identifier(name) && !taken {
            return Some(name.to_owned());
        }
        let message = if taken {
            format!("`{name}` is a name that templates know already")
        } else {
            format!("`{name}` is no name in templates")
        };
        self.faults.add(Fault::new(Code::BadName, node.at, message).help("for example `as: file`"));
        None
    }

    /// A number of items, or `95%` of them.
    fn share(&mut self, key: &Key, node: &Node<'_>) -> Option<Share> {
        let Kind::Scalar(scalar) = &node.kind else { return self.wrong_type(key, node) };
        let share = match scalar.value() {
            Value::Integer(count) => u32::try_from(count).ok().map(Share::Count),
            Value::Text(text) => text
                .strip_suffix('%')
                .and_then(|number| number.trim().parse::<f64>().ok())
                .filter(|percent| (0.0..=100.0).contains(percent))
                .map(Share::Percent),
            _ => None,
        };
        if share.is_none() {
            let message =
                format!("`{}` is `{}`: neither a number of items nor a percentage", key.name, scalar.text);
            let help = format!("for example `{}: 2` or `{}: 95%`", key.name, key.name);
            self.faults.add(Fault::new(Code::OutOfRange, node.at, message).help(help));
        }
        share
    }
}

fn whole(node: &Node<'_>) -> Option<i64> {
    match &node.kind {
        Kind::Scalar(scalar) => match scalar.value() {
            Value::Integer(number) => Some(number),
            _ => None,
        },
        _ => None,
    }
}
