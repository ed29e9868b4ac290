//! The versions of a DAG: when each came into force, what it changed in words, and two of them side by side.

use std::time::Duration;

use axum::extract::{Path, Query};
use nightrun_core::dag::{Changes, compare};
use nightrun_core::id::{DagId, VersionId};
use nightrun_engine::store::{Fault, VersionItem, VersionText};
use serde::{Deserialize, Serialize};
use similar::{Algorithm, ChangeTag, TextDiff};

use super::dag::view;
use super::{Did, Shown};
use crate::app::{Desk, Shared};

/// Versions on one page.
const ROWS: u32 = 20;

/// Lines around a change that did not change.
const AROUND: usize = 3;

/// Lines of a difference that are shown.
const LINES: usize = 1_500;

/// After so long the difference is made less well instead of going on.
const PATIENCE: Duration = Duration::from_millis(200);

/// Tasks that are named one by one.
const NAMED: usize = 8;

#[derive(Debug, Deserialize)]
pub(crate) struct Asked {
    before: Option<i64>,
    old: Option<i64>,
    new: Option<i64>,
}

#[derive(Serialize)]
struct View {
    rows: Vec<Row>,
    in_force: VersionId,
    older: Option<VersionId>,
    newest: bool,
    pair: Option<Pair>,
    /// The versions that the form offers first.
    old: Option<i64>,
    new: Option<i64>,
}

#[derive(Serialize)]
struct Row {
    #[serde(flatten)]
    item: VersionItem,
    /// The version before it.
    previous: Option<VersionId>,
    /// What it changed; none: it is the first.
    changes: Option<Vec<String>>,
}

/// Two versions and what differs.
#[derive(Serialize)]
pub(super) struct Pair {
    old: VersionItem,
    new: VersionItem,
    changes: Vec<String>,
    texts: Vec<Text>,
}

/// A text that both were read from.
#[derive(Serialize)]
struct Text {
    path: String,
    hunks: Vec<Vec<DiffLine>>,
    cut: bool,
}

#[derive(Serialize)]
struct DiffLine {
    /// `same`, `added` or `removed`.
    kind: &'static str,
    old: Option<usize>,
    new: Option<usize>,
    text: String,
}

/// `GET /dags/{dag}/versions?before=&old=&new=`
pub(crate) async fn page(site: Shared, Path(dag): Path<String>, Query(asked): Query<Asked>) -> Shown {
    view(site, (dag, Did::default()), "dag_versions.html", move |desk, item, _| {
        // One more than is shown: the last row is told against it.
        let mut items = desk.page.versions(&item.dag, asked.before.map(VersionId), ROWS + 1)?;
        let following: Vec<Option<VersionId>> =
            items.iter().skip(1).map(|it| Some(it.version)).chain([None]).collect();
        let older = (items.len() > ROWS as usize).then(|| items[ROWS as usize - 1].version);
        items.truncate(ROWS as usize);
        let pair = match (asked.old, asked.new) {
            (Some(old), Some(new)) => pair(desk, &item.dag, old.min(new), old.max(new))?,
            _ => None,
        };
        let mut rows = Vec::new();
        for (version, previous) in items.into_iter().zip(following) {
            let changes = previous.map(|previous| changes(desk, previous, version.version)).transpose()?;
            rows.push(Row { item: version, previous, changes });
        }
        Ok(View {
            old: pair
                .as_ref()
                .map(|it| it.old.version.0)
                .or(rows.first().and_then(|it| it.previous).map(|it| it.0)),
            new: pair.as_ref().map(|it| it.new.version.0).or(rows.first().map(|it| it.item.version.0)),
            in_force: item.version,
            older,
            newest: asked.before.is_none(),
            rows,
            pair,
        })
    })
    .await
}

/// What a version says otherwise than another, in words.
fn changes(desk: &Desk<'_>, old: VersionId, new: VersionId) -> Result<Vec<String>, Fault> {
    Ok(match (desk.spec(old)?, desk.spec(new)?) {
        (Some(old), Some(new)) => words(&compare(&old, &new)),
        _ => vec!["its meaning cannot be read any more; the texts can be compared".to_owned()],
    })
}

