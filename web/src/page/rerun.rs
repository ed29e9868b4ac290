//! Running tasks of a run again: what would change is shown first, and only that is done.

use std::sync::Arc;

use axum::extract::{Form, Path, Query};
use axum::response::{IntoResponse, Redirect, Response};
use nightrun_core::decide::{ClearPlan, ClearRequest, RunState};
use nightrun_core::id::{DagId, RunId};
use nightrun_engine::store::RunShow;
use serde::Serialize;

use super::form::{again, compare, said, seal, sentences};
use super::{Did, Sheet, Shown, Watch, show};
use crate::app::{Shared, Site, State};
use crate::problem::Problem;

/// Most rows of a plan that are shown.
const ROWS: usize = 300;

/// What was typed: names may come more than once.
type Pairs = Vec<(String, String)>;

/// What was chosen.
#[derive(Debug, Default, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is one box of the form")]
struct Choice {
    /// `failed`, `all` or `tasks`.
    which: String,
    tasks: Vec<String>,
    item: String,
    upstream: bool,
    downstream: bool,
    only: bool,
    latest: bool,
    force: bool,
    why: String,
    /// The plan that was seen.
    #[serde(skip)]
    seen: String,
}

impl Choice {
    fn of(pairs: Pairs) -> Self {
        let mut choice = Self::default();
        for (name, value) in pairs {
            match name.as_str() {
                "which" => choice.which = value,
                "task" => choice.tasks.push(value),
                "item" => value.trim().clone_into(&mut choice.item),
                "upstream" => choice.upstream = true,
                "downstream" => choice.downstream = true,
                "only" => choice.only = true,
                "latest" => choice.latest = true,
                "force" => choice.force = true,
                "why" => choice.why = value,
                "seen" => choice.seen = value,
                _ => {}
            }
        }
        if !matches!(choice.which.as_str(), "all" | "tasks") {
            choice.which = "failed".into();
        }
        choice
    }

    fn request(&self) -> Result<ClearRequest, Problem> {
        let named = self.which == "tasks";
        if named && self.tasks.is_empty() {
            return Err(Problem::unprocessable("choose at least one task"));
        }
        Ok(ClearRequest {
            tasks: if named { self.tasks.clone() } else { Vec::new() },
            item: if named { item(&self.item)? } else { None },
            failed: self.which == "failed",
            all: self.which == "all",
            upstream: self.upstream,
            downstream: self.downstream,
            without_setups: false,
            with_waiters: false,
            waiters: vec![],
            only: self.only,
            force: self.force,
            latest: self.latest,
            dry_run: true,
            by: "web".into(),
            why: said(&self.why),
        })
    }
}

/// The number of an item; nothing means all of them.
pub(super) fn item(text: &str) -> Result<Option<u32>, Problem> {
    let wrong = |_| Problem::unprocessable(format!("`{text}` is no item: items are numbered from 0"));
    said(text).map(|text| text.parse().map_err(wrong)).transpose()
}

#[derive(Serialize)]
struct Body {
    head: RunLine,
    tasks: Vec<String>,
    choice: Choice,
    plan: Option<Preview>,
    refused: Vec<String>,
}

/// Which run a page is about.
#[derive(Serialize)]
pub(super) struct RunLine {
    run: RunId,
    dag: DagId,
    state: RunState,
}

impl RunLine {
    pub(super) fn of(run: &RunShow) -> Self {
        Self { run: run.run_id, dag: run.dag.clone(), state: run.state }
    }
}

/// What would change.
#[derive(Serialize)]
pub(super) struct Preview {
    #[serde(flatten)]
    plan: ClearPlan,
    count: usize,
    /// Rows that are not shown.
    more: usize,
    seal: String,
}

impl Preview {
    pub(super) fn of(mut plan: ClearPlan) -> Self {
        let (seal, count) = (seal(&plan), plan.tasks.len());
        plan.tasks.truncate(ROWS);
        Self { count, more: count - plan.tasks.len(), seal, plan }
    }
}

/// `GET /runs/{run}/rerun?which=&task=&item=&upstream=&downstream=&only=&latest=&force=`: changes nothing.
pub(crate) async fn form(
    State(site): Shared,
    Path(run): Path<i64>,
    Query(pairs): Query<Pairs>,
) -> Result<Response, Problem> {
    let choice = Choice::of(pairs);
    look(&site, RunId(run), choice, None).await
}

/// `POST /runs/{run}/rerun`: what was seen, or the page again if that is not what would happen any more.
pub(crate) async fn post(
    State(site): Shared,
    Path(run): Path<i64>,
    Form(pairs): Form<Pairs>,
) -> Result<Response, Problem> {
    let (run, choice) = (RunId(run), Choice::of(pairs));
    let done = async {
        let request = choice.request()?;
        compare(&choice.seen, &site.rerun(run, request.clone()).await?)?;
        site.rerun(run, ClearRequest { dry_run: false, ..request }).await
    };
    match done.await {
        Ok(_) => Ok(Redirect::to(&format!("/runs/{run}?did=rerun")).into_response()),
        Err(problem) => look(&site, run, choice, Some(problem)).await,
    }
}

/// The choice and what it would change.
async fn look(
    site: &Arc<Site>,
    run: RunId,
    choice: Choice,
    problem: Option<Problem>,
) -> Result<Response, Problem> {
    let plan = match choice.request() {
        Ok(request) => site.rerun(run, request).await,
        Err(problem) => Err(problem),
    };
    let (plan, problem) = match (plan, problem) {
        (Ok(plan), problem) => (Some(plan), problem),
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
    show(site, "rerun.html", "runs", Did::default(), move |desk| {
        let Some(run) = desk.page.run(run, None)? else { return Ok(None) };
        let body = Body {
            head: RunLine::of(&run),
            tasks: run.tasks.iter().map(|task| task.id.clone()).collect(),
            choice,
            plan: plan.map(Preview::of),
            refused: sentences(problem.as_ref()),
        };
        let title = format!("Rerun {} run {}", run.dag, run.run_id);
        Ok(Some(Sheet { title, watch: Watch::default(), body }))
    })
    .await
}
