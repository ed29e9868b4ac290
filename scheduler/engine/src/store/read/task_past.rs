//! One task through the runs of its DAG.

use std::collections::BTreeMap;

use nightrun_core::decide::{Reason, RunType, TaskState, Used};
use nightrun_core::id::{DagId, InstanceId, RunId, TaskIndex, VersionId};
use nightrun_core::time::Timestamp;
use rusqlite::{Row, params};

use super::Page;
use super::show::amount;
use crate::store::column::{instant, json, maybe_instant, reason, word};
use crate::store::error::Fault;

/// So many items are counted for one page; of more only their number is told.
const COUNTED: u32 = 20_000;

/// Most upstream tasks of one task whose ends are looked at.
const UPSTREAMS: usize = 100;

/// One task in one run of its DAG.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskInRun {
    /// Which run.
    pub run: RunId,
    /// What made it.
    pub run_type: RunType,
    /// Its logical date.
    pub logical_date: Timestamp,
    /// The version it is pinned to.
    pub version: VersionId,
    /// When the run began.
    pub run_started_at: Option<Timestamp>,
    /// The place of the task in the run.
    pub task: TaskIndex,
    /// Where the task is.
    pub state: TaskState,
    /// Why.
    pub reason: Reason,
    /// How often it was tried.
    pub attempts: u32,
    /// When its first attempt's process started; of a `foreach`, the first of its items'.
    pub begun_at: Option<Timestamp>,
    /// When its last attempt's process started; of a `foreach`, the first of its items'.
    pub started_at: Option<Timestamp>,
    /// When its state became final.
    pub ended_at: Option<Timestamp>,
    /// What its last attempt cost the machine.
    pub used: Used,
    /// How many items it has; 0 without a `foreach`.
    pub items: u32,
    /// How many of them are in each state; empty where they are too many to be counted.
    pub item_counts: BTreeMap<TaskState, u32>,
}

/// A version that has the task, and where; with its newest run.
struct Holder {
    version: VersionId,
    newest: RunId,
}

impl Page {
    /// A task in the runs of its DAG whose versions have it, newest run first, those before `before`.
    pub fn task_runs(
        &self,
        dag: &DagId,
        task: &str,
        before: Option<RunId>,
        limit: u32,
    ) -> Result<Vec<TaskInRun>, Fault> {
        let before = before.map_or(i64::MAX, |run| run.0);
        let mut found: Vec<(RunId, TaskIndex)> = Vec::new();
        for Holder { version, newest } in self.holders(dag, before)? {
            // All runs of this version and of those after it are older than what a full page has.
            if found.len() >= limit as usize && found.last().is_some_and(|(last, _)| *last > newest) {
                break;
            }
            let Some(place) = self.place(version, task)? else { continue };
            let sql = "SELECT id FROM run WHERE version = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3";
            let runs = self.all(sql, params![version.0, before, limit], |row| Ok(RunId(row.get(0)?)))?;
            found.extend(runs.into_iter().map(|run| (run, place)));
            found.sort_by_key(|(run, _)| std::cmp::Reverse(*run));
            found.truncate(limit as usize);
        }
        let (mut rows, mut left) = (Vec::new(), COUNTED);
        for (run, place) in found {
            let Some(mut row) = self.task_in_run(run, place, task)? else { continue };
            self.count_items(&mut row, &mut left)?;
            rows.push(row);
        }
        Ok(rows)
    }

    /// True when some version of the DAG that is still kept has a task of this id.
    pub fn had_task(&self, dag: &DagId, task: &str) -> Result<bool, Fault> {
        let sql = "SELECT 1 FROM dag_version WHERE dag = ?1
                   AND EXISTS (SELECT 1 FROM json_each(tasks) WHERE value = ?2) LIMIT 1";
        Ok(self.first(sql, params![dag.as_str(), task], |_| Ok(()))?.is_some())
    }

    /// When the last of some tasks of a run had ended; `None` where one has not, or is not where it is thought to be.
    pub fn last_end(&self, run: RunId, tasks: &[(TaskIndex, &str)]) -> Result<Option<Timestamp>, Fault> {
        let mut last = None;
        if tasks.len() > UPSTREAMS {
            return Ok(None);
        }
        for (task, id) in tasks {
            let sql = "SELECT ended_at FROM task_instance
                       WHERE run = ?1 AND task = ?2 AND item = 0 AND task_id = ?3";
            let end = self.first(sql, params![run.0, task.0, id], |row| maybe_instant(row, 0))?.flatten();
            let Some(end) = end else { return Ok(None) };
            last = last.max(Some(end));
        }
        Ok(last)
    }

