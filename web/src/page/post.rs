//! Buttons: what a form without a page of its own asks, then back to where it was pressed.

use axum::extract::{Form, Path, State};
use axum::response::Redirect;
use nightrun_core::decide::{ClearRequest, TickChange, TickRequest};
use nightrun_core::id::{DagId, RunId};
use nightrun_core::time::Timestamp;
use serde::Deserialize;

use crate::app::{Shared, Site};
use crate::problem::Problem;

/// Where a button was pressed: a word of a fixed list, so that nobody can be sent elsewhere.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Back {
    #[default]
    Dag,
    List,
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

/// `POST /runs/{run}/rerun`: what failed, and what that blocked.
pub(crate) async fn rerun(State(site): Shared, Path(run): Path<i64>) -> Went {
    let request = ClearRequest { by: "web".into(), ..ClearRequest::default() };
    site.rerun(RunId(run), request).await?;
    Ok(Redirect::to(&format!("/runs/{run}?did=rerun")))
}

/// `POST /dags/{dag}/pause`
pub(crate) async fn pause(State(site): Shared, Path(dag): Path<String>, Form(at): Form<Pressed>) -> Went {
    pause_dag(&site, &dag, true, at.back).await
}

/// `POST /dags/{dag}/unpause`
pub(crate) async fn unpause(State(site): Shared, Path(dag): Path<String>, Form(at): Form<Pressed>) -> Went {
    pause_dag(&site, &dag, false, at.back).await
}

/// `POST /pause`
pub(crate) async fn pause_all(State(site): Shared) -> Went {
    site.pause(None, true, "web").await?;
    Ok(Redirect::to("/dags?did=all-paused"))
}

/// `POST /unpause`
pub(crate) async fn unpause_all(State(site): Shared) -> Went {
    site.pause(None, false, "web").await?;
    Ok(Redirect::to("/dags?did=all-unpaused"))
}

/// The tick beside which a button was pressed.
#[derive(Debug, Deserialize)]
pub(crate) struct PressedTick {
    instant: Timestamp,
}

/// `POST /dags/{dag}/skip`
pub(crate) async fn skip(State(site): Shared, Path(dag): Path<String>, Form(at): Form<PressedTick>) -> Went {
    change_tick(&site, &dag, at.instant, Some(TickChange::Skip)).await?;
    Ok(Redirect::to(&format!("/dags/{dag}/schedule?did=skipped")))
}

/// `POST /dags/{dag}/unskip`
pub(crate) async fn unskip(
    State(site): Shared,
    Path(dag): Path<String>,
    Form(at): Form<PressedTick>,
) -> Went {
    change_tick(&site, &dag, at.instant, None).await?;
    Ok(Redirect::to(&format!("/dags/{dag}/schedule?did=restored")))
}

async fn change_tick(
    site: &Site,
    dag: &str,
    instant: Timestamp,
    change: Option<TickChange>,
) -> Result<Timestamp, Problem> {
    let (dag, instant, why) = (DagId::from(dag), Some(instant), String::new());
    site.change_tick(TickRequest { dag, instant, change, why, by: "web".into() }).await
}

async fn pause_dag(site: &Site, dag: &str, paused: bool, back: Back) -> Went {
    site.pause(Some(DagId::from(dag)), paused, "web").await?;
    let did = if paused { "paused" } else { "unpaused" };
    // The engine knows the DAG, so its id is a plain name and safe in an address.
    Ok(Redirect::to(&match back {
        Back::Dag => format!("/dags/{dag}?did={did}"),
        Back::List => format!("/dags?did={did}"),
    }))
}
