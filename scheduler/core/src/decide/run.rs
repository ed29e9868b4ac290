//! The life of a run: wanted, queued, begun, ended.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::call::Parent;
use super::deadline::Watch;
use super::effect::{Answer, Effect, Refusal};
use super::event::{RunRequest, RunType, Values};
use super::group::groups_of;
use super::law::{RunState, TaskState};
use super::part::Part;
use super::reason::Reason;
use super::state::{Ending, FanState, Instance, Run, Stop, Timer, Version};
use super::transition::Transition;
use super::turn::Turn;
use crate::dag::spec::Overlap;
use crate::id::{BackfillId, DagId, InstanceId, RunId};
use crate::time::Timestamp;

/// A run about to be made.
pub(super) struct NewRun {
    pub(super) run_type: RunType,
    pub(super) logical_date: Timestamp,
    pub(super) interval: (Timestamp, Timestamp),
    pub(super) params: Values,
    pub(super) force: bool,
    pub(super) by: String,
    pub(super) part: Part,
    pub(super) backfill: Option<BackfillId>,
    pub(super) parent: Option<Parent>,
    /// `max_active_runs` does not hold it.
    pub(super) past_limit: bool,
}

impl Turn<'_> {
    pub(super) fn run_requested(&mut self, request: RunRequest) -> Answer {
        let Some(version) = self.state.version(&request.dag).cloned() else {
            return Answer::Refused(Refusal::UnknownDag(request.dag.to_string()));
        };
        if !version.dag.enabled && !request.force {
            return Answer::Refused(Refusal::NotEnabled(request.dag.to_string()));
        }
        let params = match version.dag.resolve_params(&request.params) {
            Ok(params) => params,
            Err(faults) => return Answer::Refused(Refusal::BadParams(faults)),
        };
        if let Err(refusal) = request.part.check(&version.dag) {
            return Answer::Refused(refusal);
        }
        let logical_date = request.logical_date.unwrap_or(self.now);
        let new = NewRun {
            run_type: RunType::Manual,
            logical_date,
            interval: last_interval(&version, logical_date),
            params,
            force: request.force,
            by: request.by,
            part: request.part,
            backfill: None,
            parent: None,
            past_limit: false,
        };
        match self.make_run(&request.dag, new) {
            Ok(run) => Answer::Run(run),
            Err(limit) => Answer::Refused(Refusal::Overlap { dag: request.dag.to_string(), limit }),
        }
    }

    /// Makes a run of the version in force, unless `overlap: skip` forbids it: then the limit is the error.
    pub(super) fn make_run(&mut self, dag: &DagId, new: NewRun) -> Result<RunId, u32> {
        let entry = &self.state.dags[dag];
        let version = entry.version.clone();
        let limit = version.dag.max_active_runs;
        let full = entry.active.len() + entry.queued.len() >= limit as usize;
        if full && !new.force && !new.past_limit {
            match version.dag.overlap {
                Overlap::Queue => {}
                Overlap::Skip => return Err(limit),
                Overlap::Replace => self.replace_oldest(dag),
            }
        }
        let force = new.force;
        let run = self.create_run(version, new);
        if force {
            self.begin_run(run);
        } else {
            self.admit(dag);
        }
        Ok(run)
    }

    pub(super) fn create_run(&mut self, version: Arc<Version>, new: NewRun) -> RunId {
        let id = RunId(self.state.next_run);
        self.state.next_run += 1;
        let dag = version.dag.id.clone();
        let entry = self.state.dags.get_mut(&dag).expect("a run is made of a known DAG");
        if new.backfill.is_none() {
            entry.queued.insert((new.run_type, new.logical_date, id));
        }
        if new.past_limit {
            entry.past_limit.insert(id);
        }
        let reason = entry.why_queued(self.state.paused);
        self.record(Transition::RunCreated {
            run: id,
            dag,
            version: version.id,
            run_type: new.run_type,
            logical_date: new.logical_date,
            interval_start: new.interval.0,
            interval_end: new.interval.1,
            params: new.params.clone(),
            reason: reason.clone(),
            by: new.by,
            backfill: new.backfill,
            parent: new.parent,
        });
        let tasks = fresh_instances(&version);
        let run = Run {
            id,
            run_type: new.run_type,
            logical_date: new.logical_date,
            interval: new.interval,
            params: new.params,
            state: RunState::Queued,
            reason,
            started_at: None,
            unsettled: u32::try_from(tasks.len()).expect("a DAG file has fewer than 2^32 tasks"),
            tasks,
            items: BTreeMap::new(),
            fans: vec![FanState::default(); version.dag.fans.len()],
            groups: groups_of(&version, |_| 0, &[]),
            at_work: 0,
            failures: 0,
            ending: None,
            backfill: new.backfill,
            parent: new.parent,
            calls: 0,
            version,
            created_at: self.now,
            watch: Watch::default(),
        };
        self.state.runs.insert(id, run);
        self.state.watch_run(id);
        self.leave_out(id, &new.part);
        id
    }

    /// Begins queued runs of a DAG while it has room for them.
    pub(super) fn admit(&mut self, dag: &DagId) {
        self.go_on_with_backfills(dag);
        loop {
            let entry = &self.state.dags[dag];
            if entry.queued.is_empty() || entry.begins_nothing(self.state.paused) {
                return;
            }
            let room = entry.active.len() < entry.version.dag.max_active_runs as usize;
            let first = entry.queued.first().map(|(_, _, run)| *run).filter(|_| room);
            let past_limit =
                || entry.past_limit.first().copied().or_else(|| self.state.awaited_in_queue(dag));
            let Some(run) = first.or_else(past_limit) else { return };
            self.begin_run(run);
        }
    }

    pub(super) fn begin_run(&mut self, id: RunId) {
        let now = self.now;
        let run = self.run(id);
        run.state = RunState::Running;
        run.reason = Reason::Active;
        run.started_at = Some(now);
        let (place, version) = ((run.run_type, run.logical_date, id), run.version.clone());
        let backfill = run.backfill;
        let entry = self.state.dags.get_mut(&version.dag.id).expect("a run is made of a known DAG");
        entry.queued.remove(&place);
        entry.past_limit.remove(&id);
        if backfill.is_none() {
            entry.active.insert(id);
        }
        self.record(Transition::RunMoved {
            run: id,
            from: RunState::Queued,
            to: RunState::Running,
            reason: Reason::Active,
        });
        if let Some(timeout) = version.dag.timeout {
            self.arm(now.plus(timeout), Timer::RunTimeout(id));
        }
        self.state.watch_begun_run(id);
        for task in version.dag.graph.order() {
            self.judge_task(InstanceId::whole(id, *task));
        }
        // Of a run that was reopened, items may wait.
        for task in version.dag.fans.iter().flat_map(|fan| &fan.tasks) {
            self.judge_items(InstanceId::whole(id, *task));
        }
    }

    pub(super) fn cancel_requested(&mut self, run: RunId, by: String) -> Answer {
        if !self.state.runs.contains_key(&run) {
            return Answer::Refused(Refusal::UnknownRun(run));
        }
        self.doomed.push((run, Ending { verdict: RunState::Canceled, reason: Reason::Canceled { by } }));
        Answer::Done
    }

    pub(super) fn run_timeout_due(&mut self, id: RunId) {
        if let Some(run) = self.state.runs.get(&id) {
            let timeout = run.dag().timeout.unwrap_or_default();
            let millis = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
            let reason = Reason::RunTimedOut { millis };
            self.doomed.push((id, Ending { verdict: RunState::Failed, reason }));
        }
    }

    fn replace_oldest(&mut self, dag: &DagId) {
        let entry = &self.state.dags[dag];
        let waiting = entry.queued.iter().map(|(_, _, run)| *run);
        let oldest = entry
            .active
            .iter()
            .copied()
            .chain(waiting)
            .filter(|run| self.state.runs[run].ending.is_none())
            .min();
        if let Some(run) = oldest {
            self.end_early(run, Ending { verdict: RunState::Canceled, reason: Reason::Replaced });
            self.follow();
        }
    }

    /// Ends a run before its tasks are through: what has not begun is canceled, what lives is told to end.
    pub(super) fn end_early(&mut self, id: RunId, ending: Ending) {
        let Some(run) = self.state.runs.get_mut(&id) else { return };
        if run.ending.is_some() {
            return;
        }
        let reason = ending.reason.clone();
        run.ending = Some(ending);
        if run.state == RunState::Running && run.at_work + run.calls > 0 {
            run.state = RunState::Stopping;
            run.reason = reason.clone();
            let (from, to) = (RunState::Running, RunState::Stopping);
            self.record(Transition::RunMoved { run: id, from, to, reason: reason.clone() });
        }
        for instance in self.run(id).ids() {
            self.end_task(instance, reason.clone());
        }
    }

    fn end_task(&mut self, id: InstanceId, reason: Reason) {
        match self.run(id.run).at(id).state {
            TaskState::Waiting => self.settle(id, TaskState::Canceled, reason),
            TaskState::Queued => {
                self.leave_queue(id);
                self.settle(id, TaskState::Canceled, reason);
            }
            TaskState::UpForRetry => {
                self.disarm_task(id);
                self.settle(id, TaskState::Canceled, reason);
            }
            TaskState::Starting | TaskState::Running | TaskState::Stopping => {
                self.stop_attempt(id, Stop::RunEnding, reason);
            }
            TaskState::Deferred => {
                self.stop_waiting(id);
                self.settle(id, TaskState::Canceled, reason);
            }
            // Its items are ended one by one.
            TaskState::Expanded
            | TaskState::Success
            | TaskState::Failed
            | TaskState::UpstreamFailed
            | TaskState::Skipped
            | TaskState::Canceled
            | TaskState::Removed => {}
        }
    }

    /// Gives a run whose tasks are all final its verdict, and makes room for the next.
    pub(super) fn close_run(&mut self, id: RunId) {
        let run = self.state.runs.remove(&id).expect("a run is closed once");
        let (to, reason) = verdict(&run);
        debug_assert!(RunState::legal(run.state, to), "run {id}: {} -> {to}", run.state);
        self.record(Transition::RunMoved { run: id, from: run.state, to, reason: reason.clone() });
        self.order(Effect::RunEnded(id));
        self.backfill_run_ended(&run, to);
        self.return_to_caller(&run, (to, &reason));
        self.wake_waiting(&run.version.dag.id, None);
        self.hooks_of_run_end(&run, to, &reason);
        self.unwatch(&run);
        self.forget_groups(&run);
        if let (Some(started), Some(timeout)) = (run.started_at, run.dag().timeout) {
            self.disarm(started.plus(timeout), Timer::RunTimeout(id));
        }
        let dag = run.version.dag.id.clone();
        let entry = self.state.dags.get_mut(&dag).expect("a run is made of a known DAG");
        entry.active.remove(&id);
        entry.queued.remove(&(run.run_type, run.logical_date, id));
        entry.past_limit.remove(&id);
        self.admit(&dag);
        self.go_on(&dag);
    }
}

