//! The log of one attempt: its end at once, more as it is written, all of it to take away.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;

use anstyle::Style;
use axum::extract::{Path, Query};
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use futures_util::stream::unfold;
use nightrun_core::decide::{AttemptState, Transition};
use nightrun_core::id::{AttemptId, DagId, RunId};
use nightrun_core::time::Timestamp;
use nightrun_engine::logs::{Follow, LogPaths, follow, read};
use nightrun_engine::run::News;
use nightrun_engine::store::{AttemptShow, Fault};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::{Did, Sheet, Shown, Watch, show};
use crate::app::{Desk, Shared, Site, State};
use crate::logs::{self, Piece};
use crate::problem::Problem;
use crate::words;

/// Most of a log on one page, in bytes.
const SHOWN: u64 = 60_000;

/// An attempt as an address names it: run, task (with its item), number.
pub(crate) type Named = (i64, String, u32);

/// An attempt that was found by its address.
pub(crate) struct Found {
    pub(crate) id: AttemptId,
    dag: DagId,
    task: String,
    attempts: Vec<AttemptShow>,
    here: usize,
}

impl Found {
    fn attempt(&self) -> &AttemptShow {
        &self.attempts[self.here]
    }
}

/// Finds an attempt; names are looked up, never made part of a path.
pub(crate) fn find(desk: &Desk<'_>, (run, task, number): &Named) -> Result<Option<Found>, Fault> {
    let Some(run) = desk.page.run(RunId(*run), None)? else { return Ok(None) };
    let Some(task) = run.find(task) else { return Ok(None) };
    let Some(here) = task.attempts.iter().position(|it| it.number == *number) else { return Ok(None) };
    let instance = task.instance(run.run_id);
    let id = AttemptId { instance, number: *number };
    Ok(Some(Found { id, dag: run.dag.clone(), task: task.name(), attempts: task.attempts.clone(), here }))
}

#[derive(Debug, Deserialize)]
pub(crate) struct From {
    from: Option<u64>,
}

#[derive(Serialize)]
struct Body {
    run: RunId,
    dag: DagId,
    task: String,
    number: u32,
    attempts: Vec<Try>,
    state: AttemptState,
    reason: String,
    started_at: Option<Timestamp>,
    took: Option<String>,
    pid: Option<u32>,
    exit_code: Option<i32>,
    pieces: Vec<Piece>,
    size: u64,
    /// Where the shown part begins, and where the part before it does.
    start: u64,
    earlier: u64,
    next: u64,
    cut: bool,
    live: bool,
    missing: bool,
}

#[derive(Serialize)]
struct Try {
    number: u32,
    state: AttemptState,
}

/// `GET /runs/{run}/tasks/{task}/attempts/{number}`
pub(crate) async fn page(
    State(site): Shared,
    Path(named): Path<Named>,
    Query(from): Query<From>,
    Query(did): Query<Did>,
) -> Shown {
    show(&site, "log.html", "runs", did, move |desk| {
        let Some(found) = find(desk, &named)? else { return Ok(None) };
        let title = format!("{} · {} #{} log", found.dag, found.task, found.id.number);
        let watch = Watch { runs: vec![found.id.instance.run], ..Watch::default() };
        Ok(Some(Sheet { title, watch, body: body(desk, &found, from.from) }))
    })
    .await
}

