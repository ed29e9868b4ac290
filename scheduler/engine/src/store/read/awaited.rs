//! The run of a DAG that another DAG waits for.

use nightrun_core::id::{DagId, RunId};
use nightrun_core::time::Timestamp;
use rusqlite::params;

use super::Page;
use crate::store::error::Fault;

/// What has come of a run, or of one of its tasks, that something waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Awaited {
    /// The run.
    pub run: RunId,
    /// Its state, or that of its task.
    pub state: String,
    /// It has ended well.
    pub is_success: bool,
}

impl Page {
    /// The run of a DAG at a logical date (`latest`: the newest date up to it) that has come furthest: one that
    /// succeeded, else the last that was made. With a task, its state counts instead of the run's.
    pub fn awaited(
        &self,
        dag: &DagId,
        task: Option<&str>,
        at: Timestamp,
        latest: bool,
    ) -> Result<Option<Awaited>, Fault> {
        let date = if latest {
            "(SELECT max(logical_date) FROM run WHERE dag = ?1 AND logical_date <= ?2)"
        } else {
            "?2"
        };
        let sql = format!(
            "SELECT id, state FROM (
                 SELECT run.id, CASE WHEN ?3 IS NULL THEN run.state ELSE coalesce(i.state, 'without that task') END AS state
                 FROM run LEFT JOIN task_instance i ON i.run = run.id AND i.item = 0 AND i.task_id = ?3
                 WHERE dag = ?1 AND logical_date = {date})
             ORDER BY state = 'success' DESC, id DESC LIMIT 1"
        );
        self.first(&sql, params![dag.as_str(), at.nanos(), task], |row| {
            let state: String = row.get(1)?;
            Ok(Awaited { run: RunId(row.get(0)?), is_success: state == "success", state })
        })
    }
}
