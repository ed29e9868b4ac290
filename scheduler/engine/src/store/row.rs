//! What readers get: typed rows that serialize as the command line and the API print them. Run numbers
//! are text there, instants RFC 3339 in UTC with nanoseconds, unknown ones `null`.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;

use nightrun_core::dag::spec::{Dag, HookOn, Lateness};
use nightrun_core::dag::{DefaultsFile, Source};
use nightrun_core::decide::{
    AttemptState, Cause, HookState, Reason, RunState, RunType, TaskState, Transition, Used, Values,
};
use nightrun_core::id::{BackfillId, DagId, HookId, InstanceId, RunId, TaskIndex, VersionId};
use nightrun_core::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value as Json;

use super::read::{CalledShow, CallerShow, NoteItem};
use crate::logs::Progress;

/// A DAG that a file defines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DagInForce {
    /// Its id.
    pub dag: DagId,
    /// The version in force.
    pub version: VersionId,
    /// Paused by somebody.
    pub paused: bool,
}

/// One DAG as a list shows it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct DagItem {
    /// Its id.
    pub dag: DagId,
    /// The version in force.
    pub version: VersionId,
    /// Where its file is, below the DAG folder.
    pub path: String,
    /// Paused by somebody.
    pub paused: bool,
    /// No file defines it any more.
    pub retired: bool,
    /// Its schedule has been looked at up to here.
    pub cursor: Timestamp,
    /// How many faults its file has, as it is on disk.
    pub fault_count: u32,
    /// Its last runs, newest first.
    pub recent: Vec<RunMark>,
}

/// A run as a mark in a row of marks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RunMark {
    /// Its number.
    #[serde(serialize_with = "as_text")]
    #[schemars(with = "String")]
    pub run_id: RunId,
    /// Where it is.
    pub state: RunState,
}

/// One version of a DAG, without its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct VersionItem {
    /// Its number.
    pub version: VersionId,
    /// Of which DAG.
    pub dag: DagId,
    /// Hash of its meaning.
    pub hash: String,
    /// Where its file was, below the DAG folder.
    pub path: String,
    /// When it came into force.
    pub created_at: Timestamp,
}

/// One version of a DAG with all that gives it its meaning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct VersionText {
    /// Its number, hash and path.
    #[serde(flatten)]
    pub item: VersionItem,
    /// The text of the DAG: its file, or its document in a file of several.
    pub text: String,
    /// The `_defaults.yaml` it was read with, the farthest first.
    pub defaults: Vec<DefaultsFile>,
}

impl VersionText {
    /// As it is read.
    pub fn source(&self) -> Source<'_> {
        Source::new(&self.item.path, &self.text).with(&self.defaults)
    }
}

/// What is wrong with one file.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct FileFaults {
    /// The file, below the DAG folder.
    pub path: String,
    /// Its diagnostics, as `validate --format json` prints them.
    pub faults: Json,
    /// When they were found.
    pub at: Timestamp,
}

/// A named value of the deployment.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct VarItem {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Json,
    /// When it was set.
    pub updated_at: Timestamp,
    /// By whom.
    pub updated_by: String,
}

/// One nominal instant of a schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TickItem {
    /// The instant.
    pub instant: Timestamp,
    /// The run it fired.
    #[serde(serialize_with = "as_maybe_text")]
    #[schemars(with = "Option<String>")]
    pub run_id: Option<RunId>,
    /// Why it fired none.
    #[serde(serialize_with = "as_maybe_text")]
    #[schemars(with = "Option<String>")]
    pub skipped: Option<Reason>,
    /// When it was decided.
    pub at: Timestamp,
    /// Its run is gone, as retention has it.
    pub pruned: bool,
}

/// One run as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunItem {
    /// Its number.
    #[serde(serialize_with = "as_text", deserialize_with = "of_text")]
    #[schemars(with = "String")]
    pub run_id: RunId,
    /// Of which DAG.
    pub dag: DagId,
    /// What made it.
    pub run_type: RunType,
    /// Its logical date.
    pub logical_date: Timestamp,
    /// Where it is.
    pub state: RunState,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// In which ways it is or was late; the deadlines of its tasks do not count. Left out when there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub late: Vec<Lateness>,
}

