//! What holds schedules up: maintenance windows, and single ticks that were skipped or moved.

use std::sync::Arc;

use std::time::Duration;

use axum::extract::{Form, Path, Query};
use axum::response::{IntoResponse, Redirect, Response};
use nightrun_core::decide::{HoldRequest, Resume};
use nightrun_core::id::HoldId;
use nightrun_core::time::{Timestamp, show_duration};
use nightrun_core::timetable::Zone;
use nightrun_engine::store::{HoldItem, TickChangeItem};
use serde::{Deserialize, Serialize};

use super::form::{again, dags, instant, said, sentences};
use super::{Did, Sheet, Shown, Watch, show};
use crate::api::hold;
use crate::app::{Shared, Site, State};
use crate::once::{Key, Told};
use crate::problem::Problem;
use crate::words;

/// Windows shown that are over.
const PAST: u32 = 20;

/// Which DAGs a window is for.
const HALF_A_SECOND: Duration = Duration::from_millis(500);

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Which {
    #[default]
    Some,
    All,
}

/// What was typed.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Typed {
    which: Which,
    /// Also how a link fills the form: `/holds?dag=sales`.
    dag: String,
    from: String,
    to: String,
    resume: String,
    why: String,
    once: String,
}

#[derive(Serialize)]
struct Body {
    open: Vec<Window>,
    past: Vec<Window>,
    ticks: Vec<Tick>,
    typed: Typed,
    refused: Vec<String>,
}

#[derive(Serialize)]
struct Window {
    #[serde(flatten)]
    item: HoldItem,
    is_open: bool,
    /// `in 2h`, `5m ago`.
    opens: String,
    length: String,
    /// What becomes of the ticks that it holds up.
    then: &'static str,
}

#[derive(Serialize)]
struct Tick {
    #[serde(flatten)]
    item: TickChangeItem,
    /// Its own time is still to come, so that the change can be taken back.
    undoable: bool,
}

/// `GET /holds`
pub(crate) async fn list(State(site): Shared, Query(typed): Query<Typed>, Query(did): Query<Did>) -> Shown {
    page(&site, did, typed, None).await
}

/// `POST /holds`
pub(crate) async fn add(State(site): Shared, Form(typed): Form<Typed>) -> Response {
    match make(&site, &typed).await {
        Ok(_) => Redirect::to("/holds?did=held").into_response(),
        Err(problem) => again(problem, |it| page(&site, Did::default(), typed, Some(it))).await,
    }
}

async fn make(site: &Arc<Site>, typed: &Typed) -> Result<Told, Problem> {
    let Typed { which, dag, from, to, resume, why, once } = typed;
    let which = if matches!(which, Which::All) { "all" } else { "some" };
    let fields =
        [("which", which), ("dag", dag), ("from", from), ("to", to), ("resume", resume), ("why", why)];
    let key = Key::of_form("holds", fields.into_iter().chain([("once", &**once)]));
    site.once(key, site.wants_hold(wanted(typed, site.now())?)?, hold).await
}

/// `POST /holds/{hold}/remove`
pub(crate) async fn remove(State(site): Shared, Path(hold): Path<i64>) -> Result<Redirect, Problem> {
    site.end_hold(HoldId(hold), "web").await?;
    Ok(Redirect::to("/holds?did=unheld"))
}

fn wanted(typed: &Typed, now: Timestamp) -> Result<HoldRequest, Problem> {
    let named = dags(&typed.dag);
    let dags = match typed.which {
        Which::All => None,
        Which::Some if named.is_empty() => {
            return Err(Problem::unprocessable("name a DAG, or choose all DAGs"));
        }
        Which::Some => Some(named),
    };
    let from = match said(&typed.from) {
        Some(text) => instant(&text, now, &Zone::utc())?,
        None => now,
    };
    let to = said(&typed.to).ok_or_else(|| Problem::unprocessable("say until when, or for how long"))?;
    let to = instant(&to, from.max(now), &Zone::utc())?;
    let resume = Resume::parse(&typed.resume).unwrap_or(Resume::Latest);
    Ok(HoldRequest { dags, from, to, resume, why: typed.why.trim().to_owned(), by: "web".into() })
}

async fn page(site: &Arc<Site>, did: Did, typed: Typed, problem: Option<Problem>) -> Shown {
    show(site, "holds.html", "holds", did, move |desk| {
        let now = desk.now;
        let mut open: Vec<Window> =
            desk.theirs(desk.page.holds()?).into_iter().map(|item| window(item, now)).collect();
        open.sort_by_key(|it| (!it.is_open, it.item.from));
        let ticks = desk.changed_ticks()?.into_iter();
        let body = Body {
            open,
            past: desk
                .theirs(desk.page.past_holds(None, PAST)?)
                .into_iter()
                .map(|item| window(item, now))
                .collect(),
            ticks: ticks.map(|item| Tick { undoable: item.instant > now && !item.done, item }).collect(),
            refused: sentences(problem.as_ref()),
            typed,
        };
        let watch = Watch { all: true, ..Watch::default() };
        Ok(Some(Sheet { title: "Holds".into(), watch, body }))
    })
    .await
}

fn window(item: HoldItem, now: Timestamp) -> Window {
    let is_open = item.from <= now;
    Window {
        is_open,
        opens: words::from_now(if is_open { item.to } else { item.from }, now),
        // Two hours from now end a few thousandths of a second short of that: the clock was read twice.
        length: show_duration(Duration::from_secs((item.to.since(item.from) + HALF_A_SECOND).as_secs())),
        then: match item.resume {
            Resume::All => "each missed tick fires",
            Resume::Latest => "the newest missed tick fires",
            Resume::None => "missed ticks do not fire",
        },
        item,
    }
}
