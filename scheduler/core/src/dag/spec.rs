//! What a DAG file means, valid by construction: ids are unique, edges known and acyclic, schedules
//! possible, durations bounded. Everything that decides or runs reads only this.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::graph::Graph;
use crate::id::{DagId, TaskIndex};
use crate::time::Timestamp;
use crate::timetable::{Timetable, Zone};

pub use super::call::Call;
pub use super::deadline::{Deadline, Finish, Lateness};
pub use super::hook::{Channel, Hook, HookAction, HookOn, HookRetry, Include, Notify};
pub use super::keep::Keep;
pub use super::wait::{Matching, Wait};

/// One DAG.
#[derive(Debug, Clone, PartialEq)]
pub struct Dag {
    /// Its name; the file's stem unless the file says otherwise.
    pub id: DagId,
    /// One line for lists.
    pub description: Option<String>,
    /// Who is asked when it breaks.
    pub owner: Option<String>,
    /// Words to filter by.
    pub tags: Vec<String>,
    /// Longer words about it, Markdown.
    pub doc_md: Option<String>,
    /// False: loaded and shown, but no schedule fires and no run is started by hand.
    pub enabled: bool,
    /// When it fires; `None`: only by hand.
    pub timetable: Option<Timetable>,
    /// The zone of its schedule and of its dates (`ds`).
    pub zone: Zone,
    /// No tick before this instant.
    pub start: Option<Timestamp>,
    /// No tick after this instant.
    pub end: Option<Timestamp>,
    /// What becomes of missed ticks.
    pub catchup: Catchup,
    /// How many runs may be active at once; at least 1.
    pub max_active_runs: u32,
    /// What a new run does when that many are active.
    pub overlap: Overlap,
    /// How many attempts of one run may run at once; `None`: no limit of its own. At least 1.
    pub max_active_tasks: Option<u32>,
    /// Longest a run may take, from its start.
    pub timeout: Option<Duration>,
    /// By when a run must have begun and ended.
    pub deadline: Option<Deadline>,
    /// The first failure that counts cancels what is left of the run.
    pub fail_fast: bool,
    /// How long its ended runs are kept.
    pub keep: Keep,
    /// Typed inputs of a run, in the order of the file.
    pub params: Vec<Param>,
    /// Vars it uses, in the order of the file.
    pub vars: Vec<Var>,
    /// Environment of every task, in the order of the file; values are templates.
    pub env: Vec<(String, String)>,
    /// What is done at the ends of a run, and when it is late.
    pub hooks: Vec<Hook>,
    /// Its tasks, in the order of the file; a [`TaskIndex`] is a place in this list.
    pub tasks: Vec<Task>,
    /// Their dependencies.
    pub graph: Graph,
    /// Names for several tasks at once, in the order of the file.
    pub groups: Vec<Group>,
    /// What is done once for each of several items; a [`FanIndex`] is a place in this list.
    pub fans: Vec<Fan>,
}

impl Dag {
    /// The task at a place of this DAG.
    pub fn task(&self, at: TaskIndex) -> &Task {
        &self.tasks[at.at()]
    }

    /// The places of all tasks, in the order of the file.
    pub fn places(&self) -> impl Iterator<Item = TaskIndex> + use<> {
        let tasks = u32::try_from(self.tasks.len()).expect("a DAG file has fewer than 2^32 tasks");
        (0..tasks).map(TaskIndex)
    }

    /// The place of the task with this id.
    pub fn find(&self, id: &str) -> Option<TaskIndex> {
        let at = self.tasks.iter().position(|task| task.id == id)?;
        Some(TaskIndex(u32::try_from(at).ok()?))
    }

    /// The tasks that an id stands for: the one task, or all tasks of the group, nested ones too.
    pub fn find_all(&self, id: &str) -> Vec<TaskIndex> {
        match self.groups.iter().find(|group| group.id == id) {
            Some(group) => group.tasks.clone(),
            None => self.find(id).into_iter().collect(),
        }
    }

    /// The fan a task belongs to.
    pub fn fan_of(&self, task: TaskIndex) -> Option<(FanIndex, &Fan)> {
        let at = self.task(task).fan?;
        Some((at, &self.fans[at.at()]))
    }

    /// True when both tasks are done once for each item of the same fan.
    pub fn share_fan(&self, one: TaskIndex, other: TaskIndex) -> bool {
        self.task(one).fan.is_some() && self.task(one).fan == self.task(other).fan
    }
}

/// What becomes of ticks that were missed while nothing could fire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Catchup {
    /// Which of them fire.
    pub policy: CatchupPolicy,
    /// Ticks older than this never fire; `None`: however old.
    pub window: Option<Duration>,
    /// At most so many fire (the newest); the rest are skipped. Default 1000.
    pub limit: u32,
}

/// Which missed ticks fire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CatchupPolicy {
    /// None of them.
    None,
    /// Only the newest.
    Latest,
    /// Each, oldest first.
    All,
}

