//! From the parser's events to nodes: one pass without recursion, with a limit on everything.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use saphyr_parser::{Event, Parser, ScalarStyle};

use super::mend::Mend;
use super::stop::{Reason, Stop};
use super::{Document, Entry, Kind, Map, Node, Scalar, Style, merge};
use crate::dag::Limits;
use crate::diag::{Code, Fault, Span};

/// From so many keys on a map's keys are told apart by a set.
const MANY_KEYS: usize = 16;

/// What the events of one text amount to.
pub(super) struct Built<'a> {
    /// The documents, in the order of the text.
    pub(super) documents: Vec<Document<'a>>,
    /// What is wrong with it and did not keep it from being read.
    pub(super) faults: Vec<Fault>,
}

/// Reads the documents of `text`, in which the values at `mends` are fillers.
pub(super) fn build<'a>(text: &'a str, limits: &Limits, mends: &[Mend]) -> Result<Built<'a>, Stop> {
    let mut builder = Builder {
        text,
        limits,
        fillers: mends.iter().map(|mend| mend.at.start).collect(),
        bytes: ByteIndex::of(text),
        open: Vec::new(),
        anchors: HashMap::new(),
        nodes: 0,
        grown: 0,
        documents: Vec::new(),
        begun: 0,
        faults: Vec::new(),
    };
    for event in Parser::new_from_str(text) {
        let (event, span) =
            event.map_err(|error| Stop::from_scan(&error, builder.bytes.at(error.marker().index())))?;
        let at = Span::new(builder.bytes.at(span.start.index()), builder.bytes.at(span.end.index()));
        if matches!(event, Event::DocumentStart(_)) {
            builder.anchors.clear();
            builder.begun = at.start;
        }
        builder.on(event, at)?;
    }
    Ok(Built { documents: builder.documents, faults: builder.faults })
}

struct Builder<'a, 'l> {
    text: &'a str,
    limits: &'l Limits,
    fillers: HashSet<u32>,
    bytes: ByteIndex,
    open: Vec<Open<'a>>,
    anchors: HashMap<usize, Anchor<'a>>,
    /// Nodes made so far.
    nodes: usize,
    /// What aliases stand for so far, in bytes.
    grown: usize,
    documents: Vec<Document<'a>>,
    /// Where the document that is being read begins.
    begun: u32,
    faults: Vec<Fault>,
}

/// What an alias stands for.
struct Anchor<'a> {
    node: Node<'a>,
    weight: usize,
    depth: usize,
    /// How many nodes it has.
    size: usize,
}

/// A list or a map whose end has not come yet.
struct Open<'a> {
    at: Span,
    anchor: usize,
    nodes_before: usize,
    inside: Inside<'a>,
}

