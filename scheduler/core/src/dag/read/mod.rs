//! From the text of a file to the DAG it means, or to everything that is wrong with it, in one pass.

mod calendar;
mod dag;
mod deadline;
mod entry;
mod foreach;
mod group;
mod holiday;
mod hook;
mod inherit;
mod params;
mod schedule;
mod settings;
mod task;
mod timetable;
mod value;
mod vars;
mod wait;

use std::collections::BTreeMap;
use std::ops::Range;

use super::keys;
use super::known::Known;
use super::spec::Dag;
use super::tree::{self, Document, Kind, Node};
use crate::diag::{Code, Diagnostic, Fault, Faults, Span};
use crate::id::DagId;

pub use self::calendar::{Calendars, read_calendars};
pub(crate) use self::dag::Draft;
pub(crate) use self::group::DraftGroup;
pub(crate) use self::hook::DraftHook;
use self::inherit::Folders;
pub use self::inherit::{DEFAULTS_FILE, DefaultsFile, read_defaults};
pub(crate) use self::task::{DraftTask, Text, TextKind};
pub use self::vars::is_var_name;

/// A file to be read.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// Its path, as messages show it; its stem is the DAG's id where the file names none.
    pub path: &'a str,
    /// Its bytes.
    pub text: &'a [u8],
    /// The `_defaults.yaml` above it, the farthest first.
    pub defaults: &'a [DefaultsFile],
}

impl<'a> Source<'a> {
    /// A file of this path and text.
    pub fn new(path: &'a str, text: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        Self { path, text: text.as_ref(), defaults: &[] }
    }

    /// The same file, read with these defaults.
    #[must_use]
    pub fn with(self, defaults: &'a [DefaultsFile]) -> Self {
        Self { defaults, ..self }
    }
}

/// What a file gives.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Reading {
    /// Its DAGs; none when there is any error in it.
    pub dags: Vec<Dag>,
    /// Where in the text each of them stands, in bytes: read alone, the piece gives the same DAG.
    pub pieces: Vec<Range<usize>>,
    /// All that is to be said about it, in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
}

/// What reads values: where faults go, and what the file is read against.
pub(crate) struct Reader<'r> {
    /// The file's text.
    pub(crate) text: &'r str,
    pub(crate) faults: &'r mut Faults,
    pub(crate) known: &'r Known,
    /// The id of the DAG that is being read.
    pub(crate) dag: String,
}

impl<'r> Reader<'r> {
    pub(crate) fn new(text: &'r str, faults: &'r mut Faults, known: &'r Known) -> Self {
        Self { text, faults, known, dag: String::new() }
    }
}

impl Reader<'_> {
    /// Reads something whose faults are reported elsewhere.
    fn quietly<T>(&mut self, read: impl FnOnce(&mut Reader<'_>) -> T) -> T {
        let mut elsewhere = Faults::default();
        read(&mut Reader {
            text: self.text,
            faults: &mut elsewhere,
            known: self.known,
            dag: self.dag.clone(),
        })
    }
}

/// Reads a DAG file. Takes any bytes, in bounded time and space, and finds all faults at once.
pub fn read(source: &Source<'_>, known: &Known) -> Reading {
    let mut faults = Faults::default();
    let (text, whole) = text_of(source.text, known.limits.bytes, &mut faults);
    let folders = Folders::read(source.defaults, known, &mut faults);
    let found = whole.then(|| {
        tree::parse(text, &known.limits, &mut faults, |documents, faults| {
            Reader::new(text, faults, known).documents(documents, source.path, &folders)
        })
    });
    let found = found.flatten().filter(|_| faults.errors() == 0).unwrap_or_default();
    let (dags, pieces) = found.into_iter().unzip();
    Reading { dags, pieces, diagnostics: faults.finish_with(source.path, text, &folders.origins()) }
}

impl Reader<'_> {
    /// The DAG of each document, with the piece of the text where it stands.
    fn documents(
        &mut self,
        documents: Vec<Document<'_>>,
        path: &str,
        folders: &Folders<'_>,
    ) -> Vec<(Dag, Range<usize>)> {
        let several = documents.len() > 1;
        let starts: Vec<usize> =
            documents.iter().skip(1).map(|document| head_start(self.text, document.start)).collect();
        let starts: Vec<usize> = [0].into_iter().chain(starts).chain([self.text.len()]).collect();
        let mut ids: BTreeMap<DagId, Span> = BTreeMap::new();
        let mut found = Vec::new();
        for (document, piece) in documents.into_iter().zip(starts.windows(2)) {
            let head = head_of(&document.root);
            if several && head.is_none() {
                let at = Span::new(document.start, document.start);
                let fault = Fault::new(Code::SeveralDocuments, at, "this DAG has no `id`");
                self.faults.add(fault.help("each of several DAGs in one file needs an `id` of its own"));
            }
            let root = folders.under(document.root);
            let Some(dag) = self.dag(&root, path) else { continue };
            if let Some(first) = ids.get(&dag.id).filter(|_| head.is_some()) {
                let message = format!("DAG `{}` is defined in this file already", dag.id);
                let fault = Fault::new(Code::DuplicateDag, head.unwrap_or_default(), message);
                self.faults.add(fault.note(*first, "first here").help("give one of them another `id`"));
            }
            ids.insert(dag.id.clone(), head.unwrap_or_default());
            found.push((dag, piece[0]..piece[1]));
        }
        found
    }
}

/// Where a document that begins at `start` begins with its directives (`%YAML 1.2`), if it has any.
fn head_start(text: &str, start: usize) -> usize {
    let (mut at, mut first) = (start, start);
    while let Some(line) = text[..at].split_inclusive('\n').next_back() {
        if line.starts_with('%') {
            first = at - line.len();
        } else if !line.trim().is_empty() && !line.starts_with('#') {
            break;
        }
        at -= line.len();
    }
    first
}

/// Where a document says its `id`.
fn head_of(root: &Node<'_>) -> Option<Span> {
    let Kind::Map(map) = &root.kind else { return Some(root.at) };
    map.get(keys::dag::ID.name).map(|node| node.at)
}

/// The bytes as text, as far as they are, and whether that is all of them.
pub(crate) fn text_of<'a>(bytes: &'a [u8], limit: usize, faults: &mut Faults) -> (&'a str, bool) {
    if bytes.len() > limit {
        let message = format!("the file has {} bytes, and {limit} are allowed", bytes.len());
        let help = "divide it into several DAGs; text that a task reads belongs in a file of its own";
        faults.add(Fault::new(Code::TooLarge, Span::default(), message).help(help));
        return ("", false);
    }
    match str::from_utf8(bytes) {
        Ok(text) => (text, true),
        Err(error) => {
            let good = error.valid_up_to();
            let message =
                format!("the file is not UTF-8: the byte {:#04x} here is no character", bytes[good]);
            let fault = Fault::new(Code::NotText, Span::new(good, good), message);
            faults.add(fault.help("save the file as UTF-8"));
            (str::from_utf8(&bytes[..good]).unwrap_or_default(), false)
        }
    }
}