/// What a new run does when `max_active_runs` is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overlap {
    /// It waits as `queued`.
    Queue,
    /// Its tick is skipped.
    Skip,
    /// The oldest active run is canceled for it.
    Replace,
}

/// A typed input of a run. Its JSON has the keys of the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Param {
    /// Its name, an identifier: `{{ params.name }}`.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: ParamKind,
    /// Its value where a run gives none.
    pub default: Option<Json>,
    /// A run without it is refused.
    pub required: bool,
    /// The only values allowed; empty: any.
    #[serde(rename = "enum")]
    pub choices: Vec<Json>,
    /// Smallest number, or fewest characters of a string or elements of an array.
    pub min: Option<f64>,
    /// Largest number, or most characters of a string or elements of an array.
    pub max: Option<f64>,
    /// A regular expression that the whole of a string must match.
    pub pattern: Option<String>,
    /// Shown beside the field of a form.
    pub description: Option<String>,
}

/// A named value of the deployment that a DAG uses.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Var {
    /// Its name, an identifier: `{{ vars.name }}`.
    pub name: String,
    /// Its value where the deployment gives none; `None`: an attempt without one fails.
    pub default: Option<Json>,
}

/// The type of a param; the names are JSON Schema's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ParamKind {
    /// Text.
    String,
    /// A whole number.
    Integer,
    /// Any number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// A list.
    Array,
    /// A map.
    Object,
}

/// One task.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// Its name, unique in its DAG.
    pub id: String,
    /// One line for pages.
    pub description: Option<String>,
    /// The fan it belongs to: it is done once for each item.
    pub fan: Option<FanIndex>,
    /// What it does.
    pub work: Work,
    /// When it may run, seen from its upstreams.
    pub trigger_rule: TriggerRule,
    /// An expression (without its braces); false: skipped.
    pub when: Option<String>,
    /// Runs of other DAGs that must have ended well before it begins.
    pub waits: Vec<Wait>,
    /// How its success decides which of the tasks after it are wanted; `None`: it does not.
    pub chooser: Option<Chooser>,
    /// It makes ready what its teardown cleans up.
    pub setup: bool,
    /// It cleans up after the setups right before it.
    pub teardown: Option<Teardown>,
    /// Its failure does not fail the run.
    pub allow_failure: bool,
    /// Its own environment, over the DAG's; values are templates.
    pub env: Vec<(String, String)>,
    /// Where its process starts, a template; relative to the DAG file's folder. `None`: that folder.
    pub working_dir: Option<String>,
    /// What follows a failed attempt.
    pub retry: Retry,
    /// Exit codes that mean `skipped`.
    pub skip_on_exit: Vec<i32>,
    /// Longest one attempt may take.
    pub timeout: Option<Duration>,
    /// From TERM to KILL when an attempt is ended.
    pub grace: Duration,
    /// By when it must have begun and ended.
    pub deadline: Option<Deadline>,
    /// The pool it draws from.
    pub pool: Option<String>,
    /// How many slots of the pool it takes; at least 1.
    pub pool_slots: u32,
    /// Higher goes first in the queue.
    pub priority: i32,
    /// Declared names of its outputs; a missing or an undeclared one fails the attempt. Empty: any.
    pub outputs: Vec<String>,
    /// What of its stdout becomes the output `return_value`.
    pub capture: Option<Capture>,
    /// What is done at its ends, before its retries, and when it is late.
    pub hooks: Vec<Hook>,
}

/// A name for several tasks: an end of dependencies, a scope of defaults, a fold in the graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its name, unique among groups and tasks.
    pub id: String,
    /// What a page calls it.
    pub label: Option<String>,
    /// The group it stands in.
    pub parent: Option<String>,
    /// How often all of it runs again when one of its tasks has failed for good.
    pub retries: u32,
    /// The wait before each time it runs again.
    pub retry_delay: Duration,
    /// All its tasks, those of nested groups too, in the order of the file.
    pub tasks: Vec<TaskIndex>,
}

/// The place of a fan in its DAG.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FanIndex(pub u32);

impl FanIndex {
    /// As an index into a list of fans.
    pub fn at(self) -> usize {
        self.0 as usize
    }
}

/// A `foreach`: its tasks (one, or all of a group) are done once for each item.
#[derive(Debug, Clone, PartialEq)]
pub struct Fan {
    /// Where the items come from.
    pub items: Items,
    /// What templates call the item, beside `item`.
    pub name: Option<String>,
    /// A template for what people see of an item.
    pub key: Option<String>,
    /// How many attempts of it may run at once; `None`: no limit of its own.
    pub max_parallel: Option<u32>,
    /// The fewest items that must succeed; `None`: all that are not skipped.
    pub min_success: Option<Share>,
    /// The most items that may fail.
    pub max_failures: Option<Share>,
    /// A task of an item begins only when the tasks before it have ended for all items.
    pub lockstep: bool,
    /// Its tasks, in the order of the file.
    pub tasks: Vec<TaskIndex>,
}

