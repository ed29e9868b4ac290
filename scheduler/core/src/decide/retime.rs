//! One coming tick is skipped, or fires at another time. Its logical date stays the nominal instant.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::effect::{Answer, Refusal};
use super::reason::Reason;
use super::schedule::{OUTAGE_GRACE, catches_up, next_instant};
use super::state::Timer;
use super::transition::Transition;
use super::turn::Turn;
use crate::dag::spec::Dag;
use crate::id::DagId;
use crate::time::Timestamp;

/// What is to become of a tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TickChange {
    /// It does not fire.
    Skip,
    /// It fires at this time.
    Move(Timestamp),
}

/// A tick that somebody changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedTick {
    /// Of which DAG.
    pub dag: DagId,
    /// The nominal instant.
    pub instant: Timestamp,
    /// What becomes of it.
    pub change: TickChange,
    /// Why, for people.
    pub why: String,
    /// Who.
    pub by: String,
    /// It was moved forward and has fired, though its instant is still to come.
    pub done: bool,
}

/// A change of a tick that somebody wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TickRequest {
    /// Of which DAG.
    pub dag: DagId,
    /// Which instant; `None`: the next one, and for an undo the next that was changed.
    pub instant: Option<Timestamp>,
    /// `None`: undo.
    pub change: Option<TickChange>,
    /// Why, for people.
    pub why: String,
    /// Who asks.
    pub by: String,
}

