//! From the store's tables back to a state: what a scheduler does first after its start.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::access::AccessBook;
use super::backfill::{Backfill, BackfillRow};
use super::call::Parent;
use super::deadline::{Subject, Watch};
use super::effect::{Answer, Effect};
use super::event::{Outcome, RunType, Values};
use super::group::groups_of;
use super::hold::Hold;
use super::hook::HookRow;
use super::law::{RunState, TaskState};
use super::reason::Reason;
use super::retime::ChangedTick;
use super::state::{DagEntry, Ending, FanState, Instance, ItemList, Run, State, Stop, Timer, Version};
use super::task::lane_of;
use super::turn::Turn;
use super::used::Used;
use crate::dag::spec::{Lateness, Task};
use crate::id::{AttemptId, BackfillId, DagId, HoldId, InstanceId, RunId, TaskIndex};
use crate::time::Timestamp;

/// What the store holds of everything that is not over.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// Slots of the executor.
    pub slots: u32,
    /// Slots of each pool.
    pub pools: BTreeMap<String, u32>,
    /// Everything is paused.
    pub paused: bool,
    /// Number for the next run.
    pub next_run: i64,
    /// Number for the next version.
    pub next_version: i64,
    /// Maintenance windows that are not over.
    pub holds: Vec<Hold>,
    /// Number for the next maintenance window.
    pub next_hold: i64,
    /// Ticks that were skipped or moved and have not passed.
    pub changed_ticks: Vec<ChangedTick>,
    /// Names of users and tokens.
    pub access: AccessBook,
    /// How far the schedules of all DAGs have been looked at, also of those that are left out below.
    pub cursors: BTreeMap<DagId, Timestamp>,
    /// All DAGs, retired ones too while they have runs that are not over.
    pub dags: Vec<DagRow>,
    /// All runs that are not over.
    pub runs: Vec<RunRow>,
    /// Number for the next hook.
    pub next_hook: i64,
    /// All hooks whose delivery is not over.
    pub hooks: Vec<HookRow>,
    /// Number for the next backfill.
    pub next_backfill: i64,
    /// All backfills that are not over.
    pub backfills: Vec<BackfillRow>,
    /// Instants that have a tick although the schedule has not come to them.
    pub ahead: BTreeSet<(DagId, Timestamp)>,
}

/// One DAG, as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct DagRow {
    /// Its id.
    pub id: DagId,
    /// The version in force.
    pub version: Arc<Version>,
    /// Fingerprint of its schedule when it was loaded.
    pub schedule: String,
    /// Paused by somebody.
    pub paused: bool,
    /// No file defines it any more.
    pub retired: bool,
    /// The schedule has been looked at up to here.
    pub cursor: Timestamp,
}

/// One run, as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRow {
    /// Its number.
    pub id: RunId,
    /// The version it is pinned to.
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
    /// Why.
    pub reason: Reason,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// What was told of its deadlines.
    pub late: Vec<(Subject, Lateness)>,
    /// Its tasks, in the order of the version's tasks.
    pub tasks: Vec<TaskRow>,
    /// The items of those that are or were expanded, in their order.
    pub items: BTreeMap<TaskIndex, Vec<TaskRow>>,
    /// The backfill that made it, or that runs it again.
    pub backfill: Option<BackfillId>,
    /// Who called it.
    pub parent: Option<Parent>,
    /// Of each group that has run again, how often.
    pub retried: BTreeMap<String, u32>,
}

/// One task instance, as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskRow {
    /// Where it is.
    pub state: TaskState,
    /// Why.
    pub reason: Reason,
    /// Number of its last attempt; 0 before the first.
    pub attempt: u32,
    /// How many attempts it had when it was last cleared.
    pub attempts_before: u32,
    /// How many of its attempts since then ended as `failed`.
    pub failures: u32,
    /// How many of its attempts since then ended as `lost`.
    pub lost: u32,
    /// When the process of its last attempt started.
    pub started_at: Option<Timestamp>,
    /// Since when it is in its state.
    pub since: Timestamp,
    /// When its first attempt was made.
    pub began_at: Option<Timestamp>,
    /// The run that its last attempt called.
    pub child: Option<RunId>,
}

