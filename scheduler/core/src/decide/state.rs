//! What the core remembers: DAGs in force, runs that are not over, limits, and armed timers.
//! Runs that ended are the store's memory, not this one's, so that cost follows change.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::access::AccessBook;
use super::backfill::Backfill;
use super::call::Parent;
use super::deadline::{Alarm, Watch};
use super::event::{RunType, Values};
use super::group::{GroupState, retrying_groups};
use super::hold::Holds;
use super::hook::HookRow;
use super::law::{RunState, TaskState};
use super::limit::Limits;
use super::reason::Reason;
use super::rule::Counts;
use crate::dag::spec::{Dag, Task};
use crate::id::{AttemptId, BackfillId, DagId, HoldId, HookId, InstanceId, RunId, TaskIndex, VersionId};
use crate::time::Timestamp;

/// All that the core knows. Only [`super::step`] changes it.
#[derive(Debug, Clone)]
pub struct State {
    pub(super) dags: BTreeMap<DagId, DagEntry>,
    pub(super) runs: BTreeMap<RunId, Run>,
    pub(super) paused: bool,
    /// False: no schedule fires.
    pub(super) schedules: bool,
    /// False: no task waits for runs of other DAGs, because nobody else makes any.
    pub(super) others: bool,
    pub(super) limits: Limits,
    /// Tasks that wait for other runs: by the DAG of those and the task of it that must have ended, if any.
    pub(super) waiting: BTreeMap<(DagId, Option<String>), BTreeSet<InstanceId>>,
    pub(super) timers: BTreeSet<(Timestamp, Timer)>,
    /// Hooks whose delivery is not over.
    pub(super) hooks: BTreeMap<HookId, HookRow>,
    pub(super) next_hook: i64,
    pub(super) next_run: i64,
    pub(super) next_version: i64,
    /// What people have laid over the schedules.
    pub(super) holds: Holds,
    /// Names of users and tokens.
    pub(super) access: AccessBook,
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
    /// Fingerprint of its schedule when it was loaded: calendars may have changed since.
    pub(super) schedule: String,
    pub(super) paused: bool,
    pub(super) retired: bool,
    /// The maintenance window that is open over it, as the reason of what waits for that.
    pub(super) hold: Option<Reason>,
    /// The schedule has been looked at up to here.
    pub(super) cursor: Timestamp,
    /// The armed tick, so that it can be disarmed.
    pub(super) next_tick: Option<Timestamp>,
    /// Runs that are running or stopping.
    pub(super) active: BTreeSet<RunId>,
    /// Runs that wait to begin, in their order.
    pub(super) queued: BTreeSet<(RunType, Timestamp, RunId)>,
    /// Those of them that `max_active_runs` does not hold, for they might wait for themselves then.
    pub(super) past_limit: BTreeSet<RunId>,
}

impl DagEntry {
    /// No tick fires, and no queued run begins.
    pub(super) fn is_held(&self, everything_paused: bool) -> bool {
        everything_paused || self.paused || self.retired || !self.version.dag.enabled
    }

    /// No queued run of it begins.
    pub(super) fn begins_nothing(&self, everything_paused: bool) -> bool {
        self.is_held(everything_paused) || self.hold.is_some()
    }

