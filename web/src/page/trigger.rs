//! The form that asks for a run, made from the typed params of the DAG.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Form, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use nightrun_core::dag::spec::{Dag, Param};
use nightrun_core::id::DagId;
use nightrun_core::time::Timestamp;
use serde::Serialize;
use serde_json::Value as Json;

use super::dag::Head;
use super::{Did, Sheet, Shown, Watch, show};
use crate::acts::Wanted;
use crate::app::{Shared, Site};
use crate::problem::Problem;

/// Fields of params begin with this, so that no param can pass for another field.
const PARAM: &str = "param.";

/// What was typed.
type Typed = BTreeMap<String, String>;

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

#[derive(Serialize)]
struct Field {
    name: String,
    /// Its name in the form.
    key: String,
    kind: &'static str,
    value: String,
    choices: Vec<String>,
    required: bool,
    description: Option<String>,
    /// What is accepted, in words.
    rule: String,
    default: Option<String>,
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

/// Reads what was typed by the types of the params. An empty field means the default.
async fn wanted(site: &Arc<Site>, dag: &str, typed: &Typed) -> Result<Wanted, Problem> {
    let id = DagId::from(dag);
    let spec = site.read(move |desk| {
        let Some(item) = desk.page.dag(&id, 0)? else { return Ok(None) };
        desk.spec(item.version).map(Some)
    });
    let mut wanted = Wanted { force: typed.contains_key("force"), ..Wanted::default() };
    let mut faults = Vec::new();
    let params = spec.await?.map(|dag| dag.params.clone()).unwrap_or_default();
    for param in params {
        let Some(text) = typed.get(&format!("{PARAM}{}", param.name)).filter(|text| !text.is_empty()) else {
            continue;
        };
        match param.read_text(text) {
            Ok(value) => {
                wanted.params.insert(param.name, value);
            }
            Err(fault) => faults.push(fault),
        }
    }
    if let Some(text) = typed.get("logical_date").filter(|text| !text.is_empty()) {
        wanted.logical_date = instant(text);
        if wanted.logical_date.is_none() {
            faults.push(format!("`{text}` is no time: write it as 2026-11-21T01:30 (UTC)"));
        }
    }
    if faults.is_empty() { Ok(wanted) } else { Err(Problem::unprocessable(faults.join("; "))) }
}

/// A time as a `datetime-local` field sends it, taken as UTC.
fn instant(text: &str) -> Option<Timestamp> {
    [format!("{text}:00Z"), format!("{text}Z"), text.to_owned()]
        .iter()
        .find_map(|text| Timestamp::parse(text))
}

fn fields(dag: &Dag, typed: &Typed) -> Vec<Field> {
    dag.params.iter().map(|param| field(param, typed)).collect()
}

fn field(param: &Param, typed: &Typed) -> Field {
    let key = format!("{PARAM}{}", param.name);
    let default = param.default.as_ref().map(text_of);
    Field {
        value: typed.get(&key).cloned().or_else(|| default.clone()).unwrap_or_default(),
        key,
        name: param.name.clone(),
        kind: param.kind.as_str(),
        choices: param.choices.iter().map(text_of).collect(),
        required: param.required && default.is_none(),
        description: param.description.clone(),
        rule: rule(param),
        default,
    }
}

fn rule(param: &Param) -> String {
    let mut rule = vec![param.kind.as_str().to_owned()];
    rule.extend(param.min.map(|min| format!("at least {min}")));
    rule.extend(param.max.map(|max| format!("at most {max}")));
    rule.extend(param.pattern.as_ref().map(|pattern| format!("matches {pattern}")));
    rule.extend(param.required.then(|| "required".to_owned()));
    rule.join(", ")
}

fn text_of(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}
