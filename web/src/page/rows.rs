//! The tasks of a run on one time line, with what failed first, values, params and notifications. Of a run of
//! thousands a page shows some, by state or by place.

use std::collections::BTreeMap;
use std::path::Path as FilePath;

use axum::extract::{Path, Query};
use nightrun_core::dag::spec::Dag;
use nightrun_core::decide::TaskState;
use nightrun_core::id::{RunId, TaskIndex};
use nightrun_core::time::Timestamp;
use nightrun_engine::store::{CalledShow, Fault, HookShow, RunShow, TaskShow};
use serde::{Deserialize, Serialize};

use super::failure::{Failure, failures};
use super::pace::pace;
use super::run::{sheet, text_of};
use super::{Did, Shown, show};
use crate::app::{Desk, Shared, State};
use crate::draw::gantt::{self, Bar, Gantt};
use crate::draw::waits::{WaitKind, Waits};
use crate::words;

/// Most rows on the page.
const ROWS: usize = 200;

/// Most items of one task on the page, unless a state is asked for.
const ITEMS_SHOWN: usize = 100;

/// Most values on the page.
const VALUES_SHOWN: usize = 200;

/// Most characters of one value on the page; all of it is one click away.
const VALUE_SHOWN: usize = 4_000;

/// Runs of more task instances show large values by their names.
const WITH_FILES: u32 = 1_000;

/// The log of a run is read up to so many entries: waits of a longer one are drawn from the tables.
const LOG_READ: u32 = 6_000;

/// Most upstream tasks that a waiting one names.
const NAMED: usize = 3;

/// Which tasks are shown.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    state: String,
    /// Those after this one: `TASK.ITEM` by number.
    #[serde(default)]
    after: String,
}

impl Asked {
    fn after(&self) -> Option<(TaskIndex, Option<u32>)> {
        let (task, item) = self.after.split_once('.')?;
        Some((TaskIndex(task.parse().ok()?), item.parse().ok()))
    }
}

