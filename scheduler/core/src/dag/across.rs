//! What one DAG says of others, looked at where all of them are known.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::spec::Dag;
use crate::diag::{Code, Diagnostic, Place};
use crate::id::DagId;
use crate::template::nearest;

/// Every DAG there is; `None`: its file has faults, so that nobody knows what it has.
pub type Others = BTreeMap<DagId, Option<Arc<Dag>>>;

/// Where a DAG stands: the path of its file, its text, and the piece of that.
#[derive(Debug, Clone)]
pub struct Written<'t> {
    /// The path, as faults show it.
    pub path: &'t str,
    /// The text of the whole file.
    pub text: &'t str,
    /// The bytes of it that are this DAG.
    pub piece: Range<usize>,
}

/// The DAGs, tasks and params of others that a DAG names and that do not exist.
pub fn unknown_elsewhere(dag: &Dag, written: &Written<'_>, others: &Others) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for task in &dag.tasks {
        let id = task.id.as_str();
        for wait in &task.waits {
            let Some(other) = others.get(&wait.dag) else {
                let message = format!("task `{id}` waits for DAG `{}`, which does not exist", wait.dag);
                found.push(written.unknown("dag", wait.dag.as_str(), message, names(others)));
                continue;
            };
            let Some(other) = other else { continue };
            if let Some(awaited) = wait.task.as_deref().filter(|awaited| !has_task(other, awaited)) {
                let dag = &wait.dag;
                let message =
                    format!("task `{id}` waits for task `{awaited}` of DAG `{dag}`, which has no such task");
                let known = other.tasks.iter().map(|task| task.id.as_str());
                found.push(written.unknown("task", awaited, message, known));
            }
        }
        let Some(call) = task.work.as_call() else { continue };
        let Some(called) = others.get(&call.dag) else {
            let message = format!("task `{id}` calls DAG `{}`, which does not exist", call.dag);
            found.push(written.unknown("dag", call.dag.as_str(), message, names(others)));
            continue;
        };
        let Some(called) = called else { continue };
        let takes = || called.params.iter().map(|param| param.name.as_str());
        for name in call.params.keys().filter(|name| !takes().any(|taken| taken == *name)) {
            let dag = &call.dag;
            let message =
                format!("task `{id}` gives DAG `{dag}` the param `{name}`, which that does not take");
            found.push(written.unknown(name, "", message, takes()));
        }
    }
    found
}

fn names(dags: &Others) -> impl Iterator<Item = &str> {
    dags.keys().map(DagId::as_str)
}

fn has_task(dag: &Dag, id: &str) -> bool {
    dag.tasks.iter().any(|task| task.id.as_str() == id)
}

impl Written<'_> {
    /// A warning where `key: value` stands; without a value, where the key does.
    fn unknown<'k>(
        &self,
        key: &str,
        value: &str,
        message: String,
        known: impl Iterator<Item = &'k str>,
    ) -> Diagnostic {
        let meant = nearest(if value.is_empty() { key } else { value }, known);
        Diagnostic {
            code: Code::UnknownElsewhere,
            message,
            path: self.path.into(),
            place: self.place(key, value),
            label: None,
            help: meant.map(|name| format!("did you mean `{name}`?")),
            notes: Vec::new(),
        }
    }

    /// The first place of `key: value` in the piece; the begin of the piece where defaults of a folder say it.
    fn place(&self, key: &str, value: &str) -> Place {
        let text = &self.text[self.piece.clone()];
        let sought = format!("{key}:");
        let of_word = text.match_indices(&sought).find_map(|(at, _)| {
            let is_whole = text[..at].chars().next_back().is_none_or(|before| !is_name(before));
            let rest = &text[at + sought.len()..];
            let begin = rest.len() - rest.trim_start_matches([' ', '"', '\'']).len();
            let ends = || rest[begin + value.len()..].chars().next().is_none_or(|after| !is_name(after));
            let found = is_whole && rest[begin..].starts_with(value) && ends();
            match value {
                "" if is_whole => Some((at, key.len())),
                _ if found => Some((at + sought.len() + begin, value.len())),
                _ => None,
            }
        });
        let (at, length) = of_word.unwrap_or((0, text.len().min(1)));
        let begin = self.piece.start + at;
        let before = &self.text[..begin];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let end_column = column + self.text.get(begin..begin + length).map_or(1, |it| it.chars().count());
        Place { line, column, end_line: line, end_column, bytes: begin..begin + length }
    }
}

fn is_name(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '_' | '-' | '.')
}
