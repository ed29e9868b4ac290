//! What must be true of a state after every step, whatever happened. Tests check it; a scheduler never needs to.

use std::collections::BTreeMap;

use super::law::{RunState, TaskState};
use super::rule::Counts;
use super::state::{Run, State, Timer};
use super::task::lane_of;
use crate::id::{InstanceId, TaskIndex};
use crate::time::Timestamp;

impl State {
    /// Every invariant that does not hold at `now`, as one sentence each.
    pub fn check(&self, now: Timestamp) -> Vec<String> {
        let mut broken = Vec::new();
        self.check_limits(&mut broken);
        for run in self.runs.values() {
            self.check_run(run, &mut broken);
            self.check_tasks(run, &mut broken);
        }
        self.check_backfills(&mut broken);
        for (id, entry) in &self.dags {
            let limit = entry.version.dag.max_active_runs as usize;
            let held = entry.is_held(self.paused);
            if !held && entry.active.len() < limit && !entry.queued.is_empty() {
                broken.push(format!("DAG {id} has room, yet runs of it wait"));
            }
            if let Some(at) = entry.next_tick
                && !self.timers.contains(&(at, Timer::Tick(id.clone())))
            {
                broken.push(format!("DAG {id} expects a tick that no timer is armed for"));
            }
        }
        if self.timers.first().is_some_and(|(at, timer)| *at <= now && !matches!(timer, Timer::Tick(_))) {
            broken.push("a timer that is due was not looked at".into());
        }
        broken
    }

    fn check_limits(&self, broken: &mut Vec<String>) {
        let mut pools: BTreeMap<&str, u32> = BTreeMap::new();
        let mut used = 0;
        let mut queued = 0;
        for run in self.runs.values() {
            for (at, instance) in run.tasks.iter().enumerate() {
                let task = &run.version.dag.tasks[at];
                used += u32::from(instance.state.holds_slot());
                queued += usize::from(instance.state == TaskState::Queued);
                if let (true, Some(pool)) = (instance.state.holds_slot(), &task.pool) {
                    *pools.entry(pool).or_default() += task.pool_slots;
                }
            }
        }
        if used != self.limits.used || used > self.limits.slots {
            broken.push(format!(
                "{used} slots are held, {} counted, {} there",
                self.limits.used, self.limits.slots
            ));
        }
        if queued != self.limits.waiting() {
            broken.push(format!("{queued} tasks are queued, {} wait in lanes", self.limits.waiting()));
        }
        for (name, pool) in &self.limits.pools {
            let held = pools.get(name.as_str()).copied().unwrap_or(0);
            if held != pool.used || held > pool.slots {
                broken.push(format!(
                    "pool {name}: {held} slots held, {} counted, {} there",
                    pool.used, pool.slots
                ));
            }
        }
        if self.limits.first().is_some() {
            broken.push("a slot is free and a task that fits waits".into());
        }
    }

    fn check_run(&self, run: &Run, broken: &mut Vec<String>) {
        let id = run.id;
        let at_work = run.tasks.iter().filter(|task| task.state.holds_slot()).count();
        let unsettled = run.tasks.iter().filter(|task| !task.state.is_final()).count();
        if run.at_work as usize != at_work || run.unsettled as usize != unsettled {
            broken.push(format!("run {id} counts {} at work and {} unsettled", run.at_work, run.unsettled));
        }
        if run.dag().max_active_tasks.is_some_and(|limit| run.at_work > limit) {
            broken.push(format!("run {id} has more tasks at work than it may"));
        }
        if unsettled == 0 || run.state.is_final() {
            broken.push(format!("run {id} is through, yet it was not closed"));
        }
        let moves = run.tasks.iter().any(|t| {
            matches!(t.state, TaskState::Queued | TaskState::UpForRetry)
                || t.state.holds_slot()
                || t.reason == super::Reason::Condition
        });
        if run.state == RunState::Running && !moves {
            broken.push(format!("run {id} is stuck: nothing in it can move"));
        }
        if run.state == RunState::Stopping && at_work == 0 {
            broken.push(format!("run {id} is stopping, yet nothing of it lives"));
        }
        let entry = &self.dags[&run.dag().id];
        let listed = match run.state {
            _ if run.backfill.is_some() => !entry.active.contains(&id) && self.backfill_knows(run),
            RunState::Queued => entry.queued.contains(&(run.run_type, run.logical_date, id)),
            RunState::Running | RunState::Stopping => entry.active.contains(&id),
            RunState::Success | RunState::Failed | RunState::Canceled => false,
        };
        if !listed {
            broken.push(format!("run {id} is {} but its DAG does not know", run.state));
        }
    }

    fn check_tasks(&self, run: &Run, broken: &mut Vec<String>) {
        let graph = &run.version.dag.graph;
        for (at, instance) in run.tasks.iter().enumerate() {
            let task = TaskIndex(u32::try_from(at).expect("a DAG file has fewer than 2^32 tasks"));
            let who = || format!("task {} of run {}", run.task(task).id, run.id);
            let mut counts = Counts::default();
            for above in graph.upstream(task) {
                counts.total += 1;
                counts.add(run.counted(InstanceId::whole(run.id, above)), run.task(above).allow_failure);
            }
            if counts != instance.upstream {
                broken.push(format!("{} counts its upstreams wrong", who()));
            }
            let (lane, place) = lane_of(run, InstanceId::whole(run.id, task));
            if (instance.state == TaskState::Queued) != self.limits.holds(&lane, &place) {
                broken.push(format!("{} is {} but its lane does not agree", who(), instance.state));
            }
            if instance.state == TaskState::UpForRetry && instance.deadline.is_none() {
                broken.push(format!("{} waits for a retry that will not come", who()));
            }
            if instance.failures > run.task(task).retry.retries + 1 {
                broken.push(format!("{} was tried too often", who()));
            }
            let uncounted = instance.attempt - instance.attempts_before - instance.failures - instance.lost;
            let marked = matches!(instance.reason, super::Reason::Marked { .. });
            if !marked && !uncounted_attempts(instance.state).contains(&uncounted) {
                broken.push(format!("{} is {} with {uncounted} uncounted attempts", who(), instance.state));
            }
        }
    }
}

/// How many attempts may be neither failed nor lost: the one that lives, or that ended otherwise.
fn uncounted_attempts(state: TaskState) -> std::ops::RangeInclusive<u32> {
    match state {
        TaskState::Starting | TaskState::Running | TaskState::Stopping | TaskState::Success => 1..=1,
        TaskState::Skipped | TaskState::Canceled => 0..=1,
        TaskState::Waiting
        | TaskState::Queued
        | TaskState::UpForRetry
        | TaskState::Failed
        | TaskState::UpstreamFailed
        | TaskState::Removed => 0..=0,
    }
}
