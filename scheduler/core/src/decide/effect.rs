//! What goes out: orders, given only after the facts behind them are durable.

use super::clear::ClearPlan;
use super::dates::BackfillPlan;
use crate::id::{AttemptId, BackfillId, HoldId, HookId, InstanceId, RunId};
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
    /// Look up the runs of other DAGs that a task waits for; answered by `LookedFor`.
    LookFor(InstanceId),
    /// Evaluate the `when` of a task; answered by `WhenEvaluated`.
    Evaluate(InstanceId),
    /// Deliver a hook; answered by `HookTried`.
    Deliver {
        /// Which hook.
        hook: HookId,
        /// Which try, from 1.
        number: u32,
    },
    /// Look up how a called run ended, and its outputs; answered by `CallReturned`.
    Return {
        /// The attempt that called it and waits.
        attempt: AttemptId,
        /// The run.
        run: RunId,
    },
    /// A run has ended; nothing of it is alive.
    RunEnded(RunId),
    /// Read a run that is over from the store; answered by `RunRecalled`.
    Recall {
        /// For which backfill.
        backfill: BackfillId,
        /// Which run.
        run: RunId,
    },
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
    /// What a clear or a mark has changed, or would change.
    Cleared(Box<ClearPlan>),
    /// What a backfill does, or would do.
    Backfill(Box<BackfillPlan>),
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
    /// A var cannot have that name or value.
    BadVar(String),
    /// `max_active_runs` is reached and the DAG says `overlap: skip`.
    Overlap {
        /// The DAG.
        dag: String,
        /// Its `max_active_runs`.
        limit: u32,
    },
    /// Something that was named is not there.
    Unknown(String),
    /// What was asked for makes no sense.
    Senseless(String),
    /// It cannot be done as things are.
    NotNow(String),
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
            Self::Unknown(sentence) | Self::Senseless(sentence) | Self::NotNow(sentence) => {
                f.write_str(sentence)
            }
            Self::BadParams(faults) => write!(f, "{}", faults.join("; ")),
            Self::BadVar(fault) => f.write_str(fault),
            Self::Overlap { dag, limit } => {
                write!(
                    f,
                    "DAG `{dag}` has {limit} active runs and says `overlap: skip`; use --force to run it all the same"
                )
            }
        }
    }
}
