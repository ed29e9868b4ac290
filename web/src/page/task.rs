//! One task of a run, or one item of it: why it is as it is, what it hangs on, its tries with their logs, its
//! command with the values it had, what it put out. A task that is done for each of several items lists them.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Query};
use nightrun_core::dag::spec::{Dag, Work};
use nightrun_core::decide::{AttemptState, TaskState};
use nightrun_core::id::{AttemptId, DagId, InstanceId, RunId};
use nightrun_core::time::Timestamp;
use nightrun_engine::logs::LogPaths;
use nightrun_engine::run::{Given, given};
use nightrun_engine::store::{AttemptShow, CalledShow, Fault, ItemLine, RunShow, TaskShow};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::log::spot;
use super::reading::{LogView, Part};
use super::strip::Strip;
use super::why::{Spot, Why, seen_from, why};
use super::{Did, Sheet, Shown, Watch, begin};
use crate::app::{Desk, Shared, State};
use crate::draw::lengths::shown;
use crate::words;

/// Items on one page.
const ITEMS: u32 = 200;

/// Most neighbours that are named.
const NEAR: usize = 30;

/// The largest context file that is read, in bytes.
const CONTEXT: u64 = 1 << 20;

/// Most characters of one value on the page.
const VALUE: usize = 4_000;

/// What somebody wants to see of it.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Asked {
    /// The number of a try; else the last.
    attempt: Option<u32>,
    /// An item, where the address has only the task.
    item: Option<u32>,
    /// Of its items only those in this state.
    state: Option<String>,
    /// Items from this one on.
    #[serde(default)]
    items_from: u32,
}

#[derive(Serialize)]
struct Body {
    run: RunId,
    dag: DagId,
    /// With its item, as addresses have it.
    name: String,
    id: String,
    item: Option<u32>,
    key: Option<String>,
    state: TaskState,
    /// Nothing more becomes of it by itself.
    over: bool,
    since: Timestamp,
    why: Why,
    late: Vec<String>,
    description: Option<String>,
    upstream: Near,
    downstream: Near,
    /// DAGs whose runs it waits for.
    waits: Vec<DagId>,
    /// The runs it called.
    calls: Vec<CalledShow>,
    tries: Vec<Try>,
    shown: Option<Try>,
    /// Whose log is shown, and whether it grows no more.
    #[serde(skip)]
    logged: Option<(AttemptId, bool)>,
    /// Read when the store has told its part.
    log: Option<LogView>,
    items: Option<Items>,
    given: Option<Command>,
    outputs: Vec<(String, String, bool)>,
    strip: Strip,
}

/// The tasks on one side of it.
#[derive(Default, Serialize)]
struct Near {
    spots: Vec<Spot>,
    more: usize,
}

#[derive(Clone, Serialize)]
struct Try {
    number: u32,
    state: AttemptState,
    reason: String,
    started_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
    took: Option<String>,
    pid: Option<u32>,
    exit_code: Option<i32>,
    signal: Option<i32>,
    /// Time on processors, in words.
    cpu: Option<String>,
    /// The most memory it had, in words.
    peak: Option<String>,
}

#[derive(Serialize)]
struct Items {
    lines: Vec<Line>,
    counts: Vec<(TaskState, u32)>,
    total: u32,
    state: Option<TaskState>,
    from: u32,
    next: Option<u32>,
}

#[derive(Serialize)]
struct Line {
    item: u32,
    key: Option<String>,
    state: TaskState,
    reason: String,
    took: Option<String>,
    attempts: u32,
}

/// Its command and what that was made with.
#[derive(Serialize)]
struct Command {
    text: String,
    values: Vec<(String, String)>,
    unrendered: Option<String>,
    read: Vec<(String, String, bool)>,
}

/// `GET /runs/{run}/tasks/{task}?attempt=&from=&before=&find=&item=&state=&items_from=`
pub(crate) async fn page(
    State(site): Shared,
    Path((run, name)): Path<(i64, String)>,
    Query(asked): Query<Asked>,
    Query(part): Query<Part>,
    Query(did): Query<Did>,
) -> Shown {
    let begun = begin(&site, "runs", did, move |desk| {
        let run = RunId(run);
        let Some(shown) = desk.page.run_alone(run)? else { return Ok(None) };
        let (id, item) = spot(&name);
        let item = item.or(asked.item);
        let Some(task) = desk.page.task(run, id, item, Some(&desk.site.app.data))? else { return Ok(None) };
        let Some(body) = body(desk, shown, &task, &asked)? else { return Ok(None) };
        let title = format!("{} · {} run {run}", task.name(), body.dag);
        let watch = Watch { runs: vec![run], ..Watch::default() };
        Ok(Some(Sheet { title, watch, body }))
    });
    let mut begun = begun.await?;
    if let Some((id, is_over)) = begun.body.logged {
        begun.body.log = Some(LogView::of(&site, id, is_over, part).await?);
    }
    begun.show(&site, "task.html").await
}

