//! The facts that a step decides: each is one row of the append-only log, and all tables of the store
//! are projections of them.

use serde::{Deserialize, Serialize};
use std::sync::Arc;

use super::event::{Item, Outputs, RunType, Values};
use super::hold::Resume;
use super::law::{AttemptState, RunState, TaskState};
use super::reason::Reason;
use super::retime::TickChange;
use crate::dag::spec::FanIndex;
use crate::id::{AttemptId, DagId, HoldId, InstanceId, RunId, TaskIndex, VersionId};
use crate::time::Timestamp;

/// One fact. The log keeps it as JSON under its `fact` name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum Transition {
    /// A DAG is in force in a new version.
    DagLoaded {
        /// The DAG.
        dag: DagId,
        /// Its new version.
        version: VersionId,
        /// Hash of its meaning.
        hash: String,
        /// Where its file is, below the DAG folder.
        path: String,
        /// The file as it was.
        text: Arc<str>,
        /// Ids of its tasks in the order of the file.
        tasks: Vec<String>,
        /// Fingerprint of its schedule; empty without one.
        schedule: String,
        /// The schedule has been looked at up to here.
        cursor: Timestamp,
    },
    /// The faults of one file, replacing those found before; an empty list clears them.
    FaultsFound {
        /// The file, below the DAG folder.
        path: String,
        /// A list of diagnostics as `validate --format json` prints them.
        faults: serde_json::Value,
    },
    /// No file defines the DAG any more; its history stays.
    DagRetired {
        /// The DAG.
        dag: DagId,
    },
    /// Somebody paused or un-paused one DAG, or everything.
    Paused {
        /// `None`: everything.
        dag: Option<DagId>,
        /// True: paused.
        paused: bool,
        /// Who.
        by: String,
    },
    /// There is a maintenance window.
    HoldAdded {
        /// Its number.
        hold: HoldId,
        /// Which DAGs; `None`: all.
        dags: Option<Vec<DagId>>,
        /// When it opens.
        from: Timestamp,
        /// When it closes.
        to: Timestamp,
        /// What becomes of what it holds up.
        resume: Resume,
        /// Why, for people.
        why: String,
        /// Who.
        by: String,
    },
    /// Somebody ended a maintenance window before its time.
    HoldRemoved {
        /// Which window.
        hold: HoldId,
        /// Who.
        by: String,
    },
    /// A maintenance window is over, and what it held up is decided.
    HoldEnded {
        /// Which window.
        hold: HoldId,
    },
    /// One coming tick is to be skipped or moved.
    TickChanged {
        /// The DAG.
        dag: DagId,
        /// The nominal instant.
        instant: Timestamp,
        /// What becomes of it.
        change: TickChange,
        /// Why, for people.
        why: String,
        /// Who.
        by: String,
    },
    /// A tick that was skipped or moved is as the schedule has it again.
    TickRestored {
        /// The DAG.
        dag: DagId,
        /// The nominal instant.
        instant: Timestamp,
        /// Who; `schedule` when the schedule has no such instant any more.
        by: String,
    },
    /// A tick apart from the schedule's order is decided; the schedule's cursor stays where it is.
    MovedTicked {
        /// The DAG.
        dag: DagId,
        /// The nominal instant.
        instant: Timestamp,
        /// The run it fired.
        run: Option<RunId>,
        /// Why it fired none.
        skipped: Option<Reason>,
    },
    /// Ended runs and old versions are forgotten: their rows, and their entries in the log but for ticks.
    Pruned {
        /// Runs, all of them over; their numbers are never used again.
        runs: Vec<RunId>,
        /// Versions that nothing refers to any more.
        versions: Vec<VersionId>,
        /// Who.
        by: String,
    },
    /// A nominal instant of a schedule has become a tick; the schedule's cursor stands there now.
    Ticked {
        /// The DAG.
        dag: DagId,
        /// The instant.
        instant: Timestamp,
        /// The run it fired.
        run: Option<RunId>,
        /// Why it fired none.
        skipped: Option<Reason>,
    },
    /// There is a new run; all its tasks are `waiting` with reason `upstream`.
    RunCreated {
        /// Its number.
        run: RunId,
        /// Of which DAG.
        dag: DagId,
        /// In which version.
        version: VersionId,
        /// What made it.
        run_type: RunType,
        /// Its logical date.
        logical_date: Timestamp,
        /// Start of its data interval.
        interval_start: Timestamp,
        /// End of its data interval.
        interval_end: Timestamp,
        /// Its params, defaults filled in.
        params: Values,
        /// Why it is `queued`.
        reason: Reason,
        /// Who asked for it; `schedule` for a tick.
        by: String,
    },
    /// A run moved.
    RunMoved {
        /// Which run.
        run: RunId,
        /// From.
        from: RunState,
        /// To.
        to: RunState,
        /// Why.
        reason: Reason,
    },
    /// The reason of a waiting run or task changed, its state did not.
    RunReasoned {
        /// Which run.
        run: RunId,
        /// The new reason.
        reason: Reason,
    },
    /// A task instance moved.
    TaskMoved {
        /// Which task instance.
        instance: InstanceId,
        /// From.
        from: TaskState,
        /// To.
        to: TaskState,
        /// Why.
        reason: Reason,
    },
    /// The reason of a waiting task instance changed, its state did not.
    TaskReasoned {
        /// Which task instance.
        instance: InstanceId,
        /// The new reason.
        reason: Reason,
    },
    /// These tasks of a fan are `expanded`: each has an instance for each item, `waiting` with reason `upstream`.
    Expanded {
        /// Of which run.
        run: RunId,
        /// The fan.
        fan: FanIndex,
        /// Its tasks, but for those that had ended before.
        tasks: Vec<TaskIndex>,
        /// The items in their order; the first is item 1 of the store.
        items: Vec<Item>,
    },
    /// There is a new attempt; it and its task instance are `starting`.
    AttemptCreated {
        /// Which attempt.
        attempt: AttemptId,
    },
    /// The process of an attempt lives; attempt and task instance are in `state` now.
    AttemptStarted {
        /// Which attempt.
        attempt: AttemptId,
        /// Its process.
        pid: u32,
        /// Since when.
        at: Timestamp,
        /// `running`, or still `stopping`.
        state: AttemptState,
    },
    /// An attempt was told to end; it and its task instance are `stopping`.
    AttemptStopping {
        /// Which attempt.
        attempt: AttemptId,
        /// Why.
        reason: Reason,
    },
    /// An attempt is over. What becomes of its task instance follows as `TaskMoved`.
    AttemptEnded {
        /// Which attempt.
        attempt: AttemptId,
        /// `success`, `failed`, `skipped`, `canceled` or `lost`.
        state: AttemptState,
        /// When.
        at: Timestamp,
        /// Its exit code, where it has one.
        exit_code: Option<i32>,
        /// The signal that ended it, where one did.
        signal: Option<i32>,
        /// Why it ended so.
        reason: Reason,
        /// Its outputs; only a success has any.
        outputs: Outputs,
    },
}

impl Transition {
    /// The run it belongs to, for the log's index.
    pub fn run(&self) -> Option<RunId> {
        match self {
            Self::DagLoaded { .. }
            | Self::FaultsFound { .. }
            | Self::DagRetired { .. }
            | Self::Pruned { .. }
            | Self::HoldAdded { .. }
            | Self::HoldRemoved { .. }
            | Self::HoldEnded { .. }
            | Self::TickChanged { .. }
            | Self::TickRestored { .. }
            | Self::Paused { .. } => None,
            Self::Ticked { run, .. } | Self::MovedTicked { run, .. } => *run,
            Self::RunCreated { run, .. }
            | Self::Expanded { run, .. }
            | Self::RunMoved { run, .. }
            | Self::RunReasoned { run, .. } => Some(*run),
            Self::TaskMoved { instance, .. } | Self::TaskReasoned { instance, .. } => Some(instance.run),
            Self::AttemptCreated { attempt }
            | Self::AttemptStarted { attempt, .. }
            | Self::AttemptStopping { attempt, .. }
            | Self::AttemptEnded { attempt, .. } => Some(attempt.instance.run),
        }
    }
}
