//! What went wrong with a request: problem+json for programs, a page for people.

use std::time::Duration;

use axum::Json;
use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use nightrun_core::decide::Refusal;
use nightrun_engine::store::RunShow;
use schemars::JsonSchema;
use serde::Serialize;

/// When to ask again where that may help, in seconds.
const RETRY: u64 = 5;

/// Most tasks that are named where another one was meant.
const NAMED: usize = 20;

/// One failed request, as RFC 9457 has it, with a code that programs can rely on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Problem {
    /// Where its code is explained.
    #[serde(rename = "type")]
    kind: String,
    pub(crate) title: &'static str,
    pub(crate) status: u16,
    pub(crate) detail: String,
    pub(crate) code: &'static str,
    /// Seconds after which it may be tried again.
    #[serde(skip)]
    pub(crate) wait: Option<u64>,
}

impl Problem {
    pub(crate) fn new(
        status: StatusCode,
        code: &'static str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            kind: format!("/api/v1/docs#{code}"),
            title,
            status: status.as_u16(),
            detail: detail.into(),
            code,
            wait: None,
        }
    }

    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "Not found", detail)
    }

    pub(crate) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", "This request cannot be read", detail)
    }

    pub(crate) fn unprocessable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "bad_params", "These params are not accepted", detail)
    }

    pub(crate) fn senseless(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "senseless", "This makes no sense", detail)
    }

    pub(crate) fn forbidden(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, "This request is refused", detail)
    }

    pub(crate) fn unauthorized(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, code, "Who are you?", detail)
    }

    pub(crate) fn too_many(left: Duration) -> Self {
        let seconds = left.as_secs() + 1;
        let status = StatusCode::TOO_MANY_REQUESTS;
        let detail = format!("too many logins have failed; the next one may be tried in {seconds} s");
        Self { wait: Some(seconds), ..Self::new(status, "too_many_logins", "Wait a little", detail) }
    }

    pub(crate) fn not_granted() -> Self {
        Self::forbidden(
            "not_granted",
            "this is about DAGs that are not granted to you; an admin can grant them",
        )
    }

    pub(crate) fn too_long() -> Self {
        let detail = "the body of this request is too long";
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_long", "Too long", detail)
    }

    pub(crate) fn wrong_method() -> Self {
        let detail = "this address does not take that method";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method", "Wrong method", detail)
    }

    pub(crate) fn stopping() -> Self {
        let detail = "the scheduler is stopping; ask again when it is back";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "stopping", "The scheduler is stopping", detail)
    }

    pub(crate) fn not_stored() -> Self {
        let detail = "the store refuses to write; what was asked for is kept in mind and done once it writes again, \
                      so do not ask twice. The page System says what is wrong";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "not_stored", "Nothing can be stored now", detail)
    }

    pub(crate) fn unreadable() -> Self {
        let detail = "the store could not be read; the server's log says why";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "unreadable", "Something broke here", detail)
    }

    /// More at once than are served; [`RETRY`] says when to ask again.
    pub(crate) fn crowded(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many", "Too many at once", detail)
    }

    pub(crate) fn internal(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Something broke here", detail)
    }

    /// A name that no task of the run has.
    pub(crate) fn no_task(run: &RunShow, name: &str) -> Self {
        let names: Vec<&str> = run.tasks.iter().take(NAMED).map(|task| task.id.as_str()).collect();
        let more = if run.tasks.len() > NAMED { ", …" } else { "" };
        let detail = format!("run {} has no task `{name}`; it has {}{more}", run.run_id, names.join(", "));
        Self::not_found(detail)
    }

    pub(crate) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let detail = refusal.to_string();
        match refusal {
            Refusal::UnknownDag(_)
            | Refusal::UnknownRun(_)
            | Refusal::UnknownHold(_)
            | Refusal::Unknown(_) => Self::not_found(detail),
            Refusal::BadHold(_) | Refusal::BadTick(_) => {
                let status = StatusCode::UNPROCESSABLE_ENTITY;
                Self::new(status, "bad_hold", "The schedule cannot be held so", detail)
            }
            Refusal::Senseless(_) => Self::senseless(detail),
            Refusal::NotNow(_) => Self::new(StatusCode::CONFLICT, "not_now", "Not as things are", detail),
            Refusal::BadVar(_) => Self::bad_request(detail),
            Refusal::BadParams(_) => Self::unprocessable(detail),
            Refusal::NotEnabled(_) => {
                Self::new(StatusCode::CONFLICT, "not_enabled", "The DAG cannot run", detail)
            }
            Refusal::Overlap { .. } => {
                Self::new(StatusCode::CONFLICT, "overlap", "The DAG runs already", detail)
            }
        }
    }
}

impl IntoResponse for Problem {
    /// As problem+json. On its way to a page, [`crate::page::dress`] makes a page of it.
    fn into_response(self) -> Response {
        let mut response = (self.status(), Json(&self)).into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        if matches!(self.status, 429 | 503) {
            response.headers_mut().insert(header::RETRY_AFTER, self.wait.unwrap_or(RETRY).into());
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// Refusals that come from the framework (a number that is none, a body too long) become problems too.
pub(crate) async fn speak(request: Request, next: Next) -> Response {
    const LONGEST: usize = 4_096;
    let response = next.run(request).await;
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let plain = kind.is_none_or(|kind| kind.starts_with("text/plain"));
    if status.as_u16() < 400 || !plain {
        return response;
    }
    let body = to_bytes(response.into_body(), LONGEST).await.unwrap_or_default();
    let detail = String::from_utf8_lossy(&body).into_owned();
    if detail.starts_with("Invalid URL") {
        return Problem::not_found(detail).into_response();
    }
    match status {
        StatusCode::BAD_REQUEST => Problem::bad_request(detail).into_response(),
        StatusCode::PAYLOAD_TOO_LARGE => Problem::too_long().into_response(),
        _ => {
            let title = status.canonical_reason().unwrap_or("Refused");
            Problem::new(status, "refused", title, detail).into_response()
        }
    }
}