#[derive(Serialize)]
struct TasksView {
    failures: Vec<Failure>,
    marks: Vec<String>,
    /// What was waited for, with words for each.
    kinds: Vec<(WaitKind, &'static str)>,
    rows: Vec<Row>,
    /// Only tasks in this state are shown.
    state: Option<TaskState>,
    first: bool,
    /// Where the next page begins.
    next: Option<String>,
    params: Vec<(String, String)>,
    values: Vec<Value>,
    more_values: usize,
    /// The first of its tasks, to write notes about.
    ids: Vec<String>,
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
    /// It made the run as long as it was.
    critical: bool,
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

/// `GET /runs/{run}?state=&after=`
pub(crate) async fn tasks(
    State(site): Shared,
    Path(run): Path<i64>,
    Query(asked): Query<Asked>,
    Query(did): Query<Did>,
) -> Shown {
    show(&site, "run_tasks.html", "runs", did, move |desk| {
        let data = data_of(desk, RunId(run))?;
        let Some(run) = desk.page.run(RunId(run), data)? else { return Ok(None) };
        let view = view(desk, &run, &asked)?;
        sheet(desk, &run, view).map(Some)
    })
    .await
}

/// The data folder, for values that are kept in files; not for a run that may have thousands of them.
fn data_of<'a>(desk: &'a Desk<'_>, run: RunId) -> Result<Option<&'a FilePath>, Fault> {
    let is_small = desk.page.instance_count(run)? <= WITH_FILES;
    Ok(is_small.then_some(desk.site.app.data.as_path()))
}

fn view(desk: &Desk<'_>, run: &RunShow, asked: &Asked) -> Result<TasksView, Fault> {
    let spec = desk.spec(run.version)?.map(|dag| run.arrange(dag));
    let dag = spec.as_deref().filter(|dag| dag.tasks.len() >= run.tasks.len());
    let state = TaskState::parse(&asked.state);
    let (shown, next) = choose(run, state, asked.after());
    let waits = waits(desk, run)?;
    let drawn = gantt::draw(run, &shown, dag, &waits, desk.now);
    let Gantt { marks, rows: mut bars, kinds } = drawn.unwrap_or_default();
    bars.resize_with(shown.len(), Vec::new);
    let behind = dag.map(|dag| behind(run, dag)).unwrap_or_default();
    let pace = dag.and_then(|dag| pace(run, dag, desk.now));
    let mut calls: BTreeMap<(&str, Option<u32>), Vec<CalledShow>> = BTreeMap::new();
    for call in run.children.iter().filter(|call| desk.site.who.covers(call.dag.as_str())) {
        calls.entry((&call.task, call.item)).or_default().push(call.clone());
    }
    let row = |(task, bars): (&&TaskShow, _)| {
        let behind = behind.get(&task.task).filter(|_| task.state == TaskState::UpstreamFailed);
        let reason = [reason(run, dag, task, behind), left_out(task, state)];
        let reason: Vec<String> = reason.into_iter().filter(|words| !words.is_empty()).collect();
        let critical = pace.as_ref().is_some_and(|pace| pace.has(task));
        let calls = calls.get(&(task.id.as_str(), task.item)).cloned().unwrap_or_default();
        Row { critical, calls, ..row(task, bars, reason.join("; "), desk.now) }
    };
    let (values, more_values) = values(run);
    Ok(TasksView {
        failures: failures(desk, run),
        marks,
        kinds,
        rows: shown.iter().zip(bars).map(row).collect(),
        state,
        first: asked.after().is_none(),
        next,
        params: run.params.iter().map(|(name, value)| (name.clone(), text_of(value))).collect(),
        values,
        more_values,
        ids: run.tasks.iter().take(ROWS).map(|task| task.id.clone()).collect(),
        hooks: run.hooks.iter().map(hook_row).collect(),
    })
}

fn waits(desk: &Desk<'_>, run: &RunShow) -> Result<Waits, Fault> {
    if run.instances().count() > LOG_READ as usize / 4 {
        return Ok(Waits::untold());
    }
    let log = desk.page.log(0, Some(run.run_id), LOG_READ)?;
    let is_whole = log.len() < LOG_READ as usize;
    Ok(if is_whole { Waits::of_log(run, &log) } else { Waits::untold() })
}

/// The tasks of one page and where the next begins. Of a task with many items those are shown that did not end
/// well, unless a state is asked for.
fn choose(
    run: &RunShow,
    state: Option<TaskState>,
    after: Option<(TaskIndex, Option<u32>)>,
) -> (Vec<&TaskShow>, Option<String>) {
    let fits = |task: &&TaskShow| {
        state.is_none_or(|state| task.state == state)
            && after.is_none_or(|after| (task.task, task.item) > after)
    };
    let all = run.tasks.iter().flat_map(|task| {
        let items = if state.is_none() { telling(task) } else { task.items.iter().collect() };
        std::iter::once(task).chain(items)
    });
    let mut shown: Vec<&TaskShow> = all.filter(fits).take(ROWS + 1).collect();
    let more = shown.len() > ROWS;
    shown.truncate(ROWS);
    let next = shown.last().filter(|_| more).map(|last| {
        let item = last.item.map(|item| item.to_string()).unwrap_or_default();
        format!("{}.{item}", last.task.0)
    });
    (shown, next)
}

/// So many items of a task that the page stays light, those that did not end well before others.
fn telling(task: &TaskShow) -> Vec<&TaskShow> {
    let mut items: Vec<&TaskShow> = task.items.iter().collect();
    if items.len() > ITEMS_SHOWN {
        let well = |item: &TaskShow| matches!(item.state, TaskState::Success | TaskState::Skipped);
        items.sort_by_key(|item| (well(item), item.item));
        items.truncate(ITEMS_SHOWN);
        items.sort_by_key(|item| item.item);
    }
    items
}

fn left_out(task: &TaskShow, state: Option<TaskState>) -> String {
    match task.items.len().saturating_sub(ITEMS_SHOWN) {
        0 => String::new(),
        _ if state.is_some() => String::new(),
        hidden => format!("{hidden} of its items are not shown here"),
    }
}

/// Why it is as it is; what went well, or has only begun, needs no words.
fn reason(run: &RunShow, dag: Option<&Dag>, task: &TaskShow, behind: Option<&String>) -> String {
    match task.state {
        TaskState::Success | TaskState::Running | TaskState::Starting => String::new(),
        TaskState::Waiting => {
            let above = dag.map(|dag| above(run, dag, task)).unwrap_or_default();
            if above.is_empty() { task.reason.to_string() } else { format!("{}: {above}", task.reason) }
        }
        _ => behind
            .map_or_else(|| task.reason.to_string(), |culprit| format!("behind `{culprit}`, which failed")),
    }
}

/// The upstream tasks that have not ended, the first of them by name.
fn above(run: &RunShow, dag: &Dag, task: &TaskShow) -> String {
    let open = |up: TaskIndex| {
        let whole = run.tasks.get(up.at())?;
        let item = task.item.filter(|_| dag.share_fan(task.task, up));
        let seen = item.and_then(|item| whole.items.get(item as usize)).unwrap_or(whole);
        (!seen.state.is_final()).then_some(seen)
    };
    let open: Vec<&TaskShow> = dag.graph.upstream(task.task).filter_map(open).collect();
    let name = |task: &&TaskShow| format!("`{}` ({})", task.name(), task.state.as_str().replace('_', " "));
    let mut names: Vec<String> = open.iter().take(NAMED).map(name).collect();
    names.extend((open.len() > NAMED).then(|| format!("{} more", open.len() - NAMED)));
    names.join(", ")
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

fn row(task: &TaskShow, bars: Vec<Bar>, reason: String, now: Timestamp) -> Row {
    let last = task.attempts.last();
    Row {
        id: task.key.as_ref().map_or_else(|| task.name(), |key| format!("{} {key}", task.name())),
        spot: task.name(),
        task: task.id.clone(),
        item: task.item,
        state: task.state,
        reason,
        took: last.and_then(|it| words::took(it.started_at, it.ended_at, now)),
        attempts: task.attempts.len(),
        critical: false,
        calls: Vec::new(),
        bars,
    }
}

/// The first values that were put out, and how many more there are.
fn values(run: &RunShow) -> (Vec<Value>, usize) {
    let all =
        run.tasks.iter().flat_map(|task| task.outputs.iter().map(move |(name, value)| (task, name, value)));
    let value = |(task, name, value): (&TaskShow, &String, &serde_json::Value)| {
        let text = text_of(value);
        let end = text.floor_char_boundary(VALUE_SHOWN);
        Value { task: task.name(), name: name.clone(), cut: end < text.len(), text: text[..end].to_owned() }
    };
    let more = all.clone().count().saturating_sub(VALUES_SHOWN);
    (all.take(VALUES_SHOWN).map(value).collect(), more)
}
