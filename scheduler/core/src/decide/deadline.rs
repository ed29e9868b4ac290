//! Late starts and late ends: armed when a run is made, begins, or a task of it begins; told once.

use std::collections::BTreeSet;

use super::RunType;
use super::law::{RunState, TaskState};
use super::state::{Run, State, Timer};
use super::transition::Transition;
use super::turn::Turn;
use crate::dag::spec::{HookOn, Lateness};
use crate::id::{InstanceId, RunId, TaskIndex};
use crate::time::Timestamp;

/// Whose deadline it is: the run's own, or that of one of its tasks.
pub type Subject = Option<TaskIndex>;

/// One armed deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Alarm {
    pub(super) run: RunId,
    pub(super) subject: Subject,
    pub(super) kind: Lateness,
    pub(super) due: Timestamp,
}

/// What a run knows of its deadlines.
#[derive(Debug, Clone, Default)]
pub(super) struct Watch {
    /// What has been told: never twice.
    told: BTreeSet<(Subject, Lateness)>,
    /// What is armed, to be disarmed with the run.
    armed: BTreeSet<Alarm>,
}

impl Watch {
    /// What the store remembers.
    pub(super) fn restored(told: &[(Subject, Lateness)]) -> Self {
        Self { told: told.iter().copied().collect(), armed: BTreeSet::new() }
    }

    /// Every armed alarm, with its instant.
    pub(super) fn armed(&self) -> impl Iterator<Item = (Timestamp, Timer)> {
        self.armed.iter().map(|alarm| (alarm.due, Timer::Deadline(*alarm)))
    }
}

impl Run {
    /// Where its deadlines count from: its logical date. A run of the past (somebody asked for it later, or
    /// its schedule caught up on it after the next tick had passed) is not late because of that: there they
    /// count from when it was made.
    fn due_from(&self) -> Timestamp {
        let timetable = self.dag().timetable.as_ref();
        let next = timetable.and_then(|it| it.next_after(self.logical_date));
        let of_the_past = match self.run_type {
            RunType::Scheduled => next.is_some_and(|next| next <= self.created_at),
            RunType::Manual | RunType::Call | RunType::Backfill => true,
        };
        if of_the_past { self.logical_date.max(self.created_at) } else { self.logical_date }
    }
}

impl State {
    /// Arms the deadlines of a run that has just been made, or was restored.
    pub(super) fn watch_run(&mut self, id: RunId) {
        let run = &self.runs[&id];
        let Some(deadline) = &run.dag().deadline else { return };
        let from = run.due_from();
        let due = deadline.from_dates(from, from, &run.dag().zone);
        self.arm_deadlines(id, None, due);
    }

    /// Arms what counts from the begin of a run: its own, and those of its tasks.
    pub(super) fn watch_begun_run(&mut self, id: RunId) {
        let run = &self.runs[&id];
        let (Some(started), version, from) = (run.started_at, run.version.clone(), run.due_from()) else {
            return;
        };
        if let Some(deadline) = &version.dag.deadline {
            self.arm_deadlines(id, None, deadline.from_start(started));
        }
        for (task, spec) in version.dag.places().zip(&version.dag.tasks) {
            if let Some(deadline) = &spec.deadline {
                self.arm_deadlines(id, Some(task), deadline.from_dates(started, from, &version.dag.zone));
            }
        }
    }

    /// Arms what counts from the first attempt of a task.
    pub(super) fn watch_begun_task(&mut self, id: InstanceId, began: Timestamp) {
        let version = self.runs[&id.run].version.clone();
        if let Some(deadline) = &version.dag.task(id.task).deadline {
            self.arm_deadlines(id.run, Some(id.task), deadline.from_start(began));
        }
    }

    fn arm_deadlines(&mut self, id: RunId, subject: Subject, due: Vec<(Lateness, Timestamp)>) {
        let run = self.runs.get_mut(&id).expect("a run that is watched is not over");
        for (kind, due) in due {
            if !run.watch.told.contains(&(subject, kind)) {
                let alarm = Alarm { run: id, subject, kind, due };
                run.watch.armed.insert(alarm);
                self.timers.insert((due, Timer::Deadline(alarm)));
            }
        }
    }
}

impl Turn<'_> {
    /// A deadline is here: what should have happened by now may have happened.
    pub(super) fn deadline_due(&mut self, alarm: Alarm) {
        let Alarm { run: id, subject, kind, due } = alarm;
        let now = self.now;
        let Some(run) = self.state.runs.get_mut(&id) else { return };
        run.watch.armed.remove(&alarm);
        let end_by = |due| Alarm { kind: Lateness::LateFinish, due, ..alarm };
        let mut ends_due = run.watch.armed.range(end_by(Timestamp::from_nanos(i64::MIN))..=end_by(now));
        // The deadline itself has passed, too: its own alarm says it all.
        let overtaken = kind == Lateness::Warning && ends_due.next().is_some();
        if overtaken || !is_late(run, subject, kind) || !run.watch.told.insert((subject, kind)) {
            return;
        }
        self.record(Transition::Late { run: id, task: subject, kind, due });
        let instance = subject.map(|task| InstanceId::whole(id, task));
        self.hooks_of(id, instance, HookOn::OnLate, Some((kind, due)));
    }

    /// Takes back what is armed of a run that is over.
    pub(super) fn unwatch(&mut self, run: &Run) {
        for (at, timer) in run.watch.armed() {
            self.disarm(at, timer);
        }
    }
}

/// True when what the deadline is about has not happened yet.
fn is_late(run: &Run, subject: Subject, kind: Lateness) -> bool {
    match (subject, kind) {
        (None, Lateness::LateStart) => run.state == RunState::Queued,
        (None, Lateness::Warning | Lateness::LateFinish) => true,
        (Some(task), Lateness::LateStart) => {
            let fresh = matches!(run.state_of(task), TaskState::Waiting | TaskState::Queued);
            fresh && run.at(InstanceId::whole(run.id, task)).attempt == 0
        }
        (Some(task), Lateness::Warning | Lateness::LateFinish) => !run.state_of(task).is_final(),
    }
}
