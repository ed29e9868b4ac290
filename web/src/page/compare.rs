//! A run beside another of the same DAG: what is different, and which tasks took longer.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use axum::extract::{Path, Query};
use nightrun_core::decide::{Role, RunState, TaskState};
use nightrun_core::id::RunId;
use nightrun_core::time::{Timestamp, show_duration};
use nightrun_engine::store::{Fault, RunFilter, RunItem, RunShow, TaskShow};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::run::{sheet, text_of};
use super::versions::{Pair, pair};
use super::{Did, Shown, show};
use crate::app::{Desk, Shared, State};

/// Most tasks on the page: those that differ most come first.
const ROWS: usize = 200;

/// Most runs to choose from.
const CHOICES: u32 = 30;

/// Most values that are told apart.
const VALUES: usize = 100;

/// Most characters of one value.
const VALUE_SHOWN: usize = 400;

/// Shorter differences say nothing.
const SMALL: Duration = Duration::from_secs(1);

/// Which run somebody wants beside it.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Asked {
    with: Option<i64>,
}

#[derive(Serialize)]
struct CompareView {
    /// The other run; nothing to compare with: there is none.
    other: Option<Other>,
    choices: Vec<RunItem>,
    rows: Vec<Row>,
    /// So many of them ended differently, or took another time; those after them are alike.
    unlike: usize,
    more: usize,
    params: Vec<Change>,
    values: Vec<Change>,
    /// The files of their versions, where these differ and whoever asks may see them.
    files: Option<Pair>,
}

#[derive(Serialize)]
struct Other {
    run: RunId,
    state: RunState,
    logical_date: Timestamp,
    took: Option<String>,
    version: i64,
}

#[derive(Serialize)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) before: Option<Side>,
    pub(crate) after: Option<Side>,
    /// It ended differently, or only one of the runs has it.
    pub(crate) differs: bool,
    /// How much longer, or shorter, it took.
    pub(crate) longer: Option<String>,
    pub(crate) shorter: Option<String>,
    #[serde(skip)]
    pub(crate) by: Duration,
}

#[derive(Serialize)]
pub(crate) struct Side {
    pub(crate) state: TaskState,
    pub(crate) took: Option<String>,
    pub(crate) attempts: usize,
    #[serde(skip)]
    pub(crate) length: Option<Duration>,
}

/// A value that is not the same in both.
#[derive(Serialize)]
pub(crate) struct Change {
    pub(crate) name: String,
    pub(crate) before: Option<String>,
    pub(crate) after: Option<String>,
}

/// `GET /runs/{run}/compare?with=`
pub(crate) async fn page(
    State(site): Shared,
    Path(run): Path<i64>,
    Query(asked): Query<Asked>,
    Query(did): Query<Did>,
) -> Shown {
    show(&site, "run_compare.html", "runs", did, move |desk| {
        let Some(run) = desk.page.run(RunId(run), None)? else { return Ok(None) };
        let view = view(desk, &run, asked.with.map(RunId))?;
        sheet(desk, &run, view).map(Some)
    })
    .await
}

fn view(desk: &Desk<'_>, run: &RunShow, with: Option<RunId>) -> Result<CompareView, Fault> {
    let of = |state| RunFilter { dag: Some(run.dag.clone()), state, before: None, ..RunFilter::default() };
    let choices = desk.page.runs(&of(None), CHOICES)?;
    let other = other(desk, run, with)?;
    let choices = choices.into_iter().filter(|item| item.run_id != run.run_id).collect();
    let none = CompareView {
        other: None,
        choices,
        rows: vec![],
        unlike: 0,
        more: 0,
        params: vec![],
        values: vec![],
        files: None,
    };
    let Some(other) = other else { return Ok(none) };
    let mut rows = rows(&other, run, desk.now);
    let more = rows.len().saturating_sub(ROWS);
    rows.truncate(ROWS);
    Ok(CompareView {
        unlike: rows
            .iter()
            .filter(|row| row.differs || row.longer.is_some() || row.shorter.is_some())
            .count(),
        rows,
        more,
        params: params(&other, run),
        values: values(&other, run),
        files: files(desk, &other, run)?,
        other: Some(Other {
            run: other.run_id,
            state: other.state,
            logical_date: other.logical_date,
            took: crate::words::took(other.started_at, other.ended_at, desk.now),
            version: other.version.0,
        }),
        ..none
    })
}