    /// Versions of a DAG that have runs before this one, those with the newest runs first.
    fn holders(&self, dag: &DagId, before: i64) -> Result<Vec<Holder>, Fault> {
        self.all(
            "SELECT id, newest FROM (SELECT id, (SELECT max(run.id) FROM run WHERE version = v.id AND run.id < ?2)
                                     AS newest FROM dag_version v WHERE dag = ?1)
             WHERE newest IS NOT NULL ORDER BY newest DESC",
            params![dag.as_str(), before],
            |row| Ok(Holder { version: VersionId(row.get(0)?), newest: RunId(row.get(1)?) }),
        )
    }

    fn place(&self, version: VersionId, task: &str) -> Result<Option<TaskIndex>, Fault> {
        let sql = "SELECT tasks FROM dag_version WHERE id = ?1";
        let ids: Vec<String> = self.first(sql, [version.0], |row| json(row, 0))?.unwrap_or_default();
        let place = ids.iter().position(|id| id == task);
        Ok(place.and_then(|at| u32::try_from(at).ok()).map(TaskIndex))
    }

    /// The task of a run, where its version has it; a run that has changed versions may have it elsewhere.
    fn task_in_run(&self, run: RunId, place: TaskIndex, task: &str) -> Result<Option<TaskInRun>, Fault> {
        const SQL: &str =
            "SELECT r.id, r.run_type, r.logical_date, r.version, r.started_at, t.task, t.state, t.reason,
                    t.attempts, t.started_at, t.ended_at, a.cpu_us, a.peak_bytes,
                    (SELECT started_at FROM attempt f
                     WHERE f.run = t.run AND f.task = t.task AND f.item = 0 AND f.number = 1)
             FROM run r CROSS JOIN task_instance t ON t.run = r.id
             LEFT JOIN attempt a ON a.run = t.run AND a.task = t.task AND a.item = 0 AND a.number = t.attempts
             WHERE r.id = ?1 AND t.item = 0 AND t.task_id = ?2";
        let here = format!("{SQL} AND t.task = ?3");
        match self.first(&here, params![run.0, task, place.0], task_in_run)? {
            Some(found) => Ok(Some(found)),
            None => self.first(SQL, params![run.0, task], task_in_run),
        }
    }

    /// Counts the items of a task by their states, as long as there are few.
    fn count_items(&self, row: &mut TaskInRun, left: &mut u32) -> Result<(), Fault> {
        let InstanceId { run, task, .. } = InstanceId::whole(row.run, row.task);
        let sql = "SELECT max(item) FROM task_instance WHERE run = ?1 AND task = ?2";
        row.items = self.first(sql, params![run.0, task.0], |row| Ok(row.get(0)?))?.unwrap_or_default();
        if row.items == 0 || row.items > *left {
            return Ok(());
        }
        *left -= row.items;
        let sql = "SELECT state, count(*), min(started_at) FROM task_instance
                   WHERE run = ?1 AND task = ?2 AND item > 0 GROUP BY state";
        let counts = self.all(sql, params![run.0, task.0], |row| {
            Ok((word(row, 0, TaskState::parse)?, row.get(1)?, maybe_instant(row, 2)?))
        })?;
        row.begun_at = counts.iter().filter_map(|(_, _, begun)| *begun).min();
        row.started_at = row.begun_at;
        row.item_counts = counts.into_iter().map(|(state, count, _)| (state, count)).collect();
        Ok(())
    }
}

fn task_in_run(row: &Row<'_>) -> Result<TaskInRun, Fault> {
    Ok(TaskInRun {
        run: RunId(row.get(0)?),
        run_type: word(row, 1, RunType::parse)?,
        logical_date: instant(row, 2)?,
        version: VersionId(row.get(3)?),
        run_started_at: maybe_instant(row, 4)?,
        task: TaskIndex(row.get(5)?),
        state: word(row, 6, TaskState::parse)?,
        reason: reason(row, 7)?,
        attempts: row.get(8)?,
        started_at: maybe_instant(row, 9)?,
        ended_at: maybe_instant(row, 10)?,
        used: Used { cpu_us: amount(row, 11)?, peak_bytes: amount(row, 12)? },
        begun_at: maybe_instant(row, 13)?,
        items: 0,
        item_counts: BTreeMap::new(),
    })
}
