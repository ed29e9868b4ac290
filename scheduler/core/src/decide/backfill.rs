//! Backfill: runs for a stretch of the past, a few at a time, after everything that is due now.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::clear::{ClearRequest, Told};
use super::effect::{Answer, Effect, Refusal};
use super::event::{RunType, Values};
use super::law::{BackfillState, RunState};
use super::part::Part;
use super::reason::Reason;
use super::recover::RunRow;
use super::run::NewRun;
use super::state::{Ending, Run, State};
use super::transition::Transition;
use super::turn::Turn;
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

/// One backfill that is not over, as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct BackfillRow {
    /// Its number.
    pub id: BackfillId,
    /// Of which DAG.
    pub dag: DagId,
    /// `running` or `paused`.
    pub state: BackfillState,
    /// How many of its runs are active at once.
    pub max_active: u32,
    /// Params of the runs it makes.
    pub params: Values,
    /// It goes on although its DAG is paused.
    pub force: bool,
    /// Who asked for it.
    pub by: String,
    /// Instants that have neither a run nor a reason yet, in the order in which they are taken.
    pub left: Vec<BackfillItem>,
    /// A run of it is over and did not succeed.
    pub failed: bool,
}

/// One backfill that is not over.
#[derive(Debug, Clone)]
pub(super) struct Backfill {
    pub(super) dag: DagId,
    pub(super) state: BackfillState,
    pub(super) max_active: u32,
    params: Values,
    force: bool,
    by: String,
    left: VecDeque<BackfillItem>,
    /// Runs of it that are not over.
    pub(super) active: BTreeSet<RunId>,
    /// Runs that the store was asked for, and their instants.
    recalled: BTreeMap<RunId, Timestamp>,
    failed: bool,
}

impl Backfill {
    pub(super) fn of(row: BackfillRow) -> Self {
        Self {
            dag: row.dag,
            state: row.state,
            max_active: row.max_active,
            params: row.params,
            force: row.force,
            by: row.by,
            left: row.left.into(),
            active: BTreeSet::new(),
            recalled: BTreeMap::new(),
            failed: row.failed,
        }
    }

    fn has_room(&self) -> bool {
        self.active.len() + self.recalled.len() < self.max_active as usize
    }

    fn is_through(&self) -> bool {
        self.left.is_empty() && self.active.is_empty() && self.recalled.is_empty()
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
        (BackfillMode::Missing, None) | (BackfillMode::All, _) => Take::Run,
    }
}

