//! What must be true of a state after every step, whatever happened. Tests check it; a scheduler never needs to.

use std::collections::BTreeMap;

use super::law::{RunState, TaskState};
use super::reason::Reason;
use super::retime::TickChange;
use super::state::{Run, State, Timer};
use super::task::lane_of;
use crate::time::Timestamp;

impl State {
    /// Every invariant that does not hold at `now`, as one sentence each.
    pub fn check(&self, now: Timestamp) -> Vec<String> {
        let mut broken = Vec::new();
        self.check_limits(&mut broken);
        for run in self.runs.values() {
            self.check_run(run, &mut broken);
            self.check_tasks(run, &mut broken);
            Self::check_fans(run, &mut broken);
            self.check_groups(run, &mut broken);
        }
        self.check_backfills(&mut broken);
        self.check_calls(&mut broken);
        self.check_awaited(&mut broken);
        for (id, entry) in &self.dags {
            let limit = entry.version.dag.max_active_runs as usize;
            let held = entry.begins_nothing(self.paused);
            if !held && entry.active.len() < limit && !entry.queued.is_empty() {
                broken.push(format!("DAG {id} has room, yet runs of it wait"));
            }
            if let Some(at) = entry.next_tick
                && !self.timers.contains(&(at, Timer::Tick(id.clone())))
            {
                broken.push(format!("DAG {id} expects a tick that no timer is armed for"));
            }
        }
        self.check_holds(now, &mut broken);
        self.check_alarms(&mut broken);
        if self.timers.first().is_some_and(|(at, timer)| *at <= now && !timer.is_of_schedules()) {
            broken.push("a timer that is due was not looked at".into());
        }
        broken
    }

    /// A window that is open holds its DAGs, and what waits for one has a timer.
    fn check_holds(&self, now: Timestamp, broken: &mut Vec<String>) {
        for (id, entry) in &self.dags {
            let open = self.holds.open(id, now).is_some();
            if open && entry.hold.is_none() || entry.hold.is_some() && self.holds.windows.is_empty() {
                broken.push(format!("DAG {id} does not know which maintenance window is open over it"));
            }
            if open && entry.next_tick.is_some_and(|at| at <= now) {
                broken.push(format!("DAG {id} is about to tick in a maintenance window"));
            }
        }
        if !self.schedules {
            return;
        }
        for id in self.holds.windows.keys() {
            if !self.timers.iter().any(|(_, timer)| *timer == Timer::HoldEnd(*id)) {
                broken.push(format!("maintenance window {id} never ends"));
            }
        }
        for ((dag, instant), changed) in &self.holds.changes {
            let armed = |(_, timer): &(_, Timer)| *timer == Timer::Moved(dag.clone(), *instant);
            let waits = matches!(changed.change, TickChange::Move(_)) && !changed.done;
            let known = self.dags.get(dag).is_some_and(|entry| !entry.retired);
            if waits && known && !self.timers.iter().any(armed) {
                broken.push(format!("the tick of {dag} that was moved from {instant} never comes"));
            }
        }
    }

    /// A fan's items and its tasks agree: a task is expanded while, and only while, one of its items is not final.
    fn check_fans(run: &Run, broken: &mut Vec<String>) {
        for (task, list) in &run.items {
            let open = list.instances.iter().filter(|it| !it.state.is_final()).count();
            if list.open as usize != open || (open > 0) != (run.state_of(*task) == TaskState::Expanded) {
                broken.push(format!(
                    "the items of task {} of run {} do not agree with it",
                    run.task(*task).id,
                    run.id
                ));
            }
        }
        for (fan, state) in run.dag().fans.iter().zip(&run.fans) {
            let at_work =
                run.instances().filter(|(id, it)| fan.tasks.contains(&id.task) && it.state.holds_slot());
            let at_work = at_work.count();
            if state.at_work as usize != at_work
                || fan.max_parallel.is_some_and(|limit| state.at_work > limit)
            {
                broken.push(format!(
                    "a fan of run {} counts {} at work, and {at_work} are",
                    run.id, state.at_work
                ));
            }
        }
    }

    fn check_alarms(&self, broken: &mut Vec<String>) {
        for run in self.runs.values() {
            for alarm in run.watch.armed().filter(|alarm| !self.timers.contains(alarm)) {
                broken.push(format!("run {} expects {alarm:?}, which is not armed", run.id));
            }
        }
        for row in self.hooks.values() {
            if let Some(at) = row.retry_at
                && !self.timers.contains(&(at, Timer::Hook(row.id)))
            {
                broken.push(format!("hook {} waits for a try that will not come", row.id));
            }
        }
    }

