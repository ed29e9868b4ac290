//! Groups: names for several tasks, with defaults of their own.

use std::collections::HashMap;
use std::time::Duration;

use super::Reader;
use super::entry::Owner;
use super::foreach::DraftFan;
use super::settings::Settings;
use crate::dag::keys::{Level, dag, group as keys};
use crate::dag::tree::{Kind, Map, Node};
use crate::diag::{Code, Fault, Span};

/// A group as it stands in the file.
pub(crate) struct DraftGroup<'n, 'a> {
    pub(crate) id: &'n str,
    /// Its id, or what stands for it.
    pub(crate) at: Span,
    pub(crate) label: Option<String>,
    /// The group it stands in.
    pub(crate) parent: Option<(&'n str, Span)>,
    pub(crate) upstreams: Vec<(&'n str, Span)>,
    pub(crate) fan: Option<DraftFan<'n, 'a>>,
    /// How often it runs again, and where it says so.
    pub(crate) retries: Option<(u32, Span)>,
    pub(crate) retry_delay: Duration,
    /// What its tasks have where they say nothing.
    pub(crate) settings: Settings<'n, 'a>,
}

impl Reader<'_> {
    /// The groups of a DAG, each with the defaults of those it stands in.
    pub(super) fn groups<'n, 'a>(
        &mut self,
        map: &'n Map<'a>,
        defaults: &Settings<'n, 'a>,
    ) -> Vec<DraftGroup<'n, 'a>> {
        let Some(node) = map.get(dag::GROUPS.name) else { return Vec::new() };
        let Some(nodes) = self.list(&dag::GROUPS, node) else { return Vec::new() };
        let found: Vec<_> =
            nodes.iter().enumerate().filter_map(|(at, node)| self.group(node, at + 1, defaults)).collect();
        let mut maps = HashMap::new();
        let mut groups = Vec::with_capacity(found.len());
        for (group, map) in found {
            maps.insert(group.id, (map, group.parent.map(|(parent, _)| parent)));
            groups.push(group);
        }
        for group in &mut groups {
            for outer in scopes(group, &maps).into_iter().rev() {
                if let Some(map) = maps.get(outer).and_then(|(map, _)| map.get(keys::DEFAULTS.name)) {
                    group.settings = self.scope(map, outer == group.id, &group.settings);
                }
            }
        }
        groups
    }

    fn group<'n, 'a>(
        &mut self,
        node: &'n Node<'a>,
        number: usize,
        defaults: &Settings<'n, 'a>,
    ) -> Option<(DraftGroup<'n, 'a>, &'n Map<'a>)> {
        let Kind::Map(map) = &node.kind else {
            let message =
                format!("a group is a map with an `id`, and entry {number} of `groups` is {}", node.what());
            self.faults
                .add(Fault::new(Code::WrongType, node.at, message).help("for example `- {id: warehouse}`"));
            return None;
        };
        let Some(id_node) = map.get(keys::ID.name) else {
            let fault =
                Fault::new(Code::MissingKey, node.at, format!("entry {number} of `groups` has no `id`"));
            self.faults.add(fault.help("give it one: `id: warehouse`"));
            return None;
        };
        let id = self.name(&keys::ID, id_node)?;
        let name = format!("group `{id}`");
        self.check_keys(map, Owner { level: Level::Group, name: &name });
        let group = DraftGroup {
            id,
            at: id_node.at,
            label: self.read(map, &keys::LABEL, Self::owned_text),
            parent: self.read(map, &keys::GROUP, |r, key, node| Some((r.name(key, node)?, node.at))),
            upstreams: self.read(map, &keys::DEPENDS_ON, Self::ids).unwrap_or_default(),
            fan: self.read(map, &keys::FOREACH, Self::foreach),
            retries: self.read(map, &keys::RETRIES, |r, key, node| Some((r.integer(key, node)?, node.at))),
            retry_delay: self
                .read(map, &keys::RETRY_DELAY, Self::duration_from_zero)
                .unwrap_or(Duration::from_secs(1)),
            settings: defaults.clone(),
        };
        if group.retries.is_none_or(|(retries, _)| retries == 0) {
            self.no_effect(map, &keys::RETRY_DELAY, "without `retries`");
        }
        Some((group, map))
    }

    /// The `defaults` of a group over those around it; faults in them are reported with their own group.
    fn scope<'n, 'a>(&mut self, node: &'n Node<'a>, own: bool, base: &Settings<'n, 'a>) -> Settings<'n, 'a> {
        let Kind::Map(map) = &node.kind else {
            if own {
                let _: Option<()> = self.wrong_type(&keys::DEFAULTS, node);
            }
            return base.clone();
        };
        if own {
            self.check_keys(map, Owner { level: Level::Defaults, name: "the `defaults` of a group" });
            return self.settings(map, base);
        }
        self.quietly(|reader| reader.settings(map, base))
    }
}

/// The group and all it stands in, innermost first; a ring of groups is cut where it closes.
fn scopes<'n>(
    group: &DraftGroup<'n, '_>,
    maps: &HashMap<&'n str, (&Map<'_>, Option<&'n str>)>,
) -> Vec<&'n str> {
    let mut scopes = vec![group.id];
    let mut at = group.parent.map(|(parent, _)| parent);
    while let Some(id) = at
        && !scopes.contains(&id)
    {
        scopes.push(id);
        at = maps.get(id).and_then(|(_, parent)| *parent);
    }
    scopes
}
