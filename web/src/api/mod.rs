//! The same for programs: JSON, pages by key, errors as problem+json.

pub(crate) mod access;
pub(crate) mod acts;
pub(crate) mod again;
mod answer;
pub(crate) mod attempts;
pub(crate) mod audit;
pub(crate) mod beside;
mod body;
pub(crate) mod dags;
pub(crate) mod doc;
pub(crate) mod holds;
pub(crate) mod hooks;
pub(crate) mod instances;
pub(crate) mod look;
mod once;
pub(crate) mod overview;
pub(crate) mod past;
pub(crate) mod pools;
pub(crate) mod prune;
pub(crate) mod runs;
pub(crate) mod tasks;
pub(crate) mod vars;
mod wait;
pub(crate) mod waiting;
pub(crate) mod why;

pub(crate) use answer::{hex, polish};
pub(crate) use once::{cleared, done, hold, run};

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;

use self::answer::NextPage;
use crate::access::Who;
use crate::app::{Shared, State};
use crate::page::unwell;
use crate::problem::Problem;

/// JSON or what went wrong.
type Told<T> = Result<Json<T>, Problem>;

/// Rows of one page unless asked otherwise, and at most.
const ROWS: (u32, u32) = (50, 500);

/// A page of a list or what went wrong.
type Paged<T> = Result<Listed<T>, Problem>;

/// One page of a list.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PageOf{T}")]
pub(crate) struct Listed<T> {
    items: Vec<T>,
    /// What to send as `after` or `before` for the page after this one, which `Link` holds whole; `null` at the end.
    next: Option<String>,
    /// Which of the two.
    #[serde(skip)]
    by: &'static str,
}

impl<T> Listed<T> {
    /// A full page is followed by another, perhaps an empty one.
    fn new(items: Vec<T>, limit: u32, by: &'static str, key: impl Fn(&T) -> String) -> Self {
        let full = items.len() >= limit as usize;
        let next = items.last().filter(|_| full).map(key);
        Self { items, next, by }
    }

    /// All of a list that is short, from where the page before ended.
    fn cut(all: Vec<T>, after: Option<&str>, limit: u32, key: impl Fn(&T) -> String) -> Self {
        let rest = all.into_iter().filter(|item| after.is_none_or(|after| *key(item) > *after));
        Self::new(rest.take(limit as usize).collect(), limit, "after", key)
    }
}

impl<T: Serialize> IntoResponse for Listed<T> {
    fn into_response(self) -> Response {
        let next = self.next.clone().map(|value| NextPage { by: self.by, value });
        let mut response = Json(self).into_response();
        if let Some(next) = next {
            response.extensions_mut().insert(next);
        }
        response
    }
}

/// How long a page shall be.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
pub(crate) struct Limit {
    /// Rows of one page.
    #[serde(default = "usual_rows", deserialize_with = "read_rows")]
    #[schemars(range(min = 1, max = 500))]
    limit: u32,
}

fn usual_rows() -> u32 {
    ROWS.0
}

fn read_rows<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    let text = String::deserialize(from)?;
    let rows = text.parse().ok().filter(|rows| (1..=ROWS.1).contains(rows));
    rows.ok_or_else(|| D::Error::custom(format!("`limit` is 1 to {}, which `{text}` is not", ROWS.1)))
}

/// A number of ours: none is negative, or so large that JavaScript would round it.
fn read_number<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    let text = String::deserialize(from)?;
    let number = text.parse().ok().filter(|number| (0..=9_007_199_254_740_991).contains(number));
    let number: i64 = number.ok_or_else(|| D::Error::custom(format!("`{text}` is no number of anything")))?;
    Ok(Some(number))
}

impl Limit {
    fn rows(self) -> u32 {
        self.limit
    }
}

/// From where a list goes on that is read downwards.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Before {
    /// Where the page before ended: its `next`.
    #[serde(default, deserialize_with = "read_number")]
    #[schemars(range(min = 0))]
    before: Option<i64>,
}

/// From where a list goes on that is read upwards.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct After {
    /// Where the page before ended: its `next`.
    after: Option<String>,
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