    /// Why a run of it waits to begin.
    pub(super) fn why_queued(&self, everything_paused: bool) -> Reason {
        if self.retired {
            Reason::Retired
        } else if everything_paused || self.paused {
            Reason::Paused
        } else if !self.version.dag.enabled {
            Reason::Disabled
        } else if let Some(reason) = &self.hold {
            reason.clone()
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
    /// The DAGs whose runs its tasks wait for.
    calls: Vec<DagId>,
    /// For each task the groups around it that run again, innermost first.
    retrying: Vec<Vec<usize>>,
}

impl Version {
    /// A version of a DAG.
    pub fn new(id: VersionId, hash: String, path: String, dag: Arc<Dag>) -> Self {
        let mut heights = dag.graph.heights();
        // Items of a fan go first come first served, not stage by stage.
        for fan in &dag.fans {
            let highest = fan.tasks.iter().map(|task| heights[task.at()]).max().unwrap_or(0);
            fan.tasks.iter().for_each(|task| heights[task.at()] = highest);
        }
        let calls = dag.tasks.iter().filter_map(|task| task.work.as_call());
        let calls = calls.filter(|call| call.wait).map(|call| call.dag.clone()).collect();
        let retrying = retrying_groups(&dag);
        Self { id, hash, path, dag, heights, calls, retrying }
    }

    pub(super) fn calls(&self) -> &[DagId] {
        &self.calls
    }

    /// The version for a run that has tasks of these ids at its places; see [`Dag::arranged`].
    #[must_use]
    pub fn arranged(self: &Arc<Self>, ids: &[&str]) -> Arc<Self> {
        match self.dag.arranged(ids) {
            None => self.clone(),
            Some(dag) => Arc::new(Self::new(self.id, self.hash.clone(), self.path.clone(), Arc::new(dag))),
        }
    }

    pub(super) fn height(&self, task: TaskIndex) -> u32 {
        self.heights[task.at()]
    }

    pub(super) fn retrying(&self, task: TaskIndex) -> &[usize] {
        &self.retrying[task.at()]
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
    /// When it was made.
    pub created_at: Timestamp,
    /// Where it is.
    pub state: RunState,
    pub(super) reason: Reason,
    pub(super) started_at: Option<Timestamp>,
    pub(super) tasks: Vec<Instance>,
    /// The items of those tasks that are expanded.
    pub(super) items: BTreeMap<TaskIndex, ItemList>,
    /// The fans of its DAG.
    pub(super) fans: Vec<FanState>,
    /// The groups of its DAG.
    pub(super) groups: Vec<GroupState>,
    /// How many task instances are not final.
    pub(super) unsettled: u32,
    /// How many attempts hold a slot.
    pub(super) at_work: u32,
    /// How many failed or blocked task instances count for the verdict.
    pub(super) failures: u32,
    /// Why it is being ended, once it is.
    pub(super) ending: Option<Ending>,
    pub(super) watch: Watch,
    /// The backfill that makes room for it, in place of `max_active_runs`.
    pub(super) backfill: Option<BackfillId>,
    /// Who called it.
    pub(super) parent: Option<Parent>,
    /// How many of its attempts wait for a run that they called.
    pub(super) calls: u32,
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
        match id.item.checked_sub(1) {
            None => self.tasks.get(id.task.at()),
            Some(at) => self.items.get(&id.task)?.instances.get(at as usize),
        }
    }

    /// As [`Self::get`], to change it.
    pub(super) fn get_mut(&mut self, id: InstanceId) -> Option<&mut Instance> {
        match id.item.checked_sub(1) {
            None => self.tasks.get_mut(id.task.at()),
            Some(at) => self.items.get_mut(&id.task)?.instances.get_mut(at as usize),
        }
    }

    /// A task instance that is known to be there.
    pub(super) fn at(&self, id: InstanceId) -> &Instance {
        self.get(id).expect("an instance that is worked on is there")
    }

    /// As [`Self::at`], to change it.
    pub(super) fn at_mut(&mut self, id: InstanceId) -> &mut Instance {
        self.get_mut(id).expect("an instance that is worked on is there")
    }

    /// All task instances, in the order of the file, each task before its items.
    pub(super) fn ids(&self) -> Vec<InstanceId> {
        let items = |task: &TaskIndex| self.items.get(task).map_or(0, |list| list.instances.len());
        let of_task = |task: TaskIndex| {
            let last = u32::try_from(items(&task)).expect("items are bounded far below 2^32");
            (0..=last).map(move |item| InstanceId { run: self.id, task, item })
        };
        self.version.dag.places().flat_map(of_task).collect()
    }

    /// All task instances with their ids.
    pub(super) fn instances(&self) -> impl Iterator<Item = (InstanceId, &Instance)> {
        self.ids().into_iter().map(|id| (id, self.at(id)))
    }

    /// True when the end of this task fails the run.
    pub(super) fn fails_by(&self, id: InstanceId) -> bool {
        let bad = matches!(self.at(id).state, TaskState::Failed | TaskState::UpstreamFailed);
        let task = self.task(id.task);
        id.item == 0 && bad && !task.allow_failure && task.teardown.is_none_or(|teardown| teardown.fails_run)
    }

    /// True when a branch or short-circuit right before this task has not decided yet.
    pub(super) fn awaits_choice(&self, id: InstanceId) -> bool {
        let open = |above: TaskIndex| !self.at(self.seen_from(id, above)).state.is_final();
        let mut above = self.version.dag.graph.upstream(id.task);
        above.any(|above| self.task(above).chooser.is_some() && open(above))
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

/// The items of one task.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ItemList {
    /// In their order; the first is item 1.
    pub(super) instances: Vec<Instance>,
    /// How many are not final.
    pub(super) open: u32,
}

/// One fan of a run.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct FanState {
    /// Its items have been asked for and are not known yet.
    pub(super) asked: bool,
    /// How many attempts of it hold a slot.
    pub(super) at_work: u32,
}

/// One task of a run, or one item of it.
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
    /// The run that its attempt called and waits for; the attempt holds no slot then.
    pub(super) child: Option<RunId>,
    /// How that run ended, once it has: what becomes of it later is no matter of the attempt.
    pub(super) child_end: Option<(RunState, Reason)>,
    /// That run is being looked up.
    pub(super) returning: bool,
}

impl Instance {
    /// One that waits for its upstreams.
    pub(super) fn fresh() -> Self {
        Self {
            state: TaskState::Waiting,
            reason: Reason::Upstream,
            attempt: 0,
            attempts_before: 0,
            failures: 0,
            lost: 0,
            upstream: Counts::default(),
            deadline: None,
            stop: None,
            cut_by: None,
            child: None,
            child_end: None,
            returning: false,
        }
    }

