//! What stands beside a run in its DAG: the runs of the dates before it and after it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use nightrun_core::decide::{RunState, TaskState};
use nightrun_core::id::{DagId, RunId};
use nightrun_core::time::Timestamp;
use rusqlite::params;

use super::Page;
use crate::store::column::{instant, json, word};
use crate::store::error::Fault;

/// A run among those of its DAG.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbour {
    /// Its number.
    pub run: RunId,
    /// What it is about.
    pub logical_date: Timestamp,
    /// Where it is.
    pub state: RunState,
    /// Where the task that was asked about is in it; none: the run does not have it.
    pub task: Option<TaskState>,
    /// The version of its DAG.
    version: i64,
}

impl Page {
    /// A run between up to `each` runs of its DAG on either side, as the grid has them: by logical date, then by
    /// number. With the id of a task, the state of that task in each of them.
    pub fn around(
        &self,
        dag: &DagId,
        run: RunId,
        task: Option<&str>,
        each: u32,
    ) -> Result<Vec<Neighbour>, Fault> {
        let side = |order: &str, way: &str| {
            let sql = format!(
                "SELECT id, logical_date, state, version FROM run
                 WHERE dag = ?1 AND (logical_date, id) {order} (SELECT logical_date, id FROM run WHERE id = ?2)
                 ORDER BY logical_date {way}, id {way} LIMIT ?3"
            );
            self.all(&sql, params![dag.as_str(), run.0, each + 1], |row| {
                Ok(Neighbour {
                    run: RunId(row.get(0)?),
                    logical_date: instant(row, 1)?,
                    state: word(row, 2, RunState::parse)?,
                    task: None,
                    version: row.get(3)?,
                })
            })
        };
        let mut runs = side("<=", "DESC")?;
        runs.reverse();
        runs.extend(side(">", "ASC")?.into_iter().take(each as usize));
        if let Some(task) = task {
            self.tell_states(&mut runs, task)?;
        }
        Ok(runs)
    }

    fn tell_states(&self, runs: &mut [Neighbour], task: &str) -> Result<(), Fault> {
        let mut places: BTreeMap<i64, Option<i64>> = BTreeMap::new();
        for run in runs {
            let place = match places.entry(run.version) {
                Entry::Occupied(place) => *place.get(),
                Entry::Vacant(vacant) => {
                    let sql = "SELECT tasks FROM dag_version WHERE id = ?1";
                    let ids: Option<Vec<String>> = self.first(sql, [run.version], |row| json(row, 0))?;
                    let mut ids = (0_i64..).zip(ids.unwrap_or_default());
                    *vacant.insert(ids.find(|(_, id)| id == task).map(|(place, _)| place))
                }
            };
            let Some(place) = place else { continue };
            let sql =
                "SELECT state FROM task_instance WHERE run = ?1 AND task = ?2 AND item = 0 AND task_id = ?3";
            run.task =
                self.first(sql, params![run.run.0, place, task], |row| word(row, 0, TaskState::parse))?;
        }
        Ok(())
    }
}
