//! Why a run is where it is, without the rest of it: for lists.

use nightrun_core::decide::Reason;
use nightrun_core::id::RunId;

use super::Page;
use crate::store::column::reason;
use crate::store::error::Fault;

impl Page {
    /// Why a run is where it is; of one that is at work though none of its tasks is, what the first of them waits
    /// for.
    pub fn run_reason(&self, run: RunId) -> Result<Option<Reason>, Fault> {
        let own = self.first("SELECT reason FROM run WHERE id = ?1", [run.0], |row| reason(row, 0))?;
        if own != Some(Reason::Active) {
            return Ok(own);
        }
        let waits = self.first(
            "SELECT reason FROM task_instance
             WHERE run = ?1 AND ended_at IS NULL AND state <> 'waiting'
                 AND state IN ('queued', 'deferred', 'up_for_retry') AND NOT EXISTS (
                     SELECT 1 FROM task_instance WHERE run = ?1 AND ended_at IS NULL AND state <> 'waiting'
                         AND state IN ('starting', 'running', 'stopping'))
             ORDER BY run, task, item LIMIT 1",
            [run.0],
            |row| reason(row, 0),
        )?;
        Ok(waits.or(own))
    }
}
