//! One task through the runs of its DAG: how it ended, how long it waited and ran, and what its file says of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Query};
use nightrun_core::dag::spec::Dag;
use nightrun_core::decide::TaskState;
use nightrun_core::id::{DagId, RunId, TaskIndex, VersionId};
use nightrun_core::time::{Timestamp, show_duration};
use nightrun_engine::store::{Fault, TaskInRun};
use serde::{Deserialize, Serialize};

use super::{Did, Sheet, Shown, Watch, show};
use crate::app::{Desk, Shared, State};
use crate::draw::lengths::{median, shown};
use crate::draw::stacks::{Picture, Stack, draw};
use crate::words;

/// Runs on one page.
pub(crate) const ROWS: u32 = 50;

/// Files of so many versions are read for one page, to know what the task came after.
const VERSIONS: usize = 12;

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Asked {
    before: Option<i64>,
}

#[derive(Serialize)]
struct Body {
    dag: DagId,
    task: String,
    /// The file in force can be read, so that it is known what it says.
    readable: bool,
    own: Option<Own>,
    /// The wait before another try, and the longest a try may take.
    times: (Option<String>, Option<String>),
    rows: Vec<Row>,
    picture: Picture,
    fared: Fared,
    /// Runs before this one follow.
    older: Option<RunId>,
    newest: bool,
    zone: Option<String>,
}

/// How it fared, in words.
#[derive(Serialize)]
struct Fared {
    runs: usize,
    failed: usize,
    median: Option<String>,
    slowest: Option<(String, RunId)>,
}

/// A task as the version in force has it.
#[derive(Debug, Serialize)]
pub(crate) struct Own {
    pub(crate) description: Option<String>,
    /// It is done for each of several items.
    pub(crate) foreach: bool,
    pub(crate) trigger_rule: &'static str,
    pub(crate) when: Option<String>,
    pub(crate) pool: Option<String>,
    pub(crate) pool_slots: u32,
    pub(crate) retries: u32,
    #[serde(skip)]
    pub(crate) retry_delay: Duration,
    #[serde(skip)]
    pub(crate) timeout: Option<Duration>,
    pub(crate) upstream: Vec<String>,
    pub(crate) downstream: Vec<String>,
}

/// How it fared in some runs.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Summary {
    pub(crate) runs: usize,
    pub(crate) failed: usize,
    /// Of those that went well.
    pub(crate) median: Option<Duration>,
    pub(crate) slowest: Option<(Duration, RunId)>,
}

/// The task in one run, with what is worked out of it.
pub(crate) struct Past {
    pub(crate) row: TaskInRun,
    pub(crate) waited: Option<Duration>,
    pub(crate) took: Option<Duration>,
}

#[derive(Serialize)]
struct Row {
    run: RunId,
    run_type: &'static str,
    logical_date: Timestamp,
    state: TaskState,
    attempts: u32,
    waited: Option<String>,
    took: Option<String>,
    ended_at: Option<Timestamp>,
    cpu: Option<String>,
    peak: Option<String>,
    reason: String,
    items: u32,
    item_counts: Vec<(TaskState, u32)>,
}

/// `GET /dags/{dag}/tasks/{task}?before=`
pub(crate) async fn page(
    State(site): Shared,
    Path((dag, task)): Path<(String, String)>,
    Query(asked): Query<Asked>,
    Query(did): Query<Did>,
) -> Shown {
    show(&site, "task_past.html", "dags", did, move |desk| {
        let dag = DagId::from(dag.as_str());
        let Some(found) = find(desk, &dag, &task)? else { return Ok(None) };
        let pasts = pasts(desk, (&dag, &task), asked.before.map(RunId), ROWS)?;
        let active = pasts.iter().filter(|past| !past.row.state.is_final()).map(|past| past.row.run);
        let watch = Watch { dags: vec![dag.clone()], runs: active.collect(), all: false };
        let older = pasts.last().map(|past| past.row.run).filter(|_| pasts.len() == ROWS as usize);
        let stacks: Vec<Stack> = pasts.iter().map(stack).collect();
        let body = Body {
            task: task.clone(),
            readable: found.spec.is_some(),
            times: times(found.own.as_ref()),
            own: found.own,
            zone: found.spec.map(|dag| dag.zone.name().to_owned()),
            picture: draw(&stacks),
            fared: Fared::of(summary(&pasts)),
            rows: pasts.into_iter().map(row).collect(),
            older,
            newest: asked.before.is_none(),
            dag,
        };
        Ok(Some(Sheet { title: format!("{task} · {}", body.dag), watch, body }))
    })
    .await
}

/// A task of a DAG that is in force, or that a version had.
pub(crate) struct Found {
    pub(crate) spec: Option<Arc<Dag>>,
    /// None: the version in force has it no more, or cannot be read.
    pub(crate) own: Option<Own>,
}

