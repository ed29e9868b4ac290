//! What programs may ask about the past: reruns, marks, notes, backfills; and who did what.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use nightrun_core::decide::{
    BackfillRequest, BackfillState, ClearPlan, ClearRequest, MarkRequest, NoteRequest,
};
use nightrun_core::id::{BackfillId, DagId, RunId};
use nightrun_engine::store::{BackfillDate, BackfillShow};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::body::fields;
use super::once::{self, Act};
use super::{Before, Limit, Listed, Paged, Told};
use crate::access::Who;
use crate::app::{Shared, Site, State};
use crate::problem::Problem;

/// Who asks, unless the body says so.
const BY: &str = "api";

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
) -> Result<impl IntoResponse, Problem> {
    let mut request: ClearRequest = fields(&headers, &body)?;
    name(&mut request.by);
    let (to, dry) = (format!("rerun of {run}"), request.dry_run);
    let act = Act { headers: &headers, to, body: &body, dry };
    let mut told = site.once(act.key()?, site.wants_rerun(RunId(run), request)?, once::cleared).await?;
    keep_theirs(&site.who, &mut told.body);
    Ok(told)
}

/// Who waited in DAGs that are not granted is none of the business of whoever asks.
fn keep_theirs(who: &Who, plan: &mut String) {
    let Ok(Value::Object(mut whole)) = serde_json::from_str(plan) else { return };
    if let Some(Value::Array(waiters)) = whole.get_mut("waiters").filter(|_| who.is_limited()) {
        waiters.retain(|it| it["dag"].as_str().is_some_and(|dag| who.covers(dag)));
        *plan = Value::Object(whole).to_string();
    }
}

/// `POST /api/v1/runs/{run}/mark`
pub(crate) async fn mark(
    State(site): Shared,
    Path(run): Path<i64>,
    headers: HeaderMap,
    body: Bytes,
) -> Told<ClearPlan> {
    let mut request: MarkRequest = fields(&headers, &body)?;
    name(&mut request.by);
    site.mark(RunId(run), request).await.map(Json)
}

/// `POST /api/v1/runs/{run}/note`
pub(crate) async fn note(
    State(site): Shared,
    Path(run): Path<i64>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<impl IntoResponse, Problem> {
    let mut request: NoteRequest = fields(&headers, &body)?;
    name(&mut request.by);
    let act = Act { headers: &headers, to: format!("note of {run}"), body: &body, dry: false };
    site.once(act.key()?, site.wants_note(RunId(run), request), once::done).await
}

/// `POST /api/v1/dags/{dag}/backfills`
pub(crate) async fn backfill(
    State(site): Shared,
    Path(dag): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<impl IntoResponse, Problem> {
    let mut request: BackfillRequest = fields(&headers, &body)?;
    name(&mut request.by);
    let (to, dry) = (format!("backfill of {dag}"), request.dry_run);
    let act = Act { headers: &headers, to, body: &body, dry };
    site.once(act.key()?, site.wants_backfill(DagId::from(dag.as_str()), request), once::backfill).await
}

/// Who steers a backfill, and why.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Steered {
    /// Who asks.
    by: String,
    /// Why, in their words.
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
    let Steered { mut by, why } = fields(headers, body)?;
    name(&mut by);
    site.steer(BackfillId(id), to, by, why).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct OfDag {
    /// Of this DAG alone.
    dag: Option<String>,
}

/// `GET /api/v1/backfills?dag=&before=&limit=`
pub(crate) async fn backfills(
    State(site): Shared,
    Query(of): Query<OfDag>,
    Query(before): Query<Before>,
    Query(limit): Query<Limit>,
) -> Paged<BackfillShow> {
    let (dag, before) = (of.dag.as_deref().map(DagId::from), before.before.map(BackfillId));
    let rows = limit.rows();
    let items = site.read(move |desk| {
        let most = if desk.site.who.is_limited() { u32::MAX } else { rows };
        let mut items = desk.page.backfills_before(dag.as_ref(), before, most)?;
        items.retain(|item| desk.site.who.covers(item.dag.as_str()));
        items.truncate(rows as usize);
        Ok(Some(items))
    });
    Ok(Listed::new(items.await?, rows, "before", |item| item.backfill.to_string()))
}

/// One backfill with its dates.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "BackfillWhole")]
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

#[cfg(test)]
mod tests {
    use nightrun_core::decide::{Grant, Role};

    use super::*;

    #[test]
    fn who_waited_in_dags_of_others_is_not_told() {
        let plan = r#"{"run_id":"7","waiters":[{"dag":"sales_report"},{"dag":"secret"}]}"#;
        let told = |dags: Option<Vec<String>>| {
            let (mut plan, grant) = (plan.to_owned(), Grant { role: Role::Operator, dags });
            keep_theirs(&Who::Token { name: "ci".into(), grant }, &mut plan);
            plan
        };
        assert_eq!(told(None), plan);
        let limited = told(Some(vec!["sales*".into()]));
        assert_eq!(limited, r#"{"run_id":"7","waiters":[{"dag":"sales_report"}]}"#);
        assert_eq!(told(Some(vec![])), r#"{"run_id":"7","waiters":[]}"#);
    }
}
