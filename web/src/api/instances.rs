//! Task instances of all runs, and one task through the runs of its DAG.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, Query};
use nightrun_core::decide::{RunType, TaskState};
use nightrun_core::id::{DagId, InstanceId, RunId};
use nightrun_core::time::Timestamp;
use nightrun_engine::store::{TaskFilter, TaskItem};
use schemars::JsonSchema;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use super::past::ms;
use super::{Before, Limit, Listed, Paged, Told};
use crate::app::{Shared, State};
use crate::page::instances::{address, place};
use crate::page::task_past::{self, Past};

/// States with commas between them, as a schema has it.
const STATES: &str = "^(waiting|queued|starting|running|stopping|up_for_retry|deferred|expanded|success|failed|upstream_failed|skipped|canceled|removed)\
                      (,(waiting|queued|starting|running|stopping|up_for_retry|deferred|expanded|success|failed|upstream_failed|skipped|canceled|removed))*$";

/// Which task instances a list has.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Which {
    /// In this state, or in one of these, with commas between them.
    #[serde(default, deserialize_with = "read_states")]
    #[schemars(with = "Option<String>", regex(pattern = STATES))]
    state: Vec<TaskState>,
    /// Of this DAG.
    dag: Option<String>,
    /// Of the task of this id.
    task: Option<String>,
    /// Of runs of this logical date or a later one.
    from: Option<Timestamp>,
    /// Of runs of a logical date before this one.
    to: Option<Timestamp>,
    /// Where the page before ended: its `next`.
    #[serde(default, deserialize_with = "read_place")]
    #[schemars(with = "Option<String>", regex(pattern = r"^[0-9]{1,15}\.[0-9]{1,9}\.[0-9]{1,9}$"))]
    before: Option<InstanceId>,
}

fn read_states<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<TaskState>, D::Error> {
    let text = String::deserialize(from)?;
    let unknown = |word: &str| D::Error::custom(format!("`{word}` is no state of a task"));
    text.split(',').map(|word| TaskState::parse(word).ok_or_else(|| unknown(word))).collect()
}

fn read_place<'de, D: Deserializer<'de>>(from: D) -> Result<Option<InstanceId>, D::Error> {
    let text = String::deserialize(from)?;
    place(&text).map(Some).ok_or_else(|| D::Error::custom(format!("`{text}` is no `next` of a page")))
}

/// `GET /api/v1/tasks?state=&dag=&task=&from=&to=&before=&limit=`
pub(crate) async fn list(
    State(site): Shared,
    Query(which): Query<Which>,
    Query(limit): Query<Limit>,
) -> Paged<TaskItem> {
    let rows = limit.rows();
    let found = site.read(move |desk| {
        let filter = TaskFilter {
            dag: which.dag.as_deref().map(DagId::from),
            among: desk.site.who.among(),
            states: which.state,
            task: which.task,
            date_from: which.from,
            date_until: which.to,
            before: which.before,
            ..TaskFilter::default()
        };
        desk.page.task_items(&filter, rows).map(Some)
    });
    let page = found.await?;
    // A page may be short although there is more: only so much of the past is looked through at once.
    Ok(Listed { items: page.items, next: page.next.map(address), by: "before" })
}

/// One task in one run of its DAG.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct TaskRun {
    run_id: String,
    run_type: RunType,
    logical_date: Timestamp,
    state: TaskState,
    /// Why.
    reason: String,
    /// The name of the reason.
    reason_kind: &'static str,
    /// How often it was tried.
    attempts: u32,
    /// Between the end of what it comes after and its first try; `null`: not known.
    waited_ms: Option<u64>,
    /// Its last try; of a `foreach`, from the first item's start to its end. Until now, where it goes on.
    took_ms: Option<u64>,
    started_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
    /// Time on processors of its last try, in microseconds.
    cpu_us: Option<u64>,
    /// The most memory its last try had.
    peak_bytes: Option<u64>,
    /// How many items it had; 0 without a `foreach`.
    items: u32,
    /// How many of them are in each state; empty where they are too many to be counted.
    item_states: BTreeMap<&'static str, u32>,
}

