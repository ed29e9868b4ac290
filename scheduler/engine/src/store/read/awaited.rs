//! The run that a task waits for.

use nightrun_core::id::{DagId, RunId};
use nightrun_core::time::Timestamp;
use rusqlite::params;

use super::Page;
use crate::store::error::Fault;

/// Which logical date of a DAG something waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AwaitedDate {
    /// This.
    At(Timestamp),
    /// The newest up to this.
    UpTo(Timestamp),
    /// The newest before this that was scheduled or backfilled.
    Before(Timestamp),
}

/// What has come of a run, or of one of its tasks, that something waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Awaited {
    /// The run.
    pub run: RunId,
    /// Its state, or that of its task.
    pub state: String,
}

/// The state of a task that a run does not have.
const WITHOUT: &str = "without that task";

impl Awaited {
    /// It has ended well.
    pub fn is_success(&self) -> bool {
        self.state == "success"
    }

    /// What waits for the run before need not wait for it any more: it did its work, or had none to do.
    pub fn lets_the_next_go(&self) -> bool {
        matches!(self.state.as_str(), "success" | "skipped" | WITHOUT)
    }
}

impl Page {
    /// The run of a DAG at a logical date that has come furthest: one that succeeded, else the last that was
    /// made. With a task, its state counts instead of the run's.
    pub fn awaited(
        &self,
        dag: &DagId,
        task: Option<&str>,
        date: AwaitedDate,
    ) -> Result<Option<Awaited>, Fault> {
        let newest = |which: &str| format!("(SELECT max(logical_date) FROM run WHERE dag = ?1 AND {which})");
        let (date, at) = match date {
            AwaitedDate::At(at) => ("?2".to_owned(), at),
            AwaitedDate::UpTo(at) => (newest("logical_date <= ?2"), at),
            AwaitedDate::Before(at) => {
                (newest("logical_date < ?2 AND run_type IN ('scheduled', 'backfill')"), at)
            }
        };
        let sql = format!(
            "SELECT id, state FROM (
                 SELECT run.id, CASE WHEN ?3 IS NULL THEN run.state ELSE coalesce(i.state, '{WITHOUT}') END AS state
                 FROM run LEFT JOIN task_instance i ON i.run = run.id AND i.item = 0 AND i.task_id = ?3
                 WHERE dag = ?1 AND logical_date = {date})
             ORDER BY state = 'success' DESC, id DESC LIMIT 1"
        );
        self.first(&sql, params![dag.as_str(), at.nanos(), task], |row| {
            Ok(Awaited { run: RunId(row.get(0)?), state: row.get(1)? })
        })
    }
}
