//! How attempts end: a word, a map, or a list of those, one for each attempt.

use std::collections::BTreeMap;

use serde_json::{Map as JsonMap, Value as Json};

use super::keys::{case, mock};
use super::read::Cases;
use super::{End, Mock, Spot};
use crate::dag::keys::Key;
use crate::dag::tree::{Kind, Map, Node, Value};
use crate::diag::{Code, Fault};
use crate::template::nearest;

/// Words for ends that need no more said.
pub(super) const WORDS: [&str; 5] = ["success", "fail", "skip", "timeout", "lost"];

/// The exit code of `fail`.
const FAIL: i32 = 1;

impl Cases<'_> {
    pub(super) fn mocks(&mut self, node: &Node<'_>) -> BTreeMap<Spot, Vec<Mock>> {
        let mut mocks = BTreeMap::new();
        let Some(map) = self.reader.map(&case::TASKS, node) else { return mocks };
        for entry in &map.entries {
            let spot = self.spot(&entry.key, entry.key_at);
            let ends = self.attempts(&entry.key, spot, &entry.value);
            mocks.extend(spot.map(|spot| (spot, ends)));
        }
        mocks
    }

    fn attempts(&mut self, name: &str, spot: Option<Spot>, node: &Node<'_>) -> Vec<Mock> {
        let Kind::List(items) = &node.kind else { return self.mock(name, spot, node).into_iter().collect() };
        if items.is_empty() {
            let fault =
                Fault::new(Code::Empty, node.at, format!("the list of attempts of `{name}` is empty"));
            self.reader.faults.add(fault.help("leave the task out, or say how its attempts end"));
        }
        items.iter().filter_map(|item| self.mock(name, spot, item)).collect()
    }

    fn mock(&mut self, name: &str, spot: Option<Spot>, node: &Node<'_>) -> Option<Mock> {
        let mock = match &node.kind {
            Kind::Scalar(scalar) if let Value::Text(word) = scalar.value() => {
                let end = self.word(name, spot, node, word)?;
                Mock { end, ..Mock::success() }
            }
            Kind::Map(map) => self.mock_map(name, node, map)?,
            Kind::Broken => return None,
            Kind::Scalar(_) | Kind::List(_) => {
                let message =
                    format!("an attempt of `{name}` is a word or a map, and this is {}", node.what());
                let fault = Fault::new(Code::WrongType, node.at, message);
                self.reader.faults.add(fault.help("for example `success` or `{exit: 1, after: 5s}`"));
                return None;
            }
        };
        self.check_end(name, spot, node, &mock);
        Some(mock)
    }

    fn word(&mut self, name: &str, spot: Option<Spot>, node: &Node<'_>, word: &str) -> Option<End> {
        let skip = || {
            let codes = &self.dag.as_ref()?.task(spot?.task).skip_on_exit;
            codes.first().copied()
        };
        Some(match word {
            "success" => End::Exit(0),
            "fail" => End::Exit(FAIL),
            "skip" => End::Exit(skip().unwrap_or(99)),
            "timeout" => End::Never,
            "lost" => End::Lost,
            _ => {
                let list = WORDS.join(", ");
                let help = match nearest(word, WORDS) {
                    Some(word) => format!("did you mean `{word}`? It is one of: {list}"),
                    None => format!("it is one of: {list}; or a map such as `{{exit: 2, after: 5s}}`"),
                };
                let message = format!("an attempt of `{name}` cannot end with `{word}`");
                self.reader.faults.add(Fault::new(Code::UnknownWord, node.at, message).help(help));
                return None;
            }
        })
    }

    fn mock_map(&mut self, name: &str, node: &Node<'_>, map: &Map<'_>) -> Option<Mock> {
        self.check_keys(map, mock::ALL, &format!("an attempt of `{name}`"));
        let truth = |key: &Key, reader: &mut Self| {
            map.get(key.name).and_then(|node| reader.reader.boolean(key, node)).unwrap_or_default()
        };
        let exit = map.get(mock::EXIT.name).and_then(|node| self.reader.integer(&mock::EXIT, node));
        let signal = map.get(mock::SIGNAL.name).and_then(|node| self.reader.integer(&mock::SIGNAL, node));
        let timeout = truth(&mock::TIMEOUT, self).then_some(End::Never);
        let lost = truth(&mock::LOST, self).then_some(End::Lost);
        let ends: Vec<End> =
            [exit.map(End::Exit), signal.map(End::Signal), timeout, lost].into_iter().flatten().collect();
        if ends.len() > 1 {
            let message = format!("an attempt of `{name}` ends in {} ways", ends.len());
            let fault = Fault::new(Code::KeysClash, node.at, message);
            self.reader.faults.add(fault.help("give one of `exit`, `signal`, `timeout`, `lost`"));
            return None;
        }
        let after = map.get(mock::AFTER.name);
        let outputs = map.get(mock::OUTPUTS.name).map(|node| self.values(&mock::OUTPUTS, node));
        let stdout = map.get(mock::STDOUT.name).and_then(|node| self.reader.text(&mock::STDOUT, node));
        if timeout.is_some()
            && let Some(after) = after
        {
            let fault =
                Fault::new(Code::KeysClash, after.at, "an attempt that times out does not end by itself");
            self.reader
                .faults
                .add(fault.help("leave `after` out: the task's `timeout` says how long it takes"));
        }
        Some(Mock {
            end: ends.first().copied().unwrap_or(End::Exit(0)),
            after: after
                .and_then(|node| self.reader.duration_from_zero(&mock::AFTER, node))
                .unwrap_or_default(),
            outputs: outputs.unwrap_or_default(),
            stdout: stdout.map(str::to_owned),
        })
    }

    /// A map of any values.
    pub(super) fn values(&mut self, key: &Key, node: &Node<'_>) -> JsonMap<String, Json> {
        let map = self.reader.map(key, node);
        map.into_iter()
            .flat_map(|map| &map.entries)
            .map(|entry| (entry.key.to_string(), entry.value.to_json()))
            .collect()
    }

    /// Reports what can never happen to this task.
    fn check_end(&mut self, name: &str, spot: Option<Spot>, node: &Node<'_>, mock: &Mock) {
        if mock.end != End::Exit(0) && !mock.outputs.is_empty() {
            let message = format!("outputs of an attempt of `{name}` that does not succeed are never taken");
            self.reader.faults.add(Fault::new(Code::KeysClash, node.at, message).help("leave `outputs` out"));
        }
        let (Some(dag), Some(spot)) = (&self.dag, spot) else { return };
        let task = dag.task(spot.task);
        if mock.end == End::Never && task.timeout.is_none() && dag.timeout.is_none() {
            let message = format!("`{name}` cannot time out: neither it nor the DAG has a `timeout`");
            let fault = Fault::new(Code::KeysClash, node.at, message);
            self.reader.faults.add(fault.help("give the task a `timeout`, or the attempt another end"));
        }
        // Hooks may show the end of a log.
        let is_shown = !(task.hooks.is_empty() && dag.hooks.is_empty());
        if mock.stdout.is_some() && task.capture.is_none() && !is_shown {
            let message = format!("nobody takes what `{name}` prints: it has no `capture`");
            let fault = Fault::new(Code::KeysClash, node.at, message);
            self.reader.faults.add(fault.help("give its `outputs` instead"));
        }
    }
}
