//! Pages about maintenance windows and changed ticks.

use nightrun_core::id::{DagId, HoldId};
use rusqlite::params;

use super::Page;
use crate::store::error::Fault;
use crate::store::hold::{HOLD, HoldItem, Overlay, TICK_CHANGE, TickChangeItem, hold_item, tick_change_item};

impl Page {
    /// Maintenance windows that are not over, by their begin.
    pub fn holds(&self) -> Result<Vec<HoldItem>, Fault> {
        self.all(&format!("{HOLD} WHERE ended_at IS NULL ORDER BY opens_at, id"), [], hold_item)
    }

    /// Maintenance windows that are over, newest first, those before `before`.
    pub fn past_holds(&self, before: Option<HoldId>, limit: u32) -> Result<Vec<HoldItem>, Fault> {
        self.all(
            &format!("{HOLD} WHERE ended_at IS NOT NULL AND id < ?1 ORDER BY id DESC LIMIT ?2"),
            params![before.map_or(i64::MAX, |hold| hold.0), limit],
            hold_item,
        )
    }

    /// What people have laid over the schedule of a DAG.
    pub fn overlay(&self, dag: &DagId) -> Result<Overlay, Fault> {
        let mut holds = self.holds()?;
        holds.retain(|hold| hold.as_hold().is_about(dag));
        Ok(Overlay { holds, changed: self.changed_ticks(Some(dag))? })
    }

    /// Ticks of a DAG, or of all, that were skipped or moved and are not over.
    pub fn changed_ticks(&self, dag: Option<&DagId>) -> Result<Vec<TickChangeItem>, Fault> {
        self.all(
            &format!("{TICK_CHANGE} AND (c.dag = ?1 OR ?1 IS NULL) ORDER BY c.instant"),
            [dag.map(DagId::as_str)],
            tick_change_item,
        )
    }
}
