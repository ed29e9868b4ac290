//! Pages about many runs: lists, grids, what is not over.

use std::collections::BTreeMap;

use nightrun_core::dag::spec::Lateness;
use nightrun_core::decide::{RunState, RunType, TaskState};
use nightrun_core::id::{DagId, InstanceId, RunId, TaskIndex, VersionId};
use nightrun_core::time::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Row, params, params_from_iter};

use super::Page;
use crate::store::column::{dag_id, instant, json, maybe_instant, reason, word};
use crate::store::error::Fault;
use crate::store::row::{ActiveRuns, Grid, GridRun, ReadyTask, RunItem};

/// Columns of a [`RunItem`], in the order in which it is read.
pub(super) const RUN_ITEM: &str = "id, dag, run_type, logical_date, state, started_at, ended_at,
    (SELECT group_concat(kind, ' ') FROM lateness WHERE lateness.run = run.id AND lateness.task = -1)";

/// Stands in the place of a task where a lateness is the run's own.
const RUN_ITSELF: i64 = -1;

/// Which runs a list shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// Only of this DAG.
    pub dag: Option<DagId>,
    /// Only of these DAGs: ids, in which `*` stands for any text and `?` for one character.
    pub among: Option<Vec<String>>,
    /// Only in this state.
    pub state: Option<RunState>,
    /// Only of this type.
    pub run_type: Option<RunType>,
    /// Only made at this instant or later.
    pub since: Option<Timestamp>,
    /// Only made before this instant.
    pub until: Option<Timestamp>,
    /// Only those that are or were late, or only the others.
    pub late: Option<bool>,
    /// Only of these DAGs.
    pub only: Option<Vec<DagId>>,
    /// Only those before this one in the list: where the page before ended.
    pub before: Option<RunId>,
    /// Only of DAGs with this in their ids.
    pub dag_part: Option<String>,
    /// Only of this logical date or a later one.
    pub date_from: Option<Timestamp>,
    /// Only of a logical date before this one.
    pub date_until: Option<Timestamp>,
    /// Only those after this one, the nearest to it: the page before the one that began with it.
    pub after: Option<RunId>,
}

impl RunFilter {
    /// The conditions as SQL with their values; only those asked for, so that an index fits them.
    fn conditions(&self) -> (String, Vec<Value>) {
        let text = |text: &str| Value::from(text.to_owned());
        let late = |wanted| self.late.filter(|late| *late == wanted).map(|_| Value::from(RUN_ITSELF));
        let asked = [
            ("dag = ?", self.dag.as_ref().map(|dag| text(dag.as_str()))),
            ("state = ?", self.state.map(|state| text(state.as_str()))),
            ("run_type = ?", self.run_type.map(|run_type| text(run_type.as_str()))),
            ("created_at >= ?", self.since.map(|since| since.nanos().into())),
            ("created_at < ?", self.until.map(|until| until.nanos().into())),
            ("id < ?", self.before.map(|run| run.0.into())),
            ("dag IN (SELECT value FROM json_each(?))", self.only.as_ref().map(|dags| text(&names(dags)))),
            // The plus keeps the order of the list: an index on the DAG would have to be sorted.
            ("+dag IN (SELECT id FROM dag WHERE instr(id, ?))", self.dag_part.as_deref().map(text)),
            ("logical_date >= ?", self.date_from.map(|from| from.nanos().into())),
            ("logical_date < ?", self.date_until.map(|until| until.nanos().into())),
            // Few are late: they are found by their lateness, not among all runs.
            ("id IN (SELECT run FROM lateness WHERE task = ?)", late(true)),
            ("id NOT IN (SELECT run FROM lateness WHERE task = ?)", late(false)),
            ("id > ?", self.after.map(|run| run.0.into())),
        ];
        let (mut conditions, mut values): (Vec<_>, Vec<_>) =
            asked.into_iter().filter_map(|(condition, value)| Some((condition.to_owned(), value?))).unzip();
        if let Some(globs) = &self.among {
            let any = vec!["dag GLOB ?"; globs.len()].join(" OR ");
            conditions.push(format!("({})", if any.is_empty() { "false" } else { &any }));
            values.extend(globs.iter().map(|glob| text(glob)));
        }
        (if conditions.is_empty() { "true".into() } else { conditions.join(" AND ") }, values)
    }
}

impl Page {
    /// Runs of a DAG that are not over, oldest first, each with the version it is pinned to.
    pub fn active_versions(&self, dag: &DagId) -> Result<Vec<(RunId, RunState, VersionId)>, Fault> {
        self.all(
            "SELECT id, state, version FROM run
             WHERE dag = ?1 AND state IN ('queued', 'running', 'stopping') ORDER BY id",
            [dag.as_str()],
            |row| Ok((RunId(row.get(0)?), word(row, 1, RunState::parse)?, VersionId(row.get(2)?))),
        )
    }

    /// Runs, newest first.
    pub fn runs(&self, filter: &RunFilter, limit: u32) -> Result<Vec<RunItem>, Fault> {
        let (conditions, mut values) = filter.conditions();
        values.push(limit.into());
        let order = if filter.after.is_some() { "ASC" } else { "DESC" };
        let sql = format!("SELECT {RUN_ITEM} FROM run WHERE {conditions} ORDER BY id {order} LIMIT ?");
        let mut runs = self.all(&sql, params_from_iter(values), run_item)?;
        if filter.after.is_some() {
            runs.reverse();
        }
        Ok(runs)
    }

