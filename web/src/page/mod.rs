//! What people see. Each page reads the store once, lays out what it shows, and hands that to its
//! template; what every page has in common is the shell around it.

pub(crate) mod audit;
pub(crate) mod backfills;
mod between;
mod busy;
pub(crate) mod calendars;
mod change;
pub(crate) mod compare;
pub(crate) mod dag;
pub(crate) mod dags;
mod dates;
pub(crate) mod deadlines;
pub(crate) mod durations;
pub(crate) mod events;
pub(crate) mod failure;
pub(crate) mod faults;
mod form;
mod graph;
pub(crate) mod grid;
pub(crate) mod holds;
pub(crate) mod instances;
pub(crate) mod lanes;
pub(crate) mod log;
pub(crate) mod login;
pub(crate) mod mark;
pub(crate) mod notes;
mod outline;
pub(crate) mod pace;
mod params;
pub(crate) mod pools;
pub(crate) mod post;
pub(crate) mod reading;
pub(crate) mod rerun;
pub(crate) mod reruns;
pub(crate) mod rows;
pub(crate) mod run;
pub(crate) mod runs;
pub(crate) mod schedule;
mod strip;
pub(crate) mod system;
pub(crate) mod task;
pub(crate) mod task_past;
pub(crate) mod tokens;
pub(crate) mod tonight;
pub(crate) mod trigger;
pub(crate) mod users;
pub(crate) mod vars;
pub(crate) mod versions;
mod why;
pub(crate) mod year;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use minijinja::context;
use minijinja::value::Serde;
use nightrun_core::decide::Role;
use nightrun_core::id::{DagId, RunId};
use nightrun_core::time::Timestamp;
use nightrun_engine::run::Health;
use nightrun_engine::store::{Fault, Pause};
use serde::{Deserialize, Serialize};

use crate::access::Who;
use crate::app::{Desk, House, Site};
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
            "triggered-before" => "This form was sent before: this is the run that it made.",
            "triggered-unnoted" => "The run is made, but its note could not be kept.",
            "canceled" => "The run is being ended.",
            "reruns" => "What failed of the chosen runs runs again when there is room.",
            "rerun" => "What was chosen runs again when there is room.",
            "paused" => "Paused: no tick fires and no queued run begins. Runs that are at work go on.",
            "unpaused" => "Un-paused: the next tick fires.",
            "all-paused" => "Everything is paused. Runs that are at work go on.",
            "all-unpaused" => "Un-paused. DAGs that are paused by themselves stay so.",
            "skipped" => "That tick will be skipped.",
            "password" => "Your password is changed. You are logged out everywhere else.",
            "moved" => "That tick fires at its new time.",
            "noted" => "The note is kept.",
            "marked" => "The task is settled by hand.",
            "backfill-made" => "The backfill is made. Its runs begin as there is room.",
            "backfill-paused" => "Paused: no new run of it begins. Those at work go on.",
            "backfill-resumed" => "It goes on.",
            "backfill-canceled" => "No new run of it begins any more. Those at work go on.",
            "held" => "The window is made. It holds up what is due while it is open.",
            "unheld" => "The window is over. What it held up is decided now.",
            "var-set" => "The var is set. Tasks that begin from now on see it.",
            "var-deleted" => "The var is gone from the store.",
            "user-added" => "The user can log in.",
            "user-granted" => "They have it from now on.",
            "user-password" => "They have another password, and are logged out.",
            "user-removed" => "The user is gone, and logged out.",
            "token-revoked" => "The token is no good any more.",
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
    /// The zone of the one DAG that the page is about.
    zone: Option<String>,
    /// Up to which commit the page tells; none for what was shown after an act, which cannot be looked at again.
    seq: Option<i64>,
    paused: bool,
    /// How everything came to be paused, while it is.
    pause: Option<Pause>,
    faults: usize,
    unwell: Option<String>,
    did: Option<&'static str>,
    me: Option<Me>,
    /// Users and tokens are their business.
    rules: bool,
    watch_dags: String,
    watch_runs: String,
}

/// Who is logged in. What their role cannot do is not shown to them; the guard refuses it anyway.
#[derive(Serialize)]
struct Me {
    name: String,
    role: &'static str,
    limited: bool,
}

