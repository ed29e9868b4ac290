//! Projections of what happens to DAGs, their files and their schedules.

use nightrun_core::decide::Reason;
use nightrun_core::id::{DagId, RunId};
use nightrun_core::time::Timestamp;
use rusqlite::{ToSql, params};
use serde_json::Value as Json;

use super::{Desk, json};
use crate::store::error::Fault;

/// The DAG is in force: (id, version, schedule, cursor). Its pause outlives its versions.
pub(super) fn loaded(desk: &Desk<'_>, row: &[&dyn ToSql]) -> Result<(), Fault> {
    desk.write(
        "INSERT INTO dag (id, version, schedule, cursor) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (id) DO UPDATE SET version = excluded.version, schedule = excluded.schedule,
                                        cursor = excluded.cursor, retired = 0",
        row,
    )?;
    Ok(())
}

/// Its new version: (id, dag, hash, path, tasks, now, text, defaults).
pub(super) fn versioned(desk: &Desk<'_>, row: &[&dyn ToSql]) -> Result<(), Fault> {
    desk.write(
        "INSERT INTO dag_version (id, dag, hash, path, tasks, created_at, text, defaults)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        row,
    )?;
    Ok(())
}

pub(super) fn faults_found(desk: &Desk<'_>, path: &str, faults: &Json) -> Result<(), Fault> {
    if faults.as_array().is_some_and(Vec::is_empty) {
        desk.write("DELETE FROM file_fault WHERE path = ?1", [path])?;
    } else {
        desk.write(
            "INSERT INTO file_fault (path, faults, at) VALUES (?1, ?2, ?3)
             ON CONFLICT (path) DO UPDATE SET faults = excluded.faults, at = excluded.at",
            params![path, json(faults)?, desk.now()],
        )?;
    }
    Ok(())
}

pub(super) fn retired(desk: &Desk<'_>, dag: &DagId) -> Result<(), Fault> {
    desk.move_one("UPDATE dag SET retired = 1 WHERE id = ?1", [dag.as_str()], || unknown(dag))
}

pub(super) fn paused(desk: &Desk<'_>, dag: Option<&DagId>, paused: bool) -> Result<(), Fault> {
    match dag {
        None => {
            desk.write("UPDATE meta SET paused = ?1", [paused])?;
            Ok(())
        }
        Some(dag) => {
            let sql = "UPDATE dag SET paused = ?2 WHERE id = ?1";
            desk.move_one(sql, params![dag.as_str(), paused], || unknown(dag))
        }
    }
}

/// A var has a value, or none any more.
pub(super) fn var_set(desk: &Desk<'_>, name: &str, value: Option<&Json>, by: &str) -> Result<(), Fault> {
    let Some(value) = value else {
        desk.write("DELETE FROM var WHERE name = ?1", [name])?;
        return Ok(());
    };
    desk.write(
        "INSERT INTO var (name, value, updated_at, updated_by) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at,
                                          updated_by = excluded.updated_by",
        params![name, json(value)?, desk.now(), by],
    )?;
    Ok(())
}

/// The instant has a tick, with its run or the reason why there is none; the cursor stands there now.
pub(super) fn ticked(
    desk: &Desk<'_>,
    dag: &DagId,
    instant: Timestamp,
    outcome: (Option<RunId>, Option<&Reason>),
) -> Result<(), Fault> {
    put_tick(desk, dag, instant, outcome)?;
    let sql = "UPDATE dag SET cursor = ?2 WHERE id = ?1";
    desk.move_one(sql, params![dag.as_str(), instant.nanos()], || unknown(dag))
}

/// The instant has a tick; the cursor stays where it is.
pub(super) fn put_tick(
    desk: &Desk<'_>,
    dag: &DagId,
    instant: Timestamp,
    (run, skipped): (Option<RunId>, Option<&Reason>),
) -> Result<(), Fault> {
    desk.write(
        "INSERT INTO tick (dag, instant, run, skipped, at) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![
            dag.as_str(),
            instant.nanos(),
            run.map(|run| run.0),
            skipped.map(json).transpose()?,
            desk.now()
        ],
    )?;
    Ok(())
}

fn unknown(dag: &DagId) -> String {
    format!("there is no DAG `{dag}` in the store")
}
