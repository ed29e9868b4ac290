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
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use crate::app::{Desk, Shared, Site, State};
use crate::hub::Message;
use crate::problem::Problem;

/// More runs than this in one message, and it says "everything" instead.
const NAMED: usize = 200;

/// Who missed more facts than this is told "everything" without a look at them.
const READ: u32 = 2_000;

/// A stream that has nothing to say says so this often, so that whoever stands between keeps it open.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// What one message says.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Changed {
    /// The number of the last fact told.
    seq: i64,
    runs: BTreeSet<RunId>,
    dags: BTreeSet<DagId>,
    /// Too much to name, or nobody knows what: look again, whatever you show.
    all: bool,
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Since {
    /// The number of the last fact that was seen; `Last-Event-ID` goes before it.
    since: Option<i64>,
}

/// One who listens.
struct Listener {
    /// What is told before anything else.
    first: Option<Arc<Message>>,
    told: Receiver<Arc<Message>>,
    /// Facts up to here are known already.
    seen: i64,
    site: Arc<Site>,
    _place: OwnedSemaphorePermit,
}

/// `GET /events?since=SEQ`: begins with what happened after that number, as the store tells it; a browser
/// that comes back sends it as `Last-Event-ID`.
pub(crate) async fn events(
    State(site): Shared,
    Query(since): Query<Since>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let place = site.hub.stream_place()?;
    // Listening begins before the look at the store, so that nothing falls between.
    let told = site.hub.listen(&site.app.handle);
    let seen = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok()).or(since.since);
    let missed = site.read(move |desk| missed(desk, seen).map(Some)).await?;
    let first = missed.first.map(|changed| Arc::new(changed.message()));
    let listener = Listener { first, told, seen: missed.seen, site, _place: place };
    let stream = unfold(listener, |mut listener| async move {
        let message = listener.next_for_their_eyes().await?;
        let event = Event::default().id(message.seq.to_string()).data(&message.json);
        Some((Ok(event), listener))
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(HEARTBEAT)))
}

/// What happened while somebody did not listen, and up to where that goes.
struct Missed {
    first: Option<Changed>,
    seen: i64,
}

fn missed(desk: &Desk<'_>, seen: Option<i64>) -> Result<Missed, Fault> {
    let last = desk.page.last_seq()?;
    let Some(seen) = seen.filter(|seen| *seen != last) else { return Ok(Missed { first: None, seen: last }) };
    let mut changed = Changed::upto(last);
    // A number from the future is that of another store.
    if seen > last || last.saturating_sub(seen) > i64::from(READ) {
        changed.add_all();
    } else {
        desk.page.log(seen, None, READ)?.iter().for_each(|entry| changed.add_fact(&entry.fact));
    }
    Ok(Missed { first: Some(changed.brief()), seen: last })
}

impl Listener {
    /// The next message, without what somebody limited to some DAGs may not see.
    async fn next_for_their_eyes(&mut self) -> Option<Arc<Message>> {
        let message = self.next().await?;
        if !self.site.who.is_limited() {
            return Some(message);
        }
        let theirs = message.changed.clone().for_eyes_of(&self.site).await;
        Some(Arc::new(theirs.message()))
    }

    /// The next message; to who was too slow for some, everything has changed.
    async fn next(&mut self) -> Option<Arc<Message>> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        loop {
            match self.told.recv().await {
                Ok(message) if message.seq <= self.seen => {}
                Ok(message) => return Some(message),
                Err(RecvError::Lagged(_)) => {
                    self.told = self.told.resubscribe();
                    let mut changed = Changed::upto(self.site.hub.last());
                    changed.add_all();
                    return Some(Arc::new(changed.brief().message()));
                }
                Err(RecvError::Closed) => return None,
            }
        }
    }
}

impl Changed {
    /// Nothing yet, after the fact of this number.
    pub(crate) fn upto(seq: i64) -> Self {
        Self { seq, ..Self::default() }
    }

    pub(crate) fn seq(&self) -> i64 {
        self.seq
    }

    pub(crate) fn add_all(&mut self) {
        self.all = true;
    }

    pub(crate) fn add(&mut self, news: &News) {
        self.seq = news.seq;
        news.facts.iter().for_each(|fact| self.add_fact(fact));
    }

    fn add_fact(&mut self, fact: &Transition) {
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
            | Transition::AttemptCreated { .. }
            | Transition::AttemptStarted { .. }
            | Transition::AttemptStopping { .. }
            | Transition::AttemptEnded { .. }
            | Transition::Late { .. }
            | Transition::HookDue { .. }
            | Transition::HookTried { .. }
            | Transition::RunCleared { .. }
            | Transition::GroupRetried { .. }
            | Transition::TaskMarked { .. }
            | Transition::Noted { .. }
            | Transition::BackfillTook { .. } => {}
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
        match theirs.await {
            Ok(theirs) => self.runs = theirs,
            // What cannot be told apart may be theirs.
            Err(_) => self.add_all(),
        }
        self
    }

    /// Names nothing when there is too much to name.
    pub(crate) fn brief(mut self) -> Self {
        self.all |= self.runs.len() + self.dags.len() > NAMED;
        if self.all {
            self.runs.clear();
            self.dags.clear();
        }
        self
    }

    /// As it is sent.
    pub(crate) fn message(&self) -> Message {
        // Numbers, names and a flag: they are always JSON.
        Message {
            seq: self.seq,
            json: serde_json::to_string(self).unwrap_or_default(),
            changed: self.clone(),
        }
    }
}