    /// It holds a slot: a process is alive or about to be.
    pub(super) fn holds_slot(&self) -> bool {
        self.state.holds_slot() && self.child.is_none()
    }
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

/// What an armed timer is for. Of those that are due at one instant the first in this order rings first: the
/// ticks that a window held up, and only then its end.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    HoldBegin(HoldId),
    Tick(DagId),
    Moved(DagId, Timestamp),
    HoldEnd(HoldId),
    Retry(InstanceId),
    Wait(InstanceId),
    Group(RunId, usize),
    Timeout(AttemptId),
    Kill(AttemptId),
    RunTimeout(RunId),
    Deadline(Alarm),
    Hook(HookId),
}

impl Timer {
    /// It waits until the DAG files were read.
    pub(super) fn is_of_schedules(&self) -> bool {
        matches!(self, Self::Tick(_) | Self::Moved(..) | Self::HoldEnd(_))
    }
}

impl State {
    /// An empty state with these limits.
    pub fn new(slots: u32, pools: &BTreeMap<String, u32>) -> Self {
        Self {
            dags: BTreeMap::new(),
            runs: BTreeMap::new(),
            paused: false,
            schedules: true,
            others: true,
            limits: Limits::new(slots, pools),
            waiting: BTreeMap::new(),
            timers: BTreeSet::new(),
            hooks: BTreeMap::new(),
            next_hook: 1,
            next_run: 1,
            next_version: 1,
            holds: Holds { next: 1, ..Holds::default() },
            access: AccessBook::default(),
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

    /// The versions that are in force, by their DAGs' ids.
    pub fn in_force(&self) -> impl Iterator<Item = &Arc<Version>> {
        self.dags.values().filter(|entry| !entry.retired).map(|entry| &entry.version)
    }

    /// The version of a DAG that is in force.
    pub fn version(&self, dag: &DagId) -> Option<&Arc<Version>> {
        self.dags.get(dag).filter(|entry| !entry.retired).map(|entry| &entry.version)
    }
}
