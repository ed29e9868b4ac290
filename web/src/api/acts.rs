//! What programs may ask. Bodies are JSON and nothing else: a form of another site cannot send that
//! unseen.

use axum::Json;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use nightrun_core::decide::{Part, Values};
use nightrun_core::id::{DagId, RunId};
use nightrun_core::time::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::acts::Wanted;
use crate::app::{Shared, Site, State};
use crate::problem::Problem;

/// Who asks, in the log of facts.
pub(super) const BY: &str = "api";

pub(super) type Done = Result<StatusCode, Problem>;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    #[serde(default)]
    params: Values,
    #[serde(default)]
    logical_date: Option<Timestamp>,
    #[serde(default)]
    part: Part,
    #[serde(default)]
    force: bool,
}

/// `POST /api/v1/dags/{dag}/runs`
pub(crate) async fn trigger(
    State(site): Shared,
    Path(dag): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, [(header::HeaderName, String); 1], Json<Value>), Problem> {
    refuse_forms(&headers)?;
    let asked: Asked = fields(&body)?;
    let wanted = Wanted {
        params: asked.params,
        logical_date: asked.logical_date,
        part: asked.part,
        force: asked.force,
    };
    let run = site.trigger(DagId::from(dag.as_str()), wanted, BY).await?;
    let place = [(header::LOCATION, format!("/api/v1/runs/{run}"))];
    Ok((StatusCode::CREATED, place, Json(json!({ "run_id": run.to_string() }))))
}

/// Reads the body; none at all asks for nothing special. Only a map will do: serde alone would take a
/// list for the fields in their order.
pub(super) fn fields<T: DeserializeOwned + Default>(body: &[u8]) -> Result<T, Problem> {
    if body.is_empty() {
        return Ok(T::default());
    }
    let fields: serde_json::Result<Map<String, Value>> = serde_json::from_slice(body);
    let fields = fields.and_then(|fields| serde_json::from_value(Value::Object(fields)));
    fields.map_err(|fault| Problem::bad_request(fault.to_string()))
}

/// `POST /api/v1/runs/{run}/cancel`
pub(crate) async fn cancel(State(site): Shared, Path(run): Path<i64>, headers: HeaderMap) -> Done {
    refuse_forms(&headers)?;
    site.cancel(RunId(run), BY).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /api/v1/dags/{dag}/pause`
pub(crate) async fn pause(State(site): Shared, Path(dag): Path<String>, headers: HeaderMap) -> Done {
    set_paused(&site, Some(&dag), true, &headers).await
}

/// `POST /api/v1/dags/{dag}/unpause`
pub(crate) async fn unpause(State(site): Shared, Path(dag): Path<String>, headers: HeaderMap) -> Done {
    set_paused(&site, Some(&dag), false, &headers).await
}

/// `POST /api/v1/pause`
pub(crate) async fn pause_all(State(site): Shared, headers: HeaderMap) -> Done {
    set_paused(&site, None, true, &headers).await
}

/// `POST /api/v1/unpause`
pub(crate) async fn unpause_all(State(site): Shared, headers: HeaderMap) -> Done {
    set_paused(&site, None, false, &headers).await
}

async fn set_paused(site: &Site, dag: Option<&str>, paused: bool, headers: &HeaderMap) -> Done {
    refuse_forms(headers)?;
    site.pause(dag.map(DagId::from), paused, BY).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A body that says what it is must say JSON.
pub(super) fn refuse_forms(headers: &HeaderMap) -> Result<(), Problem> {
    let Some(kind) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let essence = kind.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    if essence.trim().eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
    Err(Problem::new(status, "not_json", "JSON is wanted here", "send the body as application/json"))
}
