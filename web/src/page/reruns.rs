//! Running again what failed of several runs at once: what would change in each is shown first, and only that is done.

use std::sync::Arc;

use axum::extract::{Form, Query};
use axum::response::{IntoResponse, Redirect, Response};
use nightrun_core::decide::{ClearPlan, ClearRequest, RunState};
use nightrun_core::id::{DagId, RunId};
use serde::Serialize;

use super::form::{again, compare, said, seal, sentences};
use super::{Did, Sheet, Shown, Watch, show};
use crate::api::cleared;
use crate::app::{Shared, Site, State};
use crate::once::Key;
use crate::problem::Problem;

/// Most runs at once: those of one page of the list.
const MOST: usize = 50;

/// Most tasks of a run that are named.
const NAMED: usize = 8;

/// What was typed: runs come more than once.
type Pairs = Vec<(String, String)>;

/// What was chosen.
#[derive(Debug, Default, Serialize)]
struct Choice {
    runs: Vec<RunId>,
    latest: bool,
    force: bool,
    why: String,
    /// What was seen.
    #[serde(skip)]
    seen: String,
}

impl Choice {
    fn of(pairs: Pairs) -> Self {
        let mut choice = Self::default();
        for (name, value) in pairs {
            match name.as_str() {
                "run" => choice.runs.extend(value.parse().ok().map(RunId)),
                "latest" => choice.latest = true,
                "force" => choice.force = true,
                "why" => choice.why = value,
                "seen" => choice.seen = value,
                _ => {}
            }
        }
        choice.runs.sort_unstable();
        choice.runs.dedup();
        choice
    }

    fn request(&self, dry_run: bool) -> ClearRequest {
        ClearRequest {
            tasks: Vec::new(),
            item: None,
            failed: true,
            all: false,
            upstream: false,
            downstream: false,
            without_setups: false,
            with_waiters: false,
            waiters: Vec::new(),
            only: false,
            force: self.force,
            latest: self.latest,
            dry_run,
            by: "web".into(),
            why: said(&self.why),
        }
    }
}

/// What becomes of one of the runs.
#[derive(Serialize)]
struct Line {
    run: RunId,
    plan: Option<Brief>,
    /// Why nothing can.
    refused: Option<String>,
}

/// What would change in a run, in short.
#[derive(Serialize)]
struct Brief {
    dag: DagId,
    state: RunState,
    count: usize,
    names: Vec<String>,
    /// Tasks that are not named.
    more: usize,
    /// Runs of other DAGs have waited for it.
    waited: bool,
}

impl Brief {
    fn of(plan: &ClearPlan) -> Self {
        let named = plan.tasks.iter().take(NAMED);
        Self {
            dag: plan.dag.clone(),
            state: plan.state,
            count: plan.tasks.len(),
            names: named
                .map(|it| it.item.map_or_else(|| it.task.clone(), |item| format!("{}[{item}]", it.task)))
                .collect(),
            more: plan.tasks.len().saturating_sub(NAMED),
            waited: !plan.waiters.is_empty(),
        }
    }
}

#[derive(Serialize)]
struct Body {
    choice: Choice,
    lines: Vec<Line>,
    /// Runs and tasks that would run again.
    total: (usize, usize),
    seal: String,
    refused: Vec<String>,
}

/// What each run would become.
type Plans = Vec<(RunId, Result<ClearPlan, Problem>)>;

/// `GET /runs/rerun?run=&run=&latest=&force=`: changes nothing.
pub(crate) async fn form(State(site): Shared, Query(pairs): Query<Pairs>) -> Result<Response, Problem> {
    let choice = Choice::of(pairs);
    if choice.runs.is_empty() {
        return page(&site, choice, Plans::new(), None).await.map(IntoResponse::into_response);
    }
    match plans(&site, &choice).await {
        Ok(plans) => page(&site, choice, plans, None).await.map(IntoResponse::into_response),
        Err(problem) => Ok(again(problem, |it| page(&site, choice, Plans::new(), Some(it))).await),
    }
}

/// `POST /runs/rerun`: what was seen, or the page again if that is not what would happen any more.
pub(crate) async fn post(State(site): Shared, Form(pairs): Form<Pairs>) -> Result<Response, Problem> {
    let choice = Choice::of(pairs.clone());
    let key = |run: RunId| {
        Key::of_form(&format!("rerun of {run}"), pairs.iter().map(|(name, text)| (&**name, &**text)))
    };
    let plans = plans(&site, &choice).await?;
    if let Err(changed) = compare(&choice.seen, &told(&plans)) {
        return Ok(again(changed, |it| page(&site, choice, plans, Some(it))).await);
    }
    let mut failed = Vec::new();
    for (run, _) in plans.iter().filter(|(_, plan)| plan.as_ref().is_ok_and(|plan| !plan.tasks.is_empty())) {
        let event = site.wants_rerun(*run, choice.request(false))?;
        if let Err(problem) = site.once(key(*run), event, cleared).await {
            failed.push(format!("run {run}: {}", problem.detail));
        }
    }
    if failed.is_empty() {
        return Ok(Redirect::to("/runs?did=reruns").into_response());
    }
    let problem = Problem::unprocessable(format!("the others run again; {}", failed.join("; ")));
    let plans = self::plans(&site, &choice).await?;
    Ok(again(problem, |it| page(&site, choice, plans, Some(it))).await)
}

/// Asks what each of the runs would become.
async fn plans(site: &Arc<Site>, choice: &Choice) -> Result<Plans, Problem> {
    if choice.runs.is_empty() {
        return Err(Problem::unprocessable("choose at least one run"));
    }
    if choice.runs.len() > MOST {
        return Err(Problem::unprocessable(format!("choose at most {MOST} runs at once")));
    }
    let mut plans = Plans::new();
    for run in choice.runs.iter().copied() {
        let dag = site.find(move |page| page.dag_of_run(run)).await?;
        let plan = match dag {
            Some(dag) if !site.who.covers(dag.as_str()) => Err(Problem::not_granted()),
            _ => site.rerun(run, choice.request(true)).await,
        };
        plans.push((run, plan));
    }
    Ok(plans)
}

/// What a seal is about.
fn told(plans: &Plans) -> Vec<(RunId, Option<&ClearPlan>)> {
    plans.iter().map(|(run, plan)| (*run, plan.as_ref().ok())).collect()
}

async fn page(site: &Arc<Site>, choice: Choice, plans: Plans, problem: Option<Problem>) -> Shown {
    show(site, "reruns.html", "runs", Did::default(), move |_| {
        let seal = seal(&told(&plans));
        let line = |(run, plan): (RunId, Result<ClearPlan, Problem>)| match plan {
            Ok(plan) => Line { run, plan: Some(Brief::of(&plan)), refused: None },
            Err(problem) => Line { run, plan: None, refused: Some(problem.detail) },
        };
        let lines: Vec<Line> = plans.into_iter().map(line).collect();
        let counts = lines.iter().filter_map(|line| line.plan.as_ref()).map(|plan| plan.count);
        let body = Body {
            total: (counts.clone().filter(|count| *count > 0).count(), counts.sum()),
            choice,
            lines,
            seal,
            refused: sentences(problem.as_ref()),
        };
        Ok(Some(Sheet { title: "Rerun several runs".into(), watch: Watch::default(), body }))
    })
    .await
}
