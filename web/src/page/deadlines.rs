//! What a DAG promises about its times, and how often that was kept.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::{Path, Query};
use nightrun_core::dag::spec::{Dag, Deadline, Finish, Lateness};
use nightrun_core::id::RunId;
use nightrun_core::time::{Timestamp, show_duration};
use nightrun_engine::store::{DagItem, Fault, Missed};
use serde::Serialize;

use super::dag::view;
use super::{Did, Shown};
use crate::api::past::Promise;
use crate::app::{Desk, Shared};

/// Runs that are judged.
const RUNS: u32 = 100;

/// Missed deadlines shown.
pub(crate) const ROWS: usize = 50;

#[derive(Serialize)]
struct View {
    promises: Vec<Kept>,
    missed: Vec<Row>,
    more: usize,
    runs: usize,
    readable: bool,
}

/// One promise of the version in force.
#[derive(Serialize)]
struct Kept {
    #[serde(flatten)]
    promise: Promise,
    percent: Option<usize>,
}

#[derive(Serialize)]
struct Row {
    run: RunId,
    task: Option<String>,
    words: &'static str,
    due: Timestamp,
}

/// Whose promise, and of what kind.
type Kind<'a> = (Option<&'a str>, Lateness);

/// `GET /dags/{dag}/deadlines`
pub(crate) async fn page(site: Shared, Path(dag): Path<String>, Query(did): Query<Did>) -> Shown {
    view(site, (dag, did), "dag_deadlines.html", build).await
}

fn build(desk: &Desk<'_>, item: &DagItem, spec: Option<&Dag>) -> Result<View, Fault> {
    let (promises, mut missed) = kept(desk, item, spec)?;
    let promises = promises
        .into_iter()
        .map(|promise| Kept { percent: (promise.kept * 100).checked_div(promise.judged), promise });
    let promises = promises.collect();
    let runs = desk.page.begun_runs(&item.dag, RUNS)?.len();
    let more = missed.len().saturating_sub(ROWS);
    missed.truncate(ROWS);
    let missed =
        missed.into_iter().map(|it| Row { run: it.run, task: it.task, words: told(it.kind), due: it.due });
    Ok(View { promises, missed: missed.collect(), more, runs, readable: spec.is_some() })
}

/// The promises of a DAG with how they were kept, and what was missed.
pub(crate) fn kept(
    desk: &Desk<'_>,
    item: &DagItem,
    spec: Option<&Dag>,
) -> Result<(Vec<Promise>, Vec<Missed>), Fault> {
    let runs = desk.page.begun_runs(&item.dag, RUNS)?;
    let oldest = runs.last().map_or(RunId(i64::MAX), |run| run.0);
    let missed = desk.page.missed(&item.dag, oldest)?;
    let promised = spec.map(promises).unwrap_or_default();
    let mut judged: BTreeMap<Kind<'_>, Vec<RunId>> = BTreeMap::new();
    for (run, version, _) in runs.iter().filter(|(_, _, over)| *over) {
        let Some(then) = desk.spec(*version)? else { continue };
        let then: BTreeSet<Kind<'_>> = promises(&then)
            .iter()
            .map(|it| it.0)
            .filter_map(|kind| promised.iter().map(|it| it.0).find(|it| *it == kind))
            .collect();
        for kind in then {
            judged.entry(kind).or_default().push(*run);
        }
    }
    let promises = promised.iter().map(|(kind, words)| {
        let runs = judged.remove(kind).unwrap_or_default();
        let is_missed = |run: &&RunId| missed.iter().any(|it| it.run == **run && is_about(it, *kind));
        let kept = runs.len() - runs.iter().filter(is_missed).count();
        Promise {
            task: kind.0.map(ToOwned::to_owned),
            kind: kind.1,
            words: words.clone(),
            judged: runs.len(),
            kept,
        }
    });
    let promises = promises.collect();
    Ok((promises, missed))
}

fn is_about(missed: &Missed, (task, kind): Kind<'_>) -> bool {
    missed.kind == kind && missed.task.as_deref() == task
}

fn told(kind: Lateness) -> &'static str {
    match kind {
        Lateness::LateStart => "had not begun in time",
        Lateness::Warning => "was warned of",
        Lateness::LateFinish => "had not ended in time",
    }
}

/// The promises of a DAG and of its tasks, in words.
fn promises(dag: &Dag) -> Vec<(Kind<'_>, String)> {
    let tasks = dag.tasks.iter().filter_map(|task| Some((Some(task.id.as_str()), task.deadline.as_ref()?)));
    let all = dag.deadline.iter().map(|deadline| (None, deadline)).chain(tasks);
    all.flat_map(|(task, deadline)| {
        kinds(task.is_some(), deadline, dag.zone.name())
            .into_iter()
            .map(move |(kind, words)| ((task, kind), words))
    })
    .collect()
}

fn kinds(is_task: bool, deadline: &Deadline, zone: &str) -> Vec<(Lateness, String)> {
    let start = deadline.start_within.map(|length| {
        let from = if is_task { "the begin of the run" } else { "its logical date" };
        (Lateness::LateStart, format!("begins within {} of {from}", show_duration(length)))
    });
    let finish = deadline.finish.map(|finish| {
        let words = match finish {
            Finish::Within(length) => format!("ends within {} of its begin", show_duration(length)),
            Finish::After(length) => format!("ends within {} of the logical date", show_duration(length)),
            Finish::At(_) => format!("ends by {finish} ({zone})"),
        };
        (Lateness::LateFinish, words)
    });
    let warning = deadline.warn_before.map(|length| {
        (Lateness::Warning, format!("ends so early that nobody is warned {} before", show_duration(length)))
    });
    start.into_iter().chain(finish).chain(warning).collect()
}
