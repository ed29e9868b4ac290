//! Why something waits, was skipped or ended as it did: one stored reason, shown by `why`, page and API.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::law::RunState;
use crate::dag::spec::TriggerRule;
use crate::id::{HoldId, RunId};
use crate::time::{Timestamp, show_duration};

/// One reason: `kind` for programs, the sentence of its `Display` for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the sentence of each kind, in Display below, is its documentation")]
pub enum Reason {
    // A run waits.
    MaxActiveRuns { limit: u32 },
    Paused,
    Retired,
    // A task waits.
    Upstream,
    Condition,
    Expanding,
    Slots,
    Pool { pool: String },
    PoolTooSmall { pool: String, needs: u32, slots: u32 },
    MaxActiveTasks { limit: u32 },
    MaxParallel { limit: u32 },
    Waits { what: String, run: Option<RunId> },
    Retry { at: Timestamp, after: String },
    Called { run: RunId, dag: String },
    GroupRetry { group: String, number: u32, of: u32, at: Option<Timestamp>, after: String },
    // Settled, or left out, by hand.
    Marked { by: String },
    LeftOut,
    // An instant that a backfill leaves out.
    HasRun { run: RunId, state: RunState },
    HasNoRun,
    RunPruned,
    InFuture,
    BeforeStart,
    AfterEnd,
    // Something goes on.
    Active,
    ItemsAtWork { total: u32 },
    // Skipped, or blocked.
    Rule { rule: TriggerRule },
    WhenFalse,
    NoItems,
    ItemsSkipped,
    ItemGone,
    TaskGone,
    SkipExit { code: i32 },
    NotChosen { by: String },
    ShortCircuit { by: String },
    // Ends.
    Done,
    Exit { code: i32 },
    Signal { number: i32 },
    TimedOut { millis: u64 },
    Lost,
    NotStarted { message: String },
    Outputs { message: String },
    WhenFault { message: String },
    Foreach { message: String },
    WaitTimedOut { what: String },
    CalledRun { run: RunId, dag: String, state: RunState, why: String },
    CallerEnded { run: RunId },
    ItemsFailed { failed: u32, total: u32 },
    Canceled { by: String },
    Replaced,
    FailFast { task: String },
    RunTimedOut { millis: u64 },
    TasksFailed { count: u32, first: String },
    Maintenance { hold: HoldId, until: Timestamp, why: String },
    TasksCanceled { count: u32, first: String },
    // A tick did not fire.
    TickSkipped { by: String, why: String },
    Catchup,
    Holiday { day: String, calendar: String },
    Overlap { limit: u32 },
    Disabled,
}

impl Reason {
    /// The name of its kind, as in JSON and SQL.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::MaxActiveRuns { .. } => "max_active_runs",
            Self::Paused => "paused",
            Self::Retired => "retired",
            Self::Upstream => "upstream",
            Self::Condition => "condition",
            Self::Expanding => "expanding",
            Self::ItemsAtWork { .. } => "items_at_work",
            Self::NoItems => "no_items",
            Self::ItemsSkipped => "items_skipped",
            Self::ItemGone => "item_gone",
            Self::TaskGone => "task_gone",
            Self::Foreach { .. } => "foreach",
            Self::ItemsFailed { .. } => "items_failed",
            Self::MaxParallel { .. } => "max_parallel",
            Self::Waits { .. } => "wait_for",
            Self::WaitTimedOut { .. } => "wait_timed_out",
            Self::Called { .. } => "called",
            Self::CalledRun { .. } => "called_run",
            Self::CallerEnded { .. } => "caller_ended",
            Self::Slots => "slots",
            Self::Pool { .. } => "pool",
            Self::PoolTooSmall { .. } => "pool_too_small",
            Self::MaxActiveTasks { .. } => "max_active_tasks",
            Self::Retry { .. } => "retry",
            Self::GroupRetry { .. } => "group_retry",
            Self::Marked { .. } => "marked",
            Self::LeftOut => "left_out",
            Self::HasRun { .. } => "has_run",
            Self::HasNoRun => "has_no_run",
            Self::RunPruned => "run_pruned",
            Self::InFuture => "in_future",
            Self::BeforeStart => "before_start",
            Self::AfterEnd => "after_end",
            Self::Active => "active",
            Self::Rule { .. } => "rule",
            Self::WhenFalse => "when_false",
            Self::SkipExit { .. } => "skip_exit",
            Self::NotChosen { .. } => "not_chosen",
            Self::ShortCircuit { .. } => "short_circuit",
            Self::Done => "done",
            Self::Exit { .. } => "exit",
            Self::Signal { .. } => "signal",
            Self::TimedOut { .. } => "timed_out",
            Self::Lost => "lost",
            Self::NotStarted { .. } => "not_started",
            Self::Outputs { .. } => "outputs",
            Self::WhenFault { .. } => "when_fault",
            Self::Canceled { .. } => "canceled",
            Self::Replaced => "replaced",
            Self::FailFast { .. } => "fail_fast",
            Self::RunTimedOut { .. } => "run_timed_out",
            Self::TasksFailed { .. } => "tasks_failed",
            Self::Maintenance { .. } => "maintenance",
            Self::TickSkipped { .. } => "tick_skipped",
            Self::TasksCanceled { .. } => "tasks_canceled",
            Self::Catchup => "catchup",
            Self::Holiday { .. } => "holiday",
            Self::Overlap { .. } => "overlap",
            Self::Disabled => "disabled",
        }
    }
}

