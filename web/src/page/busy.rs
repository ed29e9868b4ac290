//! What is at work or waited for right now: in each run, and in front of the slots.

use std::collections::BTreeMap;

use nightrun_core::decide::TaskState;
use nightrun_core::id::RunId;
use nightrun_engine::store::{Fault, ReadyTask};
use serde::Serialize;

use crate::app::Desk;
use crate::words;

/// Tasks that are looked at.
const LOOKED_AT: u32 = 5_000;

/// What goes on in the tasks of all runs.
pub(super) struct Busy {
    runs: BTreeMap<RunId, Vec<ReadyTask>>,
    pub(super) slots: Option<Slots>,
}

/// The task that a run is at, or waits for.
#[derive(Serialize)]
pub(super) struct At {
    /// What the page of a run calls its row.
    task: String,
    item: Option<u32>,
    length: String,
    /// How many more are in the same state.
    more: usize,
}

/// Slots of the executor, while tasks wait for some.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Slots {
    used: usize,
    all: u32,
    waiting: usize,
    /// Those that wait for a pool.
    pooled: usize,
}

impl Busy {
    pub(super) fn read(desk: &Desk<'_>) -> Result<Self, Fault> {
        let tasks = desk.page.ready_tasks(LOOKED_AT)?;
        // How full the server is, is told to those who may see all of it.
        let slots = if desk.site.who.is_limited() { None } else { slots(&tasks, desk.site.app.slots) };
        let mut runs: BTreeMap<RunId, Vec<ReadyTask>> = BTreeMap::new();
        for task in tasks {
            runs.entry(task.instance.run).or_default().push(task);
        }
        Ok(Self { runs, slots })
    }

    /// The one that has been at work longest; where none is, the one that has been waited for longest.
    pub(super) fn at(&self, desk: &Desk<'_>, run: RunId) -> Option<At> {
        let tasks = self.runs.get(&run)?;
        let longest = |states: &dyn Fn(TaskState) -> bool| {
            let fit: Vec<&ReadyTask> = tasks.iter().filter(|task| states(task.state)).collect();
            fit.iter().min_by_key(|task| task.since).map(|task| ((*task).clone(), fit.len() - 1))
        };
        let (task, more) = longest(&holds_slot).or_else(|| longest(&|state| state != TaskState::Expanded))?;
        Some(At {
            item: task.instance.item.checked_sub(1),
            task: task.id,
            length: words::length(desk.now.since(task.since)),
            more,
        })
    }
}

fn holds_slot(state: TaskState) -> bool {
    matches!(state, TaskState::Starting | TaskState::Running | TaskState::Stopping)
}

/// None while nothing waits.
fn slots(tasks: &[ReadyTask], slots: u32) -> Option<Slots> {
    let count = |kinds: &[&str]| {
        let waits = |task: &&ReadyTask| task.state == TaskState::Queued && kinds.contains(&task.reason_kind);
        tasks.iter().filter(waits).count()
    };
    let (waiting, pooled) = (count(&["slots"]), count(&["pool", "pool_too_small"]));
    let used = tasks.iter().filter(|task| holds_slot(task.state)).count();
    (waiting + pooled > 0).then_some(Slots { used, all: slots, waiting, pooled })
}