impl Me {
    fn of(who: &Who) -> Option<Self> {
        let role = Role::ALL.into_iter().rev().find(|role| who.is(*role))?;
        Some(Self { name: who.name()?.to_owned(), role: role.as_str(), limited: who.is_limited() })
    }
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
            // Without the rules of time zones, which the page of the system tells.
            version: app.version.split(' ').next().unwrap_or_default().to_owned(),
            dags_dir: app.dags.display().to_string(),
            now: desk.now,
            zone: zone(desk, watch)?,
            seq: desk.site.looks.then(|| desk.page.last_seq()).transpose()?,
            paused: desk.page.everything_paused()?,
            pause: desk.pause()?,
            faults: desk.faults()?.len(),
            unwell: unwell(&app.handle.health()),
            did: did.sentence(),
            me: Me::of(&desk.site.who),
            rules: desk.site.who.is(Role::Admin),
            watch_dags: if watch.all { "*".into() } else { spaced(&watch.dags) },
            watch_runs: spaced(&watch.runs),
        })
    }
}

/// The zone of the DAG that a page is about, if it is about one.
fn zone(desk: &Desk<'_>, watch: &Watch) -> Result<Option<String>, Fault> {
    let of_run = || watch.runs.first().map_or(Ok(None), |run| desk.page.dag_of_run(*run));
    let dag = watch.dags.first().cloned().map_or_else(of_run, |dag| Ok(Some(dag)))?;
    dag.map_or(Ok(None), |dag| desk.zone(&dag))
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
        Ok(Some(render(desk.site, template, shell, body)))
    });
    rendered.await?
}

/// A page of which the store has told its part: what else it shows is read beside the store.
pub(crate) struct Begun<T> {
    shell: Shell,
    pub(crate) body: T,
}

/// Begins a page that shows more than the store has.
pub(crate) async fn begin<T: Send + 'static>(
    site: &Arc<Site>,
    place: &'static str,
    did: Did,
    build: impl FnOnce(&Desk<'_>) -> Result<Option<Sheet<T>>, Fault> + Send + 'static,
) -> Result<Begun<T>, Problem> {
    let begun = site.read(move |desk| {
        let Some(Sheet { title, watch, body }) = build(desk)? else { return Ok(None) };
        Ok(Some(Begun { shell: Shell::of(desk, place, &did, title, &watch)?, body }))
    });
    begun.await
}

impl<T: Serialize + Send + 'static> Begun<T> {
    /// Makes the page.
    pub(crate) async fn show(self, site: &Arc<Site>, template: &'static str) -> Shown {
        site.beside(move |site| render(site, template, self.shell, self.body)).await?
    }
}

fn render<T: Serialize + 'static>(site: &Site, template: &str, shell: Shell, body: T) -> Shown {
    let context = context! { shell => Serde(shell), page => Serde(body) };
    site.templates.render(template, context).map(|page| with_proof(page, &site.who))
}

/// Puts what proves that a form is ours into each form that changes something, so that none can lack it.
/// What people wrote is escaped before this, so each such tag is one of the templates.
fn with_proof(Html(page): Html<String>, who: &Who) -> Html<String> {
    const FORM: &str = "<form ";
    let Who::User { csrf, .. } = who else { return Html(page) };
    let mut parts = page.split(FORM);
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (tag, rest) = part.split_once('>').unwrap_or((part, ""));
        whole.extend([FORM, tag, ">"]);
        if tag.contains("method=\"post\"") {
            whole.extend(["<input type=\"hidden\" name=\"csrf\" value=\"", csrf, "\">"]);
        }
        whole.push_str(rest);
    }
    Html(whole)
}

/// Makes a page of a [`Problem`] where a person asked.
pub(crate) async fn dress(State(house): State<Arc<House>>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let program = ["/api/", "/health", "/events"].iter().any(|prefix| path.starts_with(prefix));
    let method = request.method().clone();
    let accept = request.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    let person = !program && accept.is_some_and(|accept| accept.contains("text/html"));
    let response = next.run(request).await;
    let Some(problem) = response.extensions().get::<Problem>().filter(|_| person).cloned() else {
        return response;
    };
    let status = problem.status();
    // No route, no guard: then all that is known is whether somebody would have to log in.
    let site = response.extensions().get::<Arc<Site>>().cloned().unwrap_or_else(|| {
        let who = if house.gate.is_closed() { Who::Nobody } else { Who::Anyone };
        Arc::new(Site::new(Arc::clone(&house), who, &method))
    });
    if site.who == Who::Nobody {
        let page = login::outside(&site, None, Some(&problem));
        return page.map_or(response, |page| (status, page).into_response());
    }
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