impl State {
    /// The state that a snapshot describes. What was alive when it was taken still counts as alive:
    /// [`super::Event::Started`] settles that. Without `schedules` nothing fires: runs are made by request only.
    pub fn restore(snapshot: Snapshot, schedules: bool, now: Timestamp) -> Self {
        let mut state = Self::new(snapshot.slots, &snapshot.pools);
        (state.schedules, state.others) = (schedules, schedules);
        state.paused = snapshot.paused;
        state.next_run = snapshot.next_run;
        state.next_version = snapshot.next_version;
        state.next_backfill = snapshot.next_backfill;
        state.ahead = snapshot.ahead;
        state.cursors = snapshot.cursors;
        state.access = snapshot.access;
        state.holds.next = snapshot.next_hold;
        state.holds.windows = snapshot.holds.into_iter().map(|hold| (hold.id, hold)).collect();
        let changes = snapshot.changed_ticks.into_iter();
        state.holds.changes =
            changes.map(|changed| ((changed.dag.clone(), changed.instant), changed)).collect();
        for row in snapshot.dags {
            let entry = DagEntry {
                version: row.version,
                schedule: row.schedule,
                paused: row.paused,
                retired: row.retired,
                hold: state.holds.open(&row.id, now).map(Hold::reason),
                cursor: row.cursor,
                next_tick: None,
                active: BTreeSet::new(),
                queued: BTreeSet::new(),
                past_limit: BTreeSet::new(),
            };
            state.dags.insert(row.id, entry);
        }
        state.backfills = snapshot.backfills.into_iter().map(|row| (row.id, Backfill::of(row))).collect();
        for row in snapshot.runs {
            state.restore_run(row);
        }
        state.restore_calls();
        state.next_hook = snapshot.next_hook;
        snapshot.hooks.into_iter().for_each(|row| state.restore_hook(row));
        let mut turn = Turn::new(&mut state, now);
        let dags: Vec<DagId> = turn.state.dags.keys().cloned().collect();
        for dag in dags {
            turn.arm_tick(&dag);
        }
        let holds: Vec<HoldId> = turn.state.holds.windows.keys().copied().collect();
        for hold in holds {
            turn.arm_hold(hold);
        }
        state
    }

    fn restore_run(&mut self, row: RunRow) {
        let Some(entry) = self.dags.get_mut(&row.version.dag.id) else { return };
        if let Some(backfill) = row.backfill {
            if let Some(backfill) = self.backfills.get_mut(&backfill) {
                backfill.active.insert(row.id);
            }
        } else if row.state == RunState::Queued {
            entry.queued.insert((row.run_type, row.logical_date, row.id));
        } else {
            entry.active.insert(row.id);
        }
        let began: Vec<_> = row.tasks.iter().map(|task| task.began_at).collect();
        let run = Run::of(row);
        if let (Some(started), Some(timeout), None) = (run.started_at, run.dag().timeout, &run.ending) {
            self.timers.insert((started.plus(timeout), Timer::RunTimeout(run.id)));
        }
        let id = run.id;
        self.runs.insert(id, run);
        self.restore_holdings(id);
        self.restore_groups(id);
        self.watch_run(id);
        self.watch_begun_run(id);
        for (task, began) in (0..).map(TaskIndex).zip(began) {
            if let Some(began) = began {
                self.watch_begun_task(InstanceId::whole(id, task), began);
            }
        }
    }

    /// Puts the tasks of a restored run back into queues, slots and timers.
    fn restore_holdings(&mut self, run_id: RunId) {
        for id in self.runs[&run_id].ids() {
            let run = &self.runs[&run_id];
            let instance = run.at(id);
            match (instance.state, instance.deadline) {
                (TaskState::Queued, _) => {
                    let (lane, place) = lane_of(run, id);
                    let _ = self.limits.join(&lane, place);
                }
                (TaskState::UpForRetry, Some(retry_at)) => {
                    self.timers.insert((retry_at, Timer::Retry(id)));
                }
                (TaskState::Deferred, deadline) => {
                    self.timers.extend(deadline.map(|at| (at, Timer::Wait(id))));
                    self.note_waits(id);
                }
                (state, deadline) if state.holds_slot() => {
                    let attempt = AttemptId { instance: id, number: instance.attempt };
                    let timer = if state == TaskState::Stopping { Timer::Kill } else { Timer::Timeout };
                    let calls = instance.child.is_some();
                    self.timers.extend(deadline.map(|at| (at, timer(attempt))));
                    if calls { self.hold_call(id) } else { self.take_slots(id) }
                }
                _ => {}
            }
        }
    }
}

impl Run {
    /// A run as the store holds it.
    pub(super) fn of(row: RunRow) -> Self {
        let ending = (row.state == RunState::Stopping).then(|| ending_of(row.reason.clone()));
        let tasks = restore_tasks(&row, ending.is_some());
        let mut run = Self {
            id: row.id,
            groups: groups_of(&row.version, |id| row.retried.get(id).copied().unwrap_or(0), &tasks),
            tasks,
            items: restore_items(&row, ending.is_some()),
            fans: vec![FanState::default(); row.version.dag.fans.len()],
            version: row.version,
            run_type: row.run_type,
            logical_date: row.logical_date,
            interval: row.interval,
            params: row.params,
            state: row.state,
            reason: row.reason,
            started_at: row.started_at,
            unsettled: 0,
            at_work: 0,
            failures: 0,
            ending,
            created_at: row.created_at,
            watch: Watch::restored(&row.late),
            backfill: row.backfill,
            parent: row.parent,
            calls: 0,
        };
        run.recount();
        run
    }

