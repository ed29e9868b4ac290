//! One turn of the heart: the state being changed, and what comes out of it.

use super::effect::{Answer, Effect};
use super::event::Event;
use super::law::TaskState;
use super::reason::Reason;
use super::state::{Ending, Instance, Run, State, Timer};
use super::transition::Transition;
use crate::id::{InstanceId, RunId};
use crate::time::Timestamp;

/// What one step decided. Nothing of it may be lost: first the transitions are made durable, then the
/// effects are carried out, then the answer is given.
#[must_use]
#[derive(Debug, Default)]
pub struct Step {
    /// Facts, in the order in which they became true.
    pub transitions: Vec<Transition>,
    /// Orders, in the order in which they must be given.
    pub effects: Vec<Effect>,
    /// What to tell whoever asked; only requests have one.
    pub answer: Option<Answer>,
}

/// After so many facts a step leaves the timers that are still due to the next one, so that a schedule
/// that missed a year does not become one endless transaction.
const FACTS_PER_STEP: usize = 20_000;

/// The one way in: takes what happened and decides what is true now and what to do.
pub fn step(state: &mut State, event: Event, now: Timestamp) -> Step {
    // A schedule that is due when a scheduler begins fires by the files as they are now, which are read next.
    let schedules_fire = !matches!(event, Event::Started);
    let mut turn = Turn::new(state, now);
    turn.out.answer = turn.take(event);
    turn.follow();
    turn.fire_due(schedules_fire);
    turn.dispatch();
    turn.out
}

/// Everything that happens within one step.
pub(super) struct Turn<'a> {
    pub(super) state: &'a mut State,
    pub(super) now: Timestamp,
    pub(super) out: Step,
    /// Task instances that became final and whose downstreams have not heard of it.
    pub(super) settled: Vec<InstanceId>,
    /// Runs that must be ended before their tasks are through.
    pub(super) doomed: Vec<(RunId, Ending)>,
    /// Runs whose last task instance became final.
    pub(super) through: Vec<RunId>,
    /// Groups that wait for their next try and may have become quiet.
    pub(super) stirred: Vec<(RunId, usize)>,
}

impl<'a> Turn<'a> {
    pub(super) fn new(state: &'a mut State, now: Timestamp) -> Self {
        Self {
            state,
            now,
            out: Step::default(),
            settled: Vec::new(),
            doomed: Vec::new(),
            through: Vec::new(),
            stirred: Vec::new(),
        }
    }

    fn take(&mut self, event: Event) -> Option<Answer> {
        match event {
            Event::TimePassed => None,
            Event::Started => self.started(),
            Event::DagsRead { read, gone, faults } => self.dags_read(read, gone, faults),
            Event::RunRequested(request) => Some(self.run_requested(request)),
            Event::CancelRequested { run, by } => Some(self.cancel_requested(run, by)),
            Event::PauseRequested { dag, paused, by, why } => {
                Some(self.pause_requested(dag, paused, (by, why)))
            }
            Event::HoldRequested(request) => Some(self.hold_requested(request)),
            Event::HoldRemovalRequested { hold, by } => Some(self.hold_removal_requested(hold, by)),
            Event::TickChangeRequested(request) => Some(self.tick_change_requested(request)),
            Event::PruneRequested { runs, versions, by } => Some(self.prune_requested(runs, versions, by)),
            Event::VarSet { name, value, by } => Some(self.var_set(name, value, by)),
            Event::AccessRequested { change, by } => Some(self.access_requested(change, by)),
            Event::AttemptStarted { attempt, pid, at } => self.attempt_started(attempt, pid, at),
            Event::AttemptFinished { attempt, at, outcome, used } => {
                self.attempt_finished(attempt, at, outcome, used)
            }
            Event::Called { attempt, pid, at, request } => self.called(attempt, (pid, at), request),
            Event::CallReturned { attempt, at, end } => self.call_returned(attempt, at, end),
            Event::Expanded { instance, items } => self.expanded(instance, items),
            Event::LookedFor { instance, missing } => self.looked_for(instance, missing),
            Event::HookTried { hook, number, error } => self.hook_tried(hook, number, error),
            Event::WhenEvaluated { instance, holds } => self.when_evaluated(instance, holds),
            Event::ClearRequested { run, request, row } => Some(self.clear_requested(run, &request, row)),
            Event::MarkRequested { run, request, row } => Some(self.mark_requested(run, &request, row)),
            Event::NoteRequested { run, request, row } => Some(self.note_requested(run, request, row)),
            Event::BackfillRequested { dag, request, past } => {
                Some(self.backfill_requested(&dag, request, &past))
            }
            Event::BackfillSteered { backfill, to, by, why } => {
                Some(self.backfill_steered(backfill, to, by, why))
            }
            Event::RunRecalled { backfill, run, row } => self.run_recalled(backfill, run, row),
        }
    }

