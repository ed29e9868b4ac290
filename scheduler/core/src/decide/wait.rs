//! Waiting for runs of other DAGs. A task that waits is `deferred`: it holds no slot, and is looked at again
//! whenever a run or a task of a DAG it waits for has ended. Nothing polls.

use super::effect::{Answer, Effect};
use super::law::TaskState;
use super::reason::Reason;
use super::state::{State, Timer};
use super::turn::Turn;
use crate::id::{DagId, InstanceId};
use crate::time::Timestamp;

impl Turn<'_> {
    /// Everything but the runs of other DAGs is there.
    pub(super) fn defer(&mut self, id: InstanceId) {
        let now = self.now;
        self.move_task(id, TaskState::Deferred, Reason::Waits { what: "runs of other DAGs".into() });
        self.state.note_waits(id);
        let deadline = wait_deadline(self.state, id, now);
        self.run(id.run).at_mut(id).deadline = deadline;
        if let Some(at) = deadline {
            self.arm(at, Timer::Wait(id));
        }
        self.order(Effect::LookFor(id));
    }

    /// What is still missing was looked up; `None`: nothing, so that the task goes on.
    pub(super) fn looked_for(&mut self, id: InstanceId, missing: Option<String>) -> Option<Answer> {
        let waits = self.instance(id).is_some_and(|it| it.state == TaskState::Deferred);
        if !waits {
            return None;
        }
        if let Some(what) = missing {
            let reason = Reason::Waits { what };
            if self.run(id.run).at(id).reason != reason {
                self.reason_task(id, reason);
            }
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
            if let Some(waiting) = self.state.waiting.get_mut(&wait.dag) {
                waiting.remove(&id);
                if waiting.is_empty() {
                    self.state.waiting.remove(&wait.dag);
                }
            }
        }
    }

    /// Something of a DAG has ended: who waits for it is looked at again.
    pub(super) fn wake_waiting(&mut self, dag: &DagId) {
        for id in self.state.waiting.get(dag).into_iter().flatten().copied().collect::<Vec<_>>() {
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

    /// Remembers which DAGs a task waits for.
    pub(super) fn note_waits(&mut self, id: InstanceId) {
        let version = self.runs[&id.run].version.clone();
        for wait in &version.dag.task(id.task).waits {
            self.waiting.entry(wait.dag.clone()).or_default().insert(id);
        }
    }
}

/// When the first of a task's waits that began at `since` has taken too long.
pub(super) fn wait_deadline(state: &State, id: InstanceId, since: Timestamp) -> Option<Timestamp> {
    let run = &state.runs[&id.run];
    let shortest = run.task(id.task).waits.iter().filter_map(|wait| wait.timeout).min()?;
    Some(since.plus(shortest))
}
