//! Which keys stand in a map: unknown ones are reported with the nearest name or the cure.

use super::Reader;
use crate::dag::keys::{self, Key, Level};
use crate::dag::tree::{Entry, Kind, Map, Node};
use crate::diag::{Code, Fault};
use crate::template::nearest;

/// A map of the file, and what it is.
#[derive(Clone, Copy)]
pub(crate) struct Owner<'s> {
    pub(crate) level: Level,
    /// How a message names it: "task `load`".
    pub(crate) name: &'s str,
}

impl Reader<'_> {
    /// Reports every key of a map that may not stand there.
    pub(super) fn check_keys(&mut self, map: &Map<'_>, owner: Owner<'_>) {
        for entry in &map.entries {
            if self.faults.is_full() {
                return;
            }
            if !owner.level.has(&entry.key) {
                self.faults.add(unknown_key(entry, owner));
            } else if owner.level == Level::Defaults && keys::task::OWN.contains(&&*entry.key) {
                let message = format!("`{}` cannot be a default: each task says it itself", entry.key);
                self.faults
                    .add(Fault::new(Code::NoDefault, entry.key_at, message).help("move it into the tasks"));
            }
        }
    }

    /// The map that a value is; reported where it is none.
    pub(crate) fn map<'n, 'a>(&mut self, key: &Key, node: &'n Node<'a>) -> Option<&'n Map<'a>> {
        match &node.kind {
            Kind::Map(map) => Some(map),
            _ => self.wrong_type(key, node),
        }
    }
}

/// True when a key of this map, unknown by its name, was meant to be `missing`: then it is not missed.
pub(super) fn is_meant(map: &Map<'_>, level: Level, missing: &Key) -> bool {
    let cure = format!("`{}:", missing.name);
    map.entries.iter().filter(|entry| !level.has(&entry.key)).any(|entry| match keys::cure(&entry.key) {
        Some(words) => words.contains(&cure),
        None => nearest(&entry.key, [missing.name]).is_some(),
    })
}

fn unknown_key(entry: &Entry<'_>, owner: Owner<'_>) -> Fault {
    let key = &*entry.key;
    if keys::later(owner.level, key) {
        let message = format!("`{key}` in {} is known, but not supported yet", owner.name);
        return Fault::new(Code::NotSupportedYet, entry.key_at, message)
            .help("leave it out: without it the DAG would run otherwise than it says");
    }
    let nearest = || {
        nearest(key, owner.level.keys().iter().map(|key| key.name))
            .map(|name| format!("did you mean `{name}`?"))
    };
    let help = elsewhere(key, owner.level)
        .or_else(|| keys::cure(key).map(str::to_owned))
        .or_else(nearest)
        .unwrap_or_else(|| format!("known keys: {}", known_keys(owner.level)));
    Fault::new(Code::UnknownKey, entry.key_at, format!("unknown key `{key}` in {}", owner.name)).help(help)
}

/// A key that stands in the wrong map.
fn elsewhere(key: &str, level: Level) -> Option<String> {
    match level {
        Level::Dag if Level::Task.has(key) && keys::task::OWN.contains(&key) => {
            Some(format!("`{key}` belongs to a task: `tasks: [{{id: …, {key}: …}}]`"))
        }
        Level::Dag if Level::Task.has(key) => {
            Some(format!("`{key}` belongs to a task; for all tasks write `defaults: {{{key}: …}}`"))
        }
        Level::Folder if Level::Dag.has(key) => {
            Some(format!("`{key}` belongs to each DAG file; a folder gives {}", known_keys(level)))
        }
        Level::Folder if Level::Task.has(key) => {
            Some(format!("for all tasks write `defaults: {{{key}: …}}`"))
        }
        Level::Task | Level::Defaults if Level::Dag.has(key) => {
            Some(format!("`{key}` belongs to the DAG: at the top of the file"))
        }
        _ => None,
    }
}

fn known_keys(level: Level) -> String {
    level.keys().iter().map(|key| key.name).collect::<Vec<_>>().join(", ")
}
