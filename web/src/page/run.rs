//! What is around each view of a run: its verdict and why, how far it is, how it spent its time. And its graph.

use std::collections::BTreeMap;

use axum::extract::{Path, Query};
use nightrun_core::decide::{RunState, TaskState};
use nightrun_core::id::{BackfillId, DagId, RunId};
use nightrun_core::time::Timestamp;
use nightrun_engine::store::{Fault, GroupTry, LateShow, NoteItem, RunShow, TaskShow};
use serde::Serialize;
use serde_json::Value as Json;

use super::graph::{Folds, GraphView};
use super::pace::{Pace, pace, usual};
use super::schedule::local;
use super::strip::Strip;
use super::{Did, Sheet, Shown, Watch, show};
use crate::app::{Desk, Shared, State};
use crate::draw::graph::Standing;
use crate::draw::lengths::shown;
use crate::theirs::ANOTHER;
use crate::words;

/// What stands above each view of a run.
#[derive(Serialize)]
pub(super) struct Head {
    run: RunId,
    dag: DagId,
    state: RunState,
    reason: String,
    /// What it waits for, where it runs and nothing is at work.
    standstill: Option<String>,
    run_type: &'static str,
    by: String,
    /// The run that called it, where that is still there.
    parent: Option<RunId>,
    version: i64,
    logical_date: Timestamp,
    local: Option<String>,
    interval: (Timestamp, Timestamp),
    created_at: Timestamp,
    started_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
    took: Option<String>,
    /// How long such a run takes, while it is at work.
    usual: Option<String>,
    is_final: bool,
    /// Missed deadlines of the run and of its tasks, a sentence each.
    late: Vec<String>,
    /// Groups that have run again, a sentence each.
    groups: Vec<String>,
    notes: Vec<NoteItem>,
    /// The backfill that made it.
    backfill: Option<BackfillId>,
    /// How many task instances are in each state, most telling first.
    counts: Vec<(TaskState, usize)>,
    /// How many tasks have ended, and how many there are; items are not counted by themselves.
    progress: (usize, usize),
    pace: Option<Pace>,
    strip: Strip,
}

#[derive(Serialize)]
pub(super) struct Body<T> {
    head: Head,
    view: T,
}

/// `GET /runs/{run}/graph?folded=`
pub(crate) async fn graph(
    State(site): Shared,
    Path(run): Path<i64>,
    Query(asked): Query<Folds>,
    Query(did): Query<Did>,
) -> Shown {
    show(&site, "run_graph.html", "runs", did, move |desk| {
        let Some(run) = desk.page.run(RunId(run), None)? else { return Ok(None) };
        let spec = desk.spec(run.version)?.map(|dag| run.arrange(dag));
        let mut standing = vec![Standing::default(); spec.as_ref().map_or(0, |dag| dag.tasks.len())];
        for task in &run.tasks {
            let Some(standing) = standing.get_mut(task.task.at()) else { continue };
            standing.state = Some(task.state);
            for item in &task.items {
                *standing.items.entry(item.state).or_default() += 1;
            }
        }
        let pace = spec.as_deref().and_then(|dag| pace(&run, dag, desk.now));
        let on_path = |task: &&TaskShow| pace.as_ref().is_some_and(|pace| pace.has_any(task.task));
        let critical = run.tasks.iter().filter(on_path).map(|task| task.id.clone()).collect();
        let view = GraphView::of(spec.as_deref(), &asked, Some(run.run_id), &standing).marking(critical);
        sheet(desk, &run, view).map(Some)
    })
    .await
}

/// A view of a run under its head.
pub(super) fn sheet<T>(desk: &Desk<'_>, run: &RunShow, view: T) -> Result<Sheet<Body<T>>, Fault> {
    let spec = desk.spec(run.version)?.map(|dag| run.arrange(dag));
    let zone = spec.as_ref().map(|dag| dag.zone.clone());
    let mut counts: BTreeMap<TaskState, usize> = BTreeMap::new();
    for task in run.instances() {
        *counts.entry(task.state).or_default() += 1;
    }
    let theirs = |dag: &Option<DagId>| dag.as_ref().is_some_and(|dag| desk.site.who.covers(dag.as_str()));
    let parent = run.parent.as_ref().filter(|by| theirs(&by.dag)).map(|by| by.run_id);
    let head = Head {
        run: run.run_id,
        dag: run.dag.clone(),
        state: run.state,
        reason: run.reason.to_string(),
        standstill: run.standstill(),
        run_type: run.run_type.as_str(),
        by: if parent.is_none() && run.parent.as_ref().is_some_and(|by| by.dag.is_some()) {
            ANOTHER.into()
        } else {
            run.by.clone()
        },
        parent,
        version: run.version.0,
        logical_date: run.logical_date,
        local: zone.and_then(|zone| local(run.logical_date, &zone)),
        interval: (run.data_interval_start, run.data_interval_end),
        created_at: run.created_at,
        started_at: run.started_at,
        ended_at: run.ended_at,
        took: words::took(run.started_at, run.ended_at, desk.now),
        usual: if run.ended_at.is_none() { usual(desk, &run.dag)?.map(shown) } else { None },
        is_final: run.state.is_final(),
        groups: run.groups.iter().map(GroupTry::sentence).collect(),
        late: late(run),
        notes: run.notes.clone(),
        backfill: run.backfill,
        progress: (run.tasks.iter().filter(|task| task.state.is_final()).count(), run.tasks.len()),
        pace: spec.and_then(|dag| pace(run, &dag, desk.now)),
        strip: Strip::of(desk, &run.dag, run.run_id, None)?,
        counts: counts.into_iter().collect(),
    };
    let watch = Watch { runs: vec![run.run_id], ..Watch::default() };
    Ok(Sheet { title: format!("{} run {}", run.dag, run.run_id), watch, body: Body { head, view } })
}

/// The missed deadlines of a run and its tasks.
fn late(run: &RunShow) -> Vec<String> {
    let own = run.late.iter().map(|it| format!("The run {}: {}", it.kind.claim(), it.kind.sentence(it.due)));
    let of = |task: &TaskShow| {
        let say =
            |it: &LateShow| format!("Task `{}` {}: {}", task.id, it.kind.claim(), it.kind.sentence(it.due));
        task.late.iter().map(say).collect::<Vec<_>>()
    };
    own.chain(run.tasks.iter().flat_map(of)).collect()
}

/// Text as it is, everything else as JSON.
pub(super) fn text_of(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Array(_) | Json::Object(_) => serde_json::to_string_pretty(value).unwrap_or_default(),
        Json::Null | Json::Bool(_) | Json::Number(_) => value.to_string(),
    }
}
