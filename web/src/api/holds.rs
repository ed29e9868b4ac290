//! Maintenance windows, and single ticks that are skipped or moved.

use axum::Json;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode};
use nightrun_core::decide::{HoldRequest, Resume, TickChange, TickRequest};
use nightrun_core::id::{DagId, HoldId};
use nightrun_core::time::Timestamp;
use nightrun_engine::store::{HoldItem, TickChangeItem};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Told;
use super::acts::{BY, fields, refuse_forms};
use crate::app::{Shared, Site, State};
use crate::problem::Problem;

/// Windows told that are over.
const PAST: u32 = 50;

/// All that holds schedules up.
#[derive(Serialize)]
pub(crate) struct Laid {
    holds: Vec<HoldItem>,
    past: Vec<HoldItem>,
    changed_ticks: Vec<TickChangeItem>,
}

/// `GET /api/v1/holds`
pub(crate) async fn list(State(site): Shared) -> Told<Laid> {
    let holds = site.read(|desk| {
        let holds = desk.theirs(desk.page.holds()?);
        let past = desk.theirs(desk.page.past_holds(None, PAST)?);
        Ok(Some(Laid { holds, past, changed_ticks: desk.changed_ticks()? }))
    });
    holds.await.map(Json)
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    dags: Option<Vec<DagId>>,
    #[serde(default)]
    all: bool,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    resume: Option<Resume>,
    #[serde(default)]
    why: String,
}

/// `POST /api/v1/holds`
pub(crate) async fn add(
    State(site): Shared,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), Problem> {
    refuse_forms(&headers)?;
    let Wanted { dags, all, from, to, resume, why } = fields(&body)?;
    if dags.is_some() == all {
        return Err(Problem::bad_request("name `dags`, or say `all: true`"));
    }
    let to = to.ok_or_else(|| Problem::bad_request("`to` says when it ends"))?;
    let (from, resume) = (from.unwrap_or_else(|| site.now()), resume.unwrap_or(Resume::Latest));
    let hold = site.hold(HoldRequest { dags, from, to, resume, why, by: BY.into() }).await?;
    Ok((StatusCode::CREATED, Json(json!({ "hold": hold }))))
}

/// `POST /api/v1/holds/{hold}/remove`
pub(crate) async fn remove(
    State(site): Shared,
    Path(hold): Path<i64>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    refuse_forms(&headers)?;
    site.end_hold(HoldId(hold), BY).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Changed {
    instant: Option<Timestamp>,
    to: Option<Timestamp>,
    #[serde(default)]
    why: String,
    #[serde(default)]
    undo: bool,
}

/// `POST /api/v1/dags/{dag}/ticks/skip`
pub(crate) async fn skip(
    State(site): Shared,
    Path(dag): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Told<Value> {
    refuse_forms(&headers)?;
    let changed: Changed = fields(&body)?;
    if changed.to.is_some() {
        return Err(Problem::bad_request("`to` is for a tick that is moved"));
    }
    change(&site, &dag, changed, TickChange::Skip).await
}

/// `POST /api/v1/dags/{dag}/ticks/move`
pub(crate) async fn postpone(
    State(site): Shared,
    Path(dag): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Told<Value> {
    refuse_forms(&headers)?;
    let changed: Changed = fields(&body)?;
    let to = match (changed.to, changed.undo) {
        (Some(to), false) => to,
        (None, true) => site.now(),
        _ => return Err(Problem::bad_request("say `to`, or `undo: true`")),
    };
    change(&site, &dag, changed, TickChange::Move(to)).await
}

async fn change(site: &Site, dag: &str, changed: Changed, change: TickChange) -> Told<Value> {
    let Changed { instant, why, undo, .. } = changed;
    let change = (!undo).then_some(change);
    let request = TickRequest { dag: DagId::from(dag), instant, change, why, by: BY.into() };
    let instant = site.change_tick(request).await?;
    Ok(Json(json!({ "dag": dag, "instant": instant })))
}
