//! Pages about DAGs: which there are, their versions, the faults of their files, their ticks.

use nightrun_core::id::{DagId, RunId, VersionId};
use nightrun_core::time::Timestamp;
use rusqlite::{Row, params};

use super::Page;
use crate::store::column::{dag_id, instant, json, maybe_json, word};
use crate::store::error::Fault;
use crate::store::row::{
    DagInForce, DagItem, FileFaults, RunMark, TickItem, VarItem, VersionItem, VersionText,
};

const DAG: &str = "SELECT dag.id, dag.version, path, paused, retired, cursor,
                          (SELECT json_array_length(faults) FROM file_fault
                           WHERE file_fault.path = dag_version.path)
                   FROM dag JOIN dag_version ON dag_version.id = dag.version";

impl Page {
    /// DAGs by their ids, those after `after`, retired ones too; each with its last `recent` runs.
    pub fn dags(&self, after: Option<&DagId>, limit: u32, recent: u32) -> Result<Vec<DagItem>, Fault> {
        self.all(
            &format!("{DAG} WHERE dag.id > ?1 ORDER BY dag.id LIMIT ?2"),
            params![after.map_or("", DagId::as_str), limit],
            |row| self.dag_item(row, recent),
        )
    }

    /// One DAG with its last `recent` runs.
    pub fn dag(&self, dag: &DagId, recent: u32) -> Result<Option<DagItem>, Fault> {
        self.first(&format!("{DAG} WHERE dag.id = ?1"), [dag.as_str()], |row| self.dag_item(row, recent))
    }

    /// The version of a DAG that is in force, or was the last one.
    pub fn version_in_force(&self, dag: &DagId) -> Result<Option<VersionId>, Fault> {
        self.first("SELECT version FROM dag WHERE id = ?1", [dag.as_str()], |row| Ok(VersionId(row.get(0)?)))
    }

    /// The DAGs that files define, by their ids: the version in force of each, and whether it is paused.
    pub fn dags_in_force(&self) -> Result<Vec<DagInForce>, Fault> {
        self.all("SELECT id, version, paused FROM dag WHERE NOT retired ORDER BY id", [], |row| {
            Ok(DagInForce { dag: dag_id(row, 0)?, version: VersionId(row.get(1)?), paused: row.get(2)? })
        })
    }

    /// The DAGs in force whose text, or what it was read with, has this word, by their ids, each with its version:
    /// so that a page reads a few files and not thousands.
    pub fn in_force_with(&self, word: &str) -> Result<Vec<(DagId, VersionId)>, Fault> {
        self.all(
            "SELECT dag.id, dag.version FROM dag JOIN dag_version ON dag_version.id = dag.version
             WHERE NOT retired AND (instr(text, ?1) OR instr(defaults, ?1)) ORDER BY dag.id",
            [word],
            |row| Ok((dag_id(row, 0)?, VersionId(row.get(1)?))),
        )
    }

    /// True when everything is paused.
    pub fn everything_paused(&self) -> Result<bool, Fault> {
        Ok(self.conn.query_row("SELECT paused FROM meta", [], |row| row.get(0))?)
    }

    /// Versions of a DAG, newest first, those before `before`.
    pub fn versions(
        &self,
        dag: &DagId,
        before: Option<VersionId>,
        limit: u32,
    ) -> Result<Vec<VersionItem>, Fault> {
        self.all(
            "SELECT id, dag, hash, path, created_at FROM dag_version
             WHERE dag = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3",
            params![dag.as_str(), before.map_or(i64::MAX, |version| version.0), limit],
            version_item,
        )
    }

    /// One version whole.
    pub fn version(&self, version: VersionId) -> Result<Option<VersionText>, Fault> {
        self.first(
            "SELECT id, dag, hash, path, created_at, text, defaults FROM dag_version WHERE id = ?1",
            [version.0],
            |row| Ok(VersionText { item: version_item(row)?, text: row.get(5)?, defaults: json(row, 6)? }),
        )
    }

    /// Faults of all files that have any, by path; or of one file.
    pub fn faults(&self, path: Option<&str>) -> Result<Vec<FileFaults>, Fault> {
        self.all(
            "SELECT path, faults, at FROM file_fault WHERE path = ?1 OR ?1 IS NULL ORDER BY path",
            [path],
            |row| Ok(FileFaults { path: row.get(0)?, faults: json(row, 1)?, at: instant(row, 2)? }),
        )
    }

    /// Ticks of a DAG, newest first, those before `before`.
    pub fn ticks(&self, dag: &DagId, before: Option<Timestamp>, limit: u32) -> Result<Vec<TickItem>, Fault> {
        self.all(
            "SELECT instant, coalesce(run, pruned), skipped, at, pruned IS NOT NULL FROM tick
             WHERE dag = ?1 AND instant < ?2 ORDER BY instant DESC LIMIT ?3",
            params![dag.as_str(), before.unwrap_or(Timestamp::MAX).nanos(), limit],
            |row| {
                let run_id = row.get::<_, Option<i64>>(1)?.map(RunId);
                Ok(TickItem {
                    instant: instant(row, 0)?,
                    run_id,
                    skipped: maybe_json(row, 2)?,
                    at: instant(row, 3)?,
                    pruned: row.get(4)?,
                })
            },
        )
    }

    /// All vars by their names.
    pub fn vars(&self) -> Result<Vec<VarItem>, Fault> {
        self.all("SELECT name, value, updated_at, updated_by FROM var ORDER BY name", [], |row| {
            Ok(VarItem {
                name: row.get(0)?,
                value: json(row, 1)?,
                updated_at: instant(row, 2)?,
                updated_by: row.get(3)?,
            })
        })
    }

    fn dag_item(&self, row: &Row<'_>, recent: u32) -> Result<DagItem, Fault> {
        let dag = dag_id(row, 0)?;
        let recent = self.all(
            "SELECT id, state FROM run WHERE dag = ?1 ORDER BY id DESC LIMIT ?2",
            params![dag.as_str(), recent],
            |row| {
                let state = word(row, 1, nightrun_core::decide::RunState::parse)?;
                Ok(RunMark { run_id: RunId(row.get(0)?), state })
            },
        )?;
        Ok(DagItem {
            dag,
            version: VersionId(row.get(1)?),
            path: row.get(2)?,
            paused: row.get(3)?,
            retired: row.get(4)?,
            cursor: instant(row, 5)?,
            fault_count: row.get::<_, Option<u32>>(6)?.unwrap_or(0),
            recent,
        })
    }
}

fn version_item(row: &Row<'_>) -> Result<VersionItem, Fault> {
    Ok(VersionItem {
        version: VersionId(row.get(0)?),
        dag: dag_id(row, 1)?,
        hash: row.get(2)?,
        path: row.get(3)?,
        created_at: instant(row, 4)?,
    })
}