/// What differs in the files of two versions. Texts of files are for authors.
fn files(desk: &Desk<'_>, before: &RunShow, after: &RunShow) -> Result<Option<Pair>, Fault> {
    if before.version == after.version || !desk.site.who.is(Role::Author) {
        return Ok(None);
    }
    pair(desk, &after.dag, before.version.0, after.version.0)
}

/// The run of the same DAG that is meant, or else the last successful one before.
pub(crate) fn other(desk: &Desk<'_>, run: &RunShow, with: Option<RunId>) -> Result<Option<RunShow>, Fault> {
    let before = RunFilter {
        dag: Some(run.dag.clone()),
        state: Some(RunState::Success),
        before: Some(run.run_id),
        ..RunFilter::default()
    };
    let usual = desk.page.runs(&before, 1)?.first().map(|item| item.run_id);
    let other = with.or(usual).map(|with| desk.page.run(with, None)).transpose()?.flatten();
    Ok(other.filter(|other| other.dag == run.dag))
}

/// Those that ended differently first, then by how much longer or shorter they took.
pub(crate) fn rows(before: &RunShow, after: &RunShow, now: Timestamp) -> Vec<Row> {
    let old: BTreeMap<String, &TaskShow> = before.tasks.iter().map(|task| (task.name(), task)).collect();
    let new: BTreeSet<String> = after.tasks.iter().map(TaskShow::name).collect();
    let both = after.tasks.iter().map(|task| row(old.get(&task.name()).copied(), Some(task), now));
    let gone = before.tasks.iter().filter(|task| !new.contains(&task.name()));
    let mut rows: Vec<Row> = both.chain(gone.map(|task| row(Some(task), None, now))).collect();
    rows.sort_by_key(|row| (!row.differs, Reverse(row.by)));
    rows
}

fn row(before: Option<&TaskShow>, after: Option<&TaskShow>, now: Timestamp) -> Row {
    let side = |task: &TaskShow| {
        let length = length(task, now);
        Side { state: task.state, took: length.map(show_duration), attempts: task.attempts.len(), length }
    };
    let lengths = before.and_then(|it| length(it, now)).zip(after.and_then(|it| length(it, now)));
    let by = lengths.map(|(old, new)| old.abs_diff(new)).unwrap_or_default();
    let words = (by >= SMALL).then(|| show_duration(by));
    let is_longer = lengths.is_some_and(|(old, new)| new > old);
    Row {
        name: after.or(before).map(TaskShow::name).unwrap_or_default(),
        differs: before.map(|it| it.state) != after.map(|it| it.state),
        before: before.map(side),
        after: after.map(side),
        longer: words.clone().filter(|_| is_longer),
        shorter: words.filter(|_| !is_longer),
        by,
    }
}

/// How long a task was at work: its last try, or from its first item to its last.
fn length(task: &TaskShow, now: Timestamp) -> Option<Duration> {
    let attempts = || task.items.iter().chain([task]).filter_map(|it| it.attempts.last());
    let begin = attempts().filter_map(|it| it.started_at).min()?;
    let end = attempts().map(|it| it.ended_at.unwrap_or(now)).max()?;
    Some(end.since(begin))
}

/// Params that are not the same.
pub(crate) fn params(before: &RunShow, after: &RunShow) -> Vec<Change> {
    changes(&texts(before.params.iter()), &texts(after.params.iter()))
}

/// Values that are not the same.
pub(crate) fn values(before: &RunShow, after: &RunShow) -> Vec<Change> {
    changes(&outputs(before), &outputs(after))
}

fn outputs(run: &RunShow) -> BTreeMap<String, String> {
    let all = run.tasks.iter().flat_map(|task| {
        task.outputs.iter().map(move |(name, value)| (format!("{}.{name}", task.id), text_of(value)))
    });
    all.collect()
}

fn texts<'a>(values: impl Iterator<Item = (&'a String, &'a Json)>) -> BTreeMap<String, String> {
    values.map(|(name, value)| (name.clone(), text_of(value))).collect()
}

fn changes(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<Change> {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let shown = |text: Option<&String>| {
        text.map(|text| {
            let end = text.floor_char_boundary(VALUE_SHOWN);
            if end < text.len() { format!("{}…", &text[..end]) } else { text.clone() }
        })
    };
    let differ = names.into_iter().filter(|name| before.get(*name) != after.get(*name));
    let change = |name: &String| Change {
        name: name.clone(),
        before: shown(before.get(name)),
        after: shown(after.get(name)),
    };
    differ.take(VALUES).map(change).collect()
}
