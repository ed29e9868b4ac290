//! `wait_for`: runs of other DAGs; `wait_for_previous`: the run before.

use super::Reader;
use super::entry::Owner;
use crate::dag::keys::{Key, Level, task as task_keys, wait as keys};
use crate::dag::spec::{Matching, Wait};
use crate::dag::tree::{Kind, Map, Node};
use crate::diag::{Code, Fault};
use crate::id::DagId;
use crate::time::parse_duration;

impl Reader<'_> {
    /// The `wait_for` of a task, and its wait for itself in the run before.
    pub(super) fn all_waits(&mut self, map: &Map<'_>, previous: Option<&str>) -> Vec<Wait> {
        let mut waits = self.read(map, &task_keys::WAIT_FOR, Self::waits).unwrap_or_default();
        waits.extend(previous.map(|task| self.previous(Some(task))));
        waits
    }

    /// A wait for the run before, or for a task of it.
    pub(super) fn previous(&self, task: Option<&str>) -> Wait {
        let (dag, task) = (DagId::from(self.dag.as_str()), task.map(str::to_owned));
        Wait { dag, task, matching: Matching::Previous, timeout: None }
    }

    /// A list of waits.
    pub(super) fn waits(&mut self, key: &Key, node: &Node<'_>) -> Option<Vec<Wait>> {
        let nodes = self.list(key, node)?;
        let waits: Vec<Wait> = nodes.iter().filter_map(|node| self.wait(key, node)).collect();
        (waits.len() == nodes.len()).then_some(waits)
    }

    fn wait(&mut self, key: &Key, node: &Node<'_>) -> Option<Wait> {
        let Kind::Map(map) = &node.kind else { return self.wrong_type(key, node) };
        self.check_keys(map, Owner { level: Level::Wait, name: "`wait_for`" });
        if map.get(keys::DAG.name).is_none() {
            let fault = Fault::new(Code::MissingKey, node.at, "an entry of `wait_for` names no `dag`");
            self.faults.add(fault.help("for example `wait_for: [{dag: orders}]`"));
        }
        let offset = self.read(map, &keys::OFFSET, Self::offset);
        let matching = match self.read(map, &keys::MATCH, Self::matching) {
            Some("latest_covering") => Matching::LatestCovering,
            Some("offset") if map.get(keys::OFFSET.name).is_none() => {
                let fault = Fault::new(Code::MissingKey, node.at, "`match: offset` needs an `offset`");
                self.faults.add(fault.help("for example `offset: -1d` for the run of the day before"));
                return None;
            }
            // An offset says which run, with or without the word.
            _ => offset.map_or(Matching::SameDate, Matching::Offset),
        };
        Some(Wait {
            dag: DagId::from(self.read(map, &keys::DAG, Self::name)?),
            task: self.read(map, &keys::TASK, |r, key, node| r.name(key, node).map(str::to_owned)),
            matching,
            timeout: self.read(map, &keys::TIMEOUT, Self::duration),
        })
    }

    fn matching(&mut self, key: &Key, node: &Node<'_>) -> Option<&'static str> {
        let word = self.some_text(key, node)?;
        let known = keys::matches();
        let found = known.iter().copied().find(|known| *known == word);
        if found.is_none() {
            self.faults.add(super::value::unknown_word(key, node, word, &known));
        }
        found
    }

    /// A duration that may be negative, in nanoseconds.
    fn offset(&mut self, key: &Key, node: &Node<'_>) -> Option<i64> {
        let text = self.some_text(key, node)?;
        let (sign, length) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
        let nanos = parse_duration(length).ok().and_then(|length| i64::try_from(length.as_nanos()).ok());
        if nanos.is_none() {
            let fault = Fault::new(Code::BadDuration, node.at, format!("`{text}` is no offset"));
            self.faults.add(fault.help("for example `offset: -1d` or `offset: 2h`"));
        }
        nanos.map(|nanos| sign * nanos)
    }
}
