//! Writing something down about a run, or a task of it; who wrote it stands beside it and in the audit.

use axum::extract::{Form, Path};
use axum::response::Redirect;
use nightrun_core::decide::NoteRequest;
use nightrun_core::id::RunId;
use serde::Deserialize;

use super::form::said;
use crate::api::done;
use crate::app::{Shared, State};
use crate::once::Key;
use crate::problem::Problem;

/// What was typed.
#[derive(Debug, Deserialize)]
pub(crate) struct Written {
    text: String,
    /// About this task; empty: about the run.
    #[serde(default)]
    task: String,
    #[serde(default)]
    once: String,
}

/// `POST /runs/{run}/note`
pub(crate) async fn post(
    State(site): Shared,
    Path(run): Path<i64>,
    Form(written): Form<Written>,
) -> Result<Redirect, Problem> {
    let text = written.text.replace("\r\n", "\n");
    let request = NoteRequest { task: said(&written.task), text: text.trim().to_owned(), by: "web".into() };
    let key = Key::of_form(
        &format!("note of run {run}"),
        [("once", &*written.once), ("text", &*written.text), ("task", &*written.task)],
    );
    site.once(key, site.wants_note(RunId(run), request), done).await?;
    Ok(Redirect::to(&format!("/runs/{run}?did=noted")))
}
