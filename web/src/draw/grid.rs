//! The last runs of a DAG as columns, its tasks as rows.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use nightrun_core::dag::spec::Dag;
use nightrun_core::decide::TaskState;
use nightrun_core::id::{TaskIndex, VersionId};
use nightrun_engine::store::{Grid, GridRun};
use serde::Serialize;

use super::graph::{homes, joined, weight};

/// Most squares on one page, so that it stays light: the more tasks, the fewer runs.
const SQUARES: usize = 4_000;

/// Most and fewest runs shown.
const RUNS: (usize, usize) = (30, 5);

/// One row: a task and its state in each run, oldest first; or a group, with the state that matters most.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Row {
    pub(crate) task: String,
    /// `None` where that run's version had no such task.
    pub(crate) cells: Vec<Option<TaskState>>,
    /// How many groups it stands in.
    pub(crate) depth: usize,
    /// Set where it is a group's.
    pub(crate) group: Option<GroupRow>,
}

impl Row {
    /// It ended well in each run that has it.
    pub(crate) fn is_green(&self) -> bool {
        self.cells.iter().flatten().all(|state| matches!(state, TaskState::Success | TaskState::Skipped))
    }
}

/// What a row says of its group.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct GroupRow {
    pub(crate) label: String,
    pub(crate) tasks: usize,
    pub(crate) open: bool,
    /// The groups that are folded once this one is pressed.
    pub(crate) folded: String,
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
            let cells = vec![None; grid.runs.len()];
            rows.push(Row { task: task.clone(), cells, depth: 0, group: None });
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

/// Puts the rows of each group under one of its own; those of folded groups are left out.
pub(crate) fn grouped(rows: Vec<Row>, dag: &Dag, folded: &BTreeSet<String>) -> Vec<Row> {
    if dag.groups.is_empty() {
        return rows;
    }
    let homes = homes(dag);
    let chain = |row: &Row| {
        let home = dag.find(&row.task).and_then(|task| homes[task.at()]);
        let mut groups: Vec<&str> = std::iter::successors(home, |id| parent(dag, id)).collect();
        groups.reverse();
        groups
    };
    let placed: Vec<(Vec<&str>, Row)> = rows.into_iter().map(|row| (chain(&row), row)).collect();
    let mut sorted = Vec::new();
    Shelves { dag, folded, placed: &placed }.put(&mut sorted, 0, &(0..placed.len()).collect::<Vec<_>>());
    sorted
}

fn parent<'a>(dag: &'a Dag, id: &str) -> Option<&'a str> {
    dag.groups.iter().find(|group| group.id == id)?.parent.as_deref()
}

/// Rows with the groups in which they stand, the outermost first.
struct Shelves<'a> {
    dag: &'a Dag,
    folded: &'a BTreeSet<String>,
    placed: &'a [(Vec<&'a str>, Row)],
}

impl Shelves<'_> {
    /// Puts rows that share their first `depth` groups.
    fn put(&self, sorted: &mut Vec<Row>, depth: usize, rows: &[usize]) {
        let mut seen = BTreeSet::new();
        for at in rows {
            let (groups, row) = &self.placed[*at];
            let Some(group) = groups.get(depth) else {
                sorted.push(Row { depth, ..row.clone() });
                continue;
            };
            if !seen.insert(*group) {
                continue;
            }
            let inner: Vec<usize> =
                rows.iter().copied().filter(|at| self.placed[*at].0.get(depth) == Some(group)).collect();
            sorted.push(self.head(group, depth, &inner));
            if !self.folded.contains(*group) {
                self.put(sorted, depth + 1, &inner);
            }
        }
    }

    fn head(&self, id: &str, depth: usize, rows: &[usize]) -> Row {
        let open = !self.folded.contains(id);
        let mut folded = self.folded.clone();
        if open {
            folded.insert(id.to_owned());
        } else {
            folded.remove(id);
        }
        let label = self.dag.groups.iter().find(|group| group.id == id).and_then(|group| group.label.clone());
        let columns = rows.first().map_or(0, |at| self.placed[*at].1.cells.len());
        let worst = |column: usize| {
            rows.iter().filter_map(|at| self.placed[*at].1.cells[column]).max_by_key(|state| weight(*state))
        };
        Row {
            task: id.to_owned(),
            cells: (0..columns).map(worst).collect(),
            depth,
            group: Some(GroupRow {
                label: label.unwrap_or_else(|| id.to_owned()),
                tasks: rows.len(),
                open,
                folded: joined(&folded),
            }),
        }
    }
}
