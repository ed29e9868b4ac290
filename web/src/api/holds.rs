//! Maintenance windows, and single ticks that are skipped or moved.

use axum::Json;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use nightrun_core::decide::{HoldRequest, Resume, TickChange, TickRequest};
use nightrun_core::id::{DagId, HoldId};
use nightrun_core::time::Timestamp;
use nightrun_engine::store::{HoldItem, Pause, TickChangeItem};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Told;
use super::acts::BY;
use super::body::{fields, refuse_forms};
use super::once::{self, Act};
use crate::app::{Shared, Site, State};
use crate::problem::Problem;

/// Windows told that are over.
const PAST: u32 = 50;

/// All that holds schedules up.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Holds")]
pub(crate) struct Laid {
    /// Everything is paused.
    paused: bool,
    /// When that was done, by whom and why.
    pause: Option<Pause>,
    holds: Vec<HoldItem>,
    past: Vec<HoldItem>,
    changed_ticks: Vec<TickChangeItem>,
}

/// `GET /api/v1/holds`
pub(crate) async fn list(State(site): Shared) -> Told<Laid> {
    let holds = site.read(|desk| {
        let holds = desk.theirs(desk.page.holds()?);
        let past = desk.theirs(desk.page.past_holds(None, PAST)?);
        let paused = desk.page.everything_paused()?;
        Ok(Some(Laid { paused, pause: desk.pause()?, holds, past, changed_ticks: desk.changed_ticks()? }))
    });
    holds.await.map(Json)
}

/// A maintenance window that is wanted.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "HoldRequest")]
pub(crate) struct Wanted {
    /// Of these DAGs.
    dags: Option<Vec<DagId>>,
    /// Of all DAGs.
    #[serde(default)]
    all: bool,
    /// When it opens; now unless said.
    from: Option<Timestamp>,
    /// When it closes.
    to: Timestamp,
    /// What becomes of what it holds up; `latest` unless said.
    resume: Option<Resume>,
    /// Why, for people.
    #[serde(default)]
    why: String,
}

/// A maintenance window that was made.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "HoldMade")]
pub(crate) struct Made {
    /// Its number.
    pub(super) hold: HoldId,
}

/// `POST /api/v1/holds`
pub(crate) async fn add(
    State(site): Shared,
    headers: HeaderMap,
    body: Bytes,
) -> Result<impl IntoResponse, Problem> {
    let Wanted { dags, all, from, to, resume, why } = fields(&headers, &body)?;
    if dags.is_some() == all {
        return Err(Problem::senseless("name `dags`, or say `all: true`"));
    }
    let (from, resume) = (from.unwrap_or_else(|| site.now()), resume.unwrap_or(Resume::Latest));
    let event = site.wants_hold(HoldRequest { dags, from, to, resume, why, by: BY.into() })?;
    let act = Act { headers: &headers, to: "holds".into(), body: &body, dry: false };
    site.once(act.key()?, event, once::hold).await
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

/// A tick that is skipped or moved.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "TickRequest")]
pub(crate) struct Changed {
    /// Which; the next one unless said.
    instant: Option<Timestamp>,
    /// When it fires instead, for one that is moved.
    to: Option<Timestamp>,
    /// Why, for people.
    #[serde(default)]
    why: String,
    /// Takes back what was changed.
    #[serde(default)]
    undo: bool,
}

/// `POST /api/v1/dags/{dag}/ticks/skip`
pub(crate) async fn skip(
    State(site): Shared,
    Path(dag): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Told<TickTold> {
    let changed: Changed = fields(&headers, &body)?;
    if changed.to.is_some() {
        return Err(Problem::senseless("`to` is for a tick that is moved"));
    }
    change(&site, &dag, changed, TickChange::Skip).await
}

/// `POST /api/v1/dags/{dag}/ticks/move`
pub(crate) async fn postpone(
    State(site): Shared,
    Path(dag): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Told<TickTold> {
    let changed: Changed = fields(&headers, &body)?;
    let to = match (changed.to, changed.undo) {
        (Some(to), false) => to,
        (None, true) => site.now(),
        _ => return Err(Problem::senseless("say `to`, or `undo: true`")),
    };
    change(&site, &dag, changed, TickChange::Move(to)).await
}

/// The tick that was changed.
#[derive(Serialize, JsonSchema)]
pub(crate) struct TickTold {
    dag: DagId,
    instant: Timestamp,
}

async fn change(site: &Site, dag: &str, changed: Changed, change: TickChange) -> Told<TickTold> {
    let Changed { instant, why, undo, .. } = changed;
    let change = (!undo).then_some(change);
    let request = TickRequest { dag: DagId::from(dag), instant, change, why, by: BY.into() };
    let instant = site.change_tick(request).await?;
    Ok(Json(TickTold { dag: dag.into(), instant }))
}
