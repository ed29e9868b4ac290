//! What reruns and marks have in common: the exact change is shown first, and only what was seen is done.

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use nightrun_core::decide::{Change, ClearPlan, RunState, Waited};
use nightrun_core::id::{DagId, RunId};
use nightrun_engine::store::RunShow;
use serde::Serialize;

use super::form::{again, said, seal, sentences};
use super::{Did, Sheet, Shown, Watch, show};
use crate::access::Who;
use crate::app::Site;
use crate::problem::Problem;

/// Most rows of a plan that are shown.
const ROWS: usize = 300;

/// A page on which a change of a run is chosen.
pub(super) struct Kind {
    pub(super) template: &'static str,
    /// What it does, before `sales run 7`.
    pub(super) title: &'static str,
}

#[derive(Serialize)]
struct Body<C> {
    head: RunLine,
    tasks: Vec<String>,
    /// Some task is done for each of several items.
    fans: bool,
    choice: C,
    plan: Option<Preview>,
    refused: Vec<String>,
}

/// Which run a page is about.
#[derive(Serialize)]
struct RunLine {
    run: RunId,
    dag: DagId,
    state: RunState,
}

/// What would change.
#[derive(Serialize)]
struct Preview {
    #[serde(flatten)]
    change: Changed,
    /// Tasks of all runs that change.
    total: usize,
    /// Runs of other DAGs that waited for what changes.
    waiters: Vec<Waited>,
    /// Those of them that are none of the business of whoever asks.
    hidden: usize,
    /// What changes in these too.
    also: Vec<Changed>,
    seal: String,
}

/// What would change in one run.
#[derive(Serialize)]
struct Changed {
    run_id: String,
    dag: DagId,
    state: RunState,
    after: RunState,
    tasks: Vec<Change>,
    count: usize,
    /// Rows that are not shown.
    more: usize,
}

impl Changed {
    fn of(plan: ClearPlan) -> Self {
        let ClearPlan { run_id, dag, state, after, mut tasks, .. } = plan;
        let count = tasks.len();
        tasks.truncate(ROWS);
        Self { run_id, dag, state, after, count, more: count - tasks.len(), tasks }
    }
}

impl RunLine {
    fn of(run: &RunShow) -> Self {
        Self { run: run.run_id, dag: run.dag.clone(), state: run.state }
    }
}

impl Preview {
    fn of(mut plan: ClearPlan, who: &Who) -> Self {
        let seal = seal(&plan);
        let (mut waiters, also) = (std::mem::take(&mut plan.waiters), std::mem::take(&mut plan.also));
        let all = waiters.len();
        waiters.retain(|it| who.covers(it.dag.as_str()));
        let also: Vec<Changed> = also.into_iter().map(Changed::of).collect();
        let change = Changed::of(plan);
        let total = change.count + also.iter().map(|it| it.count).sum::<usize>();
        Self { total, hidden: all - waiters.len(), waiters, also, seal, change }
    }
}

/// The choice and what it would change, or why not; `before` is what was wrong when it was to be done.
pub(super) async fn look<C: Serialize + Send + 'static>(
    site: &Arc<Site>,
    kind: &'static Kind,
    (run, choice): (RunId, C),
    plan: Result<Option<ClearPlan>, Problem>,
    before: Option<Problem>,
) -> Result<Response, Problem> {
    let (plan, problem) = match plan {
        Ok(plan) => (plan, before),
        Err(now) => (None, Some(before.unwrap_or(now))),
    };
    match problem {
        None => page(site, kind, (run, choice), plan, None).await.map(IntoResponse::into_response),
        Some(problem) => Ok(again(problem, |it| page(site, kind, (run, choice), plan, Some(it))).await),
    }
}

async fn page<C: Serialize + Send + 'static>(
    site: &Arc<Site>,
    kind: &'static Kind,
    (run, choice): (RunId, C),
    plan: Option<ClearPlan>,
    problem: Option<Problem>,
) -> Shown {
    show(site, kind.template, "runs", Did::default(), move |desk| {
        let Some(run) = desk.page.run(run, None)? else { return Ok(None) };
        let body = Body {
            head: RunLine::of(&run),
            tasks: run.tasks.iter().map(|task| task.id.clone()).collect(),
            fans: run.tasks.iter().any(|task| !task.items.is_empty()),
            choice,
            plan: plan.map(|plan| Preview::of(plan, &desk.site.who)),
            refused: sentences(problem.as_ref()),
        };
        let title = format!("{} {} run {}", kind.title, run.dag, run.run_id);
        Ok(Some(Sheet { title, watch: Watch::default(), body }))
    })
    .await
}

/// The number of an item; nothing means all of them.
pub(super) fn item(text: &str) -> Result<Option<u32>, Problem> {
    let wrong = |_| Problem::unprocessable(format!("`{text}` is no item: items are numbered from 0"));
    said(text).map(|text| text.parse().map_err(wrong)).transpose()
}
