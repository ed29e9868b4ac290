//! The form that asks for a run, made from the typed params of the DAG.

use std::sync::Arc;

use axum::extract::{Form, Path, Query};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use nightrun_core::id::DagId;
use nightrun_core::time::Timestamp;
use serde::Serialize;

use super::dag::Head;
use super::params::{Field, Typed, fields, read};
use super::{Did, Sheet, Shown, Watch, show};
use crate::acts::Wanted;
use crate::app::{Shared, Site, State};
use crate::problem::Problem;

#[derive(Serialize)]
struct Body {
    head: Head,
    fields: Vec<Field>,
    logical_date: String,
    force: bool,
    /// Why the last try was refused, one sentence each.
    refused: Vec<String>,
    /// It would be taken with `force`.
    force_helps: bool,
}

/// `GET /dags/{dag}/trigger`
pub(crate) async fn form(State(site): Shared, Path(dag): Path<String>, Query(did): Query<Did>) -> Shown {
    page(&site, dag, did, Typed::new(), None).await
}

/// `POST /dags/{dag}/trigger`: to the new run, or the form again with what is wrong.
pub(crate) async fn post(State(site): Shared, Path(dag): Path<String>, Form(typed): Form<Typed>) -> Response {
    let made = match wanted(&site, &dag, &typed).await {
        Ok(wanted) => site.trigger(DagId::from(dag.as_str()), wanted, "web").await,
        Err(problem) => Err(problem),
    };
    match made {
        Ok(run) => Redirect::to(&format!("/runs/{run}?did=triggered")).into_response(),
        Err(problem) if matches!(problem.status, 409 | 422) => {
            let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::BAD_REQUEST);
            match page(&site, dag, Did::default(), typed, Some(problem)).await {
                Ok(page) => (status, page).into_response(),
                Err(problem) => problem.into_response(),
            }
        }
        Err(problem) => problem.into_response(),
    }
}

async fn page(site: &Arc<Site>, dag: String, did: Did, typed: Typed, problem: Option<Problem>) -> Shown {
    show(site, "trigger.html", "dags", did, move |desk| {
        let Some(item) = desk.page.dag(&DagId::from(dag.as_str()), 1)? else { return Ok(None) };
        let spec = desk.spec(item.version)?;
        let body = Body {
            head: Head::of(desk, &item, spec.as_deref())?,
            fields: spec.map(|dag| fields(&dag, &typed)).unwrap_or_default(),
            logical_date: typed.get("logical_date").cloned().unwrap_or_default(),
            force: typed.contains_key("force"),
            force_helps: problem.as_ref().is_some_and(|problem| problem.code == "overlap"),
            refused: problem.iter().flat_map(|it| it.detail.split("; ")).map(ToOwned::to_owned).collect(),
        };
        Ok(Some(Sheet { title: format!("Trigger {}", item.dag), watch: Watch::default(), body }))
    })
    .await
}

/// Reads what was typed by the types of the params.
async fn wanted(site: &Arc<Site>, dag: &str, typed: &Typed) -> Result<Wanted, Problem> {
    let id = DagId::from(dag);
    let spec = site.read(move |desk| {
        let Some(item) = desk.page.dag(&id, 0)? else { return Ok(None) };
        desk.spec(item.version).map(Some)
    });
    let params = read(spec.await?.as_deref(), typed)?;
    let mut wanted = Wanted { params, force: typed.contains_key("force"), ..Wanted::default() };
    if let Some(text) = typed.get("logical_date").filter(|text| !text.is_empty()) {
        wanted.logical_date = instant(text);
        if wanted.logical_date.is_none() {
            let fault = format!("`{text}` is no time: write it as 2026-11-21T01:30 (UTC)");
            return Err(Problem::unprocessable(fault));
        }
    }
    Ok(wanted)
}

/// A time as a `datetime-local` field sends it, taken as UTC.
fn instant(text: &str) -> Option<Timestamp> {
    [format!("{text}:00Z"), format!("{text}Z"), text.to_owned()]
        .iter()
        .find_map(|text| Timestamp::parse(text))
}
