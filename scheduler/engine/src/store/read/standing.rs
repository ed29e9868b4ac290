//! All DAGs at a glance, for lists that are sorted, counted or searched: one light row each.

use nightrun_core::decide::RunState;
use nightrun_core::id::{DagId, VersionId};
use nightrun_core::time::Timestamp;

use super::Page;
use crate::store::column::{dag_id, maybe_instant, word};
use crate::store::error::Fault;

/// One DAG and what its last runs came to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is one mark on the page")]
pub struct DagStanding {
    /// Its id.
    pub dag: DagId,
    /// The version in force.
    pub version: VersionId,
    /// Paused by somebody.
    pub paused: bool,
    /// No file defines it any more.
    pub retired: bool,
    /// The last run that is over failed.
    pub failing: bool,
    /// Some run is not over.
    pub running: bool,
}

impl Page {
    /// Every DAG by its id, retired ones too.
    pub fn standings(&self) -> Result<Vec<DagStanding>, Fault> {
        // Who is at work is asked once: the index by state finds them without looking at the past.
        let active = self.all(
            "SELECT DISTINCT dag FROM run WHERE state IN ('queued', 'running', 'stopping') ORDER BY dag",
            [],
            |row| dag_id(row, 0),
        )?;
        self.all(
            "SELECT id, version, paused, retired,
                    (SELECT state FROM run WHERE run.dag = dag.id ORDER BY id DESC LIMIT 1) FROM dag ORDER BY id",
            [],
            |row| {
                let dag = dag_id(row, 0)?;
                let running = active.binary_search(&dag).is_ok();
                let last: Option<String> = row.get(4)?;
                let state = last.map(|_| word(row, 4, RunState::parse)).transpose()?;
                let failing = match state {
                    Some(state) if state.is_final() => state == RunState::Failed,
                    Some(_) => self.last_final(&dag)? == Some(RunState::Failed),
                    None => false,
                };
                Ok(DagStanding {
                    version: VersionId(row.get(1)?),
                    paused: row.get(2)?,
                    retired: row.get(3)?,
                    dag,
                    failing,
                    running,
                })
            },
        )
    }

    fn last_final(&self, dag: &DagId) -> Result<Option<RunState>, Fault> {
        self.first(
            "SELECT state FROM run WHERE dag = ?1 AND state IN ('success', 'failed', 'canceled')
             ORDER BY id DESC LIMIT 1",
            [dag.as_str()],
            |row| word(row, 0, RunState::parse),
        )
    }

    /// When the last failed run of each DAG ended, for those that have one.
    pub fn last_failures(&self) -> Result<Vec<(DagId, Timestamp)>, Fault> {
        let rows = self.all(
            "SELECT dag.id, (SELECT ended_at FROM run
                             WHERE run.dag = dag.id AND state = 'failed' ORDER BY id DESC LIMIT 1)
             FROM dag",
            [],
            |row| Ok((dag_id(row, 0)?, maybe_instant(row, 1)?)),
        )?;
        Ok(rows.into_iter().filter_map(|(dag, at)| Some((dag, at?))).collect())
    }
}
