//! Running tasks of a run again: what would change is shown first, and only that is done.

use std::sync::Arc;

use axum::extract::{Form, Path, Query};
use axum::response::{IntoResponse, Redirect, Response};
use nightrun_core::decide::ClearRequest;
use nightrun_core::id::RunId;
use serde::Serialize;

use super::change::{self, Kind, item};
use super::form::{compare, said};
use crate::api::cleared;
use crate::app::{Shared, Site, State};
use crate::once::Key;
use crate::problem::Problem;

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
    without_setups: bool,
    with_waiters: bool,
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
                "without_setups" => choice.without_setups = true,
                "with_waiters" => choice.with_waiters = true,
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
            without_setups: self.without_setups,
            with_waiters: self.with_waiters,
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

static RERUN: Kind = Kind { template: "rerun.html", title: "Rerun" };

/// `GET /runs/{run}/rerun?which=&task=&item=&upstream=&downstream=&only=&without_setups=
/// &with_waiters=&latest=&force=`: changes nothing.
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
    let key = Key::of_form(&format!("rerun of {run}"), pairs.iter().map(|(name, text)| (&**name, &**text)));
    let (run, choice) = (RunId(run), Choice::of(pairs));
    let done = async {
        let request = choice.request()?;
        compare(&choice.seen, &site.rerun(run, request.clone()).await?)?;
        site.once(key, site.wants_rerun(run, ClearRequest { dry_run: false, ..request })?, cleared).await
    };
    match done.await {
        Ok(_) => Ok(Redirect::to(&format!("/runs/{run}?did=rerun")).into_response()),
        Err(problem) => look(&site, run, choice, Some(problem)).await,
    }
}

async fn look(
    site: &Arc<Site>,
    run: RunId,
    choice: Choice,
    before: Option<Problem>,
) -> Result<Response, Problem> {
    let plan = match choice.request() {
        Ok(request) => site.rerun(run, request).await.map(Some),
        Err(problem) => Err(problem),
    };
    change::look(site, &RERUN, (run, choice), plan, before).await
}
