//! What changed, as it changes: a stream of server-sent events that names runs and DAGs, nothing more.
//! A page that shows one of them asks for itself again.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Query;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use futures_util::stream::unfold;
use nightrun_core::decide::Transition;
use nightrun_core::id::{DagId, RunId};
use nightrun_engine::run::News;
use nightrun_engine::store::Fault;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

use crate::app::{Site, State};
use crate::problem::Problem;

/// Changes are gathered for so long before they are told.
const GATHER: Duration = Duration::from_millis(200);

/// More runs than this in one message, and it says "everything" instead.
const NAMED: usize = 200;

/// What one message says.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct Changed {
    /// The number of the last fact told.
    seq: i64,
    runs: BTreeSet<RunId>,
    dags: BTreeSet<DagId>,
    /// Too much to name, or nobody knows what: look again, whatever you show.
    all: bool,
}

#[derive(Deserialize)]
pub(crate) struct Since {
    since: Option<i64>,
}

/// `GET /events?since=SEQ`: begins with "everything" when something happened after that number, which a
/// browser that comes back sends as `Last-Event-ID`.
pub(crate) async fn events(
    State(site): State<Arc<Site>>,
    Query(since): Query<Since>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    // Listening begins before the look at the store, so that nothing falls between.
    let news = site.app.handle.news();
    let seen = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok()).or(since.since);
    let last = site.read(|desk| desk.page.last_seq().map(Some)).await?;
    let missed = seen.is_some_and(|seen| seen < last);
    let first = missed.then(|| Changed { seq: last, all: true, ..Changed::default() });
    let stream = unfold((first, news, site), |(first, mut news, site)| async move {
        let changed = match first {
            Some(changed) => changed,
            None => gather(&mut news).await?.for_eyes_of(&site).await,
        };
        let event = Event::default().id(changed.seq.to_string());
        let event = event.json_data(&changed).unwrap_or_default();
        Some((Ok(event), (None, news, site)))
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::default()))
}

/// Waits for news and takes what follows close behind; `None` when the engine has ended.
async fn gather(news: &mut Receiver<News>) -> Option<Changed> {
    let mut changed = Changed::default();
    match news.recv().await {
        Ok(first) => changed.add(&first),
        Err(RecvError::Lagged(_)) => changed.all = true,
        Err(RecvError::Closed) => return None,
    }
    tokio::time::sleep(GATHER).await;
    loop {
        match news.try_recv() {
            Ok(more) => changed.add(&more),
            Err(TryRecvError::Lagged(_)) => changed.all = true,
            Err(TryRecvError::Empty | TryRecvError::Closed) => return Some(changed.brief()),
        }
    }
}

impl Changed {
    fn add(&mut self, news: &News) {
        self.seq = news.seq;
        for fact in news.facts.iter() {
            self.runs.extend(fact.run());
            match fact {
                Transition::DagLoaded { dag, .. }
                | Transition::DagRetired { dag }
                | Transition::Ticked { dag, .. }
                | Transition::MovedTicked { dag, .. }
                | Transition::TickChanged { dag, .. }
                | Transition::TickRestored { dag, .. }
                | Transition::RunCreated { dag, .. }
                | Transition::BackfillCreated { dag, .. }
                | Transition::Paused { dag: Some(dag), .. } => {
                    self.dags.insert(dag.clone());
                }
                Transition::Paused { dag: None, .. }
                | Transition::FaultsFound { .. }
                | Transition::VarSet { .. }
                | Transition::HoldAdded { .. }
                | Transition::HoldRemoved { .. }
                | Transition::HoldEnded { .. }
                | Transition::Pruned { .. }
                | Transition::BackfillMoved { .. } => self.all = true,
                Transition::AccessChanged { .. }
                | Transition::RunMoved { .. }
                | Transition::RunReasoned { .. }
                | Transition::Expanded { .. }
                | Transition::TaskMoved { .. }
                | Transition::TaskReasoned { .. }
                | Transition::GroupRetried { .. }
                | Transition::AttemptCreated { .. }
                | Transition::AttemptStarted { .. }
                | Transition::AttemptStopping { .. }
                | Transition::AttemptEnded { .. }
                | Transition::Late { .. }
                | Transition::HookDue { .. }
                | Transition::HookTried { .. }
                | Transition::RunCleared { .. }
                | Transition::TaskMarked { .. }
                | Transition::Noted { .. }
                | Transition::BackfillTook { .. } => {}
            }
        }
    }

    /// Leaves out what somebody limited to some DAGs may not see.
    async fn for_eyes_of(mut self, site: &Arc<Site>) -> Self {
        if !site.who.is_limited() {
            return self;
        }
        self.dags.retain(|dag| site.who.covers(dag.as_str()));
        let runs = std::mem::take(&mut self.runs);
        let theirs = site.read(move |desk| {
            let covers = |run: &RunId| {
                let dag = desk.page.dag_of_run(*run)?;
                Ok(dag.is_some_and(|dag| desk.site.who.covers(dag.as_str())))
            };
            let theirs = runs.into_iter().filter_map(|run| match covers(&run) {
                Ok(true) => Some(Ok(run)),
                Ok(false) => None,
                Err(fault) => Some(Err(fault)),
            });
            theirs.collect::<Result<_, Fault>>().map(Some)
        });
        self.runs = theirs.await.unwrap_or_default();
        self
    }

    /// Names nothing when there is too much to name.
    fn brief(mut self) -> Self {
        self.all |= self.runs.len() + self.dags.len() > NAMED;
        if self.all {
            self.runs.clear();
            self.dags.clear();
        }
        self
    }
}
