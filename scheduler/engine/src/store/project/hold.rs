//! Projections of maintenance windows and of changed ticks.

use nightrun_core::id::{DagId, HoldId};
use nightrun_core::time::Timestamp;
use rusqlite::{ToSql, params};

use super::Desk;
use crate::store::error::Fault;

/// There is a window: (id, dags, from, to, resume, why, by, now).
pub(super) fn added(desk: &Desk<'_>, row: &[&dyn ToSql]) -> Result<(), Fault> {
    desk.write(
        "INSERT INTO hold (id, dags, opens_at, closes_at, resume, why, added_by, added_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        row,
    )?;
    Ok(())
}

/// It closes now, or never opens.
pub(super) fn removed(desk: &Desk<'_>, hold: HoldId, by: &str) -> Result<(), Fault> {
    desk.move_one(
        "UPDATE hold SET closes_at = max(opens_at, min(closes_at, ?2)), removed_by = ?3
         WHERE id = ?1 AND ended_at IS NULL",
        params![hold.0, desk.now(), by],
        || unknown(hold),
    )
}

pub(super) fn ended(desk: &Desk<'_>, hold: HoldId) -> Result<(), Fault> {
    let sql = "UPDATE hold SET ended_at = ?2 WHERE id = ?1 AND ended_at IS NULL";
    desk.move_one(sql, params![hold.0, desk.now()], || unknown(hold))
}

/// A tick is to be skipped or moved: (dag, instant, to, why, by, now).
pub(super) fn changed(desk: &Desk<'_>, row: &[&dyn ToSql]) -> Result<(), Fault> {
    desk.write(
        "INSERT INTO tick_change (dag, instant, moved_to, why, changed_by, changed_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (dag, instant) DO UPDATE SET
             moved_to = excluded.moved_to, why = excluded.why, changed_by = excluded.changed_by,
             changed_at = excluded.changed_at",
        row,
    )?;
    Ok(())
}

pub(super) fn restored(desk: &Desk<'_>, dag: &DagId, instant: Timestamp) -> Result<(), Fault> {
    desk.move_one(
        "DELETE FROM tick_change WHERE dag = ?1 AND instant = ?2",
        params![dag.as_str(), instant.nanos()],
        || format!("no tick of `{dag}` was changed at {instant}"),
    )
}

fn unknown(hold: HoldId) -> String {
    format!("maintenance window {hold} is over or unknown")
}
