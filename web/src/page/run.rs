//! One run: its verdict and why, what failed with the last words of its log, every task on one time
//! line, its values.

use std::collections::BTreeMap;

use axum::extract::{Path, Query};
use nightrun_core::dag::spec::Dag;
use nightrun_core::decide::{RunState, TaskState};
use nightrun_core::id::{DagId, RunId, TaskIndex};
use nightrun_core::time::Timestamp;
use nightrun_engine::store::{CalledShow, Fault, GroupTry, HookShow, LateShow, NoteItem, RunShow, TaskShow};
use serde::Serialize;
use serde_json::Value as Json;

use super::failure::{Failure, failures};
use super::graph::{Folds, GraphView};
use super::schedule::local;
use super::{Did, Sheet, Shown, Watch, show};
use crate::app::{Desk, Shared, State};
use crate::draw::gantt;
use crate::draw::gantt::{Bar, Gantt};
use crate::draw::graph::Standing;
use crate::words;

/// Most items of one task on the page.
const ITEMS_SHOWN: usize = 100;

/// Most characters of one value on the page; all of it is one click away.
const VALUE_SHOWN: usize = 4_000;

/// What stands above each view of a run.
#[derive(Serialize)]
struct Head {
    run: RunId,
    dag: DagId,
    state: RunState,
    reason: String,
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
    is_final: bool,
    /// Missed deadlines of the run and of its tasks, a sentence each.
    late: Vec<String>,
    /// Groups that have run again, a sentence each.
    groups: Vec<String>,
    notes: Vec<NoteItem>,
    /// How many task instances are in each state, most telling first.
    counts: Vec<(TaskState, usize)>,
}

#[derive(Serialize)]
struct Body<T> {
    head: Head,
    view: T,
}

#[derive(Serialize)]
struct TasksView {
    failures: Vec<Failure>,
    marks: Vec<String>,
    rows: Vec<Row>,
    params: Vec<(String, String)>,
    values: Vec<Value>,
    hooks: Vec<HookRow>,
}

/// A hook that became due.
#[derive(Serialize)]
struct HookRow {
    /// The task whose hook it is, or nothing.
    task: String,
    on: &'static str,
    action: String,
    state: &'static str,
    tries: u32,
    /// What went wrong with the last try, and when the next is.
    words: String,
    due_at: Timestamp,
}

#[derive(Serialize)]
struct Row {
    id: String,
    spot: String,
    task: String,
    item: Option<u32>,
    state: TaskState,
    reason: String,
    took: Option<String>,
    attempts: usize,
    /// The number of the attempt whose log is shown; none before the first.
    number: Option<u32>,
    /// The runs it called.
    calls: Vec<CalledShow>,
    bars: Vec<Bar>,
}

#[derive(Serialize)]
struct Value {
    task: String,
    name: String,
    text: String,
    /// There is more of it than is shown.
    cut: bool,
}

/// `GET /runs/{run}`
pub(crate) async fn tasks(State(site): Shared, Path(run): Path<i64>, Query(did): Query<Did>) -> Shown {
    show(&site, "run_tasks.html", "runs", did, move |desk| {
        let Some(mut run) = desk.page.run(RunId(run), Some(&desk.site.app.data))? else { return Ok(None) };
        let hidden = thin(&mut run);
        let spec = desk.spec(run.version)?.map(|dag| run.arrange(dag));
        let drawn = gantt::draw(&run, spec.as_deref(), desk.now);
        let Gantt { marks, rows: mut bars } = drawn.unwrap_or(Gantt { marks: vec![], rows: vec![] });
        bars.resize_with(run.instances().count(), Vec::new);
        let behind = spec.as_ref().map(|dag| behind(&run, dag)).unwrap_or_default();
        let row = |(task, bars): (&TaskShow, _)| {
            let mut row = row(task, bars, behind.get(&task.task), desk.now);
            let its = |call: &&CalledShow| call.task == task.id && call.item == task.item;
            row.calls = run.children.iter().filter(its).cloned().collect();
            if let (Some(hidden), None) = (hidden.get(&task.task), task.item) {
                let before = if row.reason.is_empty() { String::new() } else { format!("{}; ", row.reason) };
                row.reason = format!("{before}{hidden} of its items are not shown here");
            }
            row
        };
        let rows = run.instances().zip(bars).map(row).collect();
        let view = TasksView {
            failures: failures(desk, &run),
            marks,
            rows,
            params: run.params.iter().map(|(name, value)| (name.clone(), text_of(value))).collect(),
            values: values(&run),
            hooks: run.hooks.iter().map(hook_row).collect(),
        };
        sheet(desk, &run, view).map(Some)
    })
    .await
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
        let view = GraphView::of(spec.as_deref(), &asked, Some(run.run_id), &standing);
        sheet(desk, &run, view).map(Some)
    })
    .await
}

