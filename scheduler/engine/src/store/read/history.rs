//! The past of one DAG in figures: how long runs and tasks took, what each day came to, which deadlines were
//! missed.

use nightrun_core::dag::spec::Lateness;
use nightrun_core::decide::RunState;
use nightrun_core::id::{DagId, RunId, VersionId};
use nightrun_core::time::Timestamp;
use rusqlite::params;

use super::Page;
use super::run::{RUN_ITEM, run_item};
use crate::store::column::{instant, word};
use crate::store::error::Fault;
use crate::store::row::RunItem;

/// Most runs that one picture of the past is made of.
const MOST_RUNS: u32 = 100_000;

/// How long one task took in one run, its last try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskLength {
    /// Its id.
    pub task: String,
    /// In which run.
    pub run: RunId,
    /// When its process began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
}

/// A deadline that a run or one of its tasks missed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missed {
    /// Of which run.
    pub run: RunId,
    /// Of which task; none: of the run itself.
    pub task: Option<String>,
    /// In which way.
    pub kind: Lateness,
    /// By when.
    pub due: Timestamp,
}

impl Page {
    /// Runs of a DAG whose logical dates lie in a stretch, newest date first.
    pub fn runs_between(
        &self,
        dag: &DagId,
        from: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<RunItem>, Fault> {
        self.all(
            &format!(
                "SELECT {RUN_ITEM} FROM run WHERE dag = ?1 AND logical_date >= ?2 AND logical_date < ?3
                 ORDER BY logical_date DESC, id DESC LIMIT ?4"
            ),
            params![dag.as_str(), from.nanos(), until.nanos(), limit],
            run_item,
        )
    }

    /// The dates and states of a DAG's runs in a stretch, newest date first, and whether these are all.
    pub fn run_dates(
        &self,
        dag: &DagId,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<(Vec<(Timestamp, RunState)>, bool), Fault> {
        let dates = self.all(
            "SELECT logical_date, state FROM run WHERE dag = ?1 AND logical_date >= ?2 AND logical_date < ?3
             ORDER BY logical_date DESC LIMIT ?4",
            params![dag.as_str(), from.nanos(), until.nanos(), MOST_RUNS],
            |row| Ok((instant(row, 0)?, word(row, 1, RunState::parse)?)),
        )?;
        let all = dates.len() < MOST_RUNS as usize;
        Ok((dates, all))
    }

    /// How long the tasks of a DAG's last `runs` successful runs took; the whole of a fan counts, not its items.
    pub fn task_lengths(&self, dag: &DagId, runs: u32) -> Result<Vec<TaskLength>, Fault> {
        self.all(
            "SELECT task_id, run, started_at, ended_at, attempts FROM task_instance
             WHERE run IN (SELECT id FROM run WHERE dag = ?1 AND state = 'success' ORDER BY id DESC LIMIT ?2)
               AND item = 0 AND started_at IS NOT NULL AND ended_at IS NOT NULL",
            params![dag.as_str(), runs],
            |row| {
                Ok(TaskLength {
                    task: row.get(0)?,
                    run: RunId(row.get(1)?),
                    started_at: instant(row, 2)?,
                    ended_at: instant(row, 3)?,
                    attempts: row.get(4)?,
                })
            },
        )
    }

    /// The last `limit` runs of a DAG that have begun, newest first, with their versions.
    pub fn begun_runs(&self, dag: &DagId, limit: u32) -> Result<Vec<(RunId, VersionId, bool)>, Fault> {
        self.all(
            "SELECT id, version, ended_at IS NOT NULL FROM run
             WHERE dag = ?1 AND started_at IS NOT NULL ORDER BY id DESC LIMIT ?2",
            params![dag.as_str(), limit],
            |row| Ok((RunId(row.get(0)?), VersionId(row.get(1)?), row.get(2)?)),
        )
    }

    /// Deadlines that the runs of a DAG from `oldest` on missed, newest run first.
    pub fn missed(&self, dag: &DagId, oldest: RunId) -> Result<Vec<Missed>, Fault> {
        self.all(
            "SELECT l.run, t.task_id, l.kind, l.due
             FROM run JOIN lateness l ON l.run = run.id
             LEFT JOIN task_instance t ON t.run = l.run AND t.task = l.task AND t.item = 0
             WHERE run.dag = ?1 AND run.id >= ?2 ORDER BY l.run DESC, l.at",
            params![dag.as_str(), oldest.0],
            |row| {
                Ok(Missed {
                    run: RunId(row.get(0)?),
                    task: row.get(1)?,
                    kind: word(row, 2, Lateness::parse)?,
                    due: instant(row, 3)?,
                })
            },
        )
    }
}
