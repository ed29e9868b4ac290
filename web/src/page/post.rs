//! Buttons: what a form without a page of its own asks, then back to where it was pressed.

use axum::extract::{Form, Path};
use axum::response::Redirect;
use nightrun_core::decide::{TickChange, TickRequest};
use nightrun_core::id::{DagId, RunId};
use nightrun_core::time::Timestamp;
use nightrun_core::timetable::Zone;
use serde::Deserialize;

use super::form;
use crate::app::{Shared, Site, State};
use crate::problem::Problem;

/// Where a button was pressed: a word of a fixed list, so that nobody can be sent elsewhere.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Back {
    #[default]
    Dag,
    List,
    Holds,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Pressed {
    #[serde(default)]
    back: Back,
}

type Went = Result<Redirect, Problem>;

/// `POST /runs/{run}/cancel`
pub(crate) async fn cancel(State(site): Shared, Path(run): Path<i64>) -> Went {
    site.cancel(RunId(run), "web").await?;
    Ok(Redirect::to(&format!("/runs/{run}?did=canceled")))
}

/// `POST /dags/{dag}/pause`
pub(crate) async fn pause(State(site): Shared, Path(dag): Path<String>, Form(at): Form<Pressed>) -> Went {
    pause_dag(&site, &dag, true, at.back).await
}

/// `POST /dags/{dag}/unpause`
pub(crate) async fn unpause(State(site): Shared, Path(dag): Path<String>, Form(at): Form<Pressed>) -> Went {
    pause_dag(&site, &dag, false, at.back).await
}

/// What was typed where everything is paused.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Pausing {
    #[serde(default)]
    why: String,
}

/// `POST /pause`
pub(crate) async fn pause_all(State(site): Shared, Form(typed): Form<Pausing>) -> Went {
    site.pause(None, true, "web", Some(&typed.why)).await?;
    Ok(Redirect::to("/dags?did=all-paused"))
}

/// `POST /unpause`
pub(crate) async fn unpause_all(State(site): Shared) -> Went {
    site.pause(None, false, "web", None).await?;
    Ok(Redirect::to("/dags?did=all-unpaused"))
}

/// The tick beside which a button was pressed.
#[derive(Debug, Deserialize)]
pub(crate) struct PressedTick {
    instant: Timestamp,
    /// When it shall fire instead.
    #[serde(default)]
    to: String,
    #[serde(default)]
    why: String,
    #[serde(default)]
    back: Back,
}

/// `POST /dags/{dag}/skip`
pub(crate) async fn skip(State(site): Shared, Path(dag): Path<String>, Form(at): Form<PressedTick>) -> Went {
    change_tick(&site, &dag, at, Some(TickChange::Skip), "skipped").await
}

/// `POST /dags/{dag}/move`
pub(crate) async fn postpone(
    State(site): Shared,
    Path(dag): Path<String>,
    Form(at): Form<PressedTick>,
) -> Went {
    let id = DagId::from(dag.as_str());
    let spec = site.read(move |desk| match desk.page.dag(&id, 0)? {
        Some(item) => desk.spec(item.version).map(Some),
        None => Ok(None),
    });
    let zone = spec.await?.map_or_else(Zone::utc, |spec| spec.zone.clone());
    // A length is meant from the tick's own time: an hour later than it would.
    let to = form::instant(&at.to, at.instant, &zone)?;
    change_tick(&site, &dag, at, Some(TickChange::Move(to)), "moved").await
}

/// `POST /dags/{dag}/unskip`
pub(crate) async fn unskip(
    State(site): Shared,
    Path(dag): Path<String>,
    Form(at): Form<PressedTick>,
) -> Went {
    change_tick(&site, &dag, at, None, "restored").await
}

async fn change_tick(site: &Site, dag: &str, at: PressedTick, change: Option<TickChange>, did: &str) -> Went {
    let PressedTick { instant, why, back, .. } = at;
    let why = why.trim().to_owned();
    let request =
        TickRequest { dag: DagId::from(dag), instant: Some(instant), change, why, by: "web".into() };
    site.change_tick(request).await?;
    Ok(Redirect::to(&match back {
        Back::Holds => format!("/holds?did={did}"),
        Back::Dag | Back::List => format!("/dags/{dag}/schedule?did={did}"),
    }))
}

async fn pause_dag(site: &Site, dag: &str, paused: bool, back: Back) -> Went {
    site.pause(Some(DagId::from(dag)), paused, "web", None).await?;
    let did = if paused { "paused" } else { "unpaused" };
    // The engine knows the DAG, so its id is a plain name and safe in an address.
    Ok(Redirect::to(&match back {
        Back::List => format!("/dags?did={did}"),
        Back::Dag | Back::Holds => format!("/dags/{dag}?did={did}"),
    }))
}
