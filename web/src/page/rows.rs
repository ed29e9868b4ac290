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
use super::graph::Folds;
use super::outline::{Entry, Heading, ITEMS_SHOWN, grouped, in_state, page};
use super::pace::pace;
use super::run::{sheet, text_of};
use super::{Did, Shown, show};
use crate::app::{Desk, Shared, State};
use crate::draw::gantt::{self, Bar, Gantt, Line, Mark};
use crate::draw::graph::{every_group, joined};
use crate::draw::waits::{WaitKind, Waits};
use crate::words;

/// Most rows on the page.
const ROWS: usize = 200;

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
    /// Those after this line.
    #[serde(default)]
    after: String,
}

#[derive(Serialize)]
struct TasksView {
    failures: Vec<Failure>,
    marks: Vec<Mark>,
    /// What was waited for, with words for each.
    kinds: Vec<(WaitKind, &'static str)>,
    rows: Vec<Row>,
    /// All groups, as an address has them; empty: there are none.
    groups: String,
    any_folded: bool,
    any_open: bool,
    /// Those that are folded, for the next page.
    folded: String,
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
    /// In how many groups it stands.
    depth: usize,
    /// It is the heading of a group.
    group: Option<Heading>,
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

/// `GET /runs/{run}?state=&after=&folded=`
pub(crate) async fn tasks(
    State(site): Shared,
    Path(run): Path<i64>,
    Query(asked): Query<Asked>,
    Query(folds): Query<Folds>,
    Query(did): Query<Did>,
) -> Shown {
    show(&site, "run_tasks.html", "runs", did, move |desk| {
        let data = data_of(desk, RunId(run))?;
        let Some(run) = desk.page.run(RunId(run), data)? else { return Ok(None) };
        let view = view(desk, &run, &asked, &folds)?;
        sheet(desk, &run, view).map(Some)
    })
    .await
}

/// The data folder, for values that are kept in files; not for a run that may have thousands of them.
fn data_of<'a>(desk: &'a Desk<'_>, run: RunId) -> Result<Option<&'a FilePath>, Fault> {
    let is_small = desk.page.instance_count(run)? <= WITH_FILES;
    Ok(is_small.then_some(desk.site.app.data.as_path()))
}

fn view(desk: &Desk<'_>, run: &RunShow, asked: &Asked, folds: &Folds) -> Result<TasksView, Fault> {
    let spec = desk.spec(run.version)?.map(|dag| run.arrange(dag));
    let dag = spec.as_deref().filter(|dag| dag.tasks.len() >= run.tasks.len());
    let state = TaskState::parse(&asked.state);
    let (folded, groups) = dag.map(|dag| (folds.of(dag), every_group(dag))).unwrap_or_default();
    let all = match state {
        Some(state) => in_state(run, state),
        None => grouped(run, dag, &folded),
    };
    let (shown, next) = page(all, &asked.after, ROWS);
    let waits = waits(desk, run)?;
    let lines: Vec<&Line<'_>> = shown.iter().map(|entry| &entry.line).collect();
    let drawn = gantt::draw(run, &lines, dag, &waits, desk.now);
    let Gantt { marks, rows: mut bars, kinds } = drawn.unwrap_or_default();
    bars.resize_with(shown.len(), Vec::new);
    let behind = dag.map(|dag| behind(run, dag)).unwrap_or_default();
    let pace = dag.and_then(|dag| pace(run, dag, desk.now));
    let mut calls: BTreeMap<(&str, Option<u32>), Vec<CalledShow>> = BTreeMap::new();
    for call in run.children.iter().filter(|call| desk.site.who.covers(call.dag.as_str())) {
        calls.entry((&call.task, call.item)).or_default().push(call.clone());
    }
    let of_task = |task: &TaskShow, bars, depth| {
        let behind = behind.get(&task.task).filter(|_| task.state == TaskState::UpstreamFailed);
        let reason = [reason(run, dag, task, behind), left_out(task, state)];
        let reason: Vec<String> = reason.into_iter().filter(|words| !words.is_empty()).collect();
        let critical = pace.as_ref().is_some_and(|pace| pace.has(task));
        let calls = calls.get(&(task.id.as_str(), task.item)).cloned().unwrap_or_default();
        Row { depth, critical, calls, ..row(task, bars, reason.join("; "), desk.now) }
    };
    let row = |(entry, bars): (&Entry<'_>, _)| match (&entry.line, &entry.heading) {
        (Line::Task(task), _) => of_task(task, bars, entry.depth),
        (Line::Group(state, tasks), heading) => Row {
            depth: entry.depth,
            group: heading.clone(),
            took: spent(tasks, desk.now),
            bars,
            ..Row::of_group(*state)
        },
    };
    let (values, more_values) = values(run);
    Ok(TasksView {
        failures: failures(desk, run),
        marks,
        kinds,
        rows: shown.iter().zip(bars).map(row).collect(),
        groups: if state.is_none() { joined(&groups) } else { String::new() },
        any_folded: !folded.is_empty(),
        any_open: folded.len() < groups.len(),
        folded: joined(&folded),
        state,
        first: asked.after.is_empty(),
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
        reason,
        took: last.and_then(|it| words::took(it.started_at, it.ended_at, now)),
        attempts: task.attempts.len(),
        bars,
        ..Row::of_group(task.state)
    }
}

impl Row {
    /// One that says nothing yet but a state.
    fn of_group(state: TaskState) -> Self {
        Self {
            depth: 0,
            group: None,
            id: String::new(),
            spot: String::new(),
            task: String::new(),
            item: None,
            state,
            reason: String::new(),
            took: None,
            attempts: 0,
            critical: false,
            calls: Vec::new(),
            bars: Vec::new(),
        }
    }
}

/// How long a group was at work, from its first attempt to its last.
fn spent(tasks: &[&TaskShow], now: Timestamp) -> Option<String> {
    let (from, to) = gantt::span(tasks, now)?;
    words::took(Some(from), Some(to), now)
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