/// Where the items of a `foreach` come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Items {
    /// A list or a map as it stands; text in it is a template.
    Given(Json),
    /// An expression (without its braces) that yields a list or a map.
    Expression(String),
    /// Whole numbers from the first up to, not including, the second, by the third.
    Range(i64, i64, i64),
    /// Every combination of one value of each axis, the last axis fastest; an axis is a list or an expression.
    Matrix(Vec<(String, Items)>),
}

/// So many items, or so many of a hundred.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Share {
    /// A number of items.
    Count(u32),
    /// Per cent of the items that were not skipped.
    Percent(f64),
}

/// A task whose outputs decide what comes after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chooser {
    /// Its output `choose` names the tasks or groups that are kept.
    Branch,
    /// Its output `condition`, when it is false, ends the path.
    ShortCircuit {
        /// True: only the tasks right after it are skipped, the others follow their own rules.
        direct: bool,
    },
}

/// A task that cleans up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Teardown {
    /// Its failure fails the run.
    pub fails_run: bool,
}

/// What a task does.
#[derive(Debug, Clone, PartialEq)]
pub enum Work {
    /// `run:` as text: a script for a shell; a template whose values reach the shell as data.
    Shell {
        /// The script, before rendering.
        script: String,
        /// The shell and its options; the script follows `-c`.
        shell: Vec<String>,
    },
    /// `run:` as a list: a program and its arguments, each a template; no shell.
    Argv(Vec<String>),
    /// `script:` with `interpreter:`: text for another language; no template.
    Script {
        /// The text, handed over in a file as the last argument.
        text: String,
        /// The interpreter and its options.
        interpreter: Vec<String>,
    },
    /// `type:` with `with:`: an operator by its name, and its arguments; text in them is a template.
    Operator {
        /// The operator's name.
        name: String,
        /// Its arguments.
        with: serde_json::Map<String, Json>,
    },
    /// `type: dag`: a run of another DAG.
    Call(Call),
}

/// When and how often a failed attempt is tried again.
#[derive(Debug, Clone, PartialEq)]
pub struct Retry {
    /// Extra tries after the first.
    pub retries: u32,
    /// The wait before the first extra try; the base of the others.
    pub delay: Duration,
    /// How the wait grows.
    pub backoff: Backoff,
    /// The wait never exceeds this.
    pub max_delay: Option<Duration>,
    /// Adds up to one more wait, by a hash of the attempt.
    pub jitter: bool,
    /// Only these exit codes are tried again; empty: every failure.
    pub on_exit: Vec<i32>,
}

/// How the wait before extra try k+1 grows with k.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Backoff {
    /// `d`.
    Constant,
    /// `d * k`.
    Linear,
    /// `d * factor^(k-1)`; 2 for `exponential`.
    Exponential(f64),
}

/// Which part of stdout becomes the output `return_value`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capture {
    /// The last line that is not empty, as text.
    LastLine,
    /// All of it, as JSON.
    Json,
    /// All of it, as text without the last line end.
    Text,
}

/// When a task may run, judged from its direct upstreams; Airflow's names and meaning, but for the
/// deviations that `docs/semantics.md` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each name says what it is; the table in decide/rule.rs says the rest")]
pub enum TriggerRule {
    AllSuccess,
    AllFailed,
    AllDone,
    AllDoneMinOneSuccess,
    OneSuccess,
    OneFailed,
    OneDone,
    NoneFailed,
    NoneFailedMinOneSuccess,
    NoneSkipped,
    AllSkipped,
    Always,
    AllDoneSetupSuccess,
}

impl TriggerRule {
    /// Every rule there is.
    pub const ALL: [Self; 13] = [
        Self::AllSuccess,
        Self::AllFailed,
        Self::AllDone,
        Self::AllDoneMinOneSuccess,
        Self::OneSuccess,
        Self::OneFailed,
        Self::OneDone,
        Self::NoneFailed,
        Self::NoneFailedMinOneSuccess,
        Self::NoneSkipped,
        Self::AllSkipped,
        Self::Always,
        Self::AllDoneSetupSuccess,
    ];

    /// Its name in the DAG file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AllSuccess => "all_success",
            Self::AllFailed => "all_failed",
            Self::AllDone => "all_done",
            Self::AllDoneMinOneSuccess => "all_done_min_one_success",
            Self::OneSuccess => "one_success",
            Self::OneFailed => "one_failed",
            Self::OneDone => "one_done",
            Self::NoneFailed => "none_failed",
            Self::NoneFailedMinOneSuccess => "none_failed_min_one_success",
            Self::NoneSkipped => "none_skipped",
            Self::AllSkipped => "all_skipped",
            Self::Always => "always",
            Self::AllDoneSetupSuccess => "all_done_setup_success",
        }
    }

    /// The rule of this name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.as_str() == text)
    }
}
