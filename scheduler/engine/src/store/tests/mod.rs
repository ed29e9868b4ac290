//! Words for tests: a store in a folder of its own, and the facts of small stories.

use std::path::PathBuf;

use nightrun_core::decide::{
    AttemptState, Outputs, Reason, RunState, RunType, TaskState, Transition, Used, Values,
};
use nightrun_core::id::{AttemptId, InstanceId, RunId, TaskIndex, VersionId};
use nightrun_core::time::Timestamp;
use rusqlite::Connection;
use tempfile::TempDir;

use super::{Committed, DATABASE, StoreError, Writer};

/// A data folder that is gone after the test.
pub(super) struct Place {
    pub(super) data: TempDir,
    pub(super) path: PathBuf,
}

impl Place {
    pub(super) fn new() -> Self {
        let data = tempfile::tempdir().unwrap();
        let path = data.path().join(DATABASE);
        Self { data, path }
    }

    pub(super) fn open(&self) -> Writer {
        Writer::open(&self.path).unwrap()
    }

    /// A store with these facts in it, closed again.
    pub(super) fn holding(facts: Vec<Transition>) -> Self {
        let place = Self::new();
        commit(&place.open(), facts).unwrap();
        place
    }

    /// All rows of a query, as text: columns by `|`, rows by line ends.
    pub(super) fn rows(&self, sql: &str) -> String {
        let conn = Connection::open(&self.path).unwrap();
        let mut statement = conn.prepare(sql).unwrap();
        let columns = statement.column_count();
        let rows = statement.query_map([], |row| {
            let cells: Vec<String> = (0..columns)
                .map(|at| match row.get_ref(at).unwrap() {
                    rusqlite::types::ValueRef::Null => "-".to_owned(),
                    rusqlite::types::ValueRef::Integer(number) => number.to_string(),
                    other => other.as_str().unwrap().to_owned(),
                })
                .collect();
            Ok(cells.join("|"))
        });
        rows.unwrap().collect::<Result<Vec<_>, _>>().unwrap().join("\n")
    }
}

/// The instant of everything that is committed by [`commit`].
pub(super) const NOW: Timestamp = Timestamp::from_nanos(1_000);

pub(super) fn commit(writer: &Writer, facts: Vec<Transition>) -> Result<Committed, StoreError> {
    wait(writer.commit(NOW, facts))
}

/// Waits for an answer of the store without a runtime around.
pub(super) fn wait<T>(answer: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(answer)
}

pub(super) fn at(nanos: i64) -> Timestamp {
    Timestamp::from_nanos(nanos)
}

pub(super) fn instance(run: i64, task: u32) -> InstanceId {
    InstanceId { run: RunId(run), task: TaskIndex(task), item: 0 }
}

pub(super) fn attempt(run: i64, task: u32, number: u32) -> AttemptId {
    AttemptId { instance: instance(run, task), number }
}

pub(super) fn loaded(dag: &str, version: i64, tasks: &[&str]) -> Transition {
    Transition::DagLoaded {
        dag: dag.into(),
        version: VersionId(version),
        hash: format!("hash {version}"),
        path: format!("{dag}.yaml"),
        text: format!("tasks: {tasks:?}").into(),
        defaults: [].into(),
        tasks: tasks.iter().map(|id| (*id).to_owned()).collect(),
        schedule: "0 3 * * *".into(),
        cursor: at(5),
    }
}

pub(super) fn created(run: i64, dag: &str, version: i64) -> Transition {
    Transition::RunCreated {
        run: RunId(run),
        dag: dag.into(),
        version: VersionId(version),
        run_type: RunType::Manual,
        logical_date: at(run * 100),
        interval_start: at(run * 100 - 100),
        interval_end: at(run * 100),
        params: Values::from([("day".to_owned(), "monday".into())]),
        reason: Reason::MaxActiveRuns { limit: 1 },
        by: "ana".into(),
        backfill: None,
        parent: None,
    }
}

pub(super) fn run_moved(run: i64, from: RunState, to: RunState, reason: Reason) -> Transition {
    Transition::RunMoved { run: RunId(run), from, to, reason }
}

pub(super) fn task_moved(run: i64, task: u32, from: TaskState, to: TaskState, reason: Reason) -> Transition {
    Transition::TaskMoved { instance: instance(run, task), from, to, reason }
}

/// A task leaves its upstreams behind, gets a slot, and its process starts.
pub(super) fn task_begins(run: i64, task: u32) -> Vec<Transition> {
    let attempt = attempt(run, task, 1);
    vec![
        task_moved(run, task, TaskState::Waiting, TaskState::Queued, Reason::Slots),
        Transition::AttemptCreated { attempt },
        Transition::AttemptStarted { attempt, pid: 42, at: at(2_000), state: AttemptState::Running },
    ]
}

pub(super) fn task_succeeds(run: i64, task: u32, outputs: Outputs) -> Vec<Transition> {
    vec![
        Transition::AttemptEnded {
            attempt: attempt(run, task, 1),
            state: AttemptState::Success,
            at: at(3_000),
            exit_code: Some(0),
            signal: None,
            reason: Reason::Done,
            outputs,
            used: Used { cpu_us: Some(1_500), peak_bytes: None },
        },
        task_moved(run, task, TaskState::Running, TaskState::Success, Reason::Done),
    ]
}

pub(super) fn task_fails(run: i64, task: u32) -> Vec<Transition> {
    let reason = Reason::Exit { code: 3 };
    vec![
        Transition::AttemptEnded {
            attempt: attempt(run, task, 1),
            state: AttemptState::Failed,
            at: at(3_000),
            exit_code: Some(3),
            signal: None,
            reason: reason.clone(),
            outputs: Outputs::new(),
            used: Used::default(),
        },
        task_moved(run, task, TaskState::Running, TaskState::Failed, reason),
    ]
}

/// Run 1 of DAG `etl`, running, with `extract` → `load`.
pub(super) fn a_run() -> Vec<Transition> {
    vec![
        loaded("etl", 1, &["extract", "load"]),
        created(1, "etl", 1),
        run_moved(1, RunState::Queued, RunState::Running, Reason::Active),
    ]
}

mod around;
mod calls;
mod checking;
mod holding;
mod hooks;
mod instances;
mod law;
mod loading;
mod opening;
mod pruning;
mod reading;
mod standing;
mod writing;
