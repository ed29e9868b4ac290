//! The form that asks for a run, made from the typed params of the DAG; what would run can be seen first.

use std::sync::Arc;

use axum::extract::{Form, Path, Query};
use axum::response::{IntoResponse, Redirect, Response};
use nightrun_core::dag::spec::Dag;
use nightrun_core::decide::{NoteRequest, Part};
use nightrun_core::id::DagId;
use nightrun_core::time::Timestamp;
use nightrun_core::timetable::Zone;
use nightrun_engine::run::{Ahead, Preview};
use serde::Serialize;

use super::dag::Head;
use super::form::{again, instant, said, sentences, words};
use super::params::{Field, Typed, fields, read};
use super::schedule::local;
use super::{Did, Sheet, Shown, Watch, show};
use crate::acts::Wanted;
use crate::api::{done as noted, run};
use crate::app::{Shared, Site, State};
use crate::once::Key;
use crate::problem::Problem;

/// Most tasks that are shown.
const ROWS: usize = 300;

#[derive(Serialize)]
struct Body {
    head: Head,
    zone: String,
    fields: Vec<Field>,
    typed: Typed,
    plan: Option<Plan>,
    /// Why the last try was refused, one sentence each.
    refused: Vec<String>,
    /// It would be taken with `force`.
    force_helps: bool,
}

/// What would run.
#[derive(Serialize)]
struct Plan {
    logical_date: Timestamp,
    /// The same on the clocks of the DAG.
    local: Option<String>,
    from: Timestamp,
    to: Timestamp,
    rows: Vec<Row>,
    run: usize,
    left_out: usize,
    /// Tasks that are not shown.
    more: usize,
}

#[derive(Serialize)]
struct Row {
    #[serde(flatten)]
    task: Preview,
    left_out: bool,
}

impl Plan {
    fn of(ahead: Ahead, zone: &Zone) -> Self {
        let Ahead { logical_date, interval: (from, to), tasks, left_out } = ahead;
        let all = tasks.len();
        let row = |task: Preview| Row { left_out: left_out.contains(&task.task), task };
        Self {
            rows: tasks.into_iter().take(ROWS).map(row).collect(),
            local: local(logical_date, zone),
            run: all - left_out.len(),
            left_out: left_out.len(),
            more: all.saturating_sub(ROWS),
            logical_date,
            from,
            to,
        }
    }
}

/// `GET /dags/{dag}/trigger`: with what would run if nothing more were said, where that is enough.
pub(crate) async fn form(State(site): Shared, Path(dag): Path<String>, Query(did): Query<Did>) -> Shown {
    let plan = match wanted(&site, &dag, &Typed::new()).await {
        Ok(wanted) => site.look_ahead(DagId::from(dag.as_str()), wanted).await.ok(),
        Err(_) => None,
    };
    page(&site, (dag, did), Typed::new(), plan, None).await
}

/// `POST /dags/{dag}/trigger`: to the new run, or the form again with what is wrong; with `look` only what would
/// run is shown.
pub(crate) async fn post(State(site): Shared, Path(dag): Path<String>, Form(typed): Form<Typed>) -> Response {
    let done = async {
        let wanted = wanted(&site, &dag, &typed).await?;
        if typed.contains_key("look") {
            let plan = site.look_ahead(DagId::from(dag.as_str()), wanted).await?;
            return page(&site, (dag.clone(), Did::default()), typed.clone(), Some(plan), None)
                .await
                .map(IntoResponse::into_response);
        }
        let key = |about: &str| {
            Key::of_form(&format!("{about} {dag}"), typed.iter().map(|(name, text)| (&**name, &**text)))
        };
        let event = site.wants_run(DagId::from(dag.as_str()), wanted, "web");
        let told = site.once(key("runs of"), event, run).await?;
        let run = told.run()?;
        let mut did = if told.replayed { "triggered-before" } else { "triggered" };
        if let Some(text) = typed.get("note").and_then(|text| said(text)) {
            // It has a key of its own: whoever sends the form again after a crash between the two still has it kept.
            let note = site.wants_note(run, NoteRequest { task: None, text, by: "web".into() });
            let noted = site.once(key("note on runs of"), note, noted).await;
            did = if noted.is_ok() { did } else { "triggered-unnoted" };
        }
        Ok(Redirect::to(&format!("/runs/{run}?did={did}")).into_response())
    };
    match done.await {
        Ok(response) => response,
        Err(problem) => again(problem, |it| page(&site, (dag, Did::default()), typed, None, Some(it))).await,
    }
}

async fn page(
    site: &Arc<Site>,
    (dag, did): (String, Did),
    typed: Typed,
    ahead: Option<Ahead>,
    problem: Option<Problem>,
) -> Shown {
    show(site, "trigger.html", "dags", did, move |desk| {
        let Some(item) = desk.page.dag(&DagId::from(dag.as_str()), 1)? else { return Ok(None) };
        let spec = desk.spec(item.version)?;
        let zone = zone(spec.as_deref());
        let body = Body {
            head: Head::of(desk, &item, spec.as_deref())?,
            fields: spec.map(|dag| fields(&dag, &typed)).unwrap_or_default(),
            plan: ahead.map(|ahead| Plan::of(ahead, &zone)),
            zone: zone.name().to_owned(),
            force_helps: problem.as_ref().is_some_and(|problem| problem.code == "overlap"),
            refused: sentences(problem.as_ref()),
            typed,
        };
        Ok(Some(Sheet { title: format!("Trigger {}", item.dag), watch: Watch::default(), body }))
    })
    .await
}

fn zone(spec: Option<&Dag>) -> Zone {
    spec.map_or_else(Zone::utc, |dag| dag.zone.clone())
}

async fn spec(site: &Arc<Site>, dag: &str) -> Result<Option<Arc<Dag>>, Problem> {
    let id = DagId::from(dag);
    site.read(move |desk| match desk.page.dag(&id, 0)? {
        Some(item) => desk.spec(item.version).map(Some),
        None => Ok(None),
    })
    .await
}

/// Reads what was typed by the types of the params; times are those of the DAG's clocks.
async fn wanted(site: &Arc<Site>, dag: &str, typed: &Typed) -> Result<Wanted, Problem> {
    let spec = spec(site, dag).await?;
    let text = |name: &str| typed.get(name).map_or("", String::as_str);
    let date = said(text("logical_date"));
    let date = date.map(|date| instant(&date, site.now(), &zone(spec.as_deref()))).transpose()?;
    Ok(Wanted {
        params: read(spec.as_deref(), typed)?,
        logical_date: date,
        part: Part { only: words(text("only")), from: words(text("from")), skip: words(text("skip")) },
        force: typed.contains_key("force"),
    })
}
