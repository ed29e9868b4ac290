//! Trees that outlive their text: those of a folder's defaults, which the DAGs below it take over.

use std::borrow::Cow;

use super::{Entry, Kind, Map, Node, Scalar};
use crate::diag::Span;

impl Node<'_> {
    /// A copy without borrowed text, whose places are in the file of this number.
    pub(crate) fn owned(&self, file: u16) -> Node<'static> {
        let kind = match &self.kind {
            Kind::Scalar(scalar) => Kind::Scalar(Scalar { text: own(&scalar.text), style: scalar.style }),
            Kind::List(items) => Kind::List(items.iter().map(|item| item.owned(file)).collect()),
            Kind::Map(map) => Kind::Map(map.owned(file)),
            Kind::Broken => Kind::Broken,
        };
        Node { at: Span { file, ..self.at }, kind }
    }
}

impl Map<'_> {
    fn owned(&self, file: u16) -> Map<'static> {
        let entry = |entry: &Entry<'_>| Entry {
            key: own(&entry.key),
            key_at: Span { file, ..entry.key_at },
            value: entry.value.owned(file),
        };
        Map { entries: self.entries.iter().map(entry).collect() }
    }
}

fn own(text: &str) -> Cow<'static, str> {
    Cow::Owned(text.to_owned())
}