impl Turn<'_> {
    pub(super) fn tick_change_requested(&mut self, request: TickRequest) -> Answer {
        let Some(version) = self.state.version(&request.dag).cloned() else {
            return Answer::Refused(Refusal::UnknownDag(request.dag.to_string()));
        };
        let refused = |why: &str| Answer::Refused(Refusal::BadTick(why.into()));
        let Some(instant) = request.instant.or_else(|| self.next_tick_of(&version.dag, request.change))
        else {
            return refused("there is no such tick to come");
        };
        let key = (request.dag.clone(), instant);
        let known = self.state.holds.changes.get(&key);
        if known.is_some_and(|changed| changed.done) {
            return refused("it was moved, and has fired");
        }
        let passed = instant <= self.now.max(self.state.dags[&request.dag].cursor);
        let Some(change) = request.change else { return self.undo_tick(request, instant, passed) };
        if !is_instant(&version.dag, instant) {
            return refused("the schedule has no such instant; `nightrun next` shows those to come");
        }
        if passed && known.is_none() {
            return refused("its time is over");
        }
        if matches!(change, TickChange::Move(to) if to <= self.now) {
            return refused("it can only be moved to a time in the future");
        }
        let TickRequest { dag, why, by, .. } = request;
        self.record(Transition::TickChanged {
            dag: dag.clone(),
            instant,
            change,
            why: why.clone(),
            by: by.clone(),
        });
        let changed = ChangedTick { dag: dag.clone(), instant, change, why, by, done: false };
        self.state.holds.changes.insert(key, changed);
        match change {
            TickChange::Move(_) => self.arm_moved_ticks(&dag),
            // Its own time is over, so that nothing else would decide it.
            TickChange::Skip if passed => self.decide_moved(&dag, instant),
            TickChange::Skip => {}
        }
        Answer::Tick(instant)
    }

    fn undo_tick(&mut self, request: TickRequest, instant: Timestamp, passed: bool) -> Answer {
        let TickRequest { dag, by, .. } = request;
        let refused = |why: &str| Answer::Refused(Refusal::BadTick(why.into()));
        if !self.state.holds.changes.contains_key(&(dag.clone(), instant)) {
            return refused("it was neither skipped nor moved");
        }
        if passed {
            return refused("its own time is over; move it to another, or skip it");
        }
        self.state.holds.changes.remove(&(dag.clone(), instant));
        self.record(Transition::TickRestored { dag, instant, by });
        Answer::Tick(instant)
    }

    /// The next tick that is as the schedule has it, or, for an undo, the next that is not.
    fn next_tick_of(&self, dag: &Dag, change: Option<TickChange>) -> Option<Timestamp> {
        const FAR: usize = 10_000;
        let changed = |at: &Timestamp| self.state.holds.changes.contains_key(&(dag.id.clone(), *at));
        let first = next_instant(dag, self.now.max(self.state.dags[&dag.id].cursor));
        let mut coming = std::iter::successors(first, |at| next_instant(dag, *at)).take(FAR);
        coming.find(|at| changed(at) == change.is_none())
    }

    /// True when an instant whose time has come is not for the schedule to decide: it was skipped or moved.
    pub(super) fn is_retimed(&mut self, id: &DagId, instant: Timestamp) -> bool {
        let key = (id.clone(), instant);
        let Some(changed) = self.state.holds.changes.get(&key) else { return false };
        let skipped = changed.change == TickChange::Skip;
        if skipped {
            let reason = Reason::TickSkipped { by: changed.by.clone(), why: changed.why.clone() };
            self.record(Transition::Ticked { dag: id.clone(), instant, run: None, skipped: Some(reason) });
        }
        if skipped || self.state.holds.changes[&key].done {
            self.state.holds.changes.remove(&key);
        }
        true
    }

    /// Arms the timers of a DAG's moved ticks; one that was armed for another time rings in vain.
    pub(super) fn arm_moved_ticks(&mut self, id: &DagId) {
        if !self.state.schedules || self.state.holds.changes.is_empty() {
            return;
        }
        let of_dag = (id.clone(), Timestamp::from_nanos(i64::MIN))..=(id.clone(), Timestamp::MAX);
        let pending = self.state.holds.changes.range(of_dag).filter(|(_, changed)| !changed.done);
        let moved: Vec<(Timestamp, Timestamp)> = pending
            .filter_map(|((_, instant), changed)| match changed.change {
                TickChange::Move(to) => Some((*instant, self.state.holds.due(id, to, self.now))),
                TickChange::Skip => None,
            })
            .collect();
        for (instant, due) in moved {
            self.arm(due, Timer::Moved(id.clone(), instant));
        }
    }

    pub(super) fn moved_due(&mut self, id: &DagId, instant: Timestamp) {
        let Some(changed) = self.state.holds.changes.get(&(id.clone(), instant)) else { return };
        let TickChange::Move(to) = changed.change else { return };
        if changed.done || to > self.now || self.state.version(id).is_none() {
            return;
        }
        match self.state.holds.open(id, self.now) {
            Some(_) => self.arm_moved_ticks(id),
            None => self.decide_moved(id, instant),
        }
    }

    /// A tick apart from the schedule's order: it fires, or is skipped for good.
    fn decide_moved(&mut self, id: &DagId, instant: Timestamp) {
        let key = (id.clone(), instant);
        if self.state.ahead.contains(&key) {
            // A backfill took it; nothing is left to fire when its own time comes.
            self.state.holds.changes.entry(key).and_modify(|changed| changed.done = true);
            return;
        }
        let changed = self.state.holds.changes[&key].clone();
        let entry = &self.state.dags[id];
        let (dag, cursor) = (entry.version.dag.clone(), entry.cursor);
        if !is_instant(&dag, instant) {
            self.state.holds.changes.remove(&key);
            self.record(Transition::TickRestored { dag: id.clone(), instant, by: "schedule".into() });
            return;
        }
        let outcome = match changed.change {
            TickChange::Skip => Err(Reason::TickSkipped { by: changed.by, why: changed.why }),
            TickChange::Move(_) if entry.is_held(self.state.paused) => Err(Reason::Paused),
            TickChange::Move(to) => match self.resumes_moved(id, to) {
                Err(reason) => Err(reason),
                Ok(())
                    if to < self.now.minus(OUTAGE_GRACE) && !self.was_held(id, to) && !catches_up(&dag) =>
                {
                    Err(Reason::Catchup)
                }
                Ok(()) => {
                    let before = dag.timetable.as_ref().and_then(|it| it.previous_before(instant));
                    self.fire(id, instant, (before.unwrap_or(instant), instant))
                }
            },
        };
        let (run, skipped) = match outcome {
            Ok(run) => (Some(run), None),
            Err(reason) => (None, Some(reason)),
        };
        if instant > cursor {
            self.state.holds.changes.entry(key).and_modify(|changed| changed.done = true);
        } else {
            self.state.holds.changes.remove(&key);
        }
        self.record(Transition::MovedTicked { dag: id.clone(), instant, run, skipped });
    }

    fn was_held(&self, id: &DagId, at: Timestamp) -> bool {
        self.state.holds.held_up(id, at, self.now).is_some()
    }

    /// A window that leaves out what it held up leaves out a moved tick too.
    fn resumes_moved(&self, id: &DagId, to: Timestamp) -> Result<(), Reason> {
        match self.state.holds.held_up(id, to, self.now) {
            Some(hold) if hold.resume == super::hold::Resume::None => Err(hold.reason()),
            _ => Ok(()),
        }
    }
}

fn is_instant(dag: &Dag, instant: Timestamp) -> bool {
    next_instant(dag, instant.minus(Duration::from_nanos(1))) == Some(instant)
}
