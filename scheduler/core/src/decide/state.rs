//! What the core remembers: DAGs in force, runs that are not over, limits, and armed timers.
//! Runs that ended are the store's memory, not this one's, so that cost follows change.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::backfill::Backfill;
use super::event::{RunType, Values};
use super::law::{RunState, TaskState};
use super::limit::Limits;
use super::reason::Reason;
use super::rule::Counts;
use crate::dag::spec::{Dag, Task};
use crate::id::{AttemptId, BackfillId, DagId, InstanceId, RunId, TaskIndex, VersionId};
use crate::time::Timestamp;

/// All that the core knows. Only [`super::step`] changes it.
#[derive(Debug, Clone)]
pub struct State {
    pub(super) dags: BTreeMap<DagId, DagEntry>,
    pub(super) runs: BTreeMap<RunId, Run>,
    pub(super) paused: bool,
    /// False: no schedule fires.
    pub(super) schedules: bool,
    pub(super) limits: Limits,
    pub(super) timers: BTreeSet<(Timestamp, Timer)>,
    pub(super) next_run: i64,
    pub(super) next_version: i64,
    pub(super) next_backfill: i64,
    /// Backfills that are not over.
    pub(super) backfills: BTreeMap<BackfillId, Backfill>,
    /// Instants that backfills took before the schedule came to them: they do not tick any more.
    pub(super) ahead: BTreeSet<(DagId, Timestamp)>,
    /// How far the schedules of all DAGs had been looked at when the store was read, also of those that
    /// are not in force.
    pub(super) cursors: BTreeMap<DagId, Timestamp>,
}

/// One DAG in force, or retired while runs of it go on.
#[derive(Debug, Clone)]
pub(super) struct DagEntry {
    pub(super) version: Arc<Version>,
    pub(super) paused: bool,
    pub(super) retired: bool,
    /// The schedule has been looked at up to here.
    pub(super) cursor: Timestamp,
    /// The armed tick, so that it can be disarmed.
    pub(super) next_tick: Option<Timestamp>,
    /// Runs that are running or stopping.
    pub(super) active: BTreeSet<RunId>,
    /// Runs that wait to begin, in their order.
    pub(super) queued: BTreeSet<(RunType, Timestamp, RunId)>,
}

impl DagEntry {
    /// No tick fires and no queued run begins.
    pub(super) fn is_held(&self, everything_paused: bool) -> bool {
        everything_paused || self.paused || self.retired || !self.version.dag.enabled
    }

    /// Why a run of it waits to begin.
    pub(super) fn why_queued(&self, everything_paused: bool) -> Reason {
        if self.retired {
            Reason::Retired
        } else if everything_paused || self.paused {
            Reason::Paused
        } else if !self.version.dag.enabled {
            Reason::Disabled
        } else {
            Reason::MaxActiveRuns { limit: self.version.dag.max_active_runs }
        }
    }
}

/// One text of a DAG, as runs are pinned to it.
#[derive(Debug, PartialEq)]
pub struct Version {
    /// Its number.
    pub id: VersionId,
    /// Hash of its meaning.
    pub hash: String,
    /// Where its file is, below the DAG folder.
    pub path: String,
    /// What it means.
    pub dag: Arc<Dag>,
    /// For each task the longest path to an end, in tasks: long paths go first.
    heights: Vec<u32>,
}

impl Version {
    /// A version of a DAG.
    pub fn new(id: VersionId, hash: String, path: String, dag: Arc<Dag>) -> Self {
        let heights = dag.graph.heights();
        Self { id, hash, path, dag, heights }
    }

    pub(super) fn height(&self, task: TaskIndex) -> u32 {
        self.heights[task.at()]
    }
}

/// One run that is not over.
#[derive(Debug, Clone)]
pub struct Run {
    /// Its number.
    pub id: RunId,
    /// The DAG version it is pinned to.
    pub version: Arc<Version>,
    /// What made it.
    pub run_type: RunType,
    /// Its logical date.
    pub logical_date: Timestamp,
    /// Start and end of its data interval.
    pub interval: (Timestamp, Timestamp),
    /// Its params.
    pub params: Values,
    /// Where it is.
    pub state: RunState,
    pub(super) reason: Reason,
    pub(super) started_at: Option<Timestamp>,
    pub(super) tasks: Vec<Instance>,
    /// How many task instances are not final.
    pub(super) unsettled: u32,
    /// How many attempts hold a slot.
    pub(super) at_work: u32,
    /// How many failed or blocked task instances count for the verdict.
    pub(super) failures: u32,
    /// Why it is being ended, once it is.
    pub(super) ending: Option<Ending>,
    /// The backfill that makes room for it, in place of `max_active_runs`.
    pub(super) backfill: Option<BackfillId>,
}

impl Run {
    /// Its class in the queue for slots: what a backfill runs again goes last, too.
    pub(super) fn class(&self) -> RunType {
        if self.backfill.is_some() { RunType::Backfill } else { self.run_type }
    }