fn words(changes: &Changes) -> Vec<String> {
    if changes.is_empty() {
        return vec!["only how it is written".to_owned()];
    }
    let mut words = Vec::new();
    let listed = |names: &[String]| {
        let named: Vec<String> = names.iter().take(NAMED).map(|name| format!("`{name}`")).collect();
        let more = names.len().saturating_sub(NAMED);
        let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("{}{rest}", named.join(", "))
    };
    if !changes.keys.is_empty() {
        words.push(format!("the DAG's {}", keys(&changes.keys)));
    }
    if !changes.added.is_empty() {
        words.push(format!("new: {}", listed(&changes.added)));
    }
    if !changes.removed.is_empty() {
        words.push(format!("gone: {}", listed(&changes.removed)));
    }
    for task in changes.changed.iter().take(NAMED) {
        words.push(format!("{} of `{}`", keys(&task.keys), task.task));
    }
    if changes.changed.len() > NAMED {
        words.push(format!("and {} more tasks", changes.changed.len() - NAMED));
    }
    words
}

fn keys(keys: &[&str]) -> String {
    keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ")
}

/// Two versions of a DAG; none: they are not both kept.
pub(super) fn pair(desk: &Desk<'_>, dag: &DagId, old: i64, new: i64) -> Result<Option<Pair>, Fault> {
    let read = |version: i64| -> Result<Option<VersionText>, Fault> {
        Ok(desk.page.version(VersionId(version))?.filter(|found| found.item.dag == *dag))
    };
    let (Some(old), Some(new)) = (read(old)?, read(new)?) else { return Ok(None) };
    let mut texts = vec![text(new.item.path.clone(), &old.text, &new.text)];
    for file in &new.defaults {
        let before = old.defaults.iter().find(|it| it.path == file.path);
        texts.push(text(file.path.clone(), before.map_or("", |it| &it.text), &file.text));
    }
    for file in old.defaults.iter().filter(|file| !new.defaults.iter().any(|it| it.path == file.path)) {
        texts.push(text(file.path.clone(), &file.text, ""));
    }
    let changes = changes(desk, old.item.version, new.item.version)?;
    Ok(Some(Pair { old: old.item, new: new.item, changes, texts }))
}

/// The lines that differ, with a few around them.
fn text(path: String, old: &str, new: &str) -> Text {
    let mut config = TextDiff::configure();
    let diff = config.algorithm(Algorithm::Myers).timeout(PATIENCE).diff_lines(old, new);
    let mut left = LINES;
    let mut hunks = Vec::new();
    for group in diff.grouped_ops(AROUND) {
        let lines = group.iter().flat_map(|op| diff.iter_changes(op)).map(|change| DiffLine {
            kind: match change.tag() {
                ChangeTag::Equal => "same",
                ChangeTag::Insert => "added",
                ChangeTag::Delete => "removed",
            },
            old: change.old_index().map(|at| at + 1),
            new: change.new_index().map(|at| at + 1),
            text: change.value().trim_end_matches(['\n', '\r']).to_owned(),
        });
        let hunk: Vec<DiffLine> = lines.take(left).collect();
        left -= hunk.len();
        hunks.push(hunk);
        if left == 0 {
            break;
        }
    }
    Text { path, hunks, cut: left == 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_differ_stand_with_those_around_them() {
        let old = (1..=20).map(|line| format!("line {line}")).collect::<Vec<_>>().join("\n") + "\n";
        let new = old.replace("line 10\n", "line ten\n");
        let shown = text("a.yaml".into(), &old, &new);
        let lines: Vec<_> = shown.hunks[0].iter().map(|line| (line.kind, line.old, line.new)).collect();
        assert_eq!(lines.len(), 8);
        assert_eq!(lines[0], ("same", Some(7), Some(7)));
        assert_eq!(lines[3], ("removed", Some(10), None));
        assert_eq!(lines[4], ("added", None, Some(10)));
        assert!(text("a.yaml".into(), &old, &old).hunks.is_empty());
        let long = "x\n".repeat(LINES * 2);
        assert!(text("a.yaml".into(), "", &long).cut);
    }
}
