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
use crate::dag::spec::Fan;
use crate::id::{AttemptId, InstanceId, TaskIndex};

impl Turn<'_> {
    /// Moves a task instance to a final state, unless its group runs again for it, and remembers to tell its downstreams.
    pub(super) fn settle(&mut self, id: InstanceId, to: TaskState, reason: Reason) {
        if to == TaskState::Failed && self.hold_back(id, &reason) {
            return;
        }
        let from = self.run(id.run).at(id).state;
        self.move_task(id, to, reason);
        self.stir(id.run);
        self.hooks_of_end(id, from, to);
        let run = self.run(id.run);
        run.unsettled -= 1;
        let counts = run.fails_by(id);
        run.failures += u32::from(counts);
        let through = run.unsettled == 0;
        let fails_fast = counts && run.dag().fail_fast && run.ending.is_none();
        let name = run.task(id.task).id.clone();
        self.settled.push(id);
        if fails_fast {
            let reason = Reason::FailFast { task: name };
            self.doomed.push((id.run, Ending { verdict: RunState::Failed, reason }));
        }
        if through {
            self.through.push(id.run);
        }
    }

    /// Counts a settled task for each of its downstreams and judges those that wait.
    pub(super) fn tell_downstreams(&mut self, id: InstanceId) {
        let run = self.run(id.run);
        let version = run.version.clone();
        let state = run.counted(id);
        if id.item == 0 {
            self.wake_waiting(&version.dag.id, Some(&version.dag.task(id.task).id));
        }
        for task in version.dag.graph.downstream(id.task) {
            let below = InstanceId { task, ..id };
            if id.item > 0 && !(version.dag.share_fan(id.task, task) && self.run(id.run).get(below).is_some())
            {
                continue;
            }
            self.run(id.run).at_mut(below).upstream.add(state, version.dag.task(id.task));
            self.judge_task(below);
            if id.item == 0 {
                self.tell_items(id, task, state);
            }
        }
        if id.item > 0 {
            self.fold(id);
        }
    }

    /// Moves a waiting task as its rule says.
    pub(super) fn judge_task(&mut self, id: InstanceId) {
        let run = self.run(id.run);
        let instance = run.at(id);
        if run.state != RunState::Running
            || instance.state != TaskState::Waiting
            || matches!(instance.reason, Reason::Condition | Reason::Expanding)
            || run.awaits_stage(id)
            || run.is_held_back(id.task)
        {
            return;
        }
        let rule = run.task(id.task).trigger_rule;
        match judge(rule, instance.upstream) {
            Ruling::Wait => {}
            Ruling::Run => self.ready(id),
            Ruling::Skip => self.settle(id, TaskState::Skipped, Reason::Rule { rule }),
            // A failure elsewhere must not forestall a choice: it decides whether this task was wanted at all.
            Ruling::Block if run.awaits_choice(id) => {}
            Ruling::Block => self.settle(id, TaskState::UpstreamFailed, Reason::Rule { rule }),
        }
    }

    /// Its rule holds: it waits for runs of other DAGs, or goes on.
    fn ready(&mut self, id: InstanceId) {
        let waits = id.item == 0 && self.state.others && !self.run(id.run).task(id.task).waits.is_empty();
        if waits { self.defer(id) } else { self.proceed(id) }
    }

    /// Nothing of other DAGs is missing: its items or its condition are asked for, or it joins the queue.
    pub(super) fn proceed(&mut self, id: InstanceId) {
        let task = self.run(id.run).task(id.task);
        if let (Some(fan), 0) = (task.fan, id.item) {
            self.ask_for_items(id, fan);
        } else if task.when.is_some() {
            self.reason_task(id, Reason::Condition);
            self.order(Effect::Evaluate(id));
        } else {
            self.enqueue(id);
        }
    }

    pub(super) fn when_evaluated(
        &mut self,
        instance: InstanceId,
        holds: Result<bool, String>,
    ) -> Option<Answer> {
        let waits = self
            .instance(instance)
            .is_some_and(|it| it.state == TaskState::Waiting && it.reason == Reason::Condition);
        if waits {
            match holds {
                Ok(true) => self.enqueue(instance),
                Ok(false) => self.settle(instance, TaskState::Skipped, Reason::WhenFalse),
                Err(message) => self.settle(instance, TaskState::Failed, Reason::WhenFault { message }),
            }
            self.stir(instance.run);
        }
        None
    }

    /// Puts a task into the queue for a slot.
    pub(super) fn enqueue(&mut self, id: InstanceId) {
        let (lane, place) = lane_of(self.run(id.run), id);
        let reason = self.state.limits.join(&lane, place);
        self.move_task(id, TaskState::Queued, reason);
    }

    /// Hands out free slots, first come in the order of the queue.
    pub(super) fn dispatch(&mut self) {
        while let Some((place, lane)) = self.state.limits.first() {
            if let Some((barrier, reason)) = self.barrier(place.instance()) {
                for held in self.state.limits.close(&lane, barrier, reason.clone()) {
                    self.reason_task(held.instance(), reason.clone());
                }
            } else {
                self.state.limits.leave(&lane, place);
                self.launch(place.instance());
            }
        }
    }

    /// What holds a ready task although the executor has a free slot.
    fn barrier(&mut self, id: InstanceId) -> Option<(Barrier, Reason)> {
        let run = &self.state.runs[&id.run];
        let spec = run.task(id.task);
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
        if let Some((fan, Fan { max_parallel: Some(limit), .. })) = run.dag().fan_of(id.task)
            && run.fans[fan.at()].at_work >= *limit
        {
            return Some((Barrier::Fan(id.run, fan), Reason::MaxParallel { limit: *limit }));
        }
        let limit = run.dag().max_active_tasks?;
        (run.at_work >= limit).then_some((Barrier::Run(id.run), Reason::MaxActiveTasks { limit }))
    }

    /// Makes the next attempt of a task, and orders its start.
    fn launch(&mut self, id: InstanceId) {
        self.state.take_slots(id);
        let run = self.run(id.run);
        let place = run.at_mut(id);
        place.attempt += 1;
        place.state = TaskState::Starting;
        place.reason = Reason::Active;
        let attempt = AttemptId { instance: id, number: place.attempt };
        self.record(Transition::AttemptCreated { attempt });
        if attempt.number == 1 {
            self.state.watch_begun_task(id, self.now);
        }
        self.order(Effect::Launch(attempt));
    }

    /// What a successful branch or short-circuit cuts off, before its downstreams are judged.
    pub(super) fn apply_choice(&mut self, id: InstanceId, choice: &Choice) {
        let run = self.run(id.run);
        let graph = &run.version.dag.graph;
        let by = run.task(id.task).id.clone();
        let (cut, reason): (Vec<TaskIndex>, Reason) = match choice {
            Choice::Free => return,
            Choice::Branch(chosen) => {
                let kept = graph.descendants(chosen);
                let cut =
                    graph.downstream(id.task).filter(|t| !kept[t.at()] && !chosen.contains(t)).collect();
                (cut, Reason::NotChosen { by })
            }
            Choice::Cut { direct: true } => {
                (graph.downstream(id.task).collect(), Reason::ShortCircuit { by })
            }
            Choice::Cut { direct: false } => {
                let below = graph.descendants(&[id.task]);
                (
                    graph.order().iter().copied().filter(|t| below[t.at()]).collect(),
                    Reason::ShortCircuit { by },
                )
            }
        };
        // What is to be cleaned up is cleaned up, as in Airflow: only its own rule skips a teardown.
        let spared = |t: &TaskIndex| {
            matches!(choice, Choice::Cut { .. }) && run.version.dag.task(*t).teardown.is_some()
        };
        let cut: Vec<TaskIndex> = cut.into_iter().filter(|t| !spared(t)).collect();
        for task in cut {
            let below = InstanceId { task, ..id };
            // An item decides for itself alone; what comes after the fan looks at the whole.
            if id.item == 0 || self.run(id.run).dag().share_fan(id.task, task) {
                self.cut_off(below, &reason);
            }
        }
    }

    /// Skips a task that is not at work; one that is may end, but is not tried again.
    fn cut_off(&mut self, id: InstanceId, reason: &Reason) {
        let Some(state) = self.instance(id).map(|it| it.state) else { return };
        let reason = reason.clone();
        match state {
            TaskState::Waiting => self.settle(id, TaskState::Skipped, reason),
            TaskState::Expanded => {
                let items = self.run(id.run).items[&id.task].instances.len();
                for item in (1..).take(items) {
                    self.cut_off(InstanceId { item, ..id }, &reason);
                }
            }
            TaskState::Queued => {
                self.leave_queue(id);
                self.settle(id, TaskState::Skipped, reason);
            }
            TaskState::UpForRetry => {
                self.disarm_task(id);
                self.settle(id, TaskState::Skipped, reason);
            }
            TaskState::Deferred => {
                self.stop_waiting(id);
                self.settle(id, TaskState::Skipped, reason);
            }
            TaskState::Starting | TaskState::Running | TaskState::Stopping => {
                self.run(id.run).at_mut(id).cut_by = Some(reason.clone());
                self.reason_task(id, reason);
            }
            TaskState::Success
            | TaskState::Failed
            | TaskState::UpstreamFailed
            | TaskState::Skipped
            | TaskState::Canceled
            | TaskState::Removed => {}
        }
    }

    pub(super) fn leave_queue(&mut self, id: InstanceId) {
        let (lane, place) = lane_of(self.run(id.run), id);
        self.state.limits.leave(&lane, place);
    }

    /// The wait before another try is over.
    pub(super) fn retry_due(&mut self, instance: InstanceId) {
        let due = self.instance(instance).is_some_and(|it| it.state == TaskState::UpForRetry);
        if due {
            self.run(instance.run).at_mut(instance).deadline = None;
            self.enqueue(instance);
        }
    }

    /// Takes back the timer of a task's state.
    pub(super) fn disarm_task(&mut self, id: InstanceId) {
        let place = self.run(id.run).at_mut(id);
        let Some(at) = place.deadline.take() else { return };
        let attempt = AttemptId { instance: id, number: place.attempt };
        for timer in [Timer::Retry(id), Timer::Wait(id), Timer::Timeout(attempt), Timer::Kill(attempt)] {
            self.disarm(at, timer);
        }
    }
}