impl fmt::Display for Reason {
    #[expect(clippy::too_many_lines, reason = "one sentence for each kind")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = |millis: &u64| show_duration(std::time::Duration::from_millis(*millis));
        match self {
            Self::MaxActiveRuns { limit: 1 } => {
                write!(f, "waits for the run before it to end (max_active_runs 1)")
            }
            Self::MaxActiveRuns { limit } => {
                write!(f, "waits for one of {limit} runs to end (max_active_runs)")
            }
            Self::Paused => write!(f, "the DAG is paused"),
            Self::Retired => write!(f, "no file defines the DAG any more; put it back, or cancel the run"),
            Self::Upstream => write!(f, "waits for its upstream tasks"),
            Self::Condition => write!(f, "its `when` is being evaluated"),
            Self::Expanding => write!(f, "the items of its `foreach` are being found out"),
            Self::ItemsAtWork { total } => write!(f, "its {total} items are at work"),
            Self::Waits { what, .. } => write!(f, "waits for {what}"),
            Self::WaitTimedOut { what } => write!(f, "it took too long: {what}"),
            Self::Called { run, dag } => write!(f, "waits for run {run} of DAG `{dag}`, which it called"),
            Self::CalledRun { run, dag, state, why } => {
                let was = if *state == RunState::Canceled { "was canceled" } else { "failed" };
                write!(f, "run {run} of DAG `{dag}`, which it called, {was}: {why}")
            }
            Self::CallerEnded { run } => write!(f, "canceled with run {run}, which called it"),
            Self::NoItems => write!(f, "its `foreach` has no items"),
            Self::TaskGone => write!(f, "the DAG does not have it any more"),
            Self::ItemGone => write!(f, "its `foreach` does not have this item any more"),
            Self::ItemsSkipped => write!(f, "all its items were skipped"),
            Self::Foreach { message } => write!(f, "its `foreach` has no list of items: {message}"),
            Self::ItemsFailed { failed, total } => write!(f, "{failed} of its {total} items failed"),
            Self::MaxParallel { limit } => {
                write!(f, "{limit} items of its `foreach` are at work already (max_parallel)")
            }
            Self::Slots => write!(f, "waits for a free slot of the executor"),
            Self::Pool { pool } => write!(f, "waits for a free slot of pool `{pool}`"),
            Self::PoolTooSmall { pool, needs, slots } => {
                write!(f, "needs {needs} slots of pool `{pool}`, which has {slots}: enlarge it and restart")
            }
            Self::MaxActiveTasks { limit } => {
                write!(f, "its run already has {limit} tasks at work (max_active_tasks)")
            }
            Self::Retry { at, after } => {
                let at = at.to_chrono().format("%FT%TZ");
                write!(f, "will be tried again at {at}, after: {after}")
            }
            Self::GroupRetry { group, number, of, at, after } => {
                write!(f, "waits for group `{group}` to run again")?;
                at.iter().try_for_each(|at| write!(f, " at {}", at.to_chrono().format("%FT%TZ")))?;
                write!(f, " (try {number} of {of}), after: {after}")
            }
            Self::Marked { by } => write!(f, "marked by {by}"),
            Self::LeftOut => write!(f, "left out of this run on request"),
            Self::HasRun { run, state } if state.is_final() => write!(f, "run {run} has it: {state}"),
            Self::HasRun { run, .. } => write!(f, "run {run} is at it"),
            Self::RunPruned => write!(f, "it had a run, which is pruned"),
            Self::HasNoRun => write!(f, "it has no run to run again"),
            Self::InFuture => write!(f, "it has not come yet"),
            Self::BeforeStart => write!(f, "it is before the start of the DAG"),
            Self::AfterEnd => write!(f, "it is after the end of the DAG"),
            Self::Active => write!(f, "at work"),
            Self::Rule { rule } => write!(f, "its trigger rule `{}` cannot hold any more", rule.as_str()),
            Self::WhenFalse => write!(f, "its `when` is false"),
            Self::SkipExit { code } => write!(f, "it exited with {code}, which means skip"),
            Self::NotChosen { by } => write!(f, "branch `{by}` did not choose it"),
            Self::ShortCircuit { by } => write!(f, "short-circuit `{by}` ended this path"),
            Self::Done => write!(f, "done"),
            Self::Exit { code } => write!(f, "exit code {code}"),
            Self::Signal { number } => write!(f, "killed by signal {number} ({})", signal_name(*number)),
            Self::TimedOut { millis } => write!(f, "timed out after {}", length(millis)),
            Self::Lost => write!(f, "lost: the scheduler stopped while it ran, so its end is unknown"),
            Self::NotStarted { message } => write!(f, "could not start: {message}"),
            Self::Outputs { message } => write!(f, "its outputs were refused: {message}"),
            Self::WhenFault { message } => write!(f, "its `when` cannot be evaluated: {message}"),
            Self::Canceled { by } => write!(f, "canceled by {by}"),
            Self::Replaced => write!(f, "canceled for a newer run (overlap: replace)"),
            Self::FailFast { task } => write!(f, "ended because `{task}` failed (fail_fast)"),
            Self::RunTimedOut { millis } => {
                write!(f, "the run took longer than its timeout of {}", length(millis))
            }
            Self::TasksFailed { count: 1, first } => write!(f, "task `{first}` failed"),
            Self::TasksFailed { count, first } => {
                write!(f, "{count} tasks failed or were blocked, first `{first}`")
            }
            Self::Maintenance { hold, until, why } => {
                write!(f, "maintenance until {} (hold {hold})", until.to_chrono().format("%FT%TZ"))?;
                if why.is_empty() { Ok(()) } else { write!(f, ": {why}") }
            }
            Self::TickSkipped { by, why } if why.is_empty() => write!(f, "skipped by {by}"),
            Self::TickSkipped { by, why } => write!(f, "skipped by {by}: {why}"),
            Self::TasksCanceled { count: 1, first } => write!(f, "task `{first}` is still canceled"),
            Self::TasksCanceled { count, first } => {
                write!(f, "{count} tasks are still canceled, first `{first}`")
            }
            Self::Catchup => write!(f, "missed, and catchup leaves it out"),
            Self::Holiday { day, calendar } => write!(f, "no business day: {day} (calendar `{calendar}`)"),
            Self::Overlap { limit: 1 } => write!(f, "a run was active already (overlap: skip)"),
            Self::Overlap { limit } => write!(f, "{limit} runs were active already (overlap: skip)"),
            Self::Disabled => write!(f, "the DAG is not enabled"),
        }
    }
}

/// The name of a signal of Linux on x86-64 and arm64.
pub fn signal_name(number: i32) -> &'static str {
    match number {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        24 => "SIGXCPU",
        25 => "SIGXFSZ",
        _ => "signal",
    }
}
