//! What a task waits for outside of its run.

use std::time::Duration;

use super::spec::Dag;
use crate::id::DagId;

/// A wait for a run of another DAG or an earlier one of the same, or for one of its tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// The DAG of the run.
    pub dag: DagId,
    /// One of its tasks; `None`: the whole run.
    pub task: Option<String>,
    /// Which of its runs.
    pub matching: Matching,
    /// Longest it waits, from when everything else holds.
    pub timeout: Option<Duration>,
}

impl Wait {
    /// What is waited for, as people name it: `orders`, `orders.publish`.
    pub fn name(&self) -> String {
        self.task.as_ref().map_or_else(|| self.dag.to_string(), |task| format!("{}.{task}", self.dag))
    }
}

/// Which run of the other DAG a wait is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Matching {
    /// That of the same logical date.
    SameDate,
    /// The newest whose logical date is not after ours.
    LatestCovering,
    /// That whose logical date is ours moved by so many nanoseconds.
    Offset(i64),
    /// The last scheduled or backfilled one whose logical date is before ours; if there is none, nothing is
    /// waited for. A task of it may also be skipped, or not exist.
    Previous,
}

impl Dag {
    /// A run of it waits for the run before, or a task of it does.
    pub fn waits_for_previous(&self) -> bool {
        self.tasks.iter().flat_map(|task| &task.waits).any(|wait| wait.matching == Matching::Previous)
    }
}
