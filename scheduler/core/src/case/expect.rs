//! What must have happened when the run is over.

use super::keys::{case, ending, expect};
use super::read::Cases;
use super::{Ending, Expect, Spot};
use crate::dag::keys::{Key, Words, words};
use crate::dag::tree::{Entry, Kind, Map, Node, Value};
use crate::decide::TaskState;
use crate::diag::{Code, Fault};
use crate::template::nearest;

impl Cases<'_> {
    pub(super) fn expect(&mut self, node: &Node<'_>) -> Expect {
        let Some(map) = self.reader.map(&case::EXPECT, node) else { return Expect::default() };
        self.check_keys(map, expect::ALL, "`expect`");
        if map.entries.is_empty() {
            let fault = Fault::new(Code::Empty, node.at, "`expect` expects nothing");
            self.reader.faults.add(fault.help(format!("for example `expect: {}`", case::EXPECT.example)));
        }
        Expect {
            state: map.get(expect::STATE.name).and_then(|node| self.reader.word(&expect::STATE, node)),
            tasks: self.each(map, &expect::TASKS, Self::ending),
            order: self.spots(map, &expect::ORDER),
            outputs: self.each(map, &expect::OUTPUTS, |cases, entry| {
                Some(cases.values(&expect::OUTPUTS, &entry.value))
            }),
            commands: self.each(map, &expect::COMMANDS, |cases, entry| {
                cases.reader.text(&expect::COMMANDS, &entry.value).map(str::to_owned)
            }),
            not_run: self.spots(map, &expect::NOT_RUN),
            took: map
                .get(expect::TOOK.name)
                .and_then(|node| self.reader.duration_from_zero(&expect::TOOK, node)),
            notifications: map.get(expect::NOTIFICATIONS.name).and_then(|node| self.notifications(node)),
        }
    }

    /// What a map says of each task.
    fn each<T>(
        &mut self,
        map: &Map<'_>,
        key: &Key,
        mut read: impl FnMut(&mut Self, &Entry<'_>) -> Option<T>,
    ) -> Vec<(Spot, T)> {
        let map = map.get(key.name).and_then(|node| self.reader.map(key, node));
        let mut all = Vec::new();
        for entry in map.into_iter().flat_map(|map| &map.entries) {
            let spot = self.spot(&entry.key, entry.key_at);
            let said = read(self, entry);
            all.extend(spot.zip(said));
        }
        all
    }

    fn spots(&mut self, map: &Map<'_>, key: &Key) -> Vec<Spot> {
        let items = map.get(key.name).and_then(|node| self.reader.list(key, node));
        let mut spots = Vec::new();
        for item in items.into_iter().flatten() {
            let name = self.reader.item_text(key, item).map(str::to_owned);
            spots.extend(name.and_then(|name| self.spot(&name, item.at)));
        }
        spots
    }

    fn ending(&mut self, entry: &Entry<'_>) -> Option<Ending> {
        let node = &entry.value;
        match &node.kind {
            Kind::Scalar(scalar) if let Value::Text(word) = scalar.value() => {
                let state = self.state(&entry.key, node, word);
                Some(Ending { state, ..Ending::default() })
            }
            Kind::Map(map) => {
                self.check_keys(map, ending::ALL, &format!("the expectation of `{}`", entry.key));
                let state =
                    map.get(ending::STATE.name).and_then(|node| self.reader.word(&ending::STATE, node));
                let mut count = |key: &Key| map.get(key.name).and_then(|node| self.reader.integer(key, node));
                let (attempts, items) = (count(&ending::ATTEMPTS), count(&ending::ITEMS));
                let reason = map.get(ending::REASON.name);
                let reason = reason.and_then(|node| self.reader.some_text(&ending::REASON, node));
                Some(Ending { state, attempts, reason: reason.map(str::to_owned), items })
            }
            Kind::Broken => None,
            Kind::Scalar(_) | Kind::List(_) => {
                let message = format!("`{}` ends in a state, and this is {}", entry.key, node.what());
                let fault = Fault::new(Code::WrongType, node.at, message);
                self.reader.faults.add(fault.help("for example `success` or `{state: failed, attempts: 2}`"));
                None
            }
        }
    }

    fn state(&mut self, task: &str, node: &Node<'_>, word: &str) -> Option<TaskState> {
        let found = TaskState::WORDS.iter().find(|(known, _)| *known == word).map(|(_, state)| *state);
        if found.is_none() {
            let known = words::<TaskState>();
            let list = known.join(", ");
            let help = match nearest(word, known) {
                Some(state) => format!("did you mean `{state}`? It is one of: {list}"),
                None => format!("it is one of: {list}"),
            };
            let fault = Fault::new(Code::UnknownWord, node.at, format!("`{task}` cannot end as `{word}`"));
            self.reader.faults.add(fault.help(help));
        }
        found
    }
}
