//! From the text of a file of cases to the cases, or to everything that is wrong with it, in one pass.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::keys::{case, suite};
use super::{Case, Reading, Suite};
use crate::dag::keys::Key;
use crate::dag::read::{Reader, text_of};
use crate::dag::spec::Dag;
use crate::dag::tree::{self, Document, Kind, Map, Node};
use crate::dag::{Known, Source};
use crate::decide::Values;
use crate::diag::{Code, Fault, Faults, Span};
use crate::template::nearest;
use crate::time::Timestamp;
use crate::timetable::Zone;

/// Why there is no DAG to test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoDag {
    /// What is wrong, in one line.
    pub message: String,
    /// What to do about it.
    pub help: String,
}

/// Reads a file of cases. `find` is asked once for the DAG: by what the file says after `dag:`, or for the
/// one beside it.
pub fn read(
    source: &Source<'_>,
    known: &Known,
    find: impl FnOnce(Option<&str>) -> Result<Arc<Dag>, NoDag>,
) -> Reading {
    let mut faults = Faults::default();
    let (text, whole) = text_of(source.text, known.limits.bytes, &mut faults);
    let read = |documents: Vec<Document<'_>>, faults: &mut Faults| {
        if let Some(second) = documents.get(1) {
            let at = Span::new(second.start, second.start);
            let fault = Fault::new(Code::SeveralDocuments, at, "a file of cases is one document");
            faults.add(fault.help("put the cases of another DAG into a file of their own"));
        }
        let mut cases = Cases { reader: Reader::new(text, faults, known), dag: None };
        let all = cases.suite(&documents[0].root, find);
        cases.dag.map(|dag| Suite { dag, cases: all })
    };
    let suite = if whole { tree::parse(text, &known.limits, &mut faults, read).flatten() } else { None };
    let suite = suite.filter(|_| faults.errors() == 0);
    Reading { suite, diagnostics: faults.finish(source.path, text) }
}

/// Reads cases, against the DAG that they test.
pub(super) struct Cases<'r> {
    pub(super) reader: Reader<'r>,
    pub(super) dag: Option<Arc<Dag>>,
}