/// `None`: there is no such DAG, or it never had such a task.
pub(crate) fn find(desk: &Desk<'_>, dag: &DagId, task: &str) -> Result<Option<Found>, Fault> {
    let Some(version) = desk.page.version_in_force(dag)? else { return Ok(None) };
    let spec = desk.spec(version)?;
    let own = spec.as_deref().and_then(|dag| Some(own(dag, dag.find(task)?)));
    let known = own.is_some() || desk.page.had_task(dag, task)?;
    Ok(known.then_some(Found { spec, own }))
}

fn own(dag: &Dag, at: TaskIndex) -> Own {
    let task = dag.task(at);
    let id = |near: TaskIndex| dag.task(near).id.clone();
    Own {
        description: task.description.clone(),
        foreach: task.fan.is_some(),
        trigger_rule: task.trigger_rule.as_str(),
        when: task.when.clone(),
        pool: task.pool.clone(),
        pool_slots: task.pool_slots,
        retries: task.retry.retries,
        retry_delay: task.retry.delay,
        timeout: task.timeout,
        upstream: dag.graph.upstream(at).map(id).collect(),
        downstream: dag.graph.downstream(at).map(id).collect(),
    }
}

/// The task in its runs, newest first.
pub(crate) fn pasts(
    desk: &Desk<'_>,
    (dag, task): (&DagId, &str),
    before: Option<RunId>,
    limit: u32,
) -> Result<Vec<Past>, Fault> {
    let rows = desk.page.task_runs(dag, task, before, limit)?;
    let versions: BTreeSet<VersionId> = rows.iter().map(|row| row.version).collect();
    let mut specs: BTreeMap<VersionId, Arc<Dag>> = BTreeMap::new();
    for version in versions.into_iter().rev().take(VERSIONS) {
        specs.extend(desk.spec(version)?.map(|dag| (version, dag)));
    }
    let mut pasts = Vec::new();
    for row in rows {
        let ready = match specs.get(&row.version) {
            Some(dag) => ready(desk, dag, task, &row)?,
            None => None,
        };
        let waited = ready.zip(row.begun_at).filter(|(ready, begun)| ready <= begun);
        let took = row.started_at.map(|begun| row.ended_at.unwrap_or(desk.now).since(begun));
        pasts.push(Past { waited: waited.map(|(ready, begun)| begun.since(ready)), took, row });
    }
    Ok(pasts)
}

/// When all that it comes after had ended; where it comes after nothing, when its run began.
fn ready(desk: &Desk<'_>, dag: &Dag, task: &str, row: &TaskInRun) -> Result<Option<Timestamp>, Fault> {
    let Some(at) = dag.find(task) else { return Ok(None) };
    let upstream: Vec<(TaskIndex, &str)> =
        dag.graph.upstream(at).map(|up| (up, dag.task(up).id.as_str())).collect();
    if upstream.is_empty() {
        return Ok(row.run_started_at);
    }
    desk.page.last_end(row.run, &upstream)
}

/// How it fared in these runs.
pub(crate) fn summary(pasts: &[Past]) -> Summary {
    let well = pasts.iter().filter(|past| past.row.state == TaskState::Success);
    let lengths = || well.clone().filter_map(|past| Some((past.took?, past.row.run)));
    Summary {
        runs: pasts.len(),
        failed: pasts.iter().filter(|past| past.row.state == TaskState::Failed).count(),
        median: median(lengths().map(|(took, _)| took)),
        slowest: lengths().max(),
    }
}

impl Fared {
    fn of(summary: Summary) -> Self {
        Self {
            runs: summary.runs,
            failed: summary.failed,
            median: summary.median.map(shown),
            slowest: summary.slowest.map(|(took, run)| (shown(took), run)),
        }
    }
}

fn times(own: Option<&Own>) -> (Option<String>, Option<String>) {
    let delay = own.filter(|own| own.retries > 0).map(|own| show_duration(own.retry_delay));
    (delay, own.and_then(|own| own.timeout).map(show_duration))
}

fn stack(past: &Past) -> Stack {
    Stack {
        run: past.row.run,
        state: past.row.state,
        date: past.row.logical_date,
        waited: past.waited,
        took: past.took,
    }
}

fn row(past: Past) -> Row {
    let Past { row, waited, took } = past;
    Row {
        run: row.run,
        run_type: row.run_type.as_str(),
        logical_date: row.logical_date,
        state: row.state,
        attempts: row.attempts,
        waited: waited.map(shown),
        took: took.map(shown),
        ended_at: row.ended_at,
        cpu: row.used.cpu_us.map(|micros| shown(Duration::from_micros(micros))),
        peak: row.used.peak_bytes.map(words::size),
        reason: match row.state {
            TaskState::Success | TaskState::Running | TaskState::Starting | TaskState::Expanded => {
                String::new()
            }
            _ => row.reason.to_string(),
        },
        items: row.items,
        item_counts: row.item_counts.into_iter().collect(),
    }
}
