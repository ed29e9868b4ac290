//! Backfill: runs for a stretch of the past, a few at a time, after everything that is due now.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::clear::{ClearRequest, Told};
use super::dates::{
    BackfillItem, BackfillMode, BackfillOrder, BackfillPlan, BackfillRequest, Past, Take, items,
};
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
use crate::id::{BackfillId, DagId, RunId};
use crate::time::Timestamp;

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
    /// It is to run this run again.
    pub(super) fn wants(&self, run: RunId) -> bool {
        self.recalled.contains_key(&run) || self.left.iter().any(|item| item.take == Take::Rerun(run))
    }

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
        if request.order == BackfillOrder::Newest && dag.waits_for_previous() {
            let sentence = format!("a run of DAG `{id}` waits for the one before it: take the oldest first");
            return Err(Refusal::Senseless(sentence));
        }
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
            parent: None,
            past_limit: false,
        };
        let dag = backfill.dag.clone();
        let run = self.create_run(version, new);
        self.record(Transition::BackfillTook { backfill: id, instant, run: Some(run), skipped: None });
        if beyond {
            self.state.ahead.insert((dag, instant));
        } else {
            // It was moved to a later time, at which nothing is left to fire.
            self.state.holds.changes.remove(&(dag, instant));
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
        let told = Told { by, why: None, force, backfill: Some(id), version: None };
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
