//! Who did what: the facts that a person or a program asked for, told from those that followed.

use super::law::{BackfillState, RunState};
use super::reason::Reason;
use super::transition::Transition;
use crate::id::{BackfillId, DagId, InstanceId, RunId};

/// The hand that somebody had in a fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deed<'a> {
    /// Who.
    pub by: &'a str,
    /// What they asked for: the verb of the command line.
    pub verb: &'static str,
    /// More about it, if there is anything to say.
    pub what: String,
    /// Why, in their words.
    pub why: Option<&'a str>,
    /// What it was done to.
    pub to: Target<'a>,
}

/// What a deed was done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'a> {
    /// Everything there is.
    Everything,
    /// A DAG.
    Dag(&'a DagId),
    /// A run.
    Run(RunId),
    /// A task of a run.
    Task(InstanceId),
    /// A backfill.
    Backfill(BackfillId),
}

/// Who stands for the scheduler itself.
const SCHEDULE: &str = "schedule";

impl Transition {
    /// The deed behind this fact; none when the scheduler came to it by itself.
    pub fn deed(&self) -> Option<Deed<'_>> {
        let (by, why) = self.by()?;
        let (verb, what, to) = match self {
            Self::Paused { dag, paused, .. } => {
                let to = dag.as_ref().map_or(Target::Everything, Target::Dag);
                (if *paused { "pause" } else { "unpause" }, String::new(), to)
            }
            Self::RunCreated { run, dag, .. } => ("trigger", format!("of {dag}"), Target::Run(*run)),
            Self::RunMoved { run, .. } => ("cancel", String::new(), Target::Run(*run)),
            Self::RunCleared { run, tasks, .. } => {
                let plural = if tasks.len() == 1 { "" } else { "s" };
                ("rerun", format!("{} task{plural}", tasks.len()), Target::Run(*run))
            }
            Self::TaskMarked { instance, from, to, .. } => {
                ("mark", format!("{from} → {to}"), Target::Task(*instance))
            }
            Self::Noted { run, task, text, .. } => {
                let to = task.map_or(Target::Run(*run), |task| Target::Task(InstanceId::whole(*run, task)));
                ("note", text.clone(), to)
            }
            Self::BackfillCreated { backfill, dag, from, to, .. } => {
                ("backfill", format!("{dag} from {from} to {to}"), Target::Backfill(*backfill))
            }
            Self::BackfillMoved { backfill, to, .. } => {
                let verb = match to {
                    BackfillState::Paused => "pause",
                    BackfillState::Running => "resume",
                    BackfillState::Canceled => "cancel",
                    BackfillState::Success | BackfillState::Failed => return None,
                };
                (verb, String::new(), Target::Backfill(*backfill))
            }
            _ => return None,
        };
        Some(Deed { by, verb, what, why, to })
    }

    /// Who asked for it, and why.
    fn by(&self) -> Option<(&str, Option<&str>)> {
        let (by, why) = match self {
            Self::Paused { by, .. }
            | Self::Noted { by, .. }
            | Self::RunCreated { by, backfill: None, .. } => (by, &None),
            Self::RunMoved { from, reason: Reason::Canceled { by }, .. } if *from != RunState::Stopping => {
                (by, &None)
            }
            Self::RunCleared { by, why, backfill: None, .. }
            | Self::TaskMarked { by, why, .. }
            | Self::BackfillCreated { by, why, .. }
            | Self::BackfillMoved { by, why, .. } => (by, why),
            _ => return None,
        };
        (by != SCHEDULE).then_some((by, why.as_deref()))
    }
}
