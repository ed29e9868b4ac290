//! What programs may ask about the past: reruns, marks, notes, backfills; and who did what.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query};
use axum::http::{HeaderMap, StatusCode};
use nightrun_core::decide::{
    BackfillRequest, BackfillState, ClearPlan, ClearRequest, MarkRequest, NoteRequest,
};
use nightrun_core::id::{BackfillId, DagId, RunId};
use nightrun_engine::store::{AuditItem, BackfillDate, BackfillShow};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::acts::refuse_forms;
use super::{Limit, Listed, Told};
use crate::app::{Shared, Site, State};
use crate::problem::Problem;

/// Who asks, unless the body says so.
const BY: &str = "api";

/// Reads a body that must be a map; none at all asks for nothing special.
fn asked<T: DeserializeOwned>(headers: &HeaderMap, body: &[u8]) -> Result<T, Problem> {
    refuse_forms(headers)?;
    let body = if body.is_empty() { b"{}" } else { body };
    let fields: Result<Map<String, Value>, _> = serde_json::from_slice(body);
    let read = fields.and_then(|fields| serde_json::from_value(Value::Object(fields)));
    read.map_err(|fault| Problem::bad_request(fault.to_string()))
}

fn name(by: &mut String) {
    if by.is_empty() {
        BY.clone_into(by);
    }
}

/// `POST /api/v1/runs/{run}/rerun`
pub(crate) async fn rerun(
    State(site): Shared,
    Path(run): Path<i64>,
    headers: HeaderMap,
    body: Bytes,
) -> Told<ClearPlan> {
    let mut request: ClearRequest = asked(&headers, &body)?;
    name(&mut request.by);
    site.rerun(RunId(run), request).await.map(Json)
}

/// `POST /api/v1/runs/{run}/mark`
pub(crate) async fn mark(
    State(site): Shared,
    Path(run): Path<i64>,
    headers: HeaderMap,
    body: Bytes,
) -> Told<ClearPlan> {
    let mut request: MarkRequest = asked(&headers, &body)?;
    name(&mut request.by);
    site.mark(RunId(run), request).await.map(Json)
}

/// `POST /api/v1/runs/{run}/note`
pub(crate) async fn note(
    State(site): Shared,
    Path(run): Path<i64>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Problem> {
    let mut request: NoteRequest = asked(&headers, &body)?;
    name(&mut request.by);
    site.note(RunId(run), request).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /api/v1/dags/{dag}/backfills`
pub(crate) async fn backfill(
    State(site): Shared,
    Path(dag): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let mut request: BackfillRequest = asked(&headers, &body)?;
    name(&mut request.by);
    let plan = site.backfill(DagId::from(dag.as_str()), request).await?;
    let status = if plan.backfill.is_some() { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(plan.to_json())))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Steered {
    by: String,
    why: Option<String>,
}

/// `POST /api/v1/backfills/{backfill}/pause`
pub(crate) async fn pause(site: Shared, id: Path<i64>, headers: HeaderMap, body: Bytes) -> Steer {
    steer(&site, id.0, BackfillState::Paused, &headers, &body).await
}

/// `POST /api/v1/backfills/{backfill}/resume`
pub(crate) async fn resume(site: Shared, id: Path<i64>, headers: HeaderMap, body: Bytes) -> Steer {
    steer(&site, id.0, BackfillState::Running, &headers, &body).await
}

/// `POST /api/v1/backfills/{backfill}/cancel`
pub(crate) async fn cancel(site: Shared, id: Path<i64>, headers: HeaderMap, body: Bytes) -> Steer {
    steer(&site, id.0, BackfillState::Canceled, &headers, &body).await
}

type Steer = Result<StatusCode, Problem>;

async fn steer(site: &Site, id: i64, to: BackfillState, headers: &HeaderMap, body: &[u8]) -> Steer {
    let Steered { mut by, why } = asked(headers, body)?;
    name(&mut by);
    site.steer(BackfillId(id), to, by, why).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Deserialize)]
pub(crate) struct OfDag {
    dag: Option<String>,
}

/// `GET /api/v1/backfills?dag=&limit=`
pub(crate) async fn backfills(
    State(site): Shared,
    Query(of): Query<OfDag>,
    Query(limit): Query<Limit>,
) -> Told<Listed<BackfillShow>> {
    let dag = of.dag.as_deref().map(DagId::from);
    let rows = limit.rows();
    let items = site.read(move |desk| {
        let most = if desk.site.who.is_limited() { u32::MAX } else { rows };
        let mut items = desk.page.backfills(dag.as_ref(), most)?;
        items.retain(|item| desk.site.who.covers(item.dag.as_str()));
        items.truncate(rows as usize);
        Ok(Some(items))
    });
    let items = items.await?;
    Ok(Json(Listed { items, next: None }))
}

/// One backfill with its dates.
#[derive(Serialize)]
pub(crate) struct Whole {
    #[serde(flatten)]
    backfill: BackfillShow,
    dates: Vec<BackfillDate>,
}

/// `GET /api/v1/backfills/{backfill}`
pub(crate) async fn one(State(site): Shared, Path(id): Path<i64>) -> Told<Whole> {
    let id = BackfillId(id);
    let whole = site.read(move |desk| {
        let Some(backfill) = desk.page.backfill(id)? else { return Ok(None) };
        Ok(Some(Whole { backfill, dates: desk.page.backfill_dates(id)? }))
    });
    whole.await.map(Json)
}

#[derive(Debug, Deserialize)]
pub(crate) struct Before {
    before: Option<i64>,
}

/// `GET /api/v1/audit?before=&limit=`
pub(crate) async fn audit(
    State(site): Shared,
    Query(before): Query<Before>,
    Query(limit): Query<Limit>,
) -> Told<Listed<AuditItem>> {
    let rows = limit.rows();
    let items = site.read(move |desk| desk.page.audit(before.before, rows).map(Some)).await?;
    Ok(Json(Listed::new(items, rows, |item| item.seq.to_string())))
}