/// One run whole: what `runs show --json` prints.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct RunShow {
    /// Its number.
    #[serde(serialize_with = "as_text")]
    #[schemars(with = "String")]
    pub run_id: RunId,
    /// Of which DAG.
    pub dag: DagId,
    /// Where it is.
    pub state: RunState,
    /// Its task instances, in the order of the file.
    pub tasks: Vec<TaskShow>,
    /// What made it.
    pub run_type: RunType,
    /// Its logical date.
    pub logical_date: Timestamp,
    /// Start of its data interval.
    pub data_interval_start: Timestamp,
    /// End of its data interval.
    pub data_interval_end: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Why it is where it is.
    #[serde(serialize_with = "as_text")]
    #[schemars(with = "String")]
    pub reason: Reason,
    /// The name of that reason.
    pub reason_kind: &'static str,
    /// Since when.
    pub since: Timestamp,
    /// Its params, defaults filled in.
    pub params: Values,
    /// The version it is pinned to.
    pub version: VersionId,
    /// Who asked for it; `schedule` for a tick.
    pub by: String,
    /// Its missed deadlines.
    pub late: Vec<LateShow>,
    /// Hooks that became due in it, with their deliveries.
    pub hooks: Vec<HookShow>,
    /// The backfill that made it, or that ran it again last.
    pub backfill: Option<BackfillId>,
    /// What people wrote down about it.
    pub notes: Vec<NoteItem>,
    /// Who called it.
    pub parent: Option<CallerShow>,
    /// The runs that its tasks called.
    pub children: Vec<CalledShow>,
    /// Its groups that have run again.
    pub groups: Vec<GroupTry>,
}

/// At which try a group of a run is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct GroupTry {
    /// Which group.
    pub group: String,
    /// Which try; the first was 1.
    #[serde(rename = "try")]
    pub number: u32,
    /// How many it has.
    pub of: u32,
}

impl GroupTry {
    /// What is said of it.
    pub fn sentence(&self) -> String {
        format!("group `{}`: try {} of {}", self.group, self.number, self.of)
    }
}

/// A missed deadline, or the warning before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LateShow {
    /// In which way it is late.
    pub kind: Lateness,
    /// When that was due.
    pub due: Timestamp,
    /// When it was told.
    pub at: Timestamp,
}

/// A hook that became due.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct HookShow {
    /// Its number.
    pub hook: HookId,
    /// Of which run.
    #[serde(serialize_with = "as_text")]
    #[schemars(with = "String")]
    pub run_id: RunId,
    /// Of which DAG.
    pub dag: DagId,
    /// The id of the task whose hook it is; none: the DAG's.
    pub task: Option<String>,
    /// The point at which it became due.
    pub on: HookOn,
    /// Its place among the hooks of its DAG or task, from 0.
    pub step: u32,
    /// What it does: `run`, `email`, `slack`, `webhook` or `command`.
    pub action: String,
    /// Where its delivery is.
    pub state: HookState,
    /// How many tries have ended.
    pub tries: u32,
    /// What went wrong with the last.
    pub error: Option<String>,
    /// When it became due.
    pub due_at: Timestamp,
    /// When the last try ended.
    pub tried_at: Option<Timestamp>,
    /// When it is tried again.
    pub retry_at: Option<Timestamp>,
    /// Why it became due.
    #[schemars(with = "Json")]
    pub cause: Cause,
    /// The place of the task whose hook it is.
    #[serde(skip)]
    pub of: Option<TaskIndex>,
}

/// One task instance of a run, with all that was tried.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct TaskShow {
    /// The id of its task.
    pub id: String,
    /// Where it is.
    pub state: TaskState,
    /// Why.
    #[serde(serialize_with = "as_text")]
    #[schemars(with = "String")]
    pub reason: Reason,
    /// Its attempts, first to last.
    pub attempts: Vec<AttemptShow>,
    /// Its outputs, if its last attempt succeeded; one too large to show is `{"$file", "bytes"}`.
    pub outputs: BTreeMap<String, Json>,
    /// The name of the reason.
    pub reason_kind: &'static str,
    /// Since when.
    pub since: Timestamp,
    /// When its next try is due.
    pub retry_at: Option<Timestamp>,
    /// When the process of its last attempt started.
    pub started_at: Option<Timestamp>,
    /// When its state became final.
    pub ended_at: Option<Timestamp>,
    /// The place of its task in the file.
    pub task: TaskIndex,
    /// Which item of a `foreach`, from 0; `None`: the task itself.
    pub item: Option<u32>,
    /// What people see of the item beside its number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The items of an expanded task, in their order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<TaskShow>,
    /// Its missed deadlines.
    pub late: Vec<LateShow>,
}