fn sheet<T>(desk: &Desk<'_>, run: &RunShow, view: T) -> Result<Sheet<Body<T>>, Fault> {
    let zone = desk.spec(run.version)?.map(|dag| dag.zone.clone());
    let mut counts: BTreeMap<TaskState, usize> = BTreeMap::new();
    for task in &run.tasks {
        *counts.entry(task.state).or_default() += 1;
    }
    let head = Head {
        run: run.run_id,
        dag: run.dag.clone(),
        state: run.state,
        reason: run.reason.to_string(),
        run_type: run.run_type.as_str(),
        by: run.by.clone(),
        parent: run.parent.as_ref().filter(|by| by.dag.is_some()).map(|by| by.run_id),
        version: run.version.0,
        logical_date: run.logical_date,
        local: zone.and_then(|zone| local(run.logical_date, &zone)),
        interval: (run.data_interval_start, run.data_interval_end),
        created_at: run.created_at,
        started_at: run.started_at,
        ended_at: run.ended_at,
        took: words::took(run.started_at, run.ended_at, desk.now),
        is_final: run.state.is_final(),
        groups: run.groups.iter().map(GroupTry::sentence).collect(),
        late: late(run),
        notes: run.notes.clone(),
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

fn hook_row(hook: &HookShow) -> HookRow {
    let next = hook.retry_at.map(|at| format!("tried again at {at}"));
    HookRow {
        task: hook.task.clone().unwrap_or_default(),
        on: hook.on.as_str(),
        action: hook.action.clone(),
        state: hook.state.as_str(),
        tries: hook.tries,
        words: hook.error.iter().cloned().chain(next).collect::<Vec<_>>().join("; "),
        due_at: hook.due_at,
    }
}

/// For each task that could not run, a failed one that it is behind.
fn behind(run: &RunShow, dag: &Dag) -> BTreeMap<TaskIndex, String> {
    let state: BTreeMap<TaskIndex, TaskState> = run.tasks.iter().map(|it| (it.task, it.state)).collect();
    let mut behind: BTreeMap<TaskIndex, String> = BTreeMap::new();
    for at in dag.graph.order().iter().filter(|at| state.get(at) == Some(&TaskState::UpstreamFailed)) {
        let culprit = dag.graph.upstream(*at).find_map(|up| match state.get(&up) {
            Some(TaskState::Failed | TaskState::Canceled) => Some(dag.task(up).id.clone()),
            _ => behind.get(&up).cloned(),
        });
        behind.extend(culprit.map(|culprit| (*at, culprit)));
    }
    behind
}

/// Leaves so many items of each task that the page stays light, those that did not end well before others;
/// how many are left out, by task.
fn thin(run: &mut RunShow) -> BTreeMap<TaskIndex, usize> {
    let mut hidden = BTreeMap::new();
    for task in run.tasks.iter_mut().filter(|task| task.items.len() > ITEMS_SHOWN) {
        let well = |item: &TaskShow| matches!(item.state, TaskState::Success | TaskState::Skipped);
        hidden.insert(task.task, task.items.len() - ITEMS_SHOWN);
        task.items.sort_by_key(|item| (well(item), item.item));
        task.items.truncate(ITEMS_SHOWN);
        task.items.sort_by_key(|item| item.item);
    }
    hidden
}

fn row(task: &TaskShow, bars: Vec<Bar>, behind: Option<&String>, now: Timestamp) -> Row {
    let last = task.attempts.last();
    Row {
        id: task.key.as_ref().map_or_else(|| task.name(), |key| format!("{} {key}", task.name())),
        spot: task.name(),
        task: task.id.clone(),
        item: task.item,
        state: task.state,
        reason: match task.state {
            // What went well, or has only begun, needs no words.
            TaskState::Success | TaskState::Running | TaskState::Starting => String::new(),
            _ => behind.map_or_else(
                || task.reason.to_string(),
                |culprit| format!("behind `{culprit}`, which failed"),
            ),
        },
        took: last.and_then(|it| words::took(it.started_at, it.ended_at, now)),
        attempts: task.attempts.len(),
        number: last.map(|attempt| attempt.number),
        calls: Vec::new(),
        bars,
    }
}

fn values(run: &RunShow) -> Vec<Value> {
    let all = run.tasks.iter().flat_map(|task| {
        task.outputs.iter().map(|(name, value)| {
            let text = text_of(value);
            let end = text.floor_char_boundary(VALUE_SHOWN);
            Value {
                task: task.name(),
                name: name.clone(),
                cut: end < text.len(),
                text: text[..end].to_owned(),
            }
        })
    });
    all.collect()
}

/// Text as it is, everything else as JSON.
fn text_of(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Array(_) | Json::Object(_) => serde_json::to_string_pretty(value).unwrap_or_default(),
        Json::Null | Json::Bool(_) | Json::Number(_) => value.to_string(),
    }
}
