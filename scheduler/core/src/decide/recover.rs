//! From the store's tables back to a state: what a scheduler does first after its start.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::event::{RunType, Values};
use super::law::{RunState, TaskState};
use super::reason::Reason;
use super::state::Version;
use crate::id::{DagId, RunId};
use crate::time::Timestamp;

/// What the store holds of everything that is not over.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// Slots of the executor.
    pub slots: u32,
    /// Slots of each pool.
    pub pools: BTreeMap<String, u32>,
    /// Everything is paused.
    pub paused: bool,
    /// Number for the next run.
    pub next_run: i64,
    /// Number for the next version.
    pub next_version: i64,
    /// All DAGs, retired ones too while they have runs that are not over.
    pub dags: Vec<DagRow>,
    /// All runs that are not over.
    pub runs: Vec<RunRow>,
}

/// One DAG, as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct DagRow {
    /// Its id.
    pub id: DagId,
    /// The version in force.
    pub version: Arc<Version>,
    /// Paused by somebody.
    pub paused: bool,
    /// No file defines it any more.
    pub retired: bool,
    /// The schedule has been looked at up to here.
    pub cursor: Timestamp,
}

/// One run that is not over, as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRow {
    /// Its number.
    pub id: RunId,
    /// The version it is pinned to.
    pub version: Arc<Version>,
    /// What made it.
    pub run_type: RunType,
    /// Its logical date.
    pub logical_date: Timestamp,
    /// Start and end of its data interval.
    pub interval: (Timestamp, Timestamp),
    /// Its params.
    pub params: Values,
    /// `queued`, `running` or `stopping`.
    pub state: RunState,
    /// Why.
    pub reason: Reason,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// Its task instances, in the order of the version's tasks.
    pub tasks: Vec<TaskRow>,
}

/// One task instance, as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskRow {
    /// Where it is.
    pub state: TaskState,
    /// Why.
    pub reason: Reason,
    /// Number of its last attempt; 0 before the first.
    pub attempt: u32,
    /// How many of its attempts ended as `failed`.
    pub failures: u32,
    /// How many of its attempts ended as `lost`.
    pub lost: u32,
}
