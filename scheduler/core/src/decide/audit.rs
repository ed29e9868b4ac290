//! Who did what: the facts that a person or a program asked for, told from those that followed.

use super::law::{BackfillState, RunState};
use super::reason::Reason;
use super::retime::TickChange;
use super::transition::Transition;
use crate::id::{BackfillId, DagId, HoldId, InstanceId, RunId};

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
    /// A maintenance window.
    Hold(HoldId),
    /// A var.
    Var(&'a str),
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
            _ => self.steered()?,
        };
        Some(Deed { by, verb, what, why, to })
    }

    /// What was done to schedules, vars and the store.
    fn steered(&self) -> Option<(&'static str, String, Target<'_>)> {
        Some(match self {
            Self::HoldAdded { hold, dags, from, to, .. } => {
                let names = |dags: &Vec<DagId>| dags.iter().map(DagId::as_str).collect::<Vec<_>>().join(", ");
                let which = dags.as_ref().map_or_else(|| "all DAGs".to_owned(), names);
                ("hold add", format!("{which} from {from} to {to}"), Target::Hold(*hold))
            }
            Self::HoldRemoved { hold, .. } => ("hold remove", String::new(), Target::Hold(*hold)),
            Self::TickChanged { dag, instant, change, .. } => match change {
                TickChange::Skip => ("skip", format!("the tick of {instant}"), Target::Dag(dag)),
                TickChange::Move(to) => ("move", format!("the tick of {instant} to {to}"), Target::Dag(dag)),
            },
            Self::TickRestored { dag, instant, .. } => {
                ("unskip", format!("the tick of {instant}"), Target::Dag(dag))
            }
            // Values are not told here: who may read the audit need not know them.
            Self::VarSet { name, value, .. } => {
                (if value.is_some() { "vars set" } else { "vars delete" }, String::new(), Target::Var(name))
            }
            Self::Pruned { runs, .. } => {
                let plural = if runs.len() == 1 { "" } else { "s" };
                ("prune", format!("{} run{plural}", runs.len()), Target::Everything)
            }
            _ => return None,
        })
    }

    /// Who asked for it, and why.
    fn by(&self) -> Option<(&str, Option<&str>)> {
        let (by, why) = match self {
            Self::Paused { by, .. }
            | Self::Noted { by, .. }
            | Self::HoldRemoved { by, .. }
            | Self::TickRestored { by, .. }
            | Self::VarSet { by, .. }
            | Self::Pruned { by, .. }
            | Self::RunCreated { by, backfill: None, .. } => (by, &None),
            Self::RunMoved { from, reason: Reason::Canceled { by }, .. } if *from != RunState::Stopping => {
                (by, &None)
            }
            Self::RunCleared { by, why, backfill: None, .. }
            | Self::TaskMarked { by, why, .. }
            | Self::BackfillCreated { by, why, .. }
            | Self::BackfillMoved { by, why, .. } => (by, why),
            Self::HoldAdded { by, why, .. } | Self::TickChanged { by, why, .. } => {
                return Some((by, Some(why.as_str()).filter(|why| !why.is_empty())));
            }
            _ => return None,
        };
        (by != SCHEDULE).then_some((by, why.as_deref()))
    }
}