    /// How many tasks of a run have ended, and how many it has; items are not counted by themselves.
    pub fn progress(&self, run: RunId) -> Result<(u32, u32), Fault> {
        let sql = "SELECT count(ended_at), count(*) FROM task_instance WHERE run = ?1 AND item = 0";
        let counts = self.first(sql, [run.0], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(counts.unwrap_or_default())
    }

    /// The ids of the tasks of a run, by their places in it.
    pub fn task_ids(&self, run: RunId) -> Result<Vec<String>, Fault> {
        let sql = "SELECT task_id FROM task_instance WHERE run = ?1 AND item = 0 ORDER BY task";
        self.all(sql, [run.0], |row| Ok(row.get(0)?))
    }

    /// How many runs are not over, of the DAGs with these patterns, or of all.
    pub fn active_runs(&self, among: Option<Vec<String>>) -> Result<ActiveRuns, Fault> {
        let mut active = ActiveRuns::default();
        let (condition, values) = RunFilter { among, ..RunFilter::default() }.conditions();
        for (state, count) in self.all(
            &format!(
                "SELECT state, count(*) FROM run
                 WHERE state IN ('queued', 'running', 'stopping') AND {condition} GROUP BY state"
            ),
            params_from_iter(values),
            |row| Ok((word(row, 0, RunState::parse)?, row.get(1)?)),
        )? {
            match state {
                RunState::Queued => active.queued = count,
                RunState::Running => active.running = count,
                RunState::Stopping => active.stopping = count,
                RunState::Success | RunState::Failed | RunState::Canceled => {}
            }
        }
        Ok(active)
    }

    /// Task instances that wait for a slot or a try, or are at work, oldest run first; at most `limit`.
    pub fn ready_tasks(&self, limit: u32) -> Result<Vec<ReadyTask>, Fault> {
        self.all(
            "SELECT run, task, item, dag, task_id, i.state, i.reason, i.since
             FROM task_instance i JOIN run ON run.id = i.run
             WHERE i.ended_at IS NULL AND i.state <> 'waiting'
             ORDER BY run, task, item LIMIT ?1",
            [limit],
            |row| {
                let (run, task) = (RunId(row.get(0)?), TaskIndex(row.get(1)?));
                let reason = reason(row, 6)?;
                Ok(ReadyTask {
                    instance: InstanceId { run, task, item: row.get(2)? },
                    dag: dag_id(row, 3)?,
                    id: row.get(4)?,
                    state: word(row, 5, TaskState::parse)?,
                    reason_kind: reason.kind(),
                    reason,
                    since: instant(row, 7)?,
                })
            },
        )
    }

    /// The last `count` runs of a DAG by their logical dates, with the states of all their tasks.
    pub fn grid(&self, dag: &DagId, count: u32) -> Result<Grid, Fault> {
        self.grid_before(dag, None, count)
    }

    /// The last `count` runs of a DAG that stand before this one, with the states of all their tasks; the last of
    /// all where it is not known. They stand by logical date, whenever they were made: a backfill fills its gap.
    pub fn grid_before(&self, dag: &DagId, before: Option<RunId>, count: u32) -> Result<Grid, Fault> {
        let date = |run: RunId| {
            let sql = "SELECT logical_date FROM run WHERE id = ?1 AND dag = ?2";
            let date = self.first(sql, params![run.0, dag.as_str()], |row| Ok(row.get::<_, i64>(0)?))?;
            Ok::<_, Fault>(date.map(|date| (date, run.0)))
        };
        let (date, id) = before.map(date).transpose()?.flatten().unwrap_or((i64::MAX, i64::MAX));
        let runs = self.all(
            &format!(
                "SELECT {RUN_ITEM}, version FROM run WHERE dag = ?1 AND (logical_date, id) < (?3, ?4)
                 ORDER BY logical_date DESC, id DESC LIMIT ?2"
            ),
            params![dag.as_str(), count, date, id],
            |row| {
                let run = run_item(row)?;
                let tasks = self.states(run.run_id)?;
                Ok(GridRun { run, version: VersionId(row.get(8)?), tasks })
            },
        )?;
        let mut versions = BTreeMap::new();
        for GridRun { version, .. } in &runs {
            if !versions.contains_key(version) {
                let sql = "SELECT tasks FROM dag_version WHERE id = ?1";
                let tasks = self.first(sql, [version.0], |row| json(row, 0))?;
                versions.insert(*version, tasks.unwrap_or_default());
            }
        }
        Ok(Grid { versions, runs })
    }

    fn states(&self, run: RunId) -> Result<Vec<(TaskIndex, u32, TaskState)>, Fault> {
        self.all(
            "SELECT task, item, state FROM task_instance WHERE run = ?1 ORDER BY task, item",
            [run.0],
            |row| Ok((TaskIndex(row.get(0)?), row.get(1)?, word(row, 2, TaskState::parse)?)),
        )
    }
}

/// Ids as a list in JSON.
fn names(dags: &[DagId]) -> String {
    serde_json::json!(dags).to_string()
}

pub(super) fn run_item(row: &Row<'_>) -> Result<RunItem, Fault> {
    Ok(RunItem {
        run_id: RunId(row.get(0)?),
        dag: dag_id(row, 1)?,
        run_type: word(row, 2, RunType::parse)?,
        logical_date: instant(row, 3)?,
        state: word(row, 4, RunState::parse)?,
        started_at: maybe_instant(row, 5)?,
        ended_at: maybe_instant(row, 6)?,
        late: row
            .get::<_, Option<String>>(7)?
            .map(|kinds| kinds.split(' ').filter_map(Lateness::parse).collect())
            .unwrap_or_default(),
    })
}
