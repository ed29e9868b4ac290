//! Runs, their outputs, their logs.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, Query};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use nightrun_core::decide::{RunState, RunType};
use nightrun_core::id::{DagId, RunId};
use nightrun_core::time::Timestamp;
use nightrun_engine::logs::LogPaths;
use nightrun_engine::store::{Fault, HookShow, RunFilter, RunItem, RunShow};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::wait::Wait;
use super::{Before, Limit, Listed, Paged, Told, dags};
use crate::app::{Desk, Shared, State};
use crate::logs;
use crate::page::log::{Named, find};
use crate::problem::Problem;

/// Which runs a list has.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Which {
    /// Of this DAG.
    dag: Option<String>,
    /// In this state.
    state: Option<RunState>,
    /// Made by a schedule, a person, a backfill, another run.
    #[serde(rename = "type")]
    run_type: Option<RunType>,
    /// Made at this instant or later.
    since: Option<Timestamp>,
    /// Made before this instant.
    until: Option<Timestamp>,
    /// They are or were late, or not.
    late: Option<bool>,
    /// Their DAG has this tag.
    tag: Option<String>,
    /// Their DAG belongs to this owner.
    owner: Option<String>,
}

impl Which {
    fn filter(self, desk: &Desk<'_>, before: Option<i64>) -> Result<RunFilter, Fault> {
        let of = dags::Which::of(self.tag, self.owner);
        let mut only = None;
        if of.asks_files() {
            let mut found = Vec::new();
            for dag in desk.page.dags_in_force()? {
                if desk.spec(dag.version)?.is_some_and(|spec| of.has(&spec)) {
                    found.push(dag.dag);
                }
            }
            only = Some(found);
        }
        Ok(RunFilter {
            dag: self.dag.as_deref().map(DagId::from),
            state: self.state,
            run_type: self.run_type,
            since: self.since,
            until: self.until,
            late: self.late,
            only,
            before: before.map(RunId),
            ..RunFilter::default()
        })
    }
}

/// `GET /api/v1/runs?dag=&state=&type=&since=&until=&late=&tag=&owner=&before=&limit=`
pub(crate) async fn list(
    State(site): Shared,
    Query(which): Query<Which>,
    Query(before): Query<Before>,
    Query(limit): Query<Limit>,
) -> Paged<RunItem> {
    let rows = limit.rows();
    let items = site.read(move |desk| {
        let filter = which.filter(desk, before.before)?;
        desk.runs(&filter, rows).map(Some)
    });
    Ok(Listed::new(items.await?, rows, "before", |item| item.run_id.to_string()))
}

/// `GET /api/v1/runs/{run}?wait=`: the object of `nightrun runs show RUN --json`.
pub(crate) async fn one(
    State(site): Shared,
    Path(run): Path<i64>,
    Query(wait): Query<Wait>,
) -> Told<RunShow> {
    site.run_after(RunId(run), wait.wait).await.map(Json)
}

/// `GET /api/v1/runs/{run}/hooks`: in the order in which they became due.
pub(crate) async fn hooks(State(site): Shared, Path(run): Path<i64>) -> Told<Vec<HookShow>> {
    let found = site.read(move |desk| {
        let known = desk.page.run_alone(RunId(run))?.is_some();
        if known { desk.page.hooks_of(RunId(run)).map(Some) } else { Ok(None) }
    });
    found.await.map(Json)
}

/// `GET /api/v1/runs/{run}/outputs`: by task, or item as `load[3]`, then by name.
pub(crate) async fn outputs(
    State(site): Shared,
    Path(run): Path<i64>,
) -> Told<BTreeMap<String, BTreeMap<String, Value>>> {
    let outputs = site.read(move |desk| {
        let Some(run) = desk.page.run(RunId(run), Some(&desk.site.app.data))? else { return Ok(None) };
        let with_any = run.instances().filter(|task| !task.outputs.is_empty());
        Ok(Some(with_any.map(|task| (task.name(), task.outputs.clone())).collect()))
    });
    outputs.await.map(Json)
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Offset {
    /// Bytes of it that are left out.
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

/// `GET /api/v1/runs/{run}/tasks/{task}/attempts/{number}/stdout?offset=`, or with `Range`: empty where it is
/// not captured.
pub(crate) async fn stdout(
    State(site): Shared,
    Path(named): Path<Named>,
    Query(offset): Query<Offset>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let id = site.read(move |desk| Ok(find(desk, &named)?.map(|found| found.id))).await?;
    let path = LogPaths::new(&site.app.data).stdout(id);
    if !path.exists() {
        return Ok(String::new().into_response());
    }
    logs::file(&path, &headers, offset.offset, None).await
}
