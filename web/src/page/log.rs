//! The log of one attempt: its end at once, more as it is written, any part of it, its lines with a word, all of
//! it to take away. However long it is, a page reads a part.

use std::convert::Infallible;
use std::future::Future;
use std::path::Path as FilePath;
use std::sync::Arc;

use anstyle::Style;
use axum::extract::{Path, Query};
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Redirect};
use futures_util::Stream;
use futures_util::stream::unfold;
use nightrun_core::decide::Transition;
use nightrun_core::id::{AttemptId, RunId};
use nightrun_engine::logs::{Follow, LogPaths, follow, part_before, plain, read, search};
use nightrun_engine::run::News;
use nightrun_engine::store::{AttemptShow, Fault};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::progress::{Progress, progress};
use crate::app::{Desk, Shared, Site, State};
use crate::logs::{self, Piece};
use crate::problem::Problem;

/// Most of a log on one page, in bytes.
const SHOWN: u64 = 60_000;

/// Most lines that one search gives.
pub(crate) const HITS: usize = 100;

/// Most of a log that one search reads, in bytes; the next goes on from there.
pub(crate) const SEARCHED: u64 = 64 << 20;

/// An attempt as an address names it: run, task (with its item), number.
pub(crate) type Named = (i64, String, u32);

/// An attempt that was found by its address.
pub(crate) struct Found {
    pub(crate) id: AttemptId,
    attempt: AttemptShow,
}

/// A task as an address names it: `load`, or `load[3]` for an item.
pub(crate) fn spot(name: &str) -> (&str, Option<u32>) {
    let parts = name.strip_suffix(']').and_then(|name| name.rsplit_once('['));
    match parts.and_then(|(id, item)| Some((id, item.parse().ok()?))) {
        Some((id, item)) => (id, Some(item)),
        None => (name, None),
    }
}

/// Finds an attempt; names are looked up, never made part of a path.
pub(crate) fn find(desk: &Desk<'_>, (run, task, number): &Named) -> Result<Option<Found>, Fault> {
    let (run, (id, item)) = (RunId(*run), spot(task));
    let Some(task) = desk.page.task(run, id, item, None)? else { return Ok(None) };
    let id = AttemptId { instance: task.instance(run), number: *number };
    let attempt = task.attempts.into_iter().find(|it| it.number == *number);
    Ok(attempt.map(|attempt| Found { id, attempt }))
}

/// Which part of a log somebody wants: its end, unless they say more.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Part {
    /// It begins here.
    from: Option<u64>,
    /// It ends here.
    before: Option<u64>,
    /// Only lines with this word.
    find: Option<String>,
}

/// A part of a log, or what a search in it found.
#[derive(Serialize)]
pub(crate) struct LogView {
    pieces: Vec<Piece>,
    size: u64,
    /// Where the shown part begins and ends.
    start: u64,
    next: u64,
    /// There is more after it.
    cut: bool,
    live: bool,
    missing: bool,
    find: String,
    hits: Option<HitsView>,
    /// How far the task says it has come.
    progress: Option<Progress>,
}

#[derive(Serialize)]
struct HitsView {
    lines: Vec<(u64, String)>,
    /// All before this has not been looked at yet.
    before: u64,
}

impl LogView {
    pub(crate) fn of(desk: &Desk<'_>, id: AttemptId, is_over: bool, asked: &Part) -> Self {
        let path = LogPaths::new(&desk.site.app.data).log(id);
        let size = std::fs::metadata(&path).map(|file| file.len());
        let (missing, size) = (size.is_err(), size.unwrap_or(0));
        let find = asked.find.as_deref().unwrap_or_default().trim().to_owned();
        if !find.is_empty() {
            let hits = hits(&path, &find, asked.before);
            return Self { find, hits, ..Self::nothing(size, missing) };
        }
        let begin = |end| part_before(&path, end, SHOWN).unwrap_or(0);
        let (start, end) = match (asked.from, asked.before) {
            (Some(from), _) => (from.min(size), from.min(size).saturating_add(SHOWN)),
            (None, Some(before)) => (begin(before.min(size)), before.min(size)),
            (None, None) => (begin(size), size),
        };
        let slice = read(&path, start, usize::try_from(end - start).unwrap_or(0)).ok();
        let text = slice.as_ref().map(|slice| slice.text().into_owned()).unwrap_or_default();
        let next = slice.map_or(0, |slice| slice.next);
        let live = !is_over && next >= size;
        Self {
            pieces: logs::pieces(&text, &mut Style::new()),
            start,
            next,
            cut: next < size,
            live,
            progress: if live { progress(&text) } else { None },
            ..Self::nothing(size, missing)
        }
    }

    fn nothing(size: u64, missing: bool) -> Self {
        Self {
            pieces: Vec::new(),
            size,
            start: 0,
            next: 0,
            cut: false,
            live: false,
            missing,
            find: String::new(),
            hits: None,
            progress: None,
        }
    }
}

fn hits(path: &FilePath, find: &str, before: Option<u64>) -> Option<HitsView> {
    let found = search(path, find, before, HITS, SEARCHED).ok()?;
    let lines = found.lines.into_iter().map(|hit| (hit.offset, plain(&hit.text).to_string()));
    Some(HitsView { lines: lines.collect(), before: found.before })
}

/// `GET /runs/{run}/tasks/{task}/attempts/{number}`: where logs were before tasks had pages of their own.
pub(crate) async fn moved(State(site): Shared, Path(named): Path<Named>) -> Result<Redirect, Problem> {
    let (run, _, number) = named;
    let task = named.1.clone();
    site.read(move |desk| find(desk, &named)).await?;
    Ok(Redirect::permanent(&format!("/runs/{run}/tasks/{task}?attempt={number}")))
}

/// `GET /runs/{run}/tasks/{task}/attempts/{number}/follow?from=OFFSET`: pieces of the log as they are
/// written. The id of each is the offset after it, with which a browser that comes back goes on.
pub(crate) async fn stream(
    State(site): Shared,
    Path(named): Path<Named>,
    Query(from): Query<Part>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let resumed = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    let from = resumed.or(from.from).unwrap_or(0);
    // Listening begins before the look at the store, so that the end cannot fall between.
    let news = site.app.handle.news();
    let (id, over) = site
        .read(move |desk| Ok(find(desk, &named)?.map(|found| (found.id, found.attempt.state.is_final()))))
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
