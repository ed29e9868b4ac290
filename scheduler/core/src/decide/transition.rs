//! The facts that a step decides: each is one row of the append-only log, and all tables of the store
//! are projections of them.

use serde::{Deserialize, Serialize};
use std::sync::Arc;

use super::access::AccessChange;
use super::call::Parent;
use super::dates::{BackfillItem, BackfillMode, BackfillOrder};
use super::event::{Item, Outputs, RunType, Values};
use super::hold::Resume;
use super::hook::{Cause, HookState};
use super::law::{AttemptState, BackfillState, RunState, TaskState};
use super::reason::Reason;
use super::retime::TickChange;
use super::used::Used;
use crate::dag::DefaultsFile;
use crate::dag::spec::{FanIndex, HookOn, HookRetry, Lateness};
use crate::id::{AttemptId, BackfillId, DagId, HoldId, HookId, InstanceId, RunId, TaskIndex, VersionId};
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
        /// The file as it was, or its document in a file of several DAGs.
        text: Arc<str>,
        /// The `_defaults.yaml` it was read with, the farthest first.
        #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
        defaults: Arc<[DefaultsFile]>,
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
        /// Why, in their words.
        why: Option<String>,
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
        /// Who asks.
        by: String,
    },
    /// Somebody gave a var a value, or took it away.
    VarSet {
        /// Its name.
        name: String,
        /// Its value; `None`: it is deleted.
        value: Option<serde_json::Value>,
        /// Who.
        by: String,
    },
    /// Who may do what has changed.
    AccessChanged {
        /// How. Hashes of passwords and tokens are no part of the log.
        #[serde(flatten)]
        change: AccessChange,
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
        /// The backfill that made it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        backfill: Option<BackfillId>,
        /// The attempt that called it; the two belong together from here on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parent: Option<Parent>,
    },
    /// Somebody cleared tasks of a run: they wait again with reason `upstream`, their tries are counted
    /// from here, and their outputs are not seen any more. A run that was over is `queued` again.
    RunCleared {
        /// Which run.
        run: RunId,
        /// Where it was.
        from: RunState,
        /// Where it is now: `queued`, or as before.
        to: RunState,
        /// Why it is there.
        reason: Reason,
        /// The version that it is pinned to from now on; its tasks begin with those that the run has.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<VersionId>,
        /// The backfill that runs it again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        backfill: Option<BackfillId>,
        /// What was cleared, and from which state.
        tasks: Vec<(InstanceId, TaskState)>,
        /// Tasks that are `expanded` again, for items of them wait, and from which state.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        expanded: Vec<(InstanceId, TaskState)>,
        /// Who.
        by: String,
        /// Why, in their words.
        why: Option<String>,
    },
    /// A group runs again, for a task of it had failed for good: its tasks wait again with reason
    /// `upstream`, their tries are counted from here, and their outputs are not seen any more.
    GroupRetried {
        /// Of which run.
        run: RunId,
        /// The group.
        group: String,
        /// Which try of it this is; the first was 1.
        number: u32,
        /// How many tries it has.
        of: u32,
        /// The groups in it: their tries are counted from here, too.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        nested: Vec<String>,
        /// What waits again, and from which state; also what had not run because of it.
        tasks: Vec<(InstanceId, TaskState)>,
        /// Tasks that are `expanded` again, and from which state.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        expanded: Vec<(InstanceId, TaskState)>,
    },
    /// Somebody settled a task instance by hand.
    TaskMarked {
        /// Which one.
        instance: InstanceId,
        /// From.
        from: TaskState,
        /// To.
        to: TaskState,
        /// The new verdict of a run that stays over.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        verdict: Option<(RunState, RunState, Reason)>,
        /// Who.
        by: String,
        /// Why, in their words.
        why: Option<String>,
    },
    /// Somebody wrote something down about a run, or about one of its tasks.
    Noted {
        /// Which run.
        run: RunId,
        /// Which task.
        task: Option<TaskIndex>,
        /// What.
        text: String,
        /// Who.
        by: String,
    },
    /// There is a new backfill, `running`.
    BackfillCreated {
        /// Its number.
        backfill: BackfillId,
        /// Of which DAG.
        dag: DagId,
        /// First instant of its stretch.
        from: Timestamp,
        /// Last instant of its stretch.
        to: Timestamp,
        /// Which instants it takes.
        mode: BackfillMode,
        /// Which of them first.
        order: BackfillOrder,
        /// How many of its runs are active at once.
        max_active: u32,
        /// Params of the runs it makes.
        params: Values,
        /// It goes on although its DAG is paused.
        force: bool,
        /// All instants of its stretch, and what becomes of each.
        items: Vec<BackfillItem>,
        /// Who.
        by: String,
        /// Why, in their words.
        why: Option<String>,
    },
    /// A backfill made a run of one of its instants, or left it out after all.
    BackfillTook {
        /// Which backfill.
        backfill: BackfillId,
        /// Which instant.
        instant: Timestamp,
        /// The run.
        run: Option<RunId>,
        /// Why there is none.
        skipped: Option<Reason>,
    },
    /// A backfill moved.
    BackfillMoved {
        /// Which backfill.
        backfill: BackfillId,
        /// From.
        from: BackfillState,
        /// To.
        to: BackfillState,
        /// Who; `schedule` when it came to its end.
        by: String,
        /// Why, in their words.
        why: Option<String>,
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
        /// What its processes used.
        #[serde(default, skip_serializing_if = "Used::is_unknown")]
        used: Used,
    },
    /// A run or a task missed a deadline, or is near it; once for each.
    Late {
        /// Which run.
        run: RunId,
        /// The task whose deadline it is; `None`: the run's.
        task: Option<TaskIndex>,
        /// In which way.
        kind: Lateness,
        /// When that was due.
        due: Timestamp,
    },
    /// A hook is due; it is `pending`.
    HookDue {
        /// Its number.
        hook: HookId,
        /// Of which run.
        run: RunId,
        /// The task whose hook it is; `None`: the DAG's.
        of: Option<TaskIndex>,
        /// The point at which it is due.
        on: HookOn,
        /// Its place among the hooks of its DAG or task.
        step: u32,
        /// What it does: `run`, `email`, `slack`, `webhook` or `command`.
        action: String,
        /// How often it is tried again.
        retry: HookRetry,
        /// Why it is due.
        cause: Cause,
    },
    /// A try of a hook is over.
    HookTried {
        /// Which hook.
        hook: HookId,
        /// Of which run.
        run: RunId,
        /// Which try, from 1.
        number: u32,
        /// Where the hook is now.
        state: HookState,
        /// What went wrong.
        error: Option<String>,
        /// When it is tried again.
        retry_at: Option<Timestamp>,
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
            | Self::Paused { .. }
            | Self::VarSet { .. }
            | Self::AccessChanged { .. }
            | Self::BackfillCreated { .. }
            | Self::BackfillMoved { .. } => None,
            Self::Ticked { run, .. } | Self::MovedTicked { run, .. } | Self::BackfillTook { run, .. } => *run,
            Self::RunCleared { run, .. }
            | Self::GroupRetried { run, .. }
            | Self::Noted { run, .. }
            | Self::RunCreated { run, .. }
            | Self::Expanded { run, .. }
            | Self::RunMoved { run, .. }
            | Self::RunReasoned { run, .. }
            | Self::Late { run, .. }
            | Self::HookDue { run, .. }
            | Self::HookTried { run, .. } => Some(*run),
            Self::TaskMoved { instance, .. }
            | Self::TaskReasoned { instance, .. }
            | Self::TaskMarked { instance, .. } => Some(instance.run),
            Self::AttemptCreated { attempt }
            | Self::AttemptStarted { attempt, .. }
            | Self::AttemptStopping { attempt, .. }
            | Self::AttemptEnded { attempt, .. } => Some(attempt.instance.run),
        }
    }
}
