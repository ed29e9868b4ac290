//! What retention asks: which runs are old, what they weigh, and what nothing refers to any more.

use std::collections::BTreeSet;

use nightrun_core::dag::spec::Keep;
use nightrun_core::id::{DagId, RunId, VersionId};
use nightrun_core::time::Timestamp;
use rusqlite::params;

use super::Page;
use crate::store::column::instant;
use crate::store::error::Fault;

/// The newest versions of a DAG that stay whatever refers to them, for its history.
const VERSIONS: u32 = 10;

/// Most runs of one DAG that are found at once; what is left is found the next time.
const MOST: u32 = 100_000;

/// An ended run that is not kept any longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OldRun {
    /// Its number.
    pub run: RunId,
    /// When it ended.
    pub ended_at: Timestamp,
    /// How many task instances it has.
    pub instances: u64,
}

/// What a run takes up in the store, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RunWeight {
    /// Its entries of the log.
    pub log: u64,
    /// Its outputs that are files; others may share them.
    pub values: u64,
}

impl Page {
    /// Ended runs of a DAG that are not kept at `now`, oldest first. What a run called is kept until that is over.
    pub fn old_runs(&self, dag: &DagId, keep: Keep, now: Timestamp) -> Result<Vec<OldRun>, Fault> {
        let days = |days: u32| std::time::Duration::from_secs(u64::from(days) * 86_400);
        let before = keep.days.map_or(i64::MIN, |kept| now.minus(days(kept)).nanos());
        self.all(
            "SELECT id, ended_at, (SELECT count(*) FROM task_instance WHERE run = id) FROM (
                 SELECT id, ended_at, parent_run, row_number() OVER (ORDER BY id DESC) AS place FROM run
                 WHERE dag = ?1 AND ended_at IS NOT NULL) AS ended
             WHERE (place > ?2 OR ended_at < ?3) AND NOT EXISTS (
                 SELECT 1 FROM run caller WHERE caller.id = ended.parent_run AND caller.ended_at IS NULL)
             ORDER BY id LIMIT ?4",
            params![dag.as_str(), keep.runs.map_or(i64::MAX, i64::from), before, MOST],
            |row| {
                let instances = row.get::<_, i64>(2)?.unsigned_abs();
                Ok(OldRun { run: RunId(row.get(0)?), ended_at: instant(row, 1)?, instances })
            },
        )
    }

    /// Versions of a DAG that are neither in force nor among its newest, and that no run but `gone` refers to.
    pub fn old_versions(&self, dag: &DagId, gone: &BTreeSet<RunId>) -> Result<Vec<VersionId>, Fault> {
        let mut old = self.all(
            "SELECT id FROM dag_version
             WHERE dag = ?1 AND id <> (SELECT version FROM dag WHERE id = ?1)
             ORDER BY id DESC LIMIT -1 OFFSET ?2",
            params![dag.as_str(), VERSIONS - 1],
            |row| Ok(VersionId(row.get(0)?)),
        )?;
        let mut fault = None;
        old.retain(|version| match self.is_pinned(*version, gone) {
            Ok(pinned) => !pinned,
            Err(found) => {
                fault.get_or_insert(found);
                false
            }
        });
        fault.map_or(Ok(old), Err)
    }

    fn is_pinned(&self, version: VersionId, gone: &BTreeSet<RunId>) -> Result<bool, Fault> {
        let mut runs = self.conn.prepare_cached("SELECT id FROM run WHERE version = ?1 ORDER BY id DESC")?;
        let mut runs = runs.query([version.0])?;
        while let Some(row) = runs.next()? {
            if !gone.contains(&RunId(row.get(0)?)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What a run takes up.
    pub fn weigh(&self, run: RunId) -> Result<RunWeight, Fault> {
        let sum = |sql: &str| -> Result<u64, Fault> {
            let bytes: i64 = self.conn.prepare_cached(sql)?.query_row([run.0], |row| row.get(0))?;
            Ok(bytes.unsigned_abs())
        };
        Ok(RunWeight {
            log: sum("SELECT coalesce(sum(length(body)), 0) FROM transition_log WHERE run = ?1")?,
            values: sum("SELECT coalesce(sum(bytes), 0) FROM output WHERE run = ?1 AND sha256 IS NOT NULL")?,
        })
    }

    /// Those of these numbers whose runs were there once and are gone.
    pub fn gone_runs(&self, among: &[RunId]) -> Result<Vec<RunId>, Fault> {
        let sql = "SELECT max(last_pruned, (SELECT coalesce(max(id), 0) FROM run)) FROM meta";
        let last: i64 = self.conn.query_row(sql, [], |row| row.get(0))?;
        let mut known = self.conn.prepare_cached("SELECT 1 FROM run WHERE id = ?1")?;
        let mut gone = Vec::new();
        for run in among.iter().filter(|run| run.0 <= last) {
            if !known.exists([run.0])? {
                gone.push(*run);
            }
        }
        Ok(gone)
    }

    /// True when an output is kept in the file of this hash.
    pub fn is_value_used(&self, sha256: &str) -> Result<bool, Fault> {
        Ok(self.conn.prepare_cached("SELECT 1 FROM output WHERE sha256 = ?1")?.exists([sha256])?)
    }
}
