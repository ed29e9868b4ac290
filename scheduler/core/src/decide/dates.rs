//! The dates of a backfill: which instants of a stretch it takes, and why it leaves the others out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::effect::Refusal;
use super::event::Values;
use super::law::RunState;
use super::reason::Reason;
use crate::dag::spec::Dag;
use crate::id::{BackfillId, DagId, RunId};
use crate::time::Timestamp;

/// Most instants of one backfill.
pub const MAX_INSTANTS: usize = 10_000;

/// Which instants of its stretch a backfill takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackfillMode {
    /// Those without any run.
    #[default]
    Missing,
    /// Those whose last run failed: what failed of it runs again.
    Failed,
    /// Each gets a new run.
    All,
}

/// Which instants come first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackfillOrder {
    /// The oldest.
    #[default]
    Oldest,
    /// The newest.
    Newest,
}

/// A backfill that somebody wants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackfillRequest {
    /// First instant of the stretch.
    pub from: Timestamp,
    /// Last instant of the stretch.
    pub to: Timestamp,
    /// Which instants of it.
    #[serde(default)]
    pub mode: BackfillMode,
    /// Which first.
    #[serde(default)]
    pub order: BackfillOrder,
    /// How many runs at once; `max_active_runs` of the DAG unless said.
    #[serde(default)]
    pub max_active: Option<u32>,
    /// Params of the runs, where they differ from the defaults.
    #[serde(default)]
    pub params: Values,
    /// Goes on although the DAG is paused or not enabled.
    #[serde(default)]
    pub force: bool,
    /// Changes nothing; the answer says what would be done.
    #[serde(default)]
    pub dry_run: bool,
    /// Who asks.
    #[serde(default)]
    pub by: String,
    /// Why, in their words.
    #[serde(default)]
    pub why: Option<String>,
}

/// What the store holds of a stretch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Past {
    /// The last run of each logical date that has one.
    pub runs: BTreeMap<Timestamp, (RunId, RunState)>,
    /// Instants that have a tick, with the reason of those that fired no run.
    pub ticks: BTreeMap<Timestamp, Option<Reason>>,
}

/// One instant of a backfill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackfillItem {
    /// The instant.
    pub instant: Timestamp,
    /// What becomes of it.
    pub take: Take,
}

/// What becomes of an instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Take {
    /// It gets a run.
    Run,
    /// What failed of this run runs again.
    Rerun(RunId),
    /// Nothing, because.
    Skip(Reason),
}

/// What a backfill does, or would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackfillPlan {
    /// Its number; none when nothing is to be done.
    pub backfill: Option<BackfillId>,
    /// Of which DAG.
    pub dag: DagId,
    /// How many of its runs are active at once.
    pub max_active: u32,
    /// Its instants, in the order in which they are taken; those that are left out in their places.
    pub items: Vec<BackfillItem>,
}

impl BackfillPlan {
    /// As the command line and the API say it.
    pub fn to_json(&self) -> Json {
        let date = |item: &BackfillItem| {
            let (action, run, reason) = match &item.take {
                Take::Run => ("run", None, None),
                Take::Rerun(run) => ("rerun", Some(run.to_string()), None),
                Take::Skip(reason) => ("skip", None, Some(reason.to_string())),
            };
            json!({ "instant": item.instant, "action": action, "run_id": run, "reason": reason })
        };
        json!({
            "backfill": self.backfill,
            "dag": self.dag,
            "max_active": self.max_active,
            "dates": self.items.iter().map(date).collect::<Vec<_>>(),
        })
    }
}

/// What becomes of each instant of a stretch, oldest first.
pub(super) fn items(
    dag: &Dag,
    request: &BackfillRequest,
    past: &Past,
    now: Timestamp,
) -> Result<Vec<BackfillItem>, Refusal> {
    let Some(timetable) = &dag.timetable else {
        let sentence = format!("DAG `{}` has no schedule, so there are no dates to run it for", dag.id);
        return Err(Refusal::Senseless(sentence));
    };
    let before = Timestamp::from_nanos(request.from.nanos().saturating_sub(1));
    let instants = std::iter::successors(timetable.next_after(before), |at| timetable.next_after(*at));
    let instants: Vec<Timestamp> =
        instants.take_while(|at| *at <= request.to).take(MAX_INSTANTS + 1).collect();
    if instants.len() > MAX_INSTANTS {
        let sentence = format!("the stretch has more than {MAX_INSTANTS} dates; take it in parts");
        return Err(Refusal::Senseless(sentence));
    }
    let take = |instant| BackfillItem { instant, take: take(dag, request.mode, past, (instant, now)) };
    Ok(instants.into_iter().map(take).collect())
}

fn take(dag: &Dag, mode: BackfillMode, past: &Past, (at, now): (Timestamp, Timestamp)) -> Take {
    if at > now {
        return Take::Skip(Reason::InFuture);
    }
    if dag.start.is_some_and(|start| at < start) {
        return Take::Skip(Reason::BeforeStart);
    }
    if dag.end.is_some_and(|end| at > end) {
        return Take::Skip(Reason::AfterEnd);
    }
    match (mode, past.runs.get(&at)) {
        (_, Some((run, state))) if !state.is_final() => {
            Take::Skip(Reason::HasRun { run: *run, state: *state })
        }
        (BackfillMode::Failed, Some((run, RunState::Failed))) => Take::Rerun(*run),
        (BackfillMode::Missing | BackfillMode::Failed, Some((run, state))) => {
            Take::Skip(Reason::HasRun { run: *run, state: *state })
        }
        (BackfillMode::Failed, None) => Take::Skip(Reason::HasNoRun),
        // A tick that fired, and no run any more.
        (BackfillMode::Missing, None) if past.ticks.get(&at) == Some(&None) => Take::Skip(Reason::RunPruned),
        (BackfillMode::Missing, None) | (BackfillMode::All, _) => Take::Run,
    }
}
