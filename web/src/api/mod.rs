//! The same for programs: JSON, pages by key, errors as problem+json.

pub(crate) mod access;
pub(crate) mod acts;
pub(crate) mod again;
pub(crate) mod dags;
pub(crate) mod holds;
pub(crate) mod prune;
pub(crate) mod runs;
pub(crate) mod vars;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::access::Who;
use crate::app::{Shared, State};
use crate::page::unwell;
use crate::problem::Problem;

/// JSON or what went wrong.
type Told<T> = Result<Json<T>, Problem>;

/// Rows of one page unless asked otherwise, and at most.
const ROWS: (u32, u32) = (50, 500);

/// One page of a list.
#[derive(Serialize)]
pub(crate) struct Listed<T> {
    items: Vec<T>,
    /// What to send as `after` or `before` for the page after this one; `null` at the end.
    next: Option<String>,
}

impl<T> Listed<T> {
    /// A full page is followed by another, perhaps an empty one.
    fn new(items: Vec<T>, limit: u32, key: impl Fn(&T) -> String) -> Self {
        let full = items.len() >= limit as usize;
        let next = items.last().filter(|_| full).map(key);
        Self { items, next }
    }
}

/// How long a page shall be.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub(crate) struct Limit {
    limit: Option<u32>,
}

impl Limit {
    fn rows(self) -> u32 {
        self.limit.unwrap_or(ROWS.0).clamp(1, ROWS.1)
    }
}

/// `GET /health`: 200 while the loop works and the store can be read, 503 otherwise.
pub(crate) async fn health(State(site): Shared) -> Response {
    let trouble = unwell(&site.app.handle.health());
    let active = site.read(|desk| desk.active_runs().map(Some)).await;
    let trouble = trouble.or_else(|| active.as_ref().err().map(|problem| problem.detail.clone()));
    let status = if trouble.is_none() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let word = if trouble.is_none() { "ok" } else { "unwell" };
    if site.who == Who::Nobody {
        return (status, Json(json!({ "status": word }))).into_response();
    }
    let body = json!({
        "status": word,
        "detail": trouble,
        "version": site.app.version,
        "now": site.now(),
        "runs": active.ok(),
    });
    (status, Json(body)).into_response()
}
