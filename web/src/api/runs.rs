//! Runs, their outputs, their logs.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, Query};
use axum::http::HeaderMap;
use axum::response::Response;
use nightrun_core::decide::{RunState, RunType};
use nightrun_core::id::{DagId, RunId};
use nightrun_engine::logs::LogPaths;
use nightrun_engine::store::{HookShow, RunFilter, RunItem, RunShow};
use serde::Deserialize;
use serde_json::Value;

use super::{Limit, Listed, Told};
use crate::app::{Shared, State};
use crate::logs;
use crate::page::log::{Named, find};
use crate::problem::Problem;

#[derive(Debug, Deserialize)]
pub(crate) struct Asked {
    dag: Option<String>,
    state: Option<RunState>,
    #[serde(rename = "type")]
    run_type: Option<RunType>,
    before: Option<i64>,
}

/// `GET /api/v1/runs?dag=&state=&type=&before=&limit=`
pub(crate) async fn list(
    State(site): Shared,
    Query(asked): Query<Asked>,
    Query(limit): Query<Limit>,
) -> Told<Listed<RunItem>> {
    let rows = limit.rows();
    let filter = RunFilter {
        dag: asked.dag.as_deref().map(DagId::from),
        state: asked.state,
        run_type: asked.run_type,
        before: asked.before.map(RunId),
        ..RunFilter::default()
    };
    let items = site.read(move |desk| desk.runs(&filter, rows).map(Some)).await?;
    Ok(Json(Listed::new(items, rows, |item| item.run_id.to_string())))
}

/// `GET /api/v1/runs/{run}`: the object of `nightrun runs show RUN --json`.
pub(crate) async fn one(State(site): Shared, Path(run): Path<i64>) -> Told<RunShow> {
    let found = site.read(move |desk| desk.page.run(RunId(run), Some(&desk.site.app.data)));
    found.await.map(Json)
}

/// `GET /api/v1/runs/{run}/hooks`: in the order in which they became due.
pub(crate) async fn hooks(State(site): Shared, Path(run): Path<i64>) -> Told<Vec<HookShow>> {
    let found = site.read(move |desk| {
        let known = desk.page.run_alone(RunId(run))?.is_some();
        if known { desk.page.hooks_of(RunId(run)).map(Some) } else { Ok(None) }
    });
    found.await.map(Json)
}

/// `GET /api/v1/runs/{run}/outputs`: by task, then by name.
pub(crate) async fn outputs(
    State(site): Shared,
    Path(run): Path<i64>,
) -> Told<BTreeMap<String, BTreeMap<String, Value>>> {
    let outputs = site.read(move |desk| {
        let Some(run) = desk.page.run(RunId(run), Some(&desk.site.app.data))? else { return Ok(None) };
        let with_any = run.tasks.into_iter().filter(|task| !task.outputs.is_empty());
        Ok(Some(with_any.map(|task| (task.name(), task.outputs)).collect()))
    });
    outputs.await.map(Json)
}

#[derive(Debug, Deserialize)]
pub(crate) struct Offset {
    offset: Option<u64>,
}

/// `GET /api/v1/runs/{run}/tasks/{task}/attempts/{number}/log?offset=`, or with `Range`.
pub(crate) async fn log(
    State(site): Shared,
    Path(named): Path<Named>,
    Query(offset): Query<Offset>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let id = site.read(move |desk| Ok(find(desk, &named)?.map(|found| found.id))).await?;
    logs::file(&LogPaths::new(&site.app.data).log(id), &headers, offset.offset, None).await
}
