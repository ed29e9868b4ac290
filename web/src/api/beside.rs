//! A run beside another one, and what made it as long as it was.

use axum::Json;
use axum::extract::{Path, Query};
use nightrun_core::decide::TaskState;
use nightrun_core::id::RunId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::past::ms;
use super::{Told, read_number};
use crate::app::{Shared, State};
use crate::page::compare;
use crate::page::pace::pace;

/// With which run another is compared.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "WithRun")]
pub(crate) struct With {
    /// One of the same DAG; the last successful one before it unless said.
    #[serde(default, deserialize_with = "read_number")]
    #[schemars(range(min = 0))]
    with: Option<i64>,
}

/// What is different between two runs of a DAG.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Comparison {
    /// The other run; none: there is none to compare with.
    with: Option<String>,
    /// Those that ended differently first, then by how much longer or shorter they took.
    tasks: Vec<TaskBeside>,
    /// Params that are not the same.
    params: Vec<ValueBeside>,
    /// Values that tasks handed on and that are not the same, named `task.value`.
    values: Vec<ValueBeside>,
}

/// A task in both runs.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct TaskBeside {
    task: String,
    /// In the other run; none: it is not there.
    before: Option<Side>,
    /// In this one.
    after: Option<Side>,
}

/// A task in one of the runs.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Side {
    state: TaskState,
    /// How long it was at work.
    took_ms: Option<u64>,
    attempts: usize,
}

/// A value that is not the same, cut where it is long.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ValueBeside {
    name: String,
    before: Option<String>,
    after: Option<String>,
}

/// `GET /api/v1/runs/{run}/compare?with=`
pub(crate) async fn compare(
    State(site): Shared,
    Path(run): Path<i64>,
    Query(asked): Query<With>,
) -> Told<Comparison> {
    let found = site.read(move |desk| {
        let Some(run) = desk.page.run(RunId(run), None)? else { return Ok(None) };
        let other = compare::other(desk, &run, asked.with.map(RunId))?;
        let Some(other) = other else {
            let (tasks, params, values) = (Vec::new(), Vec::new(), Vec::new());
            return Ok(Some(Comparison { with: None, tasks, params, values }));
        };
        let side =
            |it: compare::Side| Side { state: it.state, took_ms: it.length.map(ms), attempts: it.attempts };
        let tasks = compare::rows(&other, &run, desk.now).into_iter().map(|row| TaskBeside {
            task: row.name,
            before: row.before.map(side),
            after: row.after.map(side),
        });
        let told = |all: Vec<compare::Change>| {
            let one = |it: compare::Change| ValueBeside { name: it.name, before: it.before, after: it.after };
            all.into_iter().map(one).collect()
        };
        Ok(Some(Comparison {
            with: Some(other.run_id.to_string()),
            tasks: tasks.collect(),
            params: told(compare::params(&other, &run)),
            values: told(compare::values(&other, &run)),
        }))
    });
    found.await.map(Json)
}

/// What made a run as long as it was.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(crate) struct PaceTold {
    /// The tasks of its critical path, first to last.
    critical: Vec<String>,
    /// How long those were at work.
    critical_ms: u64,
    /// How long the run took, until now where it goes on.
    took_ms: u64,
    /// How long all its tasks were at work, taken together.
    work_ms: u64,
    /// How many of them ran at once, at most.
    most: u32,
}

/// `GET /api/v1/runs/{run}/pace`
pub(crate) async fn of_run(State(site): Shared, Path(run): Path<i64>) -> Told<PaceTold> {
    let found = site.read(move |desk| {
        let Some(run) = desk.page.run(RunId(run), None)? else { return Ok(None) };
        let Some(dag) = desk.spec(run.version)?.map(|dag| run.arrange(dag)) else {
            return Ok(Some(PaceTold::default()));
        };
        let told = pace(&run, &dag, desk.now).map(|pace| PaceTold {
            critical: pace.chain,
            critical_ms: ms(pace.path),
            took_ms: ms(pace.makespan),
            work_ms: ms(pace.work),
            most: pace.most,
        });
        Ok(Some(told.unwrap_or_default()))
    });
    found.await.map(Json)
}
