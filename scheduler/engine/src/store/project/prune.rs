//! What was pruned is gone: rows of tables, and entries of the log, so that a replay never makes them anew.

use nightrun_core::id::{RunId, VersionId};
use rusqlite::{OptionalExtension, params};

use super::Desk;
use crate::store::error::Fault;

/// Every table with rows of one run, its children first, and its column with the run's number.
pub(in crate::store) const TABLES_OF_RUNS: [(&str, &str); 9] = [
    ("output", "run"),
    ("attempt", "run"),
    ("task_instance", "run"),
    ("item", "run"),
    ("lateness", "run"),
    ("hook", "run"),
    ("note", "run"),
    ("group_try", "run"),
    ("run", "id"),
];

/// Runs are gone, all of them over. Their ticks stay, in the table and in the log, and so
/// do the dates of backfills.
pub(super) fn forget_runs(desk: &Desk<'_>, runs: &[RunId]) -> Result<(), Fault> {
    for run in runs {
        let alive = "SELECT 1 FROM run WHERE id = ?1 AND ended_at IS NULL";
        if desk.conn.prepare_cached(alive)?.query_row([run.0], |_| Ok(())).optional()?.is_some() {
            return Err(Fault::Unlawful(format!("run {run} is not over, so it cannot be pruned")));
        }
        desk.write("UPDATE tick SET run = NULL, pruned = run WHERE run = ?1", [run.0])?;
        for (table, column) in TABLES_OF_RUNS {
            desk.write(&format!("DELETE FROM {table} WHERE {column} = ?1"), [run.0])?;
        }
        desk.write(
            "DELETE FROM transition_log
             WHERE run = ?1 AND json_extract(body, '$.fact') NOT IN ('ticked', 'moved_ticked', 'backfill_took')",
            [run.0],
        )?;
    }
    let last = runs.iter().map(|run| run.0).max().unwrap_or(0);
    desk.write("UPDATE meta SET last_pruned = max(last_pruned, ?1)", [last])?;
    Ok(())
}

/// Versions are gone. That they were in force stays in the log, for what followed rests on it; their texts go.
pub(super) fn forget_versions(desk: &Desk<'_>, versions: &[VersionId]) -> Result<(), Fault> {
    for version in versions {
        desk.write("DELETE FROM dag_version WHERE id = ?1", [version.0])?;
        desk.write(
            "UPDATE transition_log SET body = json_set(body, '$.text', '', '$.tasks', json('[]'))
             WHERE run IS NULL AND json_extract(body, '$.version') = ?1
               AND json_extract(body, '$.fact') = 'dag_loaded'",
            params![version.0],
        )?;
    }
    Ok(())
}
