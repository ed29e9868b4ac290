//! Why something is where it is.

use axum::Json;
use axum::extract::{Path, Query};
use nightrun_engine::store::Fault;
use schemars::JsonSchema;
use serde::Deserialize;

use super::Told;
use crate::app::{Shared, State};
use crate::why::{Asker, Because, Miss};

/// Of what in a run.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct OfRun {
    /// Only this task of it, or this item as in `load[3]`.
    task: Option<String>,
}

/// Of what of a DAG.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct OfDag {
    /// Only this tick: an instant, or a date or time in its zone.
    tick: Option<String>,
}

/// `GET /api/v1/runs/{run}/why?task=`: the run, then each task of it that is not a success.
pub(crate) async fn run(
    State(site): Shared,
    Path(run): Path<i64>,
    Query(of): Query<OfRun>,
) -> Told<Vec<Because>> {
    let told = site.read(move |desk| judged(Asker::new(desk).run(run, of.task.as_deref())));
    told.await?.map(Json)
}

/// `GET /api/v1/dags/{dag}/why?tick=`: the DAG, its last tick if that was skipped, its runs that are not over.
pub(crate) async fn dag(
    State(site): Shared,
    Path(dag): Path<String>,
    Query(of): Query<OfDag>,
) -> Told<Vec<Because>> {
    let told = site.read(move |desk| judged(Asker::new(desk).dag(&dag, of.tick.as_deref())));
    told.await?.map(Json)
}

/// A refusal is an answer; a store that does not read is none.
fn judged<T>(asked: Result<T, Miss>) -> Result<Option<Result<T, crate::problem::Problem>>, Fault> {
    match asked {
        Ok(told) => Ok(Some(Ok(told))),
        Err(Miss::Refused(problem)) => Ok(Some(Err(problem))),
        Err(Miss::Store(fault)) => Err(fault),
    }
}