impl Turn<'_> {
    pub(super) fn backfill_requested(
        &mut self,
        dag: &DagId,
        request: BackfillRequest,
        past: &Past,
    ) -> Answer {
        match self.plan_backfill(dag, &request, past) {
            Err(refusal) => Answer::Refused(refusal),
            Ok((mut plan, params)) => {
                let works = plan.items.iter().any(|item| !matches!(item.take, Take::Skip(_)));
                if works && !request.dry_run {
                    plan.backfill = Some(self.create_backfill(&plan, request, params));
                    self.go_on_with_backfills(dag);
                }
                Answer::Backfill(Box::new(plan))
            }
        }
    }

    fn plan_backfill(
        &self,
        id: &DagId,
        request: &BackfillRequest,
        past: &Past,
    ) -> Result<(BackfillPlan, Values), Refusal> {
        let version = self.state.version(id).ok_or_else(|| Refusal::UnknownDag(id.to_string()))?;
        let dag = &version.dag;
        if !dag.enabled && !request.force {
            return Err(Refusal::NotEnabled(id.to_string()));
        }
        if request.to < request.from {
            let sentence = format!(
                "the stretch is reversed: it ends at {}, before it begins at {}",
                request.to, request.from
            );
            return Err(Refusal::Senseless(sentence));
        }
        if request.from > self.now {
            let sentence = format!("the stretch begins at {}, which has not come yet", request.from);
            return Err(Refusal::Senseless(sentence));
        }
        if request.max_active == Some(0) {
            return Err(Refusal::Senseless("at least one run must be active at once".into()));
        }
        if request.mode == BackfillMode::Failed && !request.params.is_empty() {
            return Err(Refusal::Senseless("a run that runs again keeps its params".into()));
        }
        let params = match request.mode {
            BackfillMode::Failed => Values::new(),
            BackfillMode::Missing | BackfillMode::All => {
                dag.resolve_params(&request.params).map_err(Refusal::BadParams)?
            }
        };
        let mut items = items(dag, request, past, self.now)?;
        if request.order == BackfillOrder::Newest {
            items.reverse();
        }
        let max_active = request.max_active.unwrap_or(dag.max_active_runs);
        Ok((BackfillPlan { backfill: None, dag: id.clone(), max_active, items }, params))
    }

    fn create_backfill(
        &mut self,
        plan: &BackfillPlan,
        request: BackfillRequest,
        params: Values,
    ) -> BackfillId {
        let id = BackfillId(self.state.next_backfill);
        self.state.next_backfill += 1;
        let left = plan.items.iter().filter(|item| !matches!(item.take, Take::Skip(_))).cloned().collect();
        let row = BackfillRow {
            id,
            dag: plan.dag.clone(),
            state: BackfillState::Running,
            max_active: plan.max_active,
            params: params.clone(),
            force: request.force,
            by: request.by.clone(),
            left,
            failed: false,
        };
        self.state.backfills.insert(id, Backfill::of(row));
        self.record(Transition::BackfillCreated {
            backfill: id,
            dag: plan.dag.clone(),
            from: request.from,
            to: request.to,
            mode: request.mode,
            order: request.order,
            max_active: plan.max_active,
            params,
            force: request.force,
            items: plan.items.clone(),
            by: request.by,
            why: request.why,
        });
        id
    }

    pub(super) fn backfill_steered(
        &mut self,
        id: BackfillId,
        to: BackfillState,
        by: String,
        why: Option<String>,
    ) -> Answer {
        let Some(backfill) = self.state.backfills.get(&id) else {
            return Answer::Refused(Refusal::Unknown(format!("there is no active backfill {id}")));
        };
        let (from, dag) = (backfill.state, backfill.dag.clone());
        if from == to {
            return Answer::Done;
        }
        if !matches!(to, BackfillState::Running | BackfillState::Paused | BackfillState::Canceled) {
            return Answer::Refused(Refusal::Senseless(format!("a backfill cannot be made {to} by hand")));
        }
        if to == BackfillState::Canceled {
            let active = self.state.backfills.remove(&id).map(|it| it.active).unwrap_or_default();
            let reason = Reason::Canceled { by: by.clone() };
            self.doomed.extend(
                active
                    .into_iter()
                    .map(|run| (run, Ending { verdict: RunState::Canceled, reason: reason.clone() })),
            );
        } else if let Some(backfill) = self.state.backfills.get_mut(&id) {
            backfill.state = to;
        }
        self.record(Transition::BackfillMoved { backfill: id, from, to, by, why });
        self.go_on_with_backfills(&dag);
        Answer::Done
    }

    /// Makes the next runs of the backfills of a DAG while they have room, and ends those that are through.
    pub(super) fn go_on_with_backfills(&mut self, dag: &DagId) {
        let of_dag = self.state.backfills.iter().filter(|(_, it)| it.dag == *dag);
        for id in of_dag.map(|(id, _)| *id).collect::<Vec<_>>() {
            while let Some(item) = self.next_of_backfill(id) {
                self.take_instant(id, item);
            }
            self.end_backfill_if_through(id);
        }
    }

    /// The next instant of a backfill, if nothing holds it.
    fn next_of_backfill(&mut self, id: BackfillId) -> Option<BackfillItem> {
        let backfill = self.state.backfills.get_mut(&id)?;
        let entry = self.state.dags.get(&backfill.dag)?;
        let held = entry.retired || (!backfill.force && entry.is_held(self.state.paused));
        let goes_on = backfill.state == BackfillState::Running && !held && backfill.has_room();
        if goes_on { backfill.left.pop_front() } else { None }
    }

    fn take_instant(&mut self, id: BackfillId, item: BackfillItem) {
        let instant = item.instant;
        match item.take {
            Take::Run => self.make_backfill_run(id, instant),
            Take::Rerun(run) => {
                if let Some(active) = self.state.runs.get(&run) {
                    let reason = Reason::HasRun { run, state: active.state };
                    self.leave_instant_out(id, instant, reason);
                } else if let Some(backfill) = self.state.backfills.get_mut(&id) {
                    backfill.recalled.insert(run, instant);
                    self.order(Effect::Recall { backfill: id, run });
                }
            }
            Take::Skip(reason) => self.leave_instant_out(id, instant, reason),
        }
    }

    fn make_backfill_run(&mut self, id: BackfillId, instant: Timestamp) {
        let backfill = &self.state.backfills[&id];
        let entry = &self.state.dags[&backfill.dag];
        let (version, beyond) = (entry.version.clone(), instant > entry.cursor);
        let before = version.dag.timetable.as_ref().and_then(|table| table.previous_before(instant));
        let new = NewRun {
            run_type: RunType::Backfill,
            logical_date: instant,
            interval: (before.unwrap_or(instant), instant),
            params: backfill.params.clone(),
            force: true,
            by: backfill.by.clone(),
            part: Part::default(),
            backfill: Some(id),
        };
        let dag = backfill.dag.clone();
        let run = self.create_run(version, new);
        self.record(Transition::BackfillTook { backfill: id, instant, run: Some(run), skipped: None });
        if beyond {
            self.state.ahead.insert((dag, instant));
        }
        self.state.backfills.get_mut(&id).expect("found above").active.insert(run);
        self.begin_run(run);
    }

    fn leave_instant_out(&mut self, id: BackfillId, instant: Timestamp, reason: Reason) {
        self.record(Transition::BackfillTook { backfill: id, instant, run: None, skipped: Some(reason) });
    }

    /// A run that a backfill runs again has been read from the store.
    pub(super) fn run_recalled(
        &mut self,
        id: BackfillId,
        run: RunId,
        row: Option<Box<RunRow>>,
    ) -> Option<Answer> {
        let backfill = self.state.backfills.get_mut(&id)?;
        let dag = backfill.dag.clone();
        let instant = backfill.recalled.remove(&run).or_else(|| take_out(&mut backfill.left, run))?;
        let (by, force) = (backfill.by.clone(), backfill.force);
        let told = Told { by, why: None, force, backfill: Some(id) };
        let wanted = ClearRequest::default();
        let active = self.state.runs.get(&run).map(|run| run.state);
        let cleared = match (active, self.recall(run, row)) {
            (None, Ok(found)) => self.clear_as_asked(found, &wanted, told),
            (_, Err(refusal)) => Err(refusal),
            (Some(_), Ok(_)) => Err(Refusal::UnknownRun(run)),
        };
        match cleared {
            Ok(plan) if !plan.tasks.is_empty() => {
                if let Some(backfill) = self.state.backfills.get_mut(&id) {
                    backfill.active.insert(run);
                }
                self.record(Transition::BackfillTook {
                    backfill: id,
                    instant,
                    run: Some(run),
                    skipped: None,
                });
            }
            Ok(_) | Err(_) => {
                let reason = active.map_or(Reason::HasNoRun, |state| Reason::HasRun { run, state });
                self.leave_instant_out(id, instant, reason);
            }
        }
        self.go_on_with_backfills(&dag);
        None
    }

    /// A run is over: the backfill it belongs to has room for another.
    pub(super) fn backfill_run_ended(&mut self, run: &Run, to: RunState) {
        if let Some(backfill) = run.backfill.and_then(|id| self.state.backfills.get_mut(&id)) {
            backfill.active.remove(&run.id);
            backfill.failed |= to != RunState::Success;
        }
    }

    fn end_backfill_if_through(&mut self, id: BackfillId) {
        if let Some(backfill) = self.state.backfills.get(&id)
            && backfill.is_through()
        {
            let from = backfill.state;
            let to = if backfill.failed { BackfillState::Failed } else { BackfillState::Success };
            self.state.backfills.remove(&id);
            let by = "schedule".to_owned();
            self.record(Transition::BackfillMoved { backfill: id, from, to, by, why: None });
        }
    }
}

