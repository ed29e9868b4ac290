//! The merge key: `<<: *base` gives a map the entries of another one that it lacks itself.

use std::collections::HashSet;

use super::{Entry, Kind, Map, Node};
use crate::diag::{Code, Fault};

/// The map with its merge key carried out. Own entries win, then those of maps listed earlier.
pub(super) fn merged<'a>(mut map: Map<'a>, faults: &mut Vec<Fault>) -> Map<'a> {
    let Some(at) = map.entries.iter().position(|entry| entry.key == "<<") else { return map };
    let merge = map.entries.remove(at);
    let mut keys: HashSet<_> = map.entries.iter().map(|entry| entry.key.clone()).collect();
    for entry in bases(merge.value, faults).into_iter().flat_map(|base| base.entries) {
        if keys.insert(entry.key.clone()) {
            map.entries.push(Entry { key_at: merge.key_at, ..entry });
        }
    }
    map
}

/// The maps that a merge key names.
fn bases<'a>(value: Node<'a>, faults: &mut Vec<Fault>) -> Vec<Map<'a>> {
    let at = value.at;
    match value.kind {
        Kind::Map(map) => vec![map],
        Kind::List(items) if items.iter().all(|item| matches!(item.kind, Kind::Map(_))) => {
            items.into_iter().flat_map(|item| bases(item, faults)).collect()
        }
        Kind::Broken => Vec::new(),
        Kind::Scalar(_) | Kind::List(_) => {
            let fault = Fault::new(Code::YamlFeature, at, "`<<` takes a map, or a list of maps");
            faults.push(fault.help("name an anchor, as in `<<: *base`, that stands before a map"));
            Vec::new()
        }
    }
}
