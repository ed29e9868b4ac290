//! What goes out: orders, given only after the facts behind them are durable.

use crate::id::{AttemptId, HoldId, InstanceId, RunId};
use crate::time::Timestamp;

/// One order to the world outside the core.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Start the process of an attempt. The executor answers with `AttemptStarted` and `AttemptFinished`.
    Launch(AttemptId),
    /// End the processes of an attempt; `AttemptFinished` still follows.
    Stop {
        /// Which attempt.
        attempt: AttemptId,
        /// How.
        force: Force,
    },
    /// Find out the items of a task's `foreach`; answered by `Expanded`.
    Expand(InstanceId),
    /// Evaluate the `when` of a task; answered by `WhenEvaluated`.
    Evaluate(InstanceId),
    /// A run has ended; nothing of it is alive.
    RunEnded(RunId),
}

/// How hard processes are told to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Force {
    /// SIGTERM: they may clean up.
    Term,
    /// SIGKILL.
    Kill,
}

/// What somebody who asked is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Done; nothing to add.
    Done,
    /// The run that was made.
    Run(RunId),
    /// The maintenance window that was made, or ended.
    Hold(HoldId),
    /// The tick that was changed.
    Tick(Timestamp),
    /// No, and why.
    Refused(Refusal),
}

/// Why a request changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such DAG.
    UnknownDag(String),
    /// There is no such run among those that are not over.
    UnknownRun(RunId),
    /// The DAG is not enabled, or its file is gone.
    NotEnabled(String),
    /// There is no such maintenance window among those that are not over.
    UnknownHold(HoldId),
    /// A maintenance window cannot be so, and why.
    BadHold(String),
    /// A tick cannot be changed so, and why.
    BadTick(String),
    /// Params that the DAG does not accept, one sentence each.
    BadParams(Vec<String>),
    /// `max_active_runs` is reached and the DAG says `overlap: skip`.
    Overlap {
        /// The DAG.
        dag: String,
        /// Its `max_active_runs`.
        limit: u32,
    },
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::UnknownDag(dag) => write!(f, "there is no DAG `{dag}`"),
            Self::UnknownRun(run) => write!(f, "there is no active run {run}"),
            Self::NotEnabled(dag) => write!(f, "DAG `{dag}` is not enabled, or its file is gone"),
            Self::UnknownHold(hold) => {
                write!(
                    f,
                    "there is no maintenance window {hold} that is not over; `nightrun hold list` shows them"
                )
            }
            Self::BadHold(why) => f.write_str(why),
            Self::BadTick(why) => write!(f, "the tick cannot be changed: {why}"),
            Self::BadParams(faults) => write!(f, "{}", faults.join("; ")),
            Self::Overlap { dag, limit } => {
                write!(
                    f,
                    "DAG `{dag}` has {limit} active runs and says `overlap: skip`; use --force to run it all the same"
                )
            }
        }
    }
}
