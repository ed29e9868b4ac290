//! Who may start: slots of the executor, slots of pools, `max_active_tasks` of a run.
//!
//! Ready tasks wait in lanes, one for each run, pool and limited fan. A lane whose first task does not fit
//! is closed until the limit that held it gives something back, so that giving out a slot costs what
//! it hands out and not what waits.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::event::RunType;
use super::reason::Reason;
use crate::dag::spec::FanIndex;
use crate::id::{InstanceId, RunId, TaskIndex};
use crate::time::Timestamp;

/// All limits, what is taken of them, and who waits for them.
#[derive(Debug, Clone)]
pub(super) struct Limits {
    pub(super) slots: u32,
    pub(super) used: u32,
    pub(super) pools: BTreeMap<String, Pool>,
    lanes: HashMap<LaneId, Lane>,
    /// Lanes that are not closed, by their first task.
    open: BTreeSet<(Place, LaneId)>,
    /// Closed lanes by what closed them.
    closed: BTreeMap<Barrier, BTreeSet<LaneId>>,
}

/// A bounded resource that tasks of all DAGs share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pool {
    pub(super) slots: u32,
    pub(super) used: u32,
}

/// Ready tasks that share their limits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct LaneId {
    pub(super) run: RunId,
    pub(super) pool: Option<String>,
    /// Set where the fan has a limit of its own.
    pub(super) fan: Option<FanIndex>,
}

#[derive(Debug, Clone, Default)]
struct Lane {
    queue: BTreeSet<Place>,
    closed_by: Option<Barrier>,
    /// What last held it: the reason of whoever joins it.
    reason: Option<Reason>,
}

/// What can close a lane.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Barrier {
    Pool(String),
    Run(RunId),
    Fan(RunId, FanIndex),
}

/// A ready task's place in the queue; smaller goes first: class of the run, priority, longest
/// remaining path, logical date, age of the run, item, place in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) class: RunType,
    pub(super) priority: Reverse<i32>,
    pub(super) height: Reverse<u32>,
    pub(super) logical_date: Timestamp,
    pub(super) run: RunId,
    pub(super) item: u32,
    pub(super) task: TaskIndex,
}

impl Place {
    /// Who waits there.
    pub(super) fn instance(&self) -> InstanceId {
        InstanceId { run: self.run, task: self.task, item: self.item }
    }
}

impl Limits {
    pub(super) fn new(slots: u32, pools: &BTreeMap<String, u32>) -> Self {
        let pools =
            pools.iter().map(|(name, slots)| (name.clone(), Pool { slots: *slots, used: 0 })).collect();
        Self { slots, used: 0, pools, lanes: HashMap::new(), open: BTreeSet::new(), closed: BTreeMap::new() }
    }

    /// Puts a ready task into its lane; returns why it waits there.
    pub(super) fn join(&mut self, lane_id: &LaneId, place: Place) -> Reason {
        let lane = self.lanes.entry(lane_id.clone()).or_default();
        if lane.closed_by.is_none() {
            if let Some(first) = lane.queue.first() {
                self.open.remove(&(*first, lane_id.clone()));
            }
            lane.queue.insert(place);
            let first = *lane.queue.first().expect("just inserted");
            self.open.insert((first, lane_id.clone()));
        } else {
            lane.queue.insert(place);
        }
        lane.reason.clone().unwrap_or(Reason::Slots)
    }

    /// Takes a task out of its lane, because it starts or will never start.
    pub(super) fn leave(&mut self, lane_id: &LaneId, place: Place) {
        let Some(lane) = self.lanes.get_mut(lane_id) else { return };
        let first = lane.queue.first().copied();
        lane.queue.remove(&place);
        if lane.closed_by.is_none() && first == Some(place) {
            self.open.remove(&(place, lane_id.clone()));
            if let Some(next) = lane.queue.first() {
                self.open.insert((*next, lane_id.clone()));
            }
        }
        if lane.queue.is_empty() {
            let lane = self.lanes.remove(lane_id).expect("found above");
            if let Some(barrier) = lane.closed_by {
                self.forget(&barrier, lane_id);
            }
        }
    }

    /// The first task of all open lanes, while the executor has a free slot.
    pub(super) fn first(&self) -> Option<(Place, LaneId)> {
        if self.used >= self.slots { None } else { self.open.first().cloned() }
    }

    /// Closes a lane; returns the tasks in it whose reason must be told anew.
    pub(super) fn close(&mut self, lane_id: &LaneId, barrier: Barrier, reason: Reason) -> Vec<Place> {
        let lane = self.lanes.get_mut(lane_id).expect("only a lane with tasks is closed");
        if let Some(first) = lane.queue.first() {
            self.open.remove(&(*first, lane_id.clone()));
        }
        lane.closed_by = Some(barrier.clone());
        self.closed.entry(barrier).or_default().insert(lane_id.clone());
        if lane.reason.as_ref() == Some(&reason) {
            return Vec::new();
        }
        lane.reason = Some(reason);
        lane.queue.iter().copied().collect()
    }

    /// Opens the lanes that a limit had closed, because it gave something back.
    pub(super) fn reopen(&mut self, barrier: &Barrier) {
        for lane_id in self.closed.remove(barrier).unwrap_or_default() {
            let lane = self.lanes.get_mut(&lane_id).expect("a closed lane has tasks");
            lane.closed_by = None;
            let first = *lane.queue.first().expect("a closed lane has tasks");
            self.open.insert((first, lane_id));
        }
    }

    /// How many tasks wait in all lanes.
    pub(super) fn waiting(&self) -> usize {
        self.lanes.values().map(|lane| lane.queue.len()).sum()
    }

    /// True when this task waits in this lane.
    pub(super) fn holds(&self, lane_id: &LaneId, place: &Place) -> bool {
        self.lanes.get(lane_id).is_some_and(|lane| lane.queue.contains(place))
    }

    fn forget(&mut self, barrier: &Barrier, lane_id: &LaneId) {
        if let Some(lanes) = self.closed.get_mut(barrier) {
            lanes.remove(lane_id);
            if lanes.is_empty() {
                self.closed.remove(barrier);
            }
        }
    }
}
