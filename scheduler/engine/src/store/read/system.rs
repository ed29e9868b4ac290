//! How the store itself fares.

use nightrun_core::decide::Transition;
use nightrun_core::id::{DagId, RunId};
use nightrun_core::time::Timestamp;

use super::Page;
use crate::store::column::{dag_id, instant, json};
use crate::store::error::Fault;

/// How many rows the large tables have, as far as that is known without counting them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreFigures {
    /// The layout of the tables.
    pub migration: i64,
    /// When the store was made.
    pub created_at: Timestamp,
    /// The number of the last entry of the log.
    pub seq: i64,
    /// The largest number of a run.
    pub last_run: i64,
    /// DAGs that files define.
    pub dags: u32,
    /// The largest number of a run that is pruned; 0: none is.
    pub last_pruned: i64,
}

/// When old runs were forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PruneItem {
    /// When.
    pub at: Timestamp,
    /// How many runs.
    pub runs: usize,
    /// Who asked for it.
    pub by: String,
}

/// Entries of the log that are looked through for the last prune.
const MOST_FACTS: u32 = 20_000;

/// A tick that fired, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FiredTick {
    /// Of which DAG.
    pub dag: DagId,
    /// The run it made.
    pub run: RunId,
    /// The instant of the schedule.
    pub instant: Timestamp,
    /// When it was decided.
    pub at: Timestamp,
}

impl Page {
    /// How the store fares.
    pub fn figures(&self) -> Result<StoreFigures, Fault> {
        let sql = "SELECT (SELECT coalesce(max(number), 0) FROM schema_migration), created_at,
                          (SELECT coalesce(max(seq), 0) FROM transition_log),
                          (SELECT coalesce(max(id), 0) FROM run),
                          (SELECT count(*) FROM dag WHERE NOT retired), last_pruned FROM meta";
        let read = |row: &rusqlite::Row<'_>| {
            Ok(StoreFigures {
                migration: row.get(0)?,
                created_at: instant(row, 1)?,
                seq: row.get(2)?,
                last_run: row.get(3)?,
                dags: row.get(4)?,
                last_pruned: row.get(5)?,
            })
        };
        self.first(sql, [], read)?.ok_or_else(|| Fault::Other("the store has no identity".into()))
    }

    /// When runs were forgotten last; none when that is long ago, or has never been.
    pub fn last_prune(&self) -> Result<Option<PruneItem>, Fault> {
        // Written as the index of the entries without a run has it.
        let sql = "SELECT at, body FROM (
                       SELECT at, body FROM transition_log
                       WHERE run IS NULL AND json_extract(body, '$.version') IS NULL ORDER BY seq DESC LIMIT ?1)
                   WHERE body LIKE '{\"fact\":\"pruned\"%' LIMIT 1";
        let found =
            self.first(sql, [MOST_FACTS], |row| Ok((instant(row, 0)?, json::<Transition>(row, 1)?)))?;
        Ok(found.and_then(|(at, fact)| match fact {
            Transition::Pruned { runs, by, .. } => Some(PruneItem { at, runs: runs.len(), by }),
            _ => None,
        }))
    }

    /// The ticks that made the last `runs` runs, newest first.
    pub fn fired_ticks(&self, runs: u32) -> Result<Vec<FiredTick>, Fault> {
        self.all(
            "SELECT tick.dag, tick.run, instant, at
             FROM (SELECT id FROM run WHERE run_type = 'scheduled' ORDER BY id DESC LIMIT ?1) made CROSS JOIN tick ON tick.run = made.id
             ORDER BY tick.run DESC",
            [runs],
            |row| {
                Ok(FiredTick {
                    dag: dag_id(row, 0)?,
                    run: RunId(row.get(1)?),
                    instant: instant(row, 2)?,
                    at: instant(row, 3)?,
                })
            },
        )
    }
}