impl RunShow {
    /// All tasks, each followed by its items.
    pub fn instances(&self) -> impl Iterator<Item = &TaskShow> {
        self.tasks.iter().flat_map(|task| std::iter::once(task).chain(&task.items))
    }

    /// A version of its DAG with the tasks where this run has them; see [`Dag::arranged`].
    pub fn arrange(&self, dag: Arc<Dag>) -> Arc<Dag> {
        let ids: Vec<&str> = self.tasks.iter().map(|task| task.id.as_str()).collect();
        dag.arranged(&ids).map_or(dag, Arc::new)
    }

    /// The task, or with `load[3]` the item, of this name.
    pub fn find(&self, name: &str) -> Option<&TaskShow> {
        let (id, item) = match name.strip_suffix(']').and_then(|name| name.rsplit_once('[')) {
            Some((id, item)) => (id, Some(item.parse::<usize>().ok()?)),
            None => (name, None),
        };
        let task = self.tasks.iter().find(|task| task.id == id)?;
        item.map_or(Some(task), |item| task.items.get(item))
    }
}

impl TaskShow {
    /// Its identity in its run.
    pub fn instance(&self, run: RunId) -> InstanceId {
        InstanceId { run, task: self.task, item: self.item.map_or(0, |item| item + 1) }
    }

    /// Its name for people: `load`, and `load[3]` for an item.
    pub fn name(&self) -> String {
        match self.item {
            Some(item) => format!("{}[{item}]", self.id),
            None => self.id.clone(),
        }
    }
}

/// One attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AttemptShow {
    /// 1 for the first.
    pub number: u32,
    /// Where it is.
    pub state: AttemptState,
    /// When its process started.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Its exit code, where it has one.
    pub exit_code: Option<i32>,
    /// The signal that ended it, where one did.
    pub signal: Option<i32>,
    /// Why it is where it is.
    #[serde(serialize_with = "as_text")]
    #[schemars(with = "String")]
    pub reason: Reason,
    /// The name of that reason.
    pub reason_kind: &'static str,
    /// When it was ordered.
    pub created_at: Timestamp,
    /// Its process.
    pub pid: Option<u32>,
    /// What its processes used.
    #[serde(flatten)]
    pub used: Used,
    /// How far it says it has come, while it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
}

/// How a task instance stands.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskEnd {
    /// Which one.
    pub instance: InstanceId,
    /// The id of its task.
    pub id: String,
    /// Where it is.
    pub state: TaskState,
    /// Why.
    pub reason: Reason,
    /// The number of its last attempt; 0 before the first.
    pub attempts: u32,
}

/// The last runs of a DAG against its tasks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Grid {
    /// Task ids, in the order of the file, of each version that occurs.
    pub versions: BTreeMap<VersionId, Vec<String>>,
    /// The runs, newest first.
    pub runs: Vec<GridRun>,
}

/// One column of a grid.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GridRun {
    /// The run.
    pub run: RunItem,
    /// Its version.
    pub version: VersionId,
    /// The states of its task instances: place in the version's list, item, state.
    pub tasks: Vec<(TaskIndex, u32, TaskState)>,
}

/// A task instance that waits for a slot or a try, or is at work.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ReadyTask {
    /// Which one.
    pub instance: InstanceId,
    /// Of which DAG.
    pub dag: DagId,
    /// The id of its task.
    pub id: String,
    /// Where it is.
    pub state: TaskState,
    /// Why.
    #[serde(serialize_with = "as_text")]
    #[schemars(with = "String")]
    pub reason: Reason,
    /// The name of the reason.
    pub reason_kind: &'static str,
    /// Since when.
    pub since: Timestamp,
}

/// How many runs are not over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ActiveRuns {
    /// Wait to begin.
    pub queued: u32,
    /// At work.
    pub running: u32,
    /// Being ended.
    pub stopping: u32,
}

/// One row of the log.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LogEntry {
    /// Its number; counts up from 1 without gaps.
    pub seq: i64,
    /// When it was decided.
    pub at: Timestamp,
    /// What.
    pub fact: Transition,
}

fn of_text<'de, D: Deserializer<'de>>(from: D) -> Result<RunId, D::Error> {
    let text = String::deserialize(from)?;
    text.parse().map(RunId).map_err(serde::de::Error::custom)
}

pub(super) fn as_text<T: Display, S: Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(value)
}

#[expect(clippy::ref_option, reason = "serde hands over a reference to the field")]
fn as_maybe_text<T: Display, S: Serializer>(value: &Option<T>, to: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => to.collect_str(value),
        None => to.serialize_none(),
    }
}
