//! Settling a task by hand: what would change is shown first.

use std::sync::Arc;

use axum::extract::{Form, Path, Query};
use axum::response::{IntoResponse, Redirect, Response};
use nightrun_core::decide::{MarkRequest, TaskState};
use nightrun_core::id::RunId;
use serde::{Deserialize, Serialize};

use super::change::{self, Kind, item};
use super::form::{compare, said};
use crate::app::{Shared, Site, State};
use crate::problem::Problem;

/// What was chosen.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Choice {
    task: String,
    item: String,
    state: String,
    why: String,
    /// The plan that was seen.
    seen: String,
}

impl Choice {
    fn request(&self) -> Result<MarkRequest, Problem> {
        let state = TaskState::parse(&self.state).unwrap_or(TaskState::Success);
        let (item, why) = (item(&self.item)?, said(&self.why));
        Ok(MarkRequest { task: self.task.clone(), item, state, dry_run: true, by: "web".into(), why })
    }
}

static MARK: Kind = Kind { template: "mark.html", title: "Mark a task of" };

/// `GET /runs/{run}/mark?task=&item=&state=`: changes nothing.
pub(crate) async fn form(
    State(site): Shared,
    Path(run): Path<i64>,
    Query(choice): Query<Choice>,
) -> Result<Response, Problem> {
    look(&site, RunId(run), choice, None).await
}

/// `POST /runs/{run}/mark`: what was seen, or the page again if that is not what would happen any more.
pub(crate) async fn post(
    State(site): Shared,
    Path(run): Path<i64>,
    Form(choice): Form<Choice>,
) -> Result<Response, Problem> {
    let run = RunId(run);
    let done = async {
        let request = choice.request()?;
        compare(&choice.seen, &site.mark(run, request.clone()).await?)?;
        site.mark(run, MarkRequest { dry_run: false, ..request }).await
    };
    match done.await {
        Ok(_) => Ok(Redirect::to(&format!("/runs/{run}?did=marked")).into_response()),
        Err(problem) => look(&site, run, choice, Some(problem)).await,
    }
}

/// Without a task there is only the form.
async fn look(
    site: &Arc<Site>,
    run: RunId,
    choice: Choice,
    before: Option<Problem>,
) -> Result<Response, Problem> {
    let plan = match choice.request() {
        Ok(_) if choice.task.is_empty() => Ok(None),
        Ok(request) => site.mark(run, request).await.map(Some),
        Err(problem) => Err(problem),
    };
    change::look(site, &MARK, (run, choice), plan, before).await
}