fn body(desk: &Desk<'_>, mut run: RunShow, task: &TaskShow, asked: &Asked) -> Result<Option<Body>, Fault> {
    let shown = match asked.attempt {
        Some(number) => task.attempts.iter().find(|it| it.number == number),
        None => task.attempts.last(),
    };
    if asked.attempt.is_some() && shown.is_none() {
        return Ok(None);
    }
    let ids = desk.page.task_ids(run.run_id)?;
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let spec = desk.spec(run.version)?.map(|dag| dag.arranged(&ids).map_or(dag, Arc::new));
    let dag = spec.as_deref().filter(|dag| dag.tasks.len() > task.task.at());
    let of = task.instance(run.run_id);
    let id = shown.map(|it| AttemptId { instance: of, number: it.number });
    let items = items(desk, task, of, asked)?;
    let near = |ends: Vec<InstanceId>| near(desk, ends);
    let all = |ends: Option<Vec<InstanceId>>| near(ends.unwrap_or_default());
    let upstream = dag.map(|dag| dag.graph.upstream(of.task).map(|up| seen_from(dag, of, up)).collect());
    let downstream =
        dag.map(|dag| dag.graph.downstream(of.task).map(|down| seen_from(dag, of, down)).collect());
    let own = dag.map(|dag| dag.task(task.task));
    let given = match dag {
        Some(dag) if items.is_none() => Some(command(desk, (dag, &mut run, task), id)?),
        _ => None,
    };
    let mut waits: Vec<DagId> =
        own.iter().flat_map(|own| own.waits.iter().map(|it| it.dag.clone())).collect();
    waits.dedup();
    Ok(Some(Body {
        why: why(desk, &run, task, dag)?,
        run: run.run_id,
        dag: run.dag.clone(),
        name: task.name(),
        id: task.id.clone(),
        item: task.item,
        key: task.key.clone(),
        state: task.state,
        over: task.state.is_final(),
        since: task.since,
        late: task
            .late
            .iter()
            .map(|it| format!("It {}: {}", it.kind.claim(), it.kind.sentence(it.due)))
            .collect(),
        description: own.and_then(|own| own.description.clone()),
        upstream: all(upstream)?,
        downstream: all(downstream)?,
        waits,
        calls: match own.map(|own| &own.work) {
            Some(Work::Call(_)) => calls(desk, task, of.run)?,
            _ => Vec::new(),
        },
        tries: task.attempts.iter().map(|it| Try::of(it, desk.now)).collect(),
        shown: shown.map(|it| Try::of(it, desk.now)),
        logged: id.zip(shown.map(|it| it.state.is_final())),
        log: None,
        items,
        given,
        outputs: task.outputs.iter().map(|(name, value)| shortened(name, value)).collect(),
        strip: Strip::of(desk, &run.dag, run.run_id, Some(&task.id))?,
    }))
}

impl Try {
    fn of(attempt: &AttemptShow, now: Timestamp) -> Self {
        Self {
            number: attempt.number,
            state: attempt.state,
            reason: attempt.reason.to_string(),
            started_at: attempt.started_at,
            ended_at: attempt.ended_at,
            took: words::took(attempt.started_at, attempt.ended_at, now),
            pid: attempt.pid,
            exit_code: attempt.exit_code,
            signal: attempt.signal,
            cpu: attempt.used.cpu_us.map(|micros| shown(Duration::from_micros(micros))),
            peak: attempt.used.peak_bytes.map(words::size),
        }
    }
}

fn near(desk: &Desk<'_>, ends: Vec<InstanceId>) -> Result<Near, Fault> {
    let mut near = Near { more: ends.len().saturating_sub(NEAR), ..Near::default() };
    for end in ends.into_iter().take(NEAR) {
        near.spots.extend(desk.page.task_end(end)?.as_ref().map(Spot::of));
    }
    Ok(near)
}

/// The runs that it called, for each of its tries.
fn calls(desk: &Desk<'_>, task: &TaskShow, run: RunId) -> Result<Vec<CalledShow>, Fault> {
    let its = |call: &CalledShow| {
        call.task == task.id && call.item == task.item && desk.site.who.covers(call.dag.as_str())
    };
    Ok(desk.page.called(run)?.into_iter().filter(its).collect())
}