enum Inside<'a> {
    List(Vec<Node<'a>>),
    Map { map: Map<'a>, keys: HashSet<Cow<'a, str>>, key: Option<(Cow<'a, str>, Span)> },
}

impl<'a> Builder<'a, '_> {
    fn on(&mut self, event: Event<'a>, at: Span) -> Result<(), Stop> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_tag(tag.is_some(), at);
                let node = self.scalar(text, style, at);
                self.finish(node, anchor, self.nodes)
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_tag(tag.is_some(), at);
                self.start(at, anchor, Inside::List(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                if self.text[at.range().start..].starts_with("{{") {
                    return Err(Stop { at: at.range().start, reason: Reason::Template });
                }
                self.refuse_tag(tag.is_some(), at);
                self.start(at, anchor, Inside::Map { map: Map::default(), keys: HashSet::new(), key: None })
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(at),
            Event::Alias(anchor) => self.alias(anchor, at),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
        }
    }

    fn scalar(&self, text: Cow<'a, str>, style: ScalarStyle, at: Span) -> Node<'a> {
        if self.fillers.contains(&at.start) {
            return Node { at, kind: Kind::Broken };
        }
        let style = match style {
            ScalarStyle::Plain => Style::Plain,
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => Style::Quoted,
            ScalarStyle::Literal => Style::Literal,
            ScalarStyle::Folded => Style::Folded,
        };
        // A message points at one line.
        let first_line = self.text[at.range()]
            .find(['\r', '\n'])
            .map_or(at, |length| Span::new(at.range().start, at.range().start + length));
        Node { at: first_line, kind: Kind::Scalar(Scalar { text, style }) }
    }

    fn refuse_tag(&mut self, tagged: bool, at: Span) {
        if tagged {
            let fault = Fault::new(Code::YamlFeature, at, "YAML tags such as `!!str` have no meaning here");
            self.faults.push(fault.help("leave the tag out; put text in quotes"));
        }
    }

    fn start(&mut self, at: Span, anchor: usize, inside: Inside<'a>) -> Result<(), Stop> {
        if self.open.len() >= self.limits.depth {
            return Err(Stop { at: at.range().start, reason: Reason::TooDeep(self.limits.depth) });
        }
        self.open.push(Open { at, anchor, nodes_before: self.nodes, inside });
        Ok(())
    }

    fn end(&mut self, at: Span) -> Result<(), Stop> {
        let open = self.open.pop().expect("the parser ends only what it has started");
        let flow = self.text[at.range()].ends_with([']', '}']);
        let whole = |head: Span| if flow { Span { end: at.end, ..open.at } } else { head };
        let node = match open.inside {
            Inside::List(items) => {
                let dash = Span { end: open.at.start + 1, ..open.at };
                Node { at: whole(dash), kind: Kind::List(items) }
            }
            Inside::Map { map, .. } => {
                let head = map.entries.first().map_or(open.at, |entry| entry.key_at);
                Node { at: whole(head), kind: Kind::Map(merge::merged(map, &mut self.faults)) }
            }
        };
        self.finish(node, open.anchor, open.nodes_before)
    }

    fn alias(&mut self, anchor: usize, at: Span) -> Result<(), Stop> {
        let Some(Anchor { node, weight, depth, size }) = self.anchors.get(&anchor) else {
            return Err(Stop { at: at.range().start, reason: Reason::AliasOfItself });
        };
        self.grown += weight;
        if self.grown > self.limits.grown {
            return Err(Stop { at: at.range().start, reason: Reason::AliasesGrow(self.limits.grown) });
        }
        if self.open.len() + depth > self.limits.depth {
            return Err(Stop { at: at.range().start, reason: Reason::TooDeep(self.limits.depth) });
        }
        self.nodes += size - 1;
        let node = node.clone();
        self.finish(node, 0, self.nodes)
    }

    /// Puts a node that is whole where it belongs.
    fn finish(&mut self, node: Node<'a>, anchor: usize, nodes_before: usize) -> Result<(), Stop> {
        self.nodes += 1;
        if self.nodes > self.limits.nodes {
            return Err(Stop { at: node.at.range().start, reason: Reason::TooManyNodes(self.limits.nodes) });
        }
        if anchor != 0 {
            let (size, depth) = (self.nodes - nodes_before, node.depth());
            self.anchors.insert(anchor, Anchor { weight: node.weight(), node: node.clone(), size, depth });
        }
        match self.open.last_mut().map(|open| &mut open.inside) {
            None => self.documents.push(Document { start: self.begun as usize, root: node }),
            Some(Inside::List(items)) => items.push(node),
            Some(Inside::Map { key: key @ None, .. }) => *key = Some(key_of(node, &mut self.faults)),
            Some(Inside::Map { map, keys, key }) => {
                let (key, key_at) = key.take().expect("the arm above handles a map without its key");
                add(map, keys, Entry { key, key_at, value: node }, &mut self.faults);
            }
        }
        Ok(())
    }
}

fn key_of<'a>(node: Node<'a>, faults: &mut Vec<Fault>) -> (Cow<'a, str>, Span) {
    match node.kind {
        Kind::Scalar(scalar) => (scalar.text, node.at),
        Kind::Broken => (Cow::Borrowed(""), node.at),
        Kind::List(_) | Kind::Map(_) => {
            let message = format!("a key is text, and here it is {}", node.what());
            faults.push(
                Fault::new(Code::YamlFeature, node.at, message).help("put the key in quotes if it is text"),
            );
            (Cow::Borrowed(""), node.at)
        }
    }
}

/// Adds an entry whose key is new; reports it otherwise.
fn add<'a>(map: &mut Map<'a>, keys: &mut HashSet<Cow<'a, str>>, entry: Entry<'a>, faults: &mut Vec<Fault>) {
    let many = map.entries.len() >= MANY_KEYS;
    if many && keys.is_empty() {
        keys.extend(map.entries.iter().map(|entry| entry.key.clone()));
    }
    let known = if many { !keys.insert(entry.key.clone()) } else { map.entry(&entry.key).is_some() };
    if !known {
        return map.entries.push(entry);
    }
    let first = map.entry(&entry.key).map_or(entry.key_at, |first| first.key_at);
    let fault =
        Fault::new(Code::DuplicateKey, entry.key_at, format!("the key `{}` is given twice", entry.key));
    faults.push(fault.label("again here").note(first, "first given here").help("remove one of them"));
}

/// The parser counts characters; everything else here counts bytes.
enum ByteIndex {
    Same(usize),
    Of(Vec<u32>),
}

impl ByteIndex {
    fn of(text: &str) -> Self {
        if text.is_ascii() {
            return Self::Same(text.len());
        }
        let starts = text.char_indices().map(|(at, _)| at).chain([text.len()]);
        Self::Of(starts.map(|at| u32::try_from(at).unwrap_or(u32::MAX)).collect())
    }

    /// The byte where a character begins; the end of the text for any place beyond it.
    fn at(&self, character: usize) -> usize {
        match self {
            Self::Same(length) => character.min(*length),
            Self::Of(starts) => starts.get(character).or(starts.last()).map_or(0, |at| *at as usize),
        }
    }
}