impl TaskRun {
    fn of(past: Past) -> Self {
        let Past { row, waited, took } = past;
        Self {
            run_id: row.run.to_string(),
            run_type: row.run_type,
            logical_date: row.logical_date,
            state: row.state,
            reason_kind: row.reason.kind(),
            reason: row.reason.to_string(),
            attempts: row.attempts,
            waited_ms: waited.map(ms),
            took_ms: took.map(ms),
            started_at: row.started_at,
            ended_at: row.ended_at,
            cpu_us: row.used.cpu_us,
            peak_bytes: row.used.peak_bytes,
            items: row.items,
            item_states: row.item_counts.into_iter().map(|(state, count)| (state.as_str(), count)).collect(),
        }
    }
}

/// `GET /api/v1/dags/{dag}/tasks/{task}/history?before=&limit=`
pub(crate) async fn history(
    State(site): Shared,
    Path((dag, task)): Path<(String, String)>,
    Query(before): Query<Before>,
    Query(limit): Query<Limit>,
) -> Paged<TaskRun> {
    let rows = limit.rows();
    let found = site.read(move |desk| {
        let dag = DagId::from(dag.as_str());
        let known = task_past::find(desk, &dag, &task)?.is_some();
        let pasts = || task_past::pasts(desk, (&dag, &task), before.before.map(RunId), rows);
        known.then(pasts).transpose()
    });
    let items: Vec<TaskRun> = found.await?.into_iter().map(TaskRun::of).collect();
    Ok(Listed::new(items, rows, "before", |item| item.run_id.clone()))
}

/// A task of a DAG, and how it fared of late.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct TaskTold {
    dag: DagId,
    task: String,
    /// What the file in force says of it; `null`: it has no such task any more, or cannot be read.
    in_force: Option<TaskInForce>,
    /// How many of its last runs the figures below are of.
    runs: usize,
    /// In how many of them it failed.
    failed: usize,
    /// Half of those that succeeded took no longer.
    median_ms: Option<u64>,
    longest_ms: Option<u64>,
    /// The run in which it took longest.
    longest_run_id: Option<String>,
}

/// A task as a file has it.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct TaskInForce {
    description: Option<String>,
    /// It is done for each of several items.
    foreach: bool,
    trigger_rule: &'static str,
    when: Option<String>,
    pool: Option<String>,
    pool_slots: u32,
    retries: u32,
    retry_delay_ms: u64,
    timeout_ms: Option<u64>,
    /// The tasks right before it.
    upstream: Vec<String>,
    /// The tasks right after it.
    downstream: Vec<String>,
}

/// `GET /api/v1/dags/{dag}/tasks/{task}`
pub(crate) async fn of_dag(State(site): Shared, Path((dag, task)): Path<(String, String)>) -> Told<TaskTold> {
    let found = site.read(move |desk| {
        let dag = DagId::from(dag.as_str());
        let Some(found) = task_past::find(desk, &dag, &task)? else { return Ok(None) };
        let pasts = task_past::pasts(desk, (&dag, &task), None, task_past::ROWS)?;
        let summary = task_past::summary(&pasts);
        let in_force = found.own.map(|own| TaskInForce {
            description: own.description,
            foreach: own.foreach,
            trigger_rule: own.trigger_rule,
            when: own.when,
            pool: own.pool,
            pool_slots: own.pool_slots,
            retries: own.retries,
            retry_delay_ms: ms(own.retry_delay),
            timeout_ms: own.timeout.map(ms),
            upstream: own.upstream,
            downstream: own.downstream,
        });
        Ok(Some(TaskTold {
            dag,
            task,
            in_force,
            runs: summary.runs,
            failed: summary.failed,
            median_ms: summary.median.map(ms),
            longest_ms: summary.slowest.map(|(took, _)| ms(took)),
            longest_run_id: summary.slowest.map(|(_, run)| run.to_string()),
        }))
    });
    found.await.map(Json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_names_every_state() {
        let named =
            |state: &TaskState| STATES.split(['(', ')', '|']).filter(|it| *it == state.as_str()).count();
        assert!(TaskState::ALL.iter().all(|state| named(state) == 2), "{STATES}");
    }
}