    fn check_limits(&self, broken: &mut Vec<String>) {
        let mut pools: BTreeMap<&str, u32> = BTreeMap::new();
        let mut used = 0;
        let mut queued = 0;
        for run in self.runs.values() {
            for (id, instance) in run.instances() {
                let task = run.task(id.task);
                used += u32::from(instance.holds_slot());
                queued += usize::from(instance.state == TaskState::Queued);
                if let (true, Some(pool)) = (instance.holds_slot(), &task.pool) {
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
        let at_work = run.instances().filter(|(_, task)| task.holds_slot()).count();
        let unsettled = run.instances().filter(|(_, task)| !task.state.is_final()).count();
        if run.at_work as usize != at_work || run.unsettled as usize != unsettled {
            broken.push(format!("run {id} counts {} at work and {} unsettled", run.at_work, run.unsettled));
        }
        if run.dag().max_active_tasks.is_some_and(|limit| run.at_work > limit) {
            broken.push(format!("run {id} has more tasks at work than it may"));
        }
        if unsettled == 0 || run.state.is_final() {
            broken.push(format!("run {id} is through, yet it was not closed"));
        }
        let moves = run.instances().any(|(_, t)| {
            matches!(t.state, TaskState::Queued | TaskState::UpForRetry | TaskState::Deferred)
                || t.state.holds_slot()
                || matches!(t.reason, Reason::Condition | Reason::Expanding | Reason::GroupRetry { .. })
        });
        if run.state == RunState::Running && !moves {
            broken.push(format!("run {id} is stuck: nothing in it can move"));
        }
        if run.state == RunState::Stopping && at_work == 0 && run.calls == 0 {
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

    /// A run that others wait for is not kept waiting by them.
    fn check_awaited(&self, broken: &mut Vec<String>) {
        for (dag, entry) in self.dags.iter().filter(|(_, entry)| !entry.begins_nothing(self.paused)) {
            if let Some(run) = self.awaited_in_queue(dag).filter(|_| !entry.queued.is_empty()) {
                broken.push(format!("run {run} is queued and an active run waits for it"));
            }
        }
    }

    fn check_tasks(&self, run: &Run, broken: &mut Vec<String>) {
        for (id, instance) in run.instances() {
            let task = run.task(id.task);
            let who = || format!("task {}[{}] of run {}", task.id, id.item, run.id);
            if run.counts(id) != instance.upstream {
                broken.push(format!("{} counts its upstreams wrong", who()));
            }
            let (lane, place) = lane_of(run, id);
            if (instance.state == TaskState::Queued) != self.limits.holds(&lane, &place) {
                broken.push(format!("{} is {} but its lane does not agree", who(), instance.state));
            }
            let waits = task.waits.iter().any(|wait| {
                let place = (wait.dag.clone(), wait.task.clone());
                self.waiting.get(&place).is_some_and(|it| it.contains(&id))
            });
            if (instance.state == TaskState::Deferred) != waits {
                broken.push(format!("{} is {} but who it waits for does not agree", who(), instance.state));
            }
            let of_group = matches!(instance.reason, Reason::GroupRetry { .. });
            if instance.state == TaskState::UpForRetry && instance.deadline.is_none() && !of_group {
                broken.push(format!("{} waits for a retry that will not come", who()));
            }
            // What has ended may have had another version's retries.
            if !instance.state.is_final() && instance.failures > task.retry.retries + 1 {
                broken.push(format!("{} was tried too often", who()));
            }
            let uncounted = instance.attempt - instance.attempts_before - instance.failures - instance.lost;
            let marked = matches!(instance.reason, Reason::Marked { .. });
            let folds = id.item == 0 && task.fan.is_some();
            let right = match instance.state {
                // It may have ended when its task was no `foreach`.
                state if folds => 0..=u32::from(state.is_final()),
                state => uncounted_attempts(state),
            };
            if !marked && !right.contains(&uncounted) {
                broken.push(format!("{} is {} with {uncounted} uncounted attempts", who(), instance.state));
            }
        }
    }
}

/// How many attempts may be neither failed nor lost: the one that lives, or that ended otherwise.
fn uncounted_attempts(state: TaskState) -> std::ops::RangeInclusive<u32> {
    match state {
        TaskState::Starting | TaskState::Running | TaskState::Stopping | TaskState::Success => 1..=1,
        TaskState::Skipped | TaskState::Canceled | TaskState::Removed => 0..=1,
        TaskState::Waiting
        | TaskState::Queued
        | TaskState::UpForRetry
        | TaskState::Deferred
        | TaskState::Expanded
        | TaskState::Failed
        | TaskState::UpstreamFailed => 0..=0,
    }
}