    /// Follows every consequence to its end: settled tasks move their downstreams, doomed runs are
    /// ended, runs that are through are closed and make room for the next.
    pub(super) fn follow(&mut self) {
        loop {
            if let Some(id) = self.settled.pop() {
                self.tell_downstreams(id);
            } else if let Some((run, ending)) = self.doomed.pop() {
                self.end_early(run, ending);
            } else if let Some((run, group)) = self.stirred.pop() {
                self.try_group_again(run, group);
            } else if let Some(run) = self.through.pop() {
                self.close_run(run);
            } else {
                return;
            }
        }
    }

    /// Does what the timers that are due ask for.
    fn fire_due(&mut self, schedules: bool) {
        while let Some(timer) = self.take_due(schedules) {
            match timer {
                Timer::Tick(dag) => self.ticks_due(&dag),
                Timer::Moved(dag, instant) => self.moved_due(&dag, instant),
                Timer::HoldBegin(hold) => self.hold_begins(hold),
                Timer::HoldEnd(hold) => self.hold_ends(hold),
                Timer::Retry(instance) => self.retry_due(instance),
                Timer::Wait(instance) => self.wait_due(instance),
                Timer::Group(run, group) => self.group_due(run, group),
                Timer::Timeout(attempt) => self.timeout_due(attempt),
                Timer::Kill(attempt) => self.kill_due(attempt),
                Timer::RunTimeout(run) => self.run_timeout_due(run),
                Timer::Deadline(alarm) => self.deadline_due(alarm),
                Timer::Hook(hook) => self.hook_due_again(hook),
            }
            self.follow();
        }
    }

    /// The first timer that is due, without those of schedules if they must wait.
    fn take_due(&mut self, schedules: bool) -> Option<Timer> {
        if self.out.transitions.len() >= FACTS_PER_STEP {
            return None;
        }
        let mut due = self.state.timers.iter().take_while(|(at, _)| *at <= self.now);
        let due = due.find(|(_, timer)| schedules || !timer.is_of_schedules())?.clone();
        self.state.timers.take(&due).map(|(_, timer)| timer)
    }

    pub(super) fn arm(&mut self, at: Timestamp, timer: Timer) {
        self.state.timers.insert((at, timer));
    }

    pub(super) fn disarm(&mut self, at: Timestamp, timer: Timer) {
        self.state.timers.remove(&(at, timer));
    }

    pub(super) fn record(&mut self, transition: Transition) {
        self.out.transitions.push(transition);
    }

    pub(super) fn order(&mut self, effect: Effect) {
        self.out.effects.push(effect);
    }

    pub(super) fn run(&mut self, id: RunId) -> &mut Run {
        self.state.runs.get_mut(&id).expect("a run that is worked on is not over")
    }

    pub(super) fn instance(&mut self, id: InstanceId) -> Option<&mut Instance> {
        self.state.runs.get_mut(&id.run)?.get_mut(id)
    }

    /// Moves a task instance; the only place where one changes its state without an attempt.
    pub(super) fn move_task(&mut self, id: InstanceId, to: TaskState, reason: Reason) {
        let place = self.run(id.run).at_mut(id);
        let from = place.state;
        debug_assert!(TaskState::legal(from, to), "{id:?}: {from} -> {to}");
        place.state = to;
        place.reason = reason.clone();
        self.record(Transition::TaskMoved { instance: id, from, to, reason });
    }

    /// Tells anew why a task instance waits.
    pub(super) fn reason_task(&mut self, id: InstanceId, reason: Reason) {
        self.run(id.run).at_mut(id).reason = reason.clone();
        self.record(Transition::TaskReasoned { instance: id, reason });
    }
}