fn body(desk: &Desk<'_>, found: &Found, from: Option<u64>) -> Body {
    let attempt = found.attempt();
    let path = LogPaths::new(&desk.site.app.data).log(found.id);
    let size = std::fs::metadata(&path).map(|file| file.len());
    let missing = size.is_err();
    let size = size.unwrap_or(0);
    let start = from.unwrap_or(size.saturating_sub(SHOWN)).min(size);
    // A part that begins inside a line begins with the next one.
    let slice = read(&path, start, usize::try_from(SHOWN).unwrap_or(usize::MAX)).ok();
    let text = slice.as_ref().map(|slice| slice.text().into_owned()).unwrap_or_default();
    let next = slice.as_ref().map_or(0, |slice| slice.next);
    let inside = start > 0 && from.is_none();
    let skipped = if inside { text.find('\n').map_or(0, |at| at + 1) } else { 0 };
    Body {
        run: found.id.instance.run,
        dag: found.dag.clone(),
        task: found.task.clone(),
        number: attempt.number,
        attempts: found.attempts.iter().map(|it| Try { number: it.number, state: it.state }).collect(),
        state: attempt.state,
        reason: attempt.reason.to_string(),
        started_at: attempt.started_at,
        took: words::took(attempt.started_at, attempt.ended_at, desk.now),
        pid: attempt.pid,
        exit_code: attempt.exit_code,
        pieces: logs::pieces(&text[skipped..], &mut Style::new()),
        size,
        start,
        earlier: start.saturating_sub(SHOWN),
        next,
        cut: next < size,
        live: !attempt.state.is_final() && next >= size,
        missing,
    }
}

/// `GET /runs/{run}/tasks/{task}/attempts/{number}/follow?from=OFFSET`: pieces of the log as they are
/// written. The id of each is the offset after it, with which a browser that comes back goes on.
pub(crate) async fn stream(
    State(site): Shared,
    Path(named): Path<Named>,
    Query(from): Query<From>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let resumed = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    let from = resumed.or(from.from).unwrap_or(0);
    // Listening begins before the look at the store, so that the end cannot fall between.
    let news = site.app.handle.news();
    let (id, over) = site
        .read(move |desk| Ok(find(desk, &named)?.map(|found| (found.id, found.attempt().state.is_final()))))
        .await?;
    let path = LogPaths::new(&site.app.data).log(id);
    let log = follow(path, from, ended(site, news, id, over));
    let stream = unfold(Some((log, Style::new())), |following| async move {
        let (mut log, mut style) = following?;
        Some(match piece(&mut log, &mut style).await {
            Some(event) => (Ok(event), Some((log, style))),
            None => (Ok(Event::default().event("end").data("")), None),
        })
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::default()))
}

async fn piece<F: Future<Output = ()>>(log: &mut Follow<F>, style: &mut Style) -> Option<Event> {
    let slice = log.next().await.unwrap_or_else(|error| {
        tracing::warn!(%error, "a log cannot be followed");
        None
    })?;
    let pieces = logs::pieces(&slice.text(), style);
    let event = Event::default().id(slice.next.to_string());
    Some(event.json_data(pieces).unwrap_or_default())
}

/// Comes true when the attempt is over.
async fn ended(site: Arc<Site>, mut news: Receiver<News>, id: AttemptId, over: bool) {
    if over {
        return;
    }
    let says_so =
        |fact: &Transition| matches!(fact, Transition::AttemptEnded { attempt, .. } if *attempt == id);
    loop {
        match news.recv().await {
            Ok(news) if news.facts.iter().any(says_so) => return,
            Ok(_) => {}
            Err(RecvError::Closed) => return,
            Err(RecvError::Lagged(_)) => {
                let looked = site.read(move |desk| desk.page.attempts(id.instance).map(Some)).await;
                let alive = |it: &AttemptShow| it.number == id.number && !it.state.is_final();
                if looked.is_ok_and(|attempts| !attempts.iter().any(alive)) {
                    return;
                }
            }
        }
    }
}

/// `GET /runs/{run}/tasks/{task}/attempts/{number}/log`: the file, to take away.
pub(crate) async fn download(
    State(site): Shared,
    Path(named): Path<Named>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Problem> {
    let id = site.read(move |desk| Ok(find(desk, &named)?.map(|found| found.id))).await?;
    let path = LogPaths::new(&site.app.data).log(id);
    logs::file(&path, &headers, None, Some(&format!("run-{id}.log"))).await
}
