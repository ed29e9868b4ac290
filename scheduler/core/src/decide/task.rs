//! What becomes of a task instance: ready, skipped, blocked, settled, and what that means downstream.

use super::effect::{Answer, Effect};
use super::event::Choice;
use super::law::{RunState, TaskState};
use super::limit::{Barrier, LaneId, Place};
use super::reason::Reason;
use super::rule::{Ruling, judge};
use super::state::{Ending, Run, State, Timer};
use super::transition::Transition;
use super::turn::Turn;
use crate::id::{AttemptId, InstanceId, RunId, TaskIndex};

impl Turn<'_> {
    /// Moves a task instance to a final state and remembers to tell its downstreams.
    pub(super) fn settle(&mut self, run_id: RunId, task: TaskIndex, to: TaskState, reason: Reason) {
        self.move_task(run_id, task, to, reason);
        let run = self.run(run_id);
        run.unsettled -= 1;
        let counts = run.fails_by(task);
        run.failures += u32::from(counts);
        let through = run.unsettled == 0;
        let fails_fast = counts && run.dag().fail_fast && run.ending.is_none();
        let id = run.task(task).id.clone();
        self.settled.push((run_id, task));
        if fails_fast {
            let reason = Reason::FailFast { task: id };
            self.doomed.push((run_id, Ending { verdict: RunState::Failed, reason }));
        }
        if through {
            self.through.push(run_id);
        }
    }

    /// Counts a settled task for each of its downstreams and judges those that wait.
    pub(super) fn tell_downstreams(&mut self, run_id: RunId, task: TaskIndex) {
        let run = self.run(run_id);
        let version = run.version.clone();
        let state = run.tasks[task.at()].state;
        let allow_failure = version.dag.task(task).allow_failure;
        for below in version.dag.graph.downstream(task) {
            self.run(run_id).tasks[below.at()].upstream.add(state, allow_failure);
            self.judge_task(run_id, below);
        }
    }

    /// Moves a waiting task as its rule says.
    pub(super) fn judge_task(&mut self, run_id: RunId, task: TaskIndex) {
        let run = self.run(run_id);
        let instance = &run.tasks[task.at()];
        if run.state != RunState::Running
            || instance.state != TaskState::Waiting
            || instance.reason == Reason::Condition
        {
            return;
        }
        let rule = run.task(task).trigger_rule;
        match judge(rule, instance.upstream) {
            Ruling::Wait => {}
            Ruling::Run => self.ready(run_id, task),
            Ruling::Skip => self.settle(run_id, task, TaskState::Skipped, Reason::Rule { rule }),
            // A failure elsewhere must not forestall a choice: it decides whether this task was wanted at all.
            Ruling::Block if run.awaits_choice(task) => {}
            Ruling::Block => self.settle(run_id, task, TaskState::UpstreamFailed, Reason::Rule { rule }),
        }
    }

    /// Its rule holds: its condition is asked, or it joins the queue.
    fn ready(&mut self, run_id: RunId, task: TaskIndex) {
        let run = self.run(run_id);
        if run.task(task).when.is_some() {
            let instance = run.instance_id(task);
            self.reason_task(run_id, task, Reason::Condition);
            self.order(Effect::Evaluate(instance));
        } else {
            self.enqueue(run_id, task);
        }
    }

    pub(super) fn when_evaluated(
        &mut self,
        instance: InstanceId,
        holds: Result<bool, String>,
    ) -> Option<Answer> {
        let InstanceId { run, task, .. } = instance;
        let waits = self
            .instance(instance)
            .is_some_and(|it| it.state == TaskState::Waiting && it.reason == Reason::Condition);
        if waits {
            match holds {
                Ok(true) => self.enqueue(run, task),
                Ok(false) => self.settle(run, task, TaskState::Skipped, Reason::WhenFalse),
                Err(message) => self.settle(run, task, TaskState::Failed, Reason::WhenFault { message }),
            }
        }
        None
    }

    /// Puts a task into the queue for a slot.
    pub(super) fn enqueue(&mut self, run_id: RunId, task: TaskIndex) {
        let (lane, place) = lane_of(self.run(run_id), task);
        let reason = self.state.limits.join(&lane, place);
        self.move_task(run_id, task, TaskState::Queued, reason);
    }

    /// Hands out free slots, first come in the order of the queue.
    pub(super) fn dispatch(&mut self) {
        while let Some((place, lane)) = self.state.limits.first() {
            if let Some((barrier, reason)) = self.barrier(place.run, place.task) {
                for held in self.state.limits.close(&lane, barrier, reason.clone()) {
                    self.reason_task(held.run, held.task, reason.clone());
                }
            } else {
                self.state.limits.leave(&lane, place);
                self.launch(place.run, place.task);
            }
        }
    }

    /// What holds a ready task although the executor has a free slot.
    fn barrier(&mut self, run_id: RunId, task: TaskIndex) -> Option<(Barrier, Reason)> {
        let run = &self.state.runs[&run_id];
        let spec = run.task(task);
        if let Some(name) = &spec.pool {
            let (slots, used) =
                self.state.limits.pools.get(name).map_or((0, 0), |pool| (pool.slots, pool.used));
            let (needs, pool) = (spec.pool_slots, name.clone());
            if needs > slots {
                return Some((Barrier::Pool(pool.clone()), Reason::PoolTooSmall { pool, needs, slots }));
            }
            if needs > slots - used.min(slots) {
                return Some((Barrier::Pool(pool.clone()), Reason::Pool { pool }));
            }
        }
        let limit = run.dag().max_active_tasks?;
        (run.at_work >= limit).then_some((Barrier::Run(run_id), Reason::MaxActiveTasks { limit }))
    }

    /// Makes the next attempt of a task, and orders its start.
    fn launch(&mut self, run_id: RunId, task: TaskIndex) {
        self.state.take_slots(run_id, task);
        let run = self.run(run_id);
        let instance = run.instance_id(task);
        let place = &mut run.tasks[task.at()];
        place.attempt += 1;
        place.state = TaskState::Starting;
        place.reason = Reason::Active;
        let attempt = AttemptId { instance, number: place.attempt };
        self.record(Transition::AttemptCreated { attempt });
        self.order(Effect::Launch(attempt));
    }

    /// What a successful branch or short-circuit cuts off, before its downstreams are judged.
    pub(super) fn apply_choice(&mut self, run_id: RunId, task: TaskIndex, choice: &Choice) {
        let run = self.run(run_id);
        let graph = &run.version.dag.graph;
        let by = run.task(task).id.clone();
        let (cut, reason): (Vec<TaskIndex>, Reason) = match choice {
            Choice::Free => return,
            Choice::Branch(chosen) => {
                let kept = graph.descendants(chosen);
                let cut = graph.downstream(task).filter(|t| !kept[t.at()] && !chosen.contains(t)).collect();
                (cut, Reason::NotChosen { by })
            }
            Choice::Cut { direct: true } => (graph.downstream(task).collect(), Reason::ShortCircuit { by }),
            Choice::Cut { direct: false } => {
                let below = graph.descendants(&[task]);
                (
                    graph.order().iter().copied().filter(|t| below[t.at()]).collect(),
                    Reason::ShortCircuit { by },
                )
            }
        };
        for below in cut {
            self.cut_off(run_id, below, reason.clone());
        }
    }

    /// Skips a task that is not at work; one that is may end, but is not tried again.
    fn cut_off(&mut self, run_id: RunId, task: TaskIndex, reason: Reason) {
        match self.run(run_id).state_of(task) {
            TaskState::Waiting => self.settle(run_id, task, TaskState::Skipped, reason),
            TaskState::Queued => {
                self.leave_queue(run_id, task);
                self.settle(run_id, task, TaskState::Skipped, reason);
            }
            TaskState::UpForRetry => {
                self.disarm_task(run_id, task);
                self.settle(run_id, task, TaskState::Skipped, reason);
            }
            TaskState::Starting | TaskState::Running | TaskState::Stopping => {
                self.run(run_id).tasks[task.at()].cut_by = Some(reason);
            }
            TaskState::Success
            | TaskState::Failed
            | TaskState::UpstreamFailed
            | TaskState::Skipped
            | TaskState::Canceled
            | TaskState::Removed => {}
        }
    }

    pub(super) fn leave_queue(&mut self, run_id: RunId, task: TaskIndex) {
        let (lane, place) = lane_of(self.run(run_id), task);
        self.state.limits.leave(&lane, place);
    }

    /// The wait before another try is over.
    pub(super) fn retry_due(&mut self, instance: InstanceId) {
        let due = self.instance(instance).is_some_and(|it| it.state == TaskState::UpForRetry);
        if due {
            self.run(instance.run).tasks[instance.task.at()].deadline = None;
            self.enqueue(instance.run, instance.task);
        }
    }

    /// Takes back the timer of a task's state.
    pub(super) fn disarm_task(&mut self, run_id: RunId, task: TaskIndex) {
        let run = self.run(run_id);
        let instance = run.instance_id(task);
        let place = &mut run.tasks[task.at()];
        let Some(at) = place.deadline.take() else { return };
        let attempt = AttemptId { instance, number: place.attempt };
        for timer in [Timer::Retry(instance), Timer::Timeout(attempt), Timer::Kill(attempt)] {
            self.disarm(at, timer);
        }
    }
}