/// Takes the instant of a run that is to run again out of those that are left.
fn take_out(left: &mut VecDeque<BackfillItem>, run: RunId) -> Option<Timestamp> {
    let at = left.iter().position(|item| item.take == Take::Rerun(run))?;
    left.remove(at).map(|item| item.instant)
}

impl State {
    /// True when the backfill of this run knows it, or is over.
    pub(super) fn backfill_knows(&self, run: &Run) -> bool {
        let backfill = run.backfill.and_then(|id| self.backfills.get(&id));
        backfill.is_none_or(|it| it.active.contains(&run.id))
    }

    /// What must hold of backfills.
    pub(super) fn check_backfills(&self, broken: &mut Vec<String>) {
        for (id, backfill) in &self.backfills {
            if backfill.active.len() + backfill.recalled.len() > backfill.max_active as usize {
                broken.push(format!("backfill {id} has more active runs than it may"));
            }
            if backfill.is_through() || backfill.state.is_final() {
                broken.push(format!("backfill {id} is through, yet it is not over"));
            }
            let runs = &backfill.active;
            if !runs.iter().all(|run| self.runs.get(run).is_some_and(|run| run.backfill == Some(*id))) {
                broken.push(format!("backfill {id} counts a run that is over or not its own"));
            }
            let held = self
                .dags
                .get(&backfill.dag)
                .is_none_or(|entry| entry.retired || (!backfill.force && entry.is_held(self.paused)));
            let waits = backfill.state == BackfillState::Running && !held && !backfill.left.is_empty();
            if waits && backfill.has_room() {
                broken.push(format!("backfill {id} has room, yet its instants wait"));
            }
        }
    }
}