    /// The state of a task as rules see it: one that was left out on request does not make its
    /// downstreams skip.
    pub(super) fn counted(&self, id: InstanceId) -> TaskState {
        let instance = self.at(id);
        if instance.reason == Reason::LeftOut { TaskState::Success } else { instance.state }
    }

    pub(super) fn dag(&self) -> &Dag {
        &self.version.dag
    }

    pub(super) fn task(&self, at: TaskIndex) -> &Task {
        self.version.dag.task(at)
    }

    /// A task instance, if there is one of this id.
    pub(super) fn get(&self, id: InstanceId) -> Option<&Instance> {
        self.tasks.get(id.task.at())
    }

    /// As [`Self::get`], to change it.
    pub(super) fn get_mut(&mut self, id: InstanceId) -> Option<&mut Instance> {
        self.tasks.get_mut(id.task.at())
    }

    /// A task instance that is known to be there.
    pub(super) fn at(&self, id: InstanceId) -> &Instance {
        self.get(id).expect("an instance that is worked on is there")
    }

    /// As [`Self::at`], to change it.
    pub(super) fn at_mut(&mut self, id: InstanceId) -> &mut Instance {
        self.get_mut(id).expect("an instance that is worked on is there")
    }

    /// All task instances, in the order of the file.
    pub(super) fn ids(&self) -> Vec<InstanceId> {
        self.version.dag.places().map(|task| InstanceId::whole(self.id, task)).collect()
    }

    /// True when the end of this task fails the run.
    pub(super) fn fails_by(&self, id: InstanceId) -> bool {
        let bad = matches!(self.at(id).state, TaskState::Failed | TaskState::UpstreamFailed);
        bad && !self.task(id.task).allow_failure
    }

    /// True when a branch or short-circuit right before this task has not decided yet.
    pub(super) fn awaits_choice(&self, at: TaskIndex) -> bool {
        let mut above = self.version.dag.graph.upstream(at);
        above.any(|it| self.task(it).chooses && !self.state_of(it).is_final())
    }

    /// The current attempt of a task instance, if there has been one.
    pub fn attempt(&self, id: InstanceId) -> Option<AttemptId> {
        let number = self.at(id).attempt;
        (number > 0).then_some(AttemptId { instance: id, number })
    }

    /// The state of a task.
    pub fn state_of(&self, at: TaskIndex) -> TaskState {
        self.tasks[at.at()].state
    }
}

/// One task of a run.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Instance {
    pub(super) state: TaskState,
    pub(super) reason: Reason,
    /// Number of the current or last attempt; 0 before the first.
    pub(super) attempt: u32,
    /// Attempts made before the last clear: they use up nothing.
    pub(super) attempts_before: u32,
    /// Attempts that used up a retry.
    pub(super) failures: u32,
    /// Attempts that were lost.
    pub(super) lost: u32,
    /// What its upstreams have come to.
    pub(super) upstream: Counts,
    /// The armed timer of its state: retry, timeout or kill.
    pub(super) deadline: Option<Timestamp>,
    /// Why its attempt is being ended, while it is `stopping`.
    pub(super) stop: Option<Stop>,
    /// The branch that did not choose it, decided while it was at work: it is not tried again.
    pub(super) cut_by: Option<Reason>,
}

/// Why one attempt is being ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// It took too long.
    TimedOut,
    /// Its run is being ended.
    RunEnding,
}

/// Why a run is being ended before its tasks are through.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ending {
    /// `failed` or `canceled`.
    pub(super) verdict: RunState,
    pub(super) reason: Reason,
}

/// What an armed timer is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    Tick(DagId),
    Retry(InstanceId),
    Timeout(AttemptId),
    Kill(AttemptId),
    RunTimeout(RunId),
}

impl State {
    /// An empty state with these limits.
    pub fn new(slots: u32, pools: &BTreeMap<String, u32>) -> Self {
        Self {
            dags: BTreeMap::new(),
            runs: BTreeMap::new(),
            paused: false,
            schedules: true,
            limits: Limits::new(slots, pools),
            timers: BTreeSet::new(),
            next_run: 1,
            next_version: 1,
            next_backfill: 1,
            backfills: BTreeMap::new(),
            ahead: BTreeSet::new(),
            cursors: BTreeMap::new(),
        }
    }

    /// When the next [`super::Event::TimePassed`] is due; `None`: nothing is armed.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// From now on no attempt begins: the scheduler is about to end.
    pub fn start_nothing_more(&mut self) {
        self.limits.slots = 0;
    }

    /// A run that is not over.
    pub fn run(&self, id: RunId) -> Option<&Run> {
        self.runs.get(&id)
    }

    /// All runs that are not over.
    pub fn runs(&self) -> impl Iterator<Item = &Run> {
        self.runs.values()
    }

    /// The version of a DAG that is in force.
    pub fn version(&self, dag: &DagId) -> Option<&Arc<Version>> {
        self.dags.get(dag).filter(|entry| !entry.retired).map(|entry| &entry.version)
    }
}