impl Cases<'_> {
    fn suite(
        &mut self,
        root: &Node<'_>,
        find: impl FnOnce(Option<&str>) -> Result<Arc<Dag>, NoDag>,
    ) -> Vec<Case> {
        let Kind::Map(map) = &root.kind else {
            let message = format!("a file of cases is a map, and this is {}", root.what());
            let fault = Fault::new(Code::WrongType, root.at, message);
            self.reader.faults.add(fault.help("begin with `cases:`, a list"));
            return Vec::new();
        };
        self.check_keys(map, suite::ALL, "the file");
        self.find_dag(map, find);
        let Some(node) = self.required(map, &suite::CASES, "the file", root.at) else { return Vec::new() };
        let Some(items) = self.reader.list(&suite::CASES, node) else { return Vec::new() };
        if items.is_empty() {
            self.reader.faults.add(Fault::new(Code::Empty, node.at, "there are no cases"));
        }
        let mut names: BTreeMap<String, Span> = BTreeMap::new();
        let mut cases = Vec::new();
        for item in items {
            let Some((case, at)) = self.case(item) else { continue };
            if let Some(first) = names.insert(case.name.clone(), at) {
                let message = format!("two cases are named `{}`", case.name);
                let fault = Fault::new(Code::DuplicateKey, at, message).note(first, "the first is here");
                self.reader.faults.add(fault.help("say how they differ"));
            }
            cases.push(case);
        }
        cases
    }

    fn find_dag(&mut self, map: &Map<'_>, find: impl FnOnce(Option<&str>) -> Result<Arc<Dag>, NoDag>) {
        let node = map.get(suite::DAG.name);
        let named = match node {
            Some(node) => match self.reader.some_text(&suite::DAG, node) {
                Some(name) => Some(name),
                None => return,
            },
            None => None,
        };
        match find(named) {
            Ok(dag) => self.dag = Some(dag),
            Err(NoDag { message, help }) => {
                let code = if node.is_some() { Code::UnknownWord } else { Code::MissingKey };
                let at = node.map_or_else(Span::default, |node| node.at);
                self.reader.faults.add(Fault::new(code, at, message).help(help));
            }
        }
    }

    fn case(&mut self, node: &Node<'_>) -> Option<(Case, Span)> {
        let map = self.map(node, "a case")?;
        self.check_keys(map, case::ALL, "a case");
        let named = self.required(map, &case::NAME, "a case", node.at);
        let name =
            named.and_then(|node| Some((self.reader.some_text(&case::NAME, node)?.to_owned(), node.at)));
        let at = map.get(case::AT.name).and_then(|node| self.instant(node));
        let params = map.get(case::PARAMS.name).map(|node| self.params(node)).unwrap_or_default();
        let vars = map.get(case::VARS.name).map(|node| self.vars(node)).unwrap_or_default();
        let mocks = map.get(case::TASKS.name).map(|node| self.mocks(node)).unwrap_or_default();
        let awaited = map.get(case::WAIT_FOR.name).map(|node| self.awaited(node)).unwrap_or_default();
        let expect = self.required(map, &case::EXPECT, "a case", node.at);
        let expect = expect.map(|node| self.expect(node)).unwrap_or_default();
        let (name, place) = name?;
        let line = self.reader.text[..node.at.range().start].matches('\n').count() + 1;
        let at = at.unwrap_or_else(default_instant);
        Some((Case { name, line, at, params, vars, mocks, awaited, expect }, place))
    }

    fn instant(&mut self, node: &Node<'_>) -> Option<Timestamp> {
        let text = self.reader.some_text(&case::AT, node)?;
        let zone = self.dag.as_ref().map_or_else(Zone::utc, |dag| dag.zone.clone());
        let instant = zone.read_instant(text);
        if instant.is_none() {
            let help = "write 2026-11-21, 2026-11-21T01:30 (in the DAG's zone) or 2026-11-21T01:30:00Z";
            let fault = Fault::new(Code::BadDate, node.at, format!("`{text}` is no date"));
            self.reader.faults.add(fault.help(help));
        }
        instant
    }

    fn params(&mut self, node: &Node<'_>) -> Values {
        let Some(map) = self.reader.map(&case::PARAMS, node) else { return Values::new() };
        let mut values = Values::new();
        for entry in &map.entries {
            values.insert(entry.key.to_string(), entry.value.to_json());
            let Some(dag) = &self.dag else { continue };
            let param = dag.params.iter().find(|param| param.name == entry.key);
            let names: Vec<&str> = dag.params.iter().map(|param| param.name.as_str()).collect();
            let fault = match param.map(|param| param.accepts(&entry.value.to_json())) {
                Some(Ok(())) => continue,
                Some(Err(words)) => Fault::new(Code::BadParam, entry.value.at, words),
                None => {
                    let message = format!("DAG `{}` has no param `{}`", dag.id, entry.key);
                    let fault = Fault::new(Code::UnknownParam, entry.key_at, message);
                    fault.maybe_help(nearest(&entry.key, names).map(|name| format!("did you mean `{name}`?")))
                }
            };
            self.reader.faults.add(fault);
        }
        values
    }

    fn vars(&mut self, node: &Node<'_>) -> Values {
        let Some(map) = self.reader.map(&case::VARS, node) else { return Values::new() };
        for entry in &map.entries {
            let Some(dag) = &self.dag else { continue };
            let names: Vec<&str> = dag.vars.iter().map(|var| var.name.as_str()).collect();
            if !names.contains(&&*entry.key) {
                let message = format!("DAG `{}` declares no var `{}`", dag.id, entry.key);
                let fault = Fault::new(Code::UnknownName, entry.key_at, message);
                let help = nearest(&entry.key, names).map(|name| format!("did you mean `{name}`?"));
                self.reader.faults.add(fault.maybe_help(help));
            }
        }
        map.entries.iter().map(|entry| (entry.key.to_string(), entry.value.to_json())).collect()
    }

    /// The map that `what` is; reported where it is none.
    pub(super) fn map<'n, 'a>(&mut self, node: &'n Node<'a>, what: &str) -> Option<&'n Map<'a>> {
        match &node.kind {
            Kind::Map(map) => return Some(map),
            Kind::Broken => {}
            Kind::Scalar(_) | Kind::List(_) => {
                let message = format!("{what} is a map, and this is {}", node.what());
                self.reader.faults.add(Fault::new(Code::WrongType, node.at, message));
            }
        }
        None
    }

    pub(super) fn required<'n, 'a>(
        &mut self,
        map: &'n Map<'a>,
        key: &Key,
        owner: &str,
        at: Span,
    ) -> Option<&'n Node<'a>> {
        let node = map.get(key.name);
        if node.is_none() {
            let at = map.entries.first().map_or(at, |entry| entry.key_at);
            let fault = Fault::new(Code::MissingKey, at, format!("{owner} has no `{}`", key.name));
            self.reader.faults.add(fault.help(format!("write `{}: {}`", key.name, key.example)));
        }
        node
    }

    /// Reports every key of a map that may not stand there.
    pub(super) fn check_keys(&mut self, map: &Map<'_>, keys: &[&Key], owner: &str) {
        for entry in map.entries.iter().filter(|entry| keys.iter().all(|key| key.name != entry.key)) {
            let name = &*entry.key;
            let names: Vec<&str> = keys.iter().map(|key| key.name).collect();
            let help = match nearest(name, names.iter().copied()) {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => format!("known keys: {}", names.join(", ")),
            };
            let message = format!("unknown key `{name}` in {owner}");
            self.reader.faults.add(Fault::new(Code::UnknownKey, entry.key_at, message).help(help));
        }
    }
}

/// The time at the begin of a case that names none: always the same, so that a case never hangs on the day.
fn default_instant() -> Timestamp {
    Timestamp::from_nanos(1_767_225_600 * 1_000_000_000)
}
