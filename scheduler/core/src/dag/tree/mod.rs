//! YAML as nodes with places: scalars keep how they were written, maps keep their order, and every
//! node knows where it stands. Bounded in size, depth and what aliases may grow to.

mod build;
mod mend;
mod merge;
mod owned;
mod part;
mod scalar;
mod stop;
#[cfg(test)]
mod tests;

pub(crate) use scalar::{Scalar, Style, Value};

use std::borrow::Cow;

use serde_json::Value as Json;

use self::build::Built;
use super::Limits;
use crate::diag::{Code, Fault, Faults, Span};

/// So many values that YAML cannot read are reported one by one.
const MAX_MENDS: usize = 50;

/// Reads a text and hands the trees of its documents to `read`, at least one; empty documents beside
/// others are left out. `None`, with the reason among the faults, where no tree can be made.
pub(crate) fn parse<R>(
    text: &str,
    limits: &Limits,
    faults: &mut Faults,
    read: impl FnOnce(Vec<Document<'_>>, &mut Faults) -> R,
) -> Option<R> {
    let mut mended = Cow::Borrowed(text);
    let mut mends = Vec::new();
    loop {
        let stop = match build::build(&mended, limits, &mends) {
            Ok(Built { mut documents, faults: found }) => {
                for fault in found {
                    faults.add(fault);
                }
                if documents.iter().any(|document| !document.is_empty()) {
                    documents.retain(|document| !document.is_empty());
                }
                if documents.is_empty() {
                    let fault = Fault::new(Code::Empty, Span::default(), "the file is empty");
                    faults.add(fault.help(EMPTY_HELP));
                    return None;
                }
                return Some(read(documents, faults));
            }
            Err(stop) => stop,
        };
        let mend = if mends.len() < MAX_MENDS { mend::find(&mended, &stop) } else { None };
        let Some(mend) = mend else {
            faults.add(stop.fault(text));
            return None;
        };
        faults.add(mend.fault(text));
        mended = Cow::Owned(mend.apply(&mended));
        mends.push(mend);
    }
}

const EMPTY_HELP: &str = "a DAG needs at least `tasks:` with one task";

/// One document of a file.
#[derive(Debug)]
pub(crate) struct Document<'a> {
    /// Where it begins, in bytes: at its `---`, where it has one.
    pub(crate) start: usize,
    pub(crate) root: Node<'a>,
}

impl Document<'_> {
    fn is_empty(&self) -> bool {
        matches!(&self.root.kind, Kind::Scalar(scalar) if scalar.value() == Value::Null)
    }
}

/// One YAML value and its place.
#[derive(Debug, Clone)]
pub(crate) struct Node<'a> {
    pub(crate) at: Span,
    pub(crate) kind: Kind<'a>,
}

/// What a value is.
#[derive(Debug, Clone)]
pub(crate) enum Kind<'a> {
    Scalar(Scalar<'a>),
    List(Vec<Node<'a>>),
    Map(Map<'a>),
    /// What stands here was reported already; nothing more is to be said about it.
    Broken,
}

/// The entries of a map in the order of the file; no key twice.
#[derive(Debug, Clone, Default)]
pub(crate) struct Map<'a> {
    pub(crate) entries: Vec<Entry<'a>>,
}

/// One key of a map and its value.
#[derive(Debug, Clone)]
pub(crate) struct Entry<'a> {
    pub(crate) key: Cow<'a, str>,
    pub(crate) key_at: Span,
    pub(crate) value: Node<'a>,
}

impl<'a> Map<'a> {
    /// The entry with this key.
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry<'a>> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    /// The value of this key.
    pub(crate) fn get(&self, key: &str) -> Option<&Node<'a>> {
        self.entry(key).map(|entry| &entry.value)
    }
}

impl Node<'_> {
    /// What it is, as a message calls it.
    pub(crate) fn what(&self) -> &'static str {
        match &self.kind {
            Kind::Scalar(scalar) => scalar.value().what(),
            Kind::List(_) => "a list",
            Kind::Map(_) => "a map",
            Kind::Broken => "a value that cannot be read",
        }
    }

    /// About how many bytes a copy of it takes.
    pub(crate) fn weight(&self) -> usize {
        const NODE: usize = 64;
        NODE + match &self.kind {
            Kind::Scalar(scalar) => scalar.text.len(),
            Kind::List(items) => items.iter().map(Node::weight).sum(),
            Kind::Map(map) => map.entries.iter().map(|entry| entry.key.len() + entry.value.weight()).sum(),
            Kind::Broken => 0,
        }
    }

    /// How many lists and maps stand inside each other.
    fn depth(&self) -> usize {
        match &self.kind {
            Kind::Scalar(_) | Kind::Broken => 0,
            Kind::List(items) => 1 + items.iter().map(Node::depth).max().unwrap_or(0),
            Kind::Map(map) => 1 + map.entries.iter().map(|entry| entry.value.depth()).max().unwrap_or(0),
        }
    }

    /// As JSON; what YAML can say beyond it (`.inf`, `.nan`) becomes text.
    pub(crate) fn to_json(&self) -> Json {
        match &self.kind {
            Kind::Scalar(scalar) => scalar.to_json(),
            Kind::List(items) => Json::Array(items.iter().map(Node::to_json).collect()),
            Kind::Map(map) => {
                Json::Object(map.entries.iter().map(|e| (e.key.to_string(), e.value.to_json())).collect())
            }
            Kind::Broken => Json::Null,
        }
    }
}