    /// Counts anew what follows from the states of its instances, from counts that are zero.
    pub(super) fn recount(&mut self) {
        for id in self.ids() {
            self.unsettled += u32::from(!self.at(id).state.is_final());
            self.failures += u32::from(self.fails_by(id));
            self.at_mut(id).upstream = self.counts(id);
        }
    }
}

fn restore_tasks(row: &RunRow, run_is_ending: bool) -> Vec<Instance> {
    let tasks = row.tasks.iter().zip(&row.version.dag.tasks);
    tasks.map(|(stored, task)| restore_instance(stored, task, run_is_ending)).collect()
}

fn restore_items(row: &RunRow, run_is_ending: bool) -> BTreeMap<TaskIndex, ItemList> {
    let list = |(task, stored): (&TaskIndex, &Vec<TaskRow>)| {
        let spec = row.version.dag.task(*task);
        let instances: Vec<Instance> =
            stored.iter().map(|stored| restore_instance(stored, spec, run_is_ending)).collect();
        let open = instances.iter().filter(|it| !it.state.is_final()).count();
        (*task, ItemList { instances, open: u32::try_from(open).unwrap_or(u32::MAX) })
    };
    row.items.iter().map(list).collect()
}

fn restore_instance(stored: &TaskRow, task: &Task, run_is_ending: bool) -> Instance {
    let stopping = stored.state == TaskState::Stopping;
    let cut = matches!(stored.reason, Reason::NotChosen { .. } | Reason::ShortCircuit { .. });
    Instance {
        state: stored.state,
        reason: stored.reason.clone(),
        attempt: stored.attempt,
        failures: stored.failures,
        attempts_before: stored.attempts_before,
        lost: stored.lost,
        deadline: deadline_of(stored, task),
        stop: stopping.then_some(if run_is_ending { Stop::RunEnding } else { Stop::TimedOut }),
        child: stored.child.filter(|_| stored.state.holds_slot()),
        cut_by: (cut && stored.state.holds_slot()).then(|| stored.reason.clone()),
        ..Instance::fresh()
    }
}

/// When the timer of a stored task instance rings: its next try, its timeout, or the end of its grace.
fn deadline_of(stored: &TaskRow, task: &Task) -> Option<Timestamp> {
    match (stored.state, &stored.reason) {
        (TaskState::UpForRetry, Reason::Retry { at, .. }) => Some(*at),
        (TaskState::Running, _) => Some(stored.started_at?.plus(task.timeout?)),
        // Its run ends by graces of its own.
        (TaskState::Stopping, _) if stored.child.is_some() => None,
        (TaskState::Stopping, _) => Some(stored.since.plus(task.grace)),
        (TaskState::Deferred, _) => {
            let shortest = task.waits.iter().filter_map(|wait| wait.timeout).min()?;
            Some(stored.since.plus(shortest))
        }
        _ => None,
    }
}

fn ending_of(reason: Reason) -> Ending {
    let canceled = matches!(reason, Reason::Canceled { .. } | Reason::Replaced | Reason::CallerEnded { .. });
    Ending { verdict: if canceled { RunState::Canceled } else { RunState::Failed }, reason }
}

impl Turn<'_> {
    /// The scheduler begins: what was alive is lost, and every waiting task is judged anew.
    pub(super) fn started(&mut self) -> Option<Answer> {
        self.resume_hooks();
        let runs: Vec<RunId> = self.state.runs.keys().copied().collect();
        for run in runs {
            // One that was called may have ended with its caller.
            let ids = self.state.runs.get(&run).map(Run::ids).unwrap_or_default();
            for id in ids {
                self.restart_task(id);
            }
            self.stir(run);
            self.follow();
        }
        let dags: Vec<DagId> = self.state.dags.keys().cloned().collect();
        for dag in dags {
            self.admit(&dag);
        }
        None
    }

    fn restart_task(&mut self, id: InstanceId) {
        let place = self.run(id.run).at_mut(id);
        if let Some(child) = place.child {
            self.ask_for_return(id, child);
        } else if place.state.holds_slot() {
            let attempt = AttemptId { instance: id, number: place.attempt };
            let _ = self.attempt_finished(attempt, self.now, Outcome::Lost, Used::default());
        } else if place.state == TaskState::Waiting
            && matches!(place.reason, Reason::Condition | Reason::Expanding)
        {
            place.reason = Reason::Upstream;
            self.judge_task(id);
        } else if place.state == TaskState::Deferred {
            self.order(Effect::LookFor(id));
        }
    }
}
