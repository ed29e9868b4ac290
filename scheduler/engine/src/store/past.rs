//! What a scheduler asks the store about the past: backfills that are not over, instants that were taken
//! before their time, and the runs and ticks of a stretch.

use std::collections::BTreeSet;
use std::path::Path;

use nightrun_core::decide::{BackfillItem, BackfillRow, BackfillState, Past, RunState, Take};
use nightrun_core::id::{BackfillId, DagId, RunId};
use nightrun_core::time::Timestamp;
use rusqlite::{Connection, params};

use super::column::{dag_id, instant, json, maybe_json, word};
use super::connect;
use super::error::{Fault, StoreError};

/// Backfills that are not over, with what is left of each.
pub(super) fn backfills(conn: &Connection) -> Result<Vec<BackfillRow>, Fault> {
    let mut rows = conn.prepare(
        "SELECT id, dag, state, max_active, params, force, asked_by,
                EXISTS (SELECT 1 FROM backfill_item i JOIN run ON run.id = i.run
                        WHERE i.backfill = backfill.id AND run.state IN ('failed', 'canceled'))
         FROM backfill WHERE ended_at IS NULL ORDER BY id",
    )?;
    let mut rows = rows.query([])?;
    let mut backfills = Vec::new();
    while let Some(row) = rows.next()? {
        let id = BackfillId(row.get(0)?);
        backfills.push(BackfillRow {
            id,
            dag: dag_id(row, 1)?,
            state: word(row, 2, BackfillState::parse)?,
            max_active: row.get(3)?,
            params: json(row, 4)?,
            force: row.get(5)?,
            by: row.get(6)?,
            failed: row.get(7)?,
            left: left_of(conn, id)?,
        });
    }
    Ok(backfills)
}

fn left_of(conn: &Connection, backfill: BackfillId) -> Result<Vec<BackfillItem>, Fault> {
    let mut rows = conn.prepare_cached(
        "SELECT instant, again FROM backfill_item
         WHERE backfill = ?1 AND run IS NULL AND skipped IS NULL ORDER BY place",
    )?;
    let mut rows = rows.query([backfill.0])?;
    let mut left = Vec::new();
    while let Some(row) = rows.next()? {
        let again = row.get::<_, Option<i64>>(1)?.map(RunId);
        left.push(BackfillItem { instant: instant(row, 0)?, take: again.map_or(Take::Run, Take::Rerun) });
    }
    Ok(left)
}

/// Instants that have a tick although their schedule has not come to them.
pub(super) fn ahead(conn: &Connection) -> Result<BTreeSet<(DagId, Timestamp)>, Fault> {
    let mut rows = conn.prepare(
        "SELECT tick.dag, instant FROM dag CROSS JOIN tick ON tick.dag = dag.id AND instant > cursor",
    )?;
    let mut rows = rows.query([])?;
    let mut ahead = BTreeSet::new();
    while let Some(row) = rows.next()? {
        ahead.insert((dag_id(row, 0)?, instant(row, 1)?));
    }
    Ok(ahead)
}

/// The runs and ticks of a DAG from one instant to another, both included.
pub fn past_of(path: &Path, dag: &DagId, from: Timestamp, to: Timestamp) -> Result<Past, StoreError> {
    let read = || {
        let conn = connect::open_for_reading(path)?;
        let stretch = params![dag.as_str(), from.nanos(), to.nanos()];
        let mut past = Past::default();
        let mut rows = conn.prepare(
            "SELECT logical_date, id, state FROM run
             WHERE dag = ?1 AND logical_date BETWEEN ?2 AND ?3 ORDER BY logical_date, id",
        )?;
        let mut rows = rows.query(stretch)?;
        while let Some(row) = rows.next()? {
            past.runs.insert(instant(row, 0)?, (RunId(row.get(1)?), word(row, 2, RunState::parse)?));
        }
        let mut rows =
            conn.prepare("SELECT instant, skipped FROM tick WHERE dag = ?1 AND instant BETWEEN ?2 AND ?3")?;
        let mut rows = rows.query(stretch)?;
        while let Some(row) = rows.next()? {
            past.ticks.insert(instant(row, 0)?, maybe_json(row, 1)?);
        }
        Ok(past)
    };
    read().map_err(|fault: Fault| fault.at(path))
}
