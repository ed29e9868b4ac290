//! What comes in: words of executors, requests of people, files that were read, time that passed.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::access::AccessChange;
use super::call::{CallEnd, CallRequest};
use super::clear::ClearRequest;
use super::dates::{BackfillRequest, Past};
use super::hold::HoldRequest;
use super::law::BackfillState;
use super::mark::{MarkRequest, NoteRequest};
use super::part::Part;
use super::reason::Reason;
use super::recover::RunRow;
use super::retime::TickRequest;
use super::used::Used;
use crate::dag::DefaultsFile;
use crate::dag::spec::Dag;
use crate::id::{AttemptId, BackfillId, DagId, HoldId, HookId, InstanceId, RunId, TaskIndex, VersionId};
use crate::time::Timestamp;

/// Named values: params of a run.
pub type Values = BTreeMap<String, Json>;

/// Named outputs of an attempt.
pub type Outputs = BTreeMap<String, Output>;

/// One output of an attempt: small ones travel and are stored as they are, large ones as a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Output {
    /// The value itself.
    Inline(Json),
    /// The value is the JSON text of the file of this SHA-256 (hex) in the value folder.
    Spilled {
        /// Hash of the file's bytes, and its name.
        sha256: String,
        /// Its size.
        bytes: u64,
    },
}

/// One thing that happened outside and that the core must decide about.
#[derive(Debug, Clone)]
pub enum Event {
    /// The armed timer rang, or time may have passed.
    TimePassed,
    /// The scheduler begins: attempts that were alive in the store have an unknown end. It comes before all
    /// others, so that no attempt of this scheduler is taken for one of the last.
    Started,
    /// DAG files were read: new or changed DAGs, and ids that no file defines any more.
    DagsRead {
        /// DAGs as they are now; those with an unchanged hash change nothing.
        read: Vec<DagText>,
        /// DAGs whose file is gone.
        gone: Vec<DagId>,
        /// Files and their faults as they are now, as JSON diagnostics; an empty list: fine again.
        faults: Vec<(String, Json)>,
    },
    /// Somebody wants a run.
    RunRequested(RunRequest),
    /// Somebody wants a run to end.
    CancelRequested {
        /// Which run.
        run: RunId,
        /// Who asks.
        by: String,
    },
    /// Somebody pauses or un-pauses one DAG, or all.
    PauseRequested {
        /// `None`: everything.
        dag: Option<DagId>,
        /// True to pause.
        paused: bool,
        /// Who asks.
        by: String,
        /// Why, in their words.
        why: Option<String>,
    },
    /// Somebody wants a maintenance window.
    HoldRequested(HoldRequest),
    /// Somebody ends a maintenance window, or takes one back that has not begun.
    HoldRemovalRequested {
        /// Which window.
        hold: HoldId,
        /// Who asks.
        by: String,
    },
    /// Somebody skips or moves one coming tick, or takes that back.
    TickChangeRequested(TickRequest),
    /// Ended runs, and versions that nothing refers to any more, are to be forgotten.
    PruneRequested {
        /// Runs that had ended when they were chosen.
        runs: Vec<RunId>,
        /// Versions that neither a DAG nor a run referred to then.
        versions: Vec<VersionId>,
        /// Who asks.
        by: String,
    },
    /// Somebody gives a var a value, or takes it away.
    VarSet {
        /// Its name.
        name: String,
        /// Its value; `None`: it is deleted.
        value: Option<Json>,
        /// Who asks.
        by: String,
    },
    /// Somebody changes who may do what.
    AccessRequested {
        /// What.
        change: AccessChange,
        /// Who asks.
        by: String,
    },
    /// An executor started the process of an attempt.
    AttemptStarted {
        /// Which attempt.
        attempt: AttemptId,
        /// Its process.
        pid: u32,
        /// When the process came to life.
        at: Timestamp,
    },
    /// An attempt is over; its process is known dead.
    AttemptFinished {
        /// Which attempt.
        attempt: AttemptId,
        /// When it ended.
        at: Timestamp,
        /// How it ended.
        outcome: Outcome,
        /// What its processes used.
        used: Used,
    },
    /// The templates of an attempt that calls another DAG are filled in.
    Called {
        /// Which attempt.
        attempt: AttemptId,
        /// The process that filled them in: the scheduler's own.
        pid: u32,
        /// When.
        at: Timestamp,
        /// What is called, and with what.
        request: CallRequest,
    },
    /// A run that was called was looked up after its end.
    CallReturned {
        /// The attempt that called it.
        attempt: AttemptId,
        /// When.
        at: Timestamp,
        /// What has come of it.
        end: CallEnd,
    },
    /// The items of a `foreach` were found out.
    Expanded {
        /// Of which task.
        instance: InstanceId,
        /// The items in their order, or why there are none to be had.
        items: Result<Vec<Item>, String>,
    },
    /// The runs of other DAGs that a task waits for were looked up.
    LookedFor {
        /// Which task instance.
        instance: InstanceId,
        /// What is still missing; `None`: nothing.
        missing: Option<Missing>,
    },
    /// A try to deliver a hook is over.
    HookTried {
        /// Which hook.
        hook: HookId,
        /// Which try, from 1.
        number: u32,
        /// What went wrong; `None`: it is delivered.
        error: Option<String>,
    },
    /// A `when` was evaluated.
    WhenEvaluated {
        /// Of which task instance.
        instance: InstanceId,
        /// Its truth, or why it cannot be told.
        holds: Result<bool, String>,
    },
    /// Somebody wants tasks of a run to run again.
    ClearRequested {
        /// Which run.
        run: RunId,
        /// Which of its tasks.
        request: ClearRequest,
        /// The run as it is stored, if it is over.
        row: Option<Box<RunRow>>,
    },
    /// Somebody settles a task by hand.
    MarkRequested {
        /// Which run.
        run: RunId,
        /// Which task, and as what.
        request: MarkRequest,
        /// The run as it is stored, if it is over.
        row: Option<Box<RunRow>>,
    },
    /// Somebody writes something down about a run.
    NoteRequested {
        /// Which run.
        run: RunId,
        /// What.
        request: NoteRequest,
        /// The run as it is stored, if it is over.
        row: Option<Box<RunRow>>,
    },
    /// Somebody wants runs for a stretch of the past.
    BackfillRequested {
        /// Of which DAG.
        dag: DagId,
        /// Which stretch, and how.
        request: BackfillRequest,
        /// What the store holds of that stretch.
        past: Past,
    },
    /// Somebody pauses, resumes or ends a backfill.
    BackfillSteered {
        /// Which one.
        backfill: BackfillId,
        /// Where it shall be: `paused`, `running` or `canceled`.
        to: BackfillState,
        /// Who asks.
        by: String,
        /// Why, in their words.
        why: Option<String>,
    },
    /// A run that a backfill runs again, as the store holds it.
    RunRecalled {
        /// For which backfill.
        backfill: BackfillId,
        /// Which run.
        run: RunId,
        /// The run; none if it is not over, or cannot be read.
        row: Option<Box<RunRow>>,
    },
}

