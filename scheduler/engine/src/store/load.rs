//! From the tables back to what a scheduler remembers: all that is not over.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use nightrun_core::dag::spec::{Dag, HookRetry, Lateness};
use nightrun_core::dag::{DefaultsFile, Source};
use nightrun_core::decide::{
    DagRow, HookRow, RunRow, RunState, RunType, Snapshot, Subject, TaskRow, TaskState, Version,
};
use nightrun_core::id::{BackfillId, DagId, HookId, RunId, TaskIndex, VersionId};
use nightrun_core::time::Timestamp;
use rusqlite::{Connection, Row};

use super::column::{dag_id, instant, json, maybe_instant, parent, reason, subject, word};
use super::connect;
use super::error::{Fault, StoreError};
use super::hold;
use super::past;

/// What was loaded, and what could not be.
#[derive(Debug)]
pub struct Loaded {
    /// What the scheduler begins with.
    pub snapshot: Snapshot,
    /// What is left out of it, because its stored text does not parse any more. Its rows stay as they are.
    pub unreadable: Vec<Unreadable>,
}

/// A DAG whose stored text cannot be read by this version of Nightrun, or a run that needs that text:
/// it is pinned to it, or the DAG as it is in force is unreadable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// The DAG.
    pub dag: DagId,
    /// The version whose text it is.
    pub version: VersionId,
    /// The run; `None`: the DAG itself.
    pub run: Option<RunId>,
}