/// The items of a task that is done for each of several.
fn items(desk: &Desk<'_>, task: &TaskShow, of: InstanceId, asked: &Asked) -> Result<Option<Items>, Fault> {
    let counts = if task.item.is_none() { desk.page.item_counts(of.run, of.task)? } else { return Ok(None) };
    if counts.is_empty() {
        return Ok(None);
    }
    let state = asked.state.as_deref().and_then(TaskState::parse);
    let lines = desk.page.item_lines(of, state, asked.items_from, ITEMS)?;
    let failed = counts.get(&TaskState::Failed).copied().unwrap_or_default();
    // Those that failed stand before the others, where one page can show them all.
    let first = state.is_none() && (1..=ITEMS).contains(&failed);
    let ahead = match asked.items_from {
        0 if first => desk.page.item_lines(of, Some(TaskState::Failed), 0, ITEMS)?,
        _ => Vec::new(),
    };
    let line = |it: ItemLine| Line {
        item: it.item,
        key: it.key,
        state: it.state,
        reason: match it.state {
            TaskState::Success | TaskState::Running | TaskState::Starting => String::new(),
            _ => it.reason.to_string(),
        },
        took: words::took(it.started_at, it.ended_at, desk.now),
        attempts: it.attempts,
    };
    let full = lines.len() >= ITEMS as usize;
    Ok(Some(Items {
        next: lines.last().filter(|_| full).map(|last| last.item + 1),
        lines: ahead
            .into_iter()
            .chain(lines.into_iter().filter(|it| !first || it.state != TaskState::Failed))
            .map(line)
            .collect(),
        total: counts.values().sum(),
        counts: counts.into_iter().collect(),
        state,
        from: asked.items_from,
    }))
}

/// What an attempt was started with; none where its file cannot be read any more, or its items were.
pub(crate) fn started_with(
    desk: &Desk<'_>,
    (run, name, _): &(i64, String, u32),
    id: AttemptId,
) -> Result<Option<Given>, Fault> {
    let (task, item) = spot(name);
    let Some(mut run) = desk.page.run_alone(RunId(*run))? else { return Ok(None) };
    let Some(task) = desk.page.task(run.run_id, task, item, Some(&desk.site.app.data))? else {
        return Ok(None);
    };
    let ids = desk.page.task_ids(run.run_id)?;
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let spec = desk.spec(run.version)?.map(|dag| dag.arranged(&ids).map_or(dag, Arc::new));
    let Some(dag) = spec.filter(|dag| dag.tasks.len() > task.task.at()) else { return Ok(None) };
    given_to(desk, (&dag, &mut run, &task), Some(id)).map(Some)
}

/// The command of an attempt with the values it was started with, as the page has it.
fn command(
    desk: &Desk<'_>,
    of: (&Dag, &mut RunShow, &TaskShow),
    id: Option<AttemptId>,
) -> Result<Command, Fault> {
    let Given { command, values, unrendered, read } = given_to(desk, of, id)?;
    let read = read.iter().map(|(name, value)| shortened(name, value)).collect();
    Ok(Command { text: command, values, unrendered, read })
}

fn given_to(
    desk: &Desk<'_>,
    (dag, run, task): (&Dag, &mut RunShow, &TaskShow),
    id: Option<AttemptId>,
) -> Result<Given, Fault> {
    let path = id.map(|id| LogPaths::new(&desk.site.app.data).context(id));
    let is_small = |path: &std::path::PathBuf| fs::metadata(path).is_ok_and(|file| file.len() <= CONTEXT);
    let text = path.filter(is_small).and_then(|path| fs::read(path).ok());
    let context: Option<Json> = text.and_then(|text| serde_json::from_slice(&text).ok());
    for up in dag.graph.upstream(task.task).take(NEAR) {
        run.tasks.extend(desk.page.task(run.run_id, &dag.task(up).id, None, None)?);
    }
    let vars = (&desk.site.app.vars, &desk.page.vars()?[..]);
    let number = id.map_or(1, |id| id.number);
    Ok(given((dag, run, task), number, context.as_ref(), vars))
}

/// A value as text, and whether there is more of it.
fn shortened(name: &str, value: &Json) -> (String, String, bool) {
    let text = super::run::text_of(value);
    let end = text.floor_char_boundary(VALUE);
    (name.to_owned(), text[..end].to_owned(), end < text.len())
}
