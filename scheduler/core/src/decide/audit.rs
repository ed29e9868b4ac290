//! Who did what: the facts that a person or a program asked for, told from those that followed.

use super::access::{AccessChange, Grant};
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
    /// A user.
    User(&'a str),
    /// A token.
    Token(&'a str),
}

/// Who stands for the scheduler itself.
const OWN: [&str; 2] = ["schedule", "retention"];

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
            Self::AccessChanged { change, .. } => deed_of(change)?,
            Self::HoldAdded { hold, dags, from, to, .. } => {
                let about = dags.as_ref().map_or_else(|| "everything".to_owned(), |dags| listed(dags));
                ("hold add", format!("{about} from {from} to {to}"), Target::Hold(*hold))
            }
            Self::HoldRemoved { hold, .. } => ("hold remove", String::new(), Target::Hold(*hold)),
            Self::TickChanged { dag, instant, change: TickChange::Skip, .. } => {
                ("skip", format!("the tick at {instant}"), Target::Dag(dag))
            }
            Self::TickChanged { dag, instant, change: TickChange::Move(to), .. } => {
                ("move", format!("the tick at {instant} to {to}"), Target::Dag(dag))
            }
            Self::TickRestored { dag, instant, .. } => {
                ("restore", format!("the tick at {instant}"), Target::Dag(dag))
            }
            Self::VarSet { name, value, .. } => {
                (if value.is_some() { "vars set" } else { "vars delete" }, String::new(), Target::Var(name))
            }
            Self::Pruned { runs, .. } => ("prune", format!("{} runs", runs.len()), Target::Everything),
            _ => return None,
        };
        Some(Deed { by, verb, what, why, to })
    }

    /// Who asked for it, and why.
    fn by(&self) -> Option<(&str, Option<&str>)> {
        let (by, why) = match self {
            Self::AccessChanged { by, .. }
            | Self::HoldRemoved { by, .. }
            | Self::TickRestored { by, .. }
            | Self::VarSet { by, .. }
            | Self::Pruned { by, .. }
            | Self::Noted { by, .. }
            | Self::RunCreated { by, backfill: None, .. } => (by, &None),
            Self::RunMoved { from, reason: Reason::Canceled { by }, .. } if *from != RunState::Stopping => {
                (by, &None)
            }
            Self::HoldAdded { by, why, .. } | Self::TickChanged { by, why, .. } => {
                return Some((by, Some(why.as_str()).filter(|why| !why.is_empty())));
            }
            Self::RunCleared { by, why, backfill: None, .. }
            | Self::Paused { by, why, .. }
            | Self::TaskMarked { by, why, .. }
            | Self::BackfillCreated { by, why, .. }
            | Self::BackfillMoved { by, why, .. } => (by, why),
            _ => return None,
        };
        (!OWN.contains(&by.as_str())).then_some((by, why.as_deref()))
    }
}

fn listed(dags: &[DagId]) -> String {
    dags.iter().map(DagId::as_str).collect::<Vec<_>>().join(", ")
}

/// A change of who may do what, as a deed.
fn deed_of(change: &AccessChange) -> Option<(&'static str, String, Target<'_>)> {
    let grant = |Grant { role, dags }: &Grant| match dags {
        None => format!("as {role}"),
        Some(dags) => format!("as {role} of {}", dags.join(", ")),
    };
    Some(match change {
        AccessChange::UserAdded { user, grant: it, .. } => ("user add", grant(it), Target::User(user)),
        AccessChange::UserGranted { user, grant: it } => ("user grant", grant(it), Target::User(user)),
        AccessChange::PasswordChanged { user, .. } => ("user password", String::new(), Target::User(user)),
        AccessChange::UserRemoved { user } => ("user remove", String::new(), Target::User(user)),
        AccessChange::LoggedIn { user } => ("login", String::new(), Target::User(user)),
        AccessChange::TokenCreated { token, grant: it, .. } => {
            ("token create", grant(it), Target::Token(token))
        }
        AccessChange::TokenRevoked { token } => ("token revoke", String::new(), Target::Token(token)),
        AccessChange::TokenUsed { .. } => return None,
    })
}
