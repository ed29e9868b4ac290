//! Settling a task by hand: what would change is shown first.

use std::sync::Arc;

use axum::extract::{Form, Path, Query};
use axum::response::{IntoResponse, Redirect, Response};
use nightrun_core::decide::{ClearPlan, MarkRequest, TaskState};
use nightrun_core::id::RunId;
use serde::{Deserialize, Serialize};

use super::form::{again, compare, said, sentences};
use super::rerun::{Preview, RunLine, item};
use super::{Did, Sheet, Shown, Watch, show};
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

#[derive(Serialize)]
struct Body {
    head: RunLine,
    tasks: Vec<String>,
    choice: Choice,
    plan: Option<Preview>,
    refused: Vec<String>,
}

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

/// The choice and what it would change; without a task only the form.
async fn look(
    site: &Arc<Site>,
    run: RunId,
    choice: Choice,
    problem: Option<Problem>,
) -> Result<Response, Problem> {
    let plan = match choice.request() {
        Ok(_) if choice.task.is_empty() => Ok(None),
        Ok(request) => site.mark(run, request).await.map(Some),
        Err(problem) => Err(problem),
    };
    let (plan, problem) = match (plan, problem) {
        (Ok(plan), problem) => (plan, problem),
        (Err(now), before) => (None, Some(before.unwrap_or(now))),
    };
    match problem {
        None => page(site, run, choice, plan, None).await.map(IntoResponse::into_response),
        Some(problem) => Ok(again(problem, |it| page(site, run, choice, plan, Some(it))).await),
    }
}

async fn page(
    site: &Arc<Site>,
    run: RunId,
    choice: Choice,
    plan: Option<ClearPlan>,
    problem: Option<Problem>,
) -> Shown {
    show(site, "mark.html", "runs", Did::default(), move |desk| {
        let Some(run) = desk.page.run(run, None)? else { return Ok(None) };
        let body = Body {
            head: RunLine::of(&run),
            tasks: run.tasks.iter().map(|task| task.id.clone()).collect(),
            choice,
            plan: plan.map(Preview::of),
            refused: sentences(problem.as_ref()),
        };
        let title = format!("Mark a task of {} run {}", run.dag, run.run_id);
        Ok(Some(Sheet { title, watch: Watch::default(), body }))
    })
    .await
}
