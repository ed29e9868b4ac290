//! Vars: named values of the deployment. What the environment gives is said, but not shown: it may be a secret.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Form, Path, Query};
use axum::response::{IntoResponse, Redirect, Response};
use nightrun_core::id::DagId;
use nightrun_core::time::Timestamp;
use nightrun_engine::store::Fault;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::form::{again, sentences};
use super::{Did, Sheet, Shown, Watch, show};
use crate::app::{Desk, Shared, Site, State};
use crate::problem::Problem;

/// Most characters of a value that are shown at once.
const SHOWN: usize = 400;

/// Most DAGs named beside a var.
const NAMED: usize = 5;

/// What was typed.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Typed {
    name: String,
    value: String,
    /// `value` is JSON, not text.
    json: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct Edited {
    edit: Option<String>,
}

#[derive(Serialize)]
struct Body {
    rows: Vec<Row>,
    typed: Typed,
    refused: Vec<String>,
}

/// One var as its DAGs find it.
#[derive(Default, Serialize)]
struct Row {
    name: String,
    /// `environment`, `store` or `default`; none: an attempt that needs it fails.
    from: Option<&'static str>,
    /// What the store or the default gives; nothing while the environment is before it.
    value: Option<String>,
    cut: bool,
    stored: bool,
    updated_at: Option<Timestamp>,
    by: String,
    dags: Vec<DagId>,
    more: usize,
}

/// `GET /vars`
pub(crate) async fn list(State(site): Shared, Query(edited): Query<Edited>, Query(did): Query<Did>) -> Shown {
    let typed = match edited.edit {
        Some(name) => filled(&site, name).await?,
        None => Typed::default(),
    };
    page(&site, did, typed, None).await
}

/// `POST /vars`
pub(crate) async fn set(State(site): Shared, Form(typed): Form<Typed>) -> Response {
    let value = match &typed.json {
        Some(_) => serde_json::from_str(&typed.value)
            .map_err(|fault| Problem::unprocessable(format!("the value is no JSON: {fault}"))),
        None => Ok(Json::String(typed.value.replace("\r\n", "\n"))),
    };
    let set = match value {
        Ok(value) => site.set_var(typed.name.trim().to_owned(), Some(value), "web").await,
        Err(problem) => Err(problem),
    };
    match set {
        Ok(()) => Redirect::to("/vars?did=var-set").into_response(),
        Err(problem) => again(problem, |it| page(&site, Did::default(), typed, Some(it))).await,
    }
}

/// `POST /vars/{var}/delete`
pub(crate) async fn delete(State(site): Shared, Path(name): Path<String>) -> Result<Redirect, Problem> {
    let wanted = name.clone();
    site.read(move |desk| Ok(desk.page.vars()?.into_iter().find(|var| var.name == wanted))).await?;
    site.set_var(name, None, "web").await?;
    Ok(Redirect::to("/vars?did=var-deleted"))
}

/// The form with the value that the store has.
async fn filled(site: &Arc<Site>, name: String) -> Result<Typed, Problem> {
    let find = move |desk: &Desk<'_>| {
        let value = desk.page.vars()?.into_iter().find(|var| var.name == name).map(|var| var.value);
        let json = value.as_ref().is_some_and(|value| !value.is_string()).then(|| "true".to_owned());
        Ok(Some(Typed { name, value: value.as_ref().map(text_of).unwrap_or_default(), json }))
    };
    site.read(find).await
}

async fn page(site: &Arc<Site>, did: Did, typed: Typed, problem: Option<Problem>) -> Shown {
    show(site, "vars.html", "vars", did, move |desk| {
        let body = Body { rows: rows(desk)?, typed, refused: sentences(problem.as_ref()) };
        let watch = Watch { all: true, ..Watch::default() };
        Ok(Some(Sheet { title: "Vars".into(), watch, body }))
    })
    .await
}

/// Those of the store, and those that DAGs declare, by name.
fn rows(desk: &Desk<'_>) -> Result<Vec<Row>, Fault> {
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    for (dag, version) in desk.page.in_force_with("vars")? {
        let Some(spec) = desk.spec(version)? else { continue };
        for var in &spec.vars {
            let row = rows.entry(var.name.clone()).or_default();
            if row.dags.len() < NAMED {
                row.dags.push(dag.clone());
            } else {
                row.more += 1;
            }
            if let (Some(default), None) = (&var.default, &row.value) {
                row.show("default", default);
            }
        }
    }
    for var in desk.page.vars()? {
        let row = rows.entry(var.name).or_default();
        (row.stored, row.updated_at, row.by) = (true, Some(var.updated_at), var.updated_by);
        row.show("store", &var.value);
    }
    for (name, row) in &mut rows {
        row.name.clone_from(name);
        if desk.site.app.vars.of_environment(name).is_some() {
            (row.from, row.value, row.cut) = (Some("environment"), None, false);
        }
    }
    Ok(rows.into_values().collect())
}

impl Row {
    fn show(&mut self, from: &'static str, value: &Json) {
        let text = text_of(value);
        let end = text.floor_char_boundary(SHOWN);
        (self.from, self.cut) = (Some(from), end < text.len());
        self.value = Some(text[..end].to_owned());
    }
}

/// Text as it is, everything else as JSON.
fn text_of(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}
