//! Waiting for runs of other DAGs, or for the run before. A task that waits is `deferred`: it holds no slot, and is looked at again
//! whenever a run or a task of a DAG it waits for has ended. Nothing polls.

use std::collections::BTreeSet;

use super::effect::{Answer, Effect};
use super::event::Missing;
use super::law::TaskState;
use super::reason::Reason;
use super::state::{State, Timer};
use super::turn::Turn;
use crate::id::{DagId, InstanceId, RunId};
use crate::time::Timestamp;

impl Turn<'_> {
    /// Everything but other runs is there.
    pub(super) fn defer(&mut self, id: InstanceId) {
        let now = self.now;
        let what = "other runs".to_owned();
        self.move_task(id, TaskState::Deferred, Reason::Waits { what, run: None });
        self.state.note_waits(id);
        let deadline = wait_deadline(self.state, id, now);
        self.run(id.run).at_mut(id).deadline = deadline;
        if let Some(at) = deadline {
            self.arm(at, Timer::Wait(id));
        }
        self.order(Effect::LookFor(id));
    }

    /// What is still missing was looked up; `None`: nothing, so that the task goes on.
    pub(super) fn looked_for(&mut self, id: InstanceId, missing: Option<Missing>) -> Option<Answer> {
        let waits = self.instance(id).is_some_and(|it| it.state == TaskState::Deferred);
        if !waits {
            return None;
        }
        if let Some(Missing { what, run }) = missing {
            let reason = Reason::Waits { what, run };
            if self.run(id.run).at(id).reason != reason {
                self.reason_task(id, reason);
            }
            // It may wait for one that waits for its place.
            let dag = self.run(id.run).dag().id.clone();
            self.admit(&dag);
        } else {
            self.stop_waiting(id);
            self.move_task(id, TaskState::Waiting, Reason::Upstream);
            self.proceed(id);
        }
        None
    }

    pub(super) fn wait_due(&mut self, id: InstanceId) {
        if let Some(instance) = self.instance(id).filter(|it| it.state == TaskState::Deferred) {
            let what = instance.reason.to_string();
            self.stop_waiting(id);
            self.settle(id, TaskState::Failed, Reason::WaitTimedOut { what });
        }
    }

    /// Forgets what a task waits for, because it goes on or is over.
    pub(super) fn stop_waiting(&mut self, id: InstanceId) {
        self.disarm_task(id);
        let task = &self.state.runs[&id.run].version.clone().dag.tasks[id.task.at()];
        for wait in &task.waits {
            let place = (wait.dag.clone(), wait.task.clone());
            if let Some(waiting) = self.state.waiting.get_mut(&place) {
                waiting.remove(&id);
                if waiting.is_empty() {
                    self.state.waiting.remove(&place);
                }
            }
        }
    }

    /// A run of a DAG has ended, or one of its tasks: who waits for that is looked at again.
    pub(super) fn wake_waiting(&mut self, dag: &DagId, task: Option<&str>) {
        let place = (dag.clone(), task.map(str::to_owned));
        for id in self.state.waiting.get(&place).into_iter().flatten().copied().collect::<Vec<_>>() {
            self.order(Effect::LookFor(id));
        }
    }
}

impl State {
    /// The same, in which tasks wait for runs of other DAGs though no schedule makes any.
    #[must_use]
    pub fn with_others(mut self) -> Self {
        self.others = true;
        self
    }

    /// Remembers what a task waits for.
    pub(super) fn note_waits(&mut self, id: InstanceId) {
        let version = self.runs[&id.run].version.clone();
        for wait in &version.dag.task(id.task).waits {
            self.waiting.entry((wait.dag.clone(), wait.task.clone())).or_default().insert(id);
        }
    }

    /// The first queued run of a DAG for whose end an active one waits: no limit may keep it from beginning.
    pub(super) fn awaited_in_queue(&self, dag: &DagId) -> Option<RunId> {
        let waiting = self.waiting.range((dag.clone(), None)..).take_while(|((other, _), _)| other == dag);
        let waiting = waiting.flat_map(|(_, ids)| ids);
        let awaited = waiting.filter_map(|id| match self.runs[&id.run].at(*id).reason {
            Reason::Waits { run: Some(run), .. } if self.runs[&id.run].dag().id == *dag => Some(run),
            _ => None,
        });
        let awaited: BTreeSet<RunId> = awaited.collect();
        let queued = self.dags[dag].queued.iter().map(|(_, _, run)| *run);
        queued.into_iter().find(|run| awaited.contains(run))
    }
}

/// When the first of a task's waits that began at `since` has taken too long.
pub(super) fn wait_deadline(state: &State, id: InstanceId, since: Timestamp) -> Option<Timestamp> {
    let run = &state.runs[&id.run];
    let shortest = run.task(id.task).waits.iter().filter_map(|wait| wait.timeout).min()?;
    Some(since.plus(shortest))
}