/// A DAG and the text it came from.
#[derive(Debug, Clone)]
pub struct DagText {
    /// What it means.
    pub dag: Arc<Dag>,
    /// Where its file is, below the DAG folder.
    pub path: String,
    /// The file as it was, or its document in a file of several DAGs.
    pub text: Arc<str>,
    /// The `_defaults.yaml` it was read with, the farthest first.
    pub defaults: Arc<[DefaultsFile]>,
    /// A hash of what the text means together with what it was read with.
    pub hash: String,
}

/// A run wanted by somebody.
#[derive(Debug, Clone)]
pub struct RunRequest {
    /// Of which DAG.
    pub dag: DagId,
    /// Its params where they differ from the defaults.
    pub params: Values,
    /// Its logical date; `None`: now.
    pub logical_date: Option<Timestamp>,
    /// Which of its tasks.
    pub part: Part,
    /// Begins even when the DAG is paused or `max_active_runs` is reached.
    pub force: bool,
    /// Who asks.
    pub by: String,
}

/// What made a run; the order is the order of the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunType {
    /// A person or another program.
    Manual,
    /// A task of another run.
    Call,
    /// A tick of the schedule.
    Scheduled,
    /// A backfill: it takes what the others leave.
    Backfill,
}

impl RunType {
    /// Its name in SQL, JSON and pages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::Call => "call",
            Self::Scheduled => "scheduled",
            Self::Backfill => "backfill",
        }
    }

    /// The type of this name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Manual, Self::Call, Self::Scheduled, Self::Backfill].into_iter().find(|t| t.as_str() == text)
    }
}

/// One item of a `foreach`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// What people see of it beside its number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The item.
    pub value: Json,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Its process exited with 0 and its outputs are good.
    Succeeded {
        /// Its outputs.
        outputs: Outputs,
        /// What it decided about the tasks after it.
        choice: Choice,
    },
    /// Its process exited with another code.
    Exited(i32),
    /// A signal ended its process.
    Signaled(i32),
    /// There never was a process.
    NotStarted(String),
    /// It exited with 0, but its outputs cannot be taken.
    OutputsRefused(String),
    /// The run that it called did not succeed.
    CallFailed(Reason),
    /// Nobody knows.
    Lost,
}

/// What a successful attempt decides about the tasks after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// Nothing.
    Free,
    /// These (with all their descendants) are kept; other direct downstreams are skipped.
    Branch(Vec<TaskIndex>),
    /// The path ends here: all descendants are skipped, or only the direct downstreams.
    Cut {
        /// True: only the direct downstreams.
        direct: bool,
    },
}

/// What a task that waits for runs still misses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// In words.
    pub what: String,
    /// The run, if it was made already.
    pub run: Option<RunId>,
}
