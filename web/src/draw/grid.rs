//! The last runs of a DAG as columns, its tasks as rows.

use std::collections::{BTreeMap, HashMap};

use nightrun_core::decide::TaskState;
use nightrun_core::id::{TaskIndex, VersionId};
use nightrun_engine::store::{Grid, GridRun};
use serde::Serialize;

/// Most squares on one page, so that it stays light: the more tasks, the fewer runs.
const SQUARES: usize = 4_000;

/// Most and fewest runs shown.
const RUNS: (usize, usize) = (30, 5);

/// One row: a task and its state in each run, oldest first.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Row {
    pub(crate) task: String,
    /// `None` where that run's version had no such task.
    pub(crate) cells: Vec<Option<TaskState>>,
}

/// How many runs of a DAG with so many tasks are shown.
pub(crate) fn runs_for(tasks: usize) -> u32 {
    let runs = (SQUARES / tasks.max(1)).clamp(RUNS.1, RUNS.0);
    u32::try_from(runs).unwrap_or(u32::MAX)
}

/// Rows in the order of the newest version; tasks that only older versions have follow.
pub(crate) fn rows(grid: &Grid, current: &[String]) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let mut place: HashMap<&str, usize> = HashMap::new();
    for task in current.iter().chain(grid.versions.values().rev().flatten()) {
        place.entry(task).or_insert_with(|| {
            rows.push(Row { task: task.clone(), cells: vec![None; grid.runs.len()] });
            rows.len() - 1
        });
    }
    for (column, run) in grid.runs.iter().rev().enumerate() {
        for (task, state) in states(run, &grid.versions) {
            if let Some(row) = place.get(task) {
                rows[*row].cells[column] = Some(state);
            }
        }
    }
    rows
}

/// The state of each task of a run; its items are folded into it.
fn states<'a>(
    run: &GridRun,
    versions: &'a BTreeMap<VersionId, Vec<String>>,
) -> impl Iterator<Item = (&'a str, TaskState)> {
    let ids = versions.get(&run.version).map_or(&[][..], Vec::as_slice);
    let whole =
        |(task, item, state): &(TaskIndex, u32, TaskState)| (*item == 0).then_some((task.at(), *state));
    run.tasks.iter().filter_map(whole).filter_map(|(task, state)| Some((ids.get(task)?.as_str(), state)))
}