/// Loads all that is not over. `parse` makes a DAG of a version: its path (below the DAG folder), its text,
/// and what it was read with; it is asked once for each.
///
/// A retired DAG is loaded while it has runs that are not over, and while it is paused, so that its
/// pause is still known when its file comes back.
pub fn load(
    path: &Path,
    slots: u32,
    pools: BTreeMap<String, u32>,
    parse: impl Fn(&Source<'_>) -> Option<Arc<Dag>>,
) -> Result<Loaded, StoreError> {
    let read = || {
        let mut conn = connect::open_for_reading(path)?;
        let page = conn.transaction()?;
        let mut loader = Loader { conn: &page, parse, versions: HashMap::new(), unreadable: Vec::new() };
        let cursors = loader.cursors()?;
        let dags = loader.dags()?;
        let runs = loader.runs(&dags)?;
        let snapshot = Snapshot {
            slots,
            pools,
            paused: page.query_row("SELECT paused FROM meta", [], |row| row.get(0))?,
            next_run: page.query_row(
                "SELECT max(last_pruned, (SELECT coalesce(max(id), 0) FROM run)) + 1 FROM meta",
                [],
                |row| row.get(0),
            )?,
            next_version: page
                .query_row("SELECT coalesce(max(id), 0) + 1 FROM dag_version", [], |row| row.get(0))?,
            next_hold: page.query_row("SELECT coalesce(max(id), 0) + 1 FROM hold", [], |row| row.get(0))?,
            holds: hold::load_holds(&page)?,
            changed_ticks: hold::load_changed_ticks(&page)?,
            access: super::read::access::access_book(&page)?,
            cursors,
            dags,
            runs,
            next_hook: page.query_row("SELECT coalesce(max(id), 0) + 1 FROM hook", [], |row| row.get(0))?,
            hooks: hooks(&page)?,
            next_backfill: page
                .query_row("SELECT coalesce(max(id), 0) + 1 FROM backfill", [], |row| row.get(0))?,
            backfills: past::backfills(&page)?,
            ahead: past::ahead(&page)?,
        };
        Ok(Loaded { snapshot, unreadable: loader.unreadable })
    };
    read().map_err(|fault: Fault| fault.at(path))
}

/// Stored items of a run by their task.
type Items = BTreeMap<TaskIndex, Vec<TaskRow>>;

/// Hooks whose delivery is not over.
fn hooks(conn: &Connection) -> Result<Vec<HookRow>, Fault> {
    let mut rows = conn.prepare(
        "SELECT id, run, tries, retries, retry_delay, retry_at FROM hook WHERE state = 'pending' ORDER BY id",
    )?;
    let mut rows = rows.query([])?;
    let mut hooks = Vec::new();
    while let Some(row) = rows.next()? {
        let delay = Duration::from_nanos(row.get::<_, i64>(4)?.unsigned_abs());
        hooks.push(HookRow {
            id: HookId(row.get(0)?),
            run: RunId(row.get(1)?),
            tries: row.get(2)?,
            retry: HookRetry { retries: row.get(3)?, delay },
            retry_at: maybe_instant(row, 5)?,
        });
    }
    Ok(hooks)
}

/// Columns of a [`RunRow`], in the order in which it is read.
const RUN: &str =
    "SELECT id, dag, version, run_type, logical_date, interval_start, interval_end, params, state,
            reason, started_at, backfill, created_at,
            parent_run, parent_task, parent_item, parent_number, depth FROM run";

/// One run as it is stored, also one that is over; none when it is not there, or its DAG's text cannot be
/// read any more.
pub fn load_run(
    path: &Path,
    run: RunId,
    parse: impl Fn(&Source<'_>) -> Option<Arc<Dag>>,
) -> Result<Option<RunRow>, StoreError> {
    let read = || {
        let mut conn = connect::open_for_reading(path)?;
        let page = conn.transaction()?;
        Loader { conn: &page, parse, versions: HashMap::new(), unreadable: Vec::new() }.run(run)
    };
    read().map_err(|fault: Fault| fault.at(path))
}

struct Loader<'a, P> {
    conn: &'a Connection,
    parse: P,
    versions: HashMap<VersionId, Option<Arc<Version>>>,
    unreadable: Vec<Unreadable>,
}

impl<P: Fn(&Source<'_>) -> Option<Arc<Dag>>> Loader<'_, P> {
    /// How far each schedule has been looked at, also of DAGs that are left out.
    fn cursors(&self) -> Result<BTreeMap<DagId, Timestamp>, Fault> {
        let mut rows = self.conn.prepare("SELECT id, cursor FROM dag")?;
        let mut rows = rows.query([])?;
        let mut cursors = BTreeMap::new();
        while let Some(row) = rows.next()? {
            cursors.insert(dag_id(row, 0)?, instant(row, 1)?);
        }
        Ok(cursors)
    }

    fn dags(&mut self) -> Result<Vec<DagRow>, Fault> {
        let mut rows = self.conn.prepare(
            "SELECT id, version, paused, retired, cursor, schedule FROM dag
             WHERE retired = 0 OR paused = 1
                OR EXISTS (SELECT 1 FROM run WHERE run.dag = dag.id AND state IN ('queued', 'running', 'stopping'))
             ORDER BY id",
        )?;
        let mut rows = rows.query([])?;
        let mut dags = Vec::new();
        while let Some(row) = rows.next()? {
            let (id, version) = (dag_id(row, 0)?, VersionId(row.get(1)?));
            if let Some(version) = self.version(version, &id, None)? {
                let cursor = instant(row, 4)?;
                let (paused, retired, schedule) = (row.get(2)?, row.get(3)?, row.get(5)?);
                dags.push(DagRow { id, version, schedule, paused, retired, cursor });
            }
        }
        Ok(dags)
    }

    /// Runs that are not over, of these DAGs.
    fn runs(&mut self, dags: &[DagRow]) -> Result<Vec<RunRow>, Fault> {
        let mut rows = self
            .conn
            .prepare(&format!("{RUN} WHERE state IN ('queued', 'running', 'stopping') ORDER BY id"))?;
        let mut rows = rows.query([])?;
        let mut runs = Vec::new();
        while let Some(row) = rows.next()? {
            let (id, dag, version) = (RunId(row.get(0)?), dag_id(row, 1)?, VersionId(row.get(2)?));
            let Some(version) = self.version(version, &dag, Some(id))? else { continue };
            let (tasks, items) = self.tasks(id)?;
            let version = self.arranged(id, &version)?;
            let in_force = dags.binary_search_by(|row| row.id.cmp(&dag)).is_ok();
            if !in_force || tasks.len() != version.dag.tasks.len() {
                self.unreadable.push(Unreadable { dag, version: version.id, run: Some(id) });
                continue;
            }
            runs.push(self.run_row(row, version, (tasks, items))?);
        }
        Ok(runs)
    }

    /// One run, over or not.
    fn run(&mut self, run: RunId) -> Result<Option<RunRow>, Fault> {
        let mut rows = self.conn.prepare(&format!("{RUN} WHERE id = ?1"))?;
        let mut rows = rows.query([run.0])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let Some(version) = self.version(VersionId(row.get(2)?), &dag_id(row, 1)?, Some(run))? else {
            return Ok(None);
        };
        let (tasks, items) = self.tasks(run)?;
        let version = self.arranged(run, &version)?;
        if tasks.len() != version.dag.tasks.len() {
            return Ok(None);
        }
        self.run_row(row, version, (tasks, items)).map(Some)
    }

    /// The version with its tasks where the run has them.
    fn arranged(&self, run: RunId, version: &Arc<Version>) -> Result<Arc<Version>, Fault> {
        let sql = "SELECT task_id FROM task_instance WHERE run = ?1 AND item = 0 ORDER BY task";
        let mut rows = self.conn.prepare_cached(sql)?;
        let ids = rows.query_map([run.0], |row| row.get(0))?.collect::<Result<Vec<String>, _>>()?;
        Ok(version.arranged(&ids.iter().map(String::as_str).collect::<Vec<_>>()))
    }

    fn run_row(
        &self,
        row: &Row<'_>,
        version: Arc<Version>,
        (tasks, mut items): (Vec<TaskRow>, Items),
    ) -> Result<RunRow, Fault> {
        let id = RunId(row.get(0)?);
        // Of a task that is no `foreach` any more.
        items.retain(|task, _| version.dag.task(*task).fan.is_some());
        Ok(RunRow {
            id,
            version,
            run_type: word(row, 3, RunType::parse)?,
            logical_date: instant(row, 4)?,
            interval: (instant(row, 5)?, instant(row, 6)?),
            params: json(row, 7)?,
            state: word(row, 8, RunState::parse)?,
            reason: reason(row, 9)?,
            started_at: maybe_instant(row, 10)?,
            backfill: row.get::<_, Option<i64>>(11)?.map(BackfillId),
            created_at: instant(row, 12)?,
            parent: parent(row, 13)?,
            late: self.late(id)?,
            retried: self.retried(id)?,
            tasks,
            items,
        })
    }

    /// The tasks of a run as wholes, and the items of those that were expanded.
    fn tasks(&self, run: RunId) -> Result<(Vec<TaskRow>, Items), Fault> {
        let mut rows = self.conn.prepare_cached(
            "SELECT state, reason, attempts,
                    (SELECT count(*) FROM attempt a WHERE a.run = i.run AND a.task = i.task
                                                      AND a.item = i.item AND a.state = 'failed'
                                                      AND a.number > i.attempts_before),
                    (SELECT count(*) FROM attempt a WHERE a.run = i.run AND a.task = i.task
                                                      AND a.item = i.item AND a.state = 'lost'
                                                      AND a.number > i.attempts_before),
                    started_at, since, task, item,
                    iif(item = 0, (SELECT min(created_at) FROM attempt a
                                   WHERE a.run = i.run AND a.task = i.task AND a.number = 1), NULL),
                    attempts_before,
                    (SELECT r.id FROM run r WHERE r.parent_run = i.run AND r.parent_task = i.task
                                              AND r.parent_item = i.item AND r.parent_number = i.attempts)
             FROM task_instance i WHERE run = ?1 ORDER BY task, item",
        )?;
        let mut rows = rows.query([run.0])?;
        let (mut tasks, mut items) = (Vec::new(), Items::new());
        while let Some(row) = rows.next()? {
            let stored = TaskRow {
                state: word(row, 0, TaskState::parse)?,
                reason: reason(row, 1)?,
                attempt: row.get(2)?,
                failures: row.get(3)?,
                lost: row.get(4)?,
                started_at: maybe_instant(row, 5)?,
                since: instant(row, 6)?,
                began_at: maybe_instant(row, 9)?,
                attempts_before: row.get(10)?,
                child: row.get::<_, Option<i64>>(11)?.map(RunId),
            };
            match row.get::<_, u32>(8)? {
                0 => tasks.push(stored),
                _ => items.entry(TaskIndex(row.get(7)?)).or_default().push(stored),
            }
        }
        Ok((tasks, items))
    }

    /// Of each group of a run that has run again, how often.
    fn retried(&self, run: RunId) -> Result<BTreeMap<String, u32>, Fault> {
        let mut rows =
            self.conn.prepare_cached("SELECT group_id, number - 1 FROM group_try WHERE run = ?1")?;
        let rows = rows.query_map([run.0], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// What was told of the deadlines of a run.
    fn late(&self, run: RunId) -> Result<Vec<(Subject, Lateness)>, Fault> {
        let mut rows = self.conn.prepare_cached("SELECT task, kind FROM lateness WHERE run = ?1")?;
        let mut rows = rows.query([run.0])?;
        let mut late = Vec::new();
        while let Some(row) = rows.next()? {
            late.push((subject(row, 0)?, word(row, 1, Lateness::parse)?));
        }
        Ok(late)
    }

    /// The version, shared by all that are pinned to it; `None`, and a note, when its text is unreadable.
    fn version(
        &mut self,
        id: VersionId,
        dag: &DagId,
        run: Option<RunId>,
    ) -> Result<Option<Arc<Version>>, Fault> {
        let version = match self.versions.get(&id) {
            Some(known) => known.clone(),
            None => self.read_version(id)?,
        };
        if version.is_none() {
            self.unreadable.push(Unreadable { dag: dag.clone(), version: id, run });
        }
        self.versions.insert(id, version.clone());
        Ok(version)
    }

    fn read_version(&self, id: VersionId) -> Result<Option<Arc<Version>>, Fault> {
        let sql = "SELECT hash, path, text, defaults FROM dag_version WHERE id = ?1";
        let mut rows = self.conn.prepare_cached(sql)?;
        let mut rows = rows.query([id.0])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let (hash, path): (String, String) = (row.get(0)?, row.get(1)?);
        let (text, defaults): (String, Vec<DefaultsFile>) = (row.get(2)?, json(row, 3)?);
        let dag = (self.parse)(&Source::new(&path, &text).with(&defaults));
        Ok(dag.map(|dag| Arc::new(Version::new(id, hash, path, dag))))
    }
}
