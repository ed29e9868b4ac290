//! What programs may ask.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use nightrun_core::decide::{Part, Values};
use nightrun_core::id::{DagId, RunId};
use nightrun_core::time::Timestamp;
use nightrun_engine::run::{Ahead, Preview};
use nightrun_engine::store::RunShow;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::body::{fields, refuse_forms};
use super::once::{self, Act};
use super::wait::Wait;
use crate::acts::Wanted;
use crate::app::{Shared, Site, State};
use crate::problem::Problem;

/// Who asks, in the log of facts.
pub(super) const BY: &str = "api";

pub(super) type Done = Result<StatusCode, Problem>;

/// A run that is wanted.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RunRequest")]
pub(crate) struct Asked {
    /// Values of its params, by name, where they differ from the defaults.
    #[serde(default)]
    params: Values,
    /// Its logical date; now unless said.
    #[serde(default)]
    logical_date: Option<Timestamp>,
    /// Which tasks of it run; all unless said.
    #[serde(default)]
    part: Part,
    /// It begins even when the DAG is paused or full.
    #[serde(default)]
    force: bool,
    /// Only say what would run.
    #[serde(default)]
    dry_run: bool,
}

/// What would run. Whether the DAG is paused or full is not asked.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "RunAhead")]
pub(crate) struct AheadTold {
    /// Of which DAG.
    dag: DagId,
    /// Nothing has been run: always `true`.
    dry_run: bool,
    /// The logical date it would have.
    logical_date: Timestamp,
    /// Where the data it is about begins.
    data_interval_start: Timestamp,
    /// Where they end.
    data_interval_end: Timestamp,
    /// Its tasks, each after its upstreams, with their commands; vars of the environment are masked.
    tasks: Vec<Preview>,
    /// Those of them that would not run.
    left_out: Vec<String>,
}

impl AheadTold {
    fn new(dag: DagId, ahead: Ahead) -> Self {
        let Ahead { logical_date, interval: (start, end), tasks, left_out } = ahead;
        Self {
            dag,
            dry_run: true,
            logical_date,
            data_interval_start: start,
            data_interval_end: end,
            tasks,
            left_out,
        }
    }
}

/// A run that was made.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "RunMade")]
pub(crate) struct Made {
    /// Its number.
    run_id: String,
    /// The run as it is, for those who asked with `wait`.
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<RunShow>,
}

/// `POST /api/v1/dags/{dag}/runs?wait=`
pub(crate) async fn trigger(
    State(site): Shared,
    Path(dag): Path<String>,
    Query(wait): Query<Wait>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let asked: Asked = fields(&headers, &body)?;
    let wanted = Wanted {
        params: asked.params,
        logical_date: asked.logical_date,
        part: asked.part,
        force: asked.force,
    };
    let id = DagId::from(dag.as_str());
    if asked.dry_run {
        let ahead = site.look_ahead(id.clone(), wanted).await?;
        return Ok(Json(AheadTold::new(id, ahead)).into_response());
    }
    let act = Act { headers: &headers, to: format!("runs of {dag}"), body: &body, dry: false };
    let event = site.wants_run(id, wanted, BY);
    let mut told = site.once(act.key()?, event, once::run).await?;
    let run = told.run()?;
    if wait.wait.is_some() {
        let shown = site.run_after(run, wait.wait).await?;
        let made = Made { run_id: run.to_string(), run: Some(shown) };
        told.body = serde_json::to_string(&made).map_err(|fault| Problem::internal(fault.to_string()))?;
    }
    let mut response = told.into_response();
    if let Ok(place) = HeaderValue::from_str(&format!("/api/v1/runs/{run}")) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    Ok(response)
}

/// `POST /api/v1/runs/{run}/cancel`
pub(crate) async fn cancel(State(site): Shared, Path(run): Path<i64>, headers: HeaderMap) -> Done {
    refuse_forms(&headers)?;
    site.cancel(RunId(run), BY).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Why something is paused, or goes on.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "PauseRequest")]
pub(crate) struct Pausing {
    /// Why, in the words of whoever asks.
    why: Option<String>,
}

/// `POST /api/v1/dags/{dag}/pause`
pub(crate) async fn pause(site: Shared, dag: Path<String>, headers: HeaderMap, body: Bytes) -> Done {
    set_paused(&site, Some(dag.as_str()), true, (&headers, &body)).await
}

/// `POST /api/v1/dags/{dag}/unpause`
pub(crate) async fn unpause(site: Shared, dag: Path<String>, headers: HeaderMap, body: Bytes) -> Done {
    set_paused(&site, Some(dag.as_str()), false, (&headers, &body)).await
}

/// `POST /api/v1/pause`
pub(crate) async fn pause_all(site: Shared, headers: HeaderMap, body: Bytes) -> Done {
    set_paused(&site, None, true, (&headers, &body)).await
}

/// `POST /api/v1/unpause`
pub(crate) async fn unpause_all(site: Shared, headers: HeaderMap, body: Bytes) -> Done {
    set_paused(&site, None, false, (&headers, &body)).await
}

async fn set_paused(
    site: &Site,
    dag: Option<&str>,
    paused: bool,
    (headers, body): (&HeaderMap, &[u8]),
) -> Done {
    let Pausing { why } = fields(headers, body)?;
    site.pause(dag.map(DagId::from), paused, BY, why.as_deref()).await?;
    Ok(StatusCode::NO_CONTENT)
}
