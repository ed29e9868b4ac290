//! `_defaults.yaml`: what the DAG files of a folder, and of those below it, take over from it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::entry::Owner;
use super::{Reader, Source, text_of};
use crate::dag::keys::{Level, dag as keys, folder, schedule};
use crate::dag::known::Known;
use crate::dag::tree::{self, Entry, Kind, Map, Node, Scalar};
use crate::diag::{Code, Diagnostic, Fault, Faults, Origin, Span};

/// The name of the file.
pub const DEFAULTS_FILE: &str = "_defaults.yaml";

/// A `_defaults.yaml` that a DAG file is read with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DefaultsFile {
    /// Its path, as messages show it.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// Reads a `_defaults.yaml` for itself: everything that is wrong with it.
pub fn read_defaults(source: &Source<'_>, known: &Known) -> Vec<Diagnostic> {
    let mut faults = Faults::default();
    let (text, whole) = text_of(source.text, known.limits.bytes, &mut faults);
    if whole {
        parse(text, known, &mut faults);
    }
    faults.finish(source.path, text)
}

/// The map of a `_defaults.yaml`, its faults reported.
fn parse(text: &str, known: &Known, faults: &mut Faults) -> Option<Map<'static>> {
    if text.lines().all(|line| line.trim_start().is_empty() || line.trim_start().starts_with('#')) {
        return Some(Map::default());
    }
    let root = tree::parse(text, &known.limits, faults, |documents, faults| {
        if let Some(second) = documents.get(1) {
            let at = Span::new(second.start, second.start + 3);
            let fault = Fault::new(Code::SeveralDocuments, at, "a second document begins here");
            faults.add(fault.help("the defaults of a folder are one map"));
        }
        let root = &documents[0].root;
        let mut reader = Reader::new(text, faults, known);
        reader.folder(root);
        root.owned(0)
    })?;
    match root.kind {
        Kind::Map(map) => Some(map),
        Kind::Scalar(_) | Kind::List(_) | Kind::Broken => None,
    }
}

impl Reader<'_> {
    /// Reports every fault of a folder's defaults that shows without a DAG.
    fn folder(&mut self, root: &Node<'_>) {
        let Kind::Map(map) = &root.kind else {
            let message = format!("the defaults of a folder are a map of keys, and this is {}", root.what());
            let fault = Fault::new(Code::WrongType, root.at, message);
            self.faults.add(fault.help("for example `defaults: {retries: 2}`"));
            return;
        };
        self.check_keys(map, Owner { level: Level::Folder, name: "the defaults of a folder" });
        let quiet = self.faults.warnings();
        self.firing(map);
        // Without a schedule much has no effect; here that says nothing.
        self.faults.forget_warnings(quiet);
        let base = self.base(map);
        self.defaults(map, &base);
        self.limits(map);
    }
}

/// The defaults that a DAG file takes over, farthest folder first.
pub(super) struct Folders<'s> {
    files: &'s [DefaultsFile],
    maps: Vec<Map<'static>>,
    /// Whether each has errors of its own.
    broken: Vec<bool>,
}

impl<'s> Folders<'s> {
    /// Reads them; one with errors is a fault of the file below it, too.
    pub(super) fn read(files: &'s [DefaultsFile], known: &Known, faults: &mut Faults) -> Self {
        let mut folders = Self { files, maps: Vec::new(), broken: Vec::new() };
        for (number, file) in (1..).zip(files) {
            let mut own = Faults::default();
            // What was no UTF-8 has left this mark.
            let whole = !file.text.contains(char::REPLACEMENT_CHARACTER);
            let map = if whole { parse(&file.text, known, &mut own) } else { None };
            let broken = map.is_none() || own.errors() > 0;
            if broken {
                let message = format!("{} has errors, so nothing below it can be read", file.path);
                let fault = Fault::new(Code::BrokenDefaults, Span::default(), message);
                faults.add(fault.help(format!("`nightrun validate {}` shows them", file.path)));
            }
            let map = Node { at: Span::default(), kind: Kind::Map(map.unwrap_or_default()) };
            if let Kind::Map(map) = map.owned(number).kind {
                folders.maps.push(map);
            }
            folders.broken.push(broken);
        }
        folders
    }

    /// A DAG's tree with what it does not say itself.
    pub(super) fn under<'a>(&self, mut root: Node<'a>) -> Node<'a> {
        if let Kind::Map(own) = &mut root.kind {
            self.maps.iter().rev().for_each(|folder| inherit(own, folder));
        }
        root
    }

    /// Where faults of inherited values are reported.
    pub(super) fn origins(&self) -> Vec<Origin<'s>> {
        let origin = |(file, broken): (&'s DefaultsFile, &bool)| Origin {
            path: &file.path,
            text: &file.text,
            reported: *broken,
        };
        self.files.iter().zip(&self.broken).map(origin).collect()
    }
}

/// Takes over the entries that are missing.
fn inherit<'a>(own: &mut Map<'a>, folder: &Map<'a>) {
    // What is said nearer, though at another place, holds.
    let zone = own.get(keys::SCHEDULE.name).is_some_and(|node| match &node.kind {
        Kind::Map(form) => form.get(schedule::TIMEZONE.name).is_some(),
        _ => false,
    });
    let nearer: Vec<&str> = [&keys::SHELL, &keys::WORKING_DIR]
        .into_iter()
        .map(|key| key.name)
        .filter(|name| own.get(name).is_some())
        .collect();
    for entry in folder.entries.iter().filter(|entry| Level::Folder.has(&entry.key)) {
        if zone && entry.key == keys::TIMEZONE.name {
            continue;
        }
        let joined = folder::JOINED.iter().any(|key| key.name == entry.key);
        match own.entries.iter_mut().find(|known| known.key == entry.key) {
            None if entry.key == keys::DEFAULTS.name => own.entries.push(without(entry, &nearer)),
            None => own.entries.push(entry.clone()),
            Some(known) if joined => join(&mut known.value, &without(entry, &nearer).value),
            Some(_) => {}
        }
    }
}

/// Makes a map of a list of names, such as `vars` may be.
fn name_entries<'a>(node: &mut Node<'a>) {
    let Kind::List(items) = &mut node.kind else { return };
    if !items.iter().all(|item| matches!(item.kind, Kind::Scalar(_))) {
        return;
    }
    let entry = |item: Node<'a>| match item.kind {
        Kind::Scalar(name) => Some(Entry {
            key: name.text,
            key_at: item.at,
            value: Node { at: item.at, kind: Kind::Scalar(Scalar::null()) },
        }),
        Kind::List(_) | Kind::Map(_) | Kind::Broken => None,
    };
    let entries = std::mem::take(items).into_iter().filter_map(entry).collect();
    node.kind = Kind::Map(Map { entries });
}

/// An entry without some keys of its map.
fn without<'a>(entry: &Entry<'a>, keys: &[&str]) -> Entry<'a> {
    let mut entry = entry.clone();
    if let Kind::Map(map) = &mut entry.value.kind {
        map.entries.retain(|inner| !keys.contains(&&*inner.key));
    }
    entry
}

/// Adds the entries that a map lacks.
fn join<'a>(own: &mut Node<'a>, more: &Node<'a>) {
    let mut more = more.clone();
    name_entries(own);
    name_entries(&mut more);
    if let (Kind::Map(own), Kind::Map(more)) = (&mut own.kind, &more.kind) {
        let lacking: Vec<Entry<'a>> =
            more.entries.iter().filter(|entry| own.get(&entry.key).is_none()).cloned().collect();
        own.entries.extend(lacking);
    }
}
