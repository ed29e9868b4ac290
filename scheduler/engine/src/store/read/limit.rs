//! Who holds slots, who waits for them, and which runs wait for room.

use nightrun_core::decide::{Reason, TaskState};
use nightrun_core::id::{DagId, InstanceId, RunId, TaskIndex, VersionId};
use nightrun_core::time::Timestamp;
use rusqlite::{Row, params};

use super::Page;
use crate::store::column::{dag_id, instant, reason, word};
use crate::store::error::Fault;

/// A task instance that holds slots, or waits for some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotTask {
    /// Which one.
    pub instance: InstanceId,
    /// Of which DAG.
    pub dag: DagId,
    /// The version that its run is pinned to: it says which pool, and how many slots.
    pub version: VersionId,
    /// The id of its task.
    pub id: String,
    /// Where it is.
    pub state: TaskState,
    /// Why.
    pub reason: Reason,
    /// Since when.
    pub since: Timestamp,
}

/// Queued runs of one DAG that wait for the same thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedRuns {
    /// The DAG.
    pub dag: DagId,
    /// Why they wait.
    pub reason: Reason,
    /// How many.
    pub count: u32,
    /// The oldest of them.
    pub first: RunId,
    /// Since when that one waits.
    pub since: Timestamp,
}

const SLOT_TASK: &str = "SELECT i.run, i.task, i.item, dag, run.version, task_id, i.state, i.reason, i.since
    FROM task_instance i JOIN run ON run.id = i.run
    WHERE i.ended_at IS NULL AND i.state <> 'waiting'";

impl Page {
    /// Task instances that hold a slot of the executor, oldest run first.
    pub fn slot_holders(&self, limit: u32) -> Result<Vec<SlotTask>, Fault> {
        let sql = format!("{SLOT_TASK} AND i.state IN ('starting', 'running', 'stopping')");
        self.all(&format!("{sql} ORDER BY i.run, i.task, i.item LIMIT ?1"), [limit], slot_task)
    }

    /// Task instances that wait for a slot of the executor, of a pool, or of their run, oldest run first.
    pub fn slot_waiters(&self, limit: u32) -> Result<Vec<SlotTask>, Fault> {
        let sql = format!("{SLOT_TASK} AND i.state = 'queued'");
        self.all(&format!("{sql} ORDER BY i.run, i.task, i.item LIMIT ?1"), [limit], slot_task)
    }

    /// Runs that have not begun, by DAG and reason, those that most wait for first.
    pub fn queued_runs(&self, limit: u32) -> Result<Vec<QueuedRuns>, Fault> {
        self.all(
            "SELECT dag, reason, count(*), min(id), min(since) FROM run WHERE state = 'queued'
             GROUP BY dag, reason ORDER BY count(*) DESC, dag LIMIT ?1",
            params![limit],
            |row| {
                Ok(QueuedRuns {
                    dag: dag_id(row, 0)?,
                    reason: reason(row, 1)?,
                    count: row.get(2)?,
                    first: RunId(row.get(3)?),
                    since: instant(row, 4)?,
                })
            },
        )
    }
}

fn slot_task(row: &Row<'_>) -> Result<SlotTask, Fault> {
    Ok(SlotTask {
        instance: InstanceId { run: RunId(row.get(0)?), task: TaskIndex(row.get(1)?), item: row.get(2)? },
        dag: dag_id(row, 3)?,
        version: VersionId(row.get(4)?),
        id: row.get(5)?,
        state: word(row, 6, TaskState::parse)?,
        reason: reason(row, 7)?,
        since: instant(row, 8)?,
    })
}