impl State {
    /// Takes what an attempt holds while its process may be alive.
    pub(super) fn take_slots(&mut self, id: InstanceId) {
        let run = self.runs.get_mut(&id.run).expect("a run that is worked on is not over");
        run.at_work += 1;
        let spec = run.version.dag.task(id.task);
        if let Some(fan) = spec.fan {
            run.fans[fan.at()].at_work += 1;
        }
        let limits = &mut self.limits;
        limits.used += 1;
        if let Some(pool) = spec.pool.as_ref().and_then(|name| limits.pools.get_mut(name)) {
            pool.used += spec.pool_slots;
        }
    }

    /// Gives back what an attempt held, so that others may start.
    pub(super) fn release_slots(&mut self, id: InstanceId) {
        let run = self.runs.get_mut(&id.run).expect("a run that is worked on is not over");
        run.at_work -= 1;
        let spec = run.version.dag.task(id.task);
        let limits = &mut self.limits;
        if let Some(fan) = spec.fan {
            run.fans[fan.at()].at_work -= 1;
            limits.reopen(&Barrier::Fan(id.run, fan));
        }
        limits.used -= 1;
        if let Some(name) = &spec.pool
            && let Some(pool) = limits.pools.get_mut(name)
        {
            pool.used -= spec.pool_slots;
            limits.reopen(&Barrier::Pool(name.clone()));
        }
        limits.reopen(&Barrier::Run(id.run));
    }
}

/// The lane of a task and its place in it; both follow from the run and the task alone.
pub(super) fn lane_of(run: &Run, id: InstanceId) -> (LaneId, Place) {
    let spec = run.task(id.task);
    let place = Place {
        class: run.class(),
        priority: std::cmp::Reverse(spec.priority),
        height: std::cmp::Reverse(run.version.height(id.task)),
        logical_date: run.logical_date,
        run: run.id,
        task: id.task,
        item: id.item,
    };
    let limited = run.dag().fan_of(id.task).filter(|(_, fan)| fan.max_parallel.is_some());
    (LaneId { run: run.id, pool: spec.pool.clone(), fan: limited.map(|(fan, _)| fan) }, place)
}
