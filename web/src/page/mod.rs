//! What people see. Each page reads the store once, lays out what it shows, and hands that to its
//! template; what every page has in common is the shell around it.

pub(crate) mod audit;
pub(crate) mod backfills;
mod between;
pub(crate) mod calendars;
pub(crate) mod dag;
pub(crate) mod dags;
mod dates;
pub(crate) mod deadlines;
pub(crate) mod durations;
pub(crate) mod failure;
pub(crate) mod faults;
mod form;
mod graph;
pub(crate) mod grid;
pub(crate) mod holds;
pub(crate) mod log;
pub(crate) mod mark;
mod params;
pub(crate) mod pools;
pub(crate) mod post;
pub(crate) mod rerun;
pub(crate) mod run;
pub(crate) mod runs;
pub(crate) mod schedule;
pub(crate) mod system;
pub(crate) mod tonight;
pub(crate) mod trigger;
pub(crate) mod vars;
pub(crate) mod versions;
pub(crate) mod year;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use minijinja::context;
use minijinja::value::Serde;
use nightrun_core::id::{DagId, RunId};
use nightrun_core::time::Timestamp;
use nightrun_engine::run::Health;
use nightrun_engine::store::Fault;
use serde::{Deserialize, Serialize};

use crate::app::{Desk, Site};
use crate::problem::Problem;

/// A page or what went wrong.
pub(crate) type Shown = Result<Html<String>, Problem>;

/// What one page says and what it watches.
pub(crate) struct Sheet<T> {
    pub(crate) title: String,
    pub(crate) watch: Watch,
    pub(crate) body: T,
}

/// Whose changes make the page ask for itself again.
#[derive(Default)]
pub(crate) struct Watch {
    pub(crate) dags: Vec<DagId>,
    pub(crate) runs: Vec<RunId>,
    /// Every change of anything.
    pub(crate) all: bool,
}

/// What an act that led here did: `?did=…`, a word of a fixed list, never text of the request.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Did {
    did: Option<String>,
}

impl Did {
    fn sentence(&self) -> Option<&'static str> {
        Some(match self.did.as_deref()? {
            "triggered" => "The run is made.",
            "canceled" => "The run is being ended.",
            "rerun" => "What was chosen runs again when there is room.",
            "paused" => "Paused: no tick fires and no queued run begins. Runs that are at work go on.",
            "unpaused" => "Un-paused: the next tick fires.",
            "all-paused" => "Everything is paused. Runs that are at work go on.",
            "all-unpaused" => "Un-paused. DAGs that are paused by themselves stay so.",
            "skipped" => "That tick will be skipped.",
            "moved" => "That tick fires at its new time.",
            "marked" => "The task is settled by hand.",
            "backfill-made" => "The backfill is made. Its runs begin as there is room.",
            "backfill-paused" => "Paused: no new run of it begins. Those at work go on.",
            "backfill-resumed" => "It goes on.",
            "backfill-canceled" => "No new run of it begins any more. Those at work go on.",
            "held" => "The window is made. It holds up what is due while it is open.",
            "unheld" => "The window is over. What it held up is decided now.",
            "var-set" => "The var is set. Tasks that begin from now on see it.",
            "var-deleted" => "The var is gone from the store.",
            "restored" => "That tick fires as the schedule has it.",
            _ => return None,
        })
    }
}

/// What is around every page.
#[derive(Serialize)]
struct Shell {
    title: String,
    place: &'static str,
    version: String,
    dags_dir: String,
    now: Timestamp,
    seq: i64,
    paused: bool,
    faults: usize,
    unwell: Option<String>,
    did: Option<&'static str>,
    watch_dags: String,
    watch_runs: String,
}

impl Shell {
    fn of(
        desk: &Desk<'_>,
        place: &'static str,
        did: &Did,
        title: String,
        watch: &Watch,
    ) -> Result<Self, Fault> {
        let app = &desk.site.app;
        Ok(Self {
            title,
            place,
            version: app.version.clone(),
            dags_dir: app.dags.display().to_string(),
            now: desk.now,
            seq: desk.page.last_seq()?,
            paused: desk.page.everything_paused()?,
            faults: desk.page.faults(None)?.len(),
            unwell: unwell(&app.handle.health()),
            did: did.sentence(),
            watch_dags: if watch.all { "*".into() } else { spaced(&watch.dags) },
            watch_runs: spaced(&watch.runs),
        })
    }
}

/// What is wrong with the loop, in a sentence.
pub(crate) fn unwell(health: &Health) -> Option<String> {
    match health {
        Health::Beginning | Health::Well => None,
        Health::StoreFails(why) => {
            Some(format!("The store refuses to write, so nothing is scheduled: {why}"))
        }
        Health::Stopped => Some("The scheduler has stopped; what you see does not change any more.".into()),
    }
}

/// Makes one page.
pub(crate) async fn show<T: Serialize + 'static>(
    site: &Arc<Site>,
    template: &'static str,
    place: &'static str,
    did: Did,
    build: impl FnOnce(&Desk<'_>) -> Result<Option<Sheet<T>>, Fault> + Send + 'static,
) -> Shown {
    let rendered = site.read(move |desk| {
        let Some(Sheet { title, watch, body }) = build(desk)? else { return Ok(None) };
        let shell = Shell::of(desk, place, &did, title, &watch)?;
        let context = context! { shell => Serde(shell), page => Serde(body) };
        Ok(Some(desk.site.templates.render(template, context)))
    });
    rendered.await?
}

/// Makes a page of a [`Problem`] where a person asked.
pub(crate) async fn dress(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let program = ["/api/", "/health", "/events"].iter().any(|prefix| path.starts_with(prefix));
    let accept = request.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    let person = !program && accept.is_some_and(|accept| accept.contains("text/html"));
    let response = next.run(request).await;
    let Some(problem) = response.extensions().get::<Problem>().filter(|_| person).cloned() else {
        return response;
    };
    let status = problem.status();
    let shown = show(&site, "problem.html", "", Did::default(), move |_| {
        Ok(Some(Sheet { title: problem.title.into(), watch: Watch::default(), body: problem }))
    });
    match shown.await {
        Ok(page) => (status, page).into_response(),
        // The page itself cannot be made: the plain problem must do.
        Err(_) => response,
    }
}

fn spaced<T: ToString>(things: &[T]) -> String {
    things.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}
