//! The log of one attempt: more of it as it is written, all of it to take away.

use std::convert::Infallible;
use std::future::Future;
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
use nightrun_engine::logs::{Follow, LogPaths, follow};
use nightrun_engine::run::News;
use nightrun_engine::store::{AttemptShow, Fault};
use serde::Deserialize;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use crate::app::{Desk, Shared, Site, State};
use crate::logs;
use crate::problem::Problem;

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

/// From where a log is followed.
#[derive(Debug, Deserialize)]
pub(crate) struct From {
    from: Option<u64>,
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
    Query(from): Query<From>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let resumed = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    let from = resumed.or(from.from).unwrap_or(0);
    let place = site.hub.stream_place()?;
    // Listening begins before the look at the store, so that the end cannot fall between.
    let news = site.app.handle.news();
    let (id, over) = site
        .read(move |desk| Ok(find(desk, &named)?.map(|found| (found.id, found.attempt.state.is_final()))))
        .await?;
    let path = LogPaths::new(&site.app.data).log(id);
    let log = follow(path, from, ended(site, news, id, over));
    let stream = unfold(Some((log, Style::new(), place)), |following| async move {
        let (mut log, mut style, place) = following?;
        Some(match piece(&mut log, &mut style).await {
            Some(event) => (Ok(event), Some((log, style, place))),
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
    let pieces = logs::stream_pieces(&slice.text(), style);
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