/// The fold of a run's tasks, unless it was ended early.
pub(super) fn verdict(run: &Run) -> (RunState, Reason) {
    if let Some(ending) = &run.ending {
        return (ending.verdict, ending.reason.clone());
    }
    let order = run.version.dag.graph.order();
    match order.iter().find(|task| run.fails_by(InstanceId::whole(run.id, **task))) {
        Some(first) => {
            let first = run.task(*first).id.clone();
            (RunState::Failed, Reason::TasksFailed { count: run.failures, first })
        }
        None => left_canceled(run).unwrap_or((RunState::Success, Reason::Done)),
    }
}

/// A run that was canceled and of which only a part ran again is still a canceled one.
fn left_canceled(run: &Run) -> Option<(RunState, Reason)> {
    let mut canceled = run.ids().into_iter().filter(|id| run.at(*id).state == TaskState::Canceled);
    let first = run.task(canceled.next()?.task).id.clone();
    let count = u32::try_from(canceled.count() + 1).unwrap_or(u32::MAX);
    Some((RunState::Canceled, Reason::TasksCanceled { count, first }))
}

/// One waiting instance per task, with its upstreams counted.
pub(super) fn fresh_instances(version: &Version) -> Vec<Instance> {
    let graph = &version.dag.graph;
    let mut tasks: Vec<Instance> = (0..graph.len()).map(|_| Instance::fresh()).collect();
    for task in graph.order() {
        for above in graph.upstream(*task) {
            tasks[task.at()].upstream.expect(version.dag.task(above));
        }
    }
    tasks
}

/// The last complete data interval at an instant: what a manual run works on.
pub(super) fn last_interval(version: &Version, at: Timestamp) -> (Timestamp, Timestamp) {
    let Some(timetable) = &version.dag.timetable else { return (at, at) };
    let end = timetable.previous_before(Timestamp::from_nanos(at.nanos().saturating_add(1)));
    match end {
        Some(end) => (timetable.previous_before(end).unwrap_or(end), end),
        None => (at, at),
    }
}