impl State {
    /// Takes what an attempt holds while its process may be alive.
    pub(super) fn take_slots(&mut self, run_id: RunId, task: TaskIndex) {
        let run = self.runs.get_mut(&run_id).expect("a run that is worked on is not over");
        run.at_work += 1;
        let spec = run.version.dag.task(task);
        let limits = &mut self.limits;
        limits.used += 1;
        if let Some(pool) = spec.pool.as_ref().and_then(|name| limits.pools.get_mut(name)) {
            pool.used += spec.pool_slots;
        }
    }

    /// Gives back what an attempt held, so that others may start.
    pub(super) fn release_slots(&mut self, run_id: RunId, task: TaskIndex) {
        let run = self.runs.get_mut(&run_id).expect("a run that is worked on is not over");
        run.at_work -= 1;
        let spec = run.version.dag.task(task);
        let limits = &mut self.limits;
        limits.used -= 1;
        if let Some(name) = &spec.pool
            && let Some(pool) = limits.pools.get_mut(name)
        {
            pool.used -= spec.pool_slots;
            limits.reopen(&Barrier::Pool(name.clone()));
        }
        limits.reopen(&Barrier::Run(run_id));
    }
}

/// The lane of a task and its place in it; both follow from the run and the task alone.
pub(super) fn lane_of(run: &Run, task: TaskIndex) -> (LaneId, Place) {
    let spec = run.task(task);
    let place = Place {
        class: run.run_type,
        priority: std::cmp::Reverse(spec.priority),
        height: std::cmp::Reverse(run.version.height(task)),
        logical_date: run.logical_date,
        run: run.id,
        task,
    };
    (LaneId { run: run.id, pool: spec.pool.clone() }, place)
}
