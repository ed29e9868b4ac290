//! How the rest of the house speaks to the loop: requests in, answers and facts out.

use std::sync::Arc;
use std::time::Duration;

use nightrun_core::decide::{Answer, Event, Transition, Version};
use nightrun_core::time::Timestamp;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use crate::store::KeptAnswer;

/// A message to the loop.
#[derive(Debug)]
pub(super) enum Message {
    /// Something happened, or somebody wants something and waits for the answer.
    Event(Box<Event>, Option<Reply>),
    /// Somebody asks for the versions in force.
    InForce(oneshot::Sender<Vec<Arc<Version>>>),
    /// Begin no attempt any more; end when none lives (`drain`) or at once.
    Stop { drain: bool },
}

/// Where an answer goes.
#[derive(Debug)]
pub(super) struct Reply {
    to: oneshot::Sender<Answer>,
    keep: Option<Keep>,
}

impl Reply {
    /// What of the answer becomes durable together with what it tells.
    pub(super) fn kept(&self, answer: Option<&Answer>) -> Option<KeptAnswer> {
        let keep = self.keep.as_ref()?;
        let (status, body) = (keep.told)(answer.unwrap_or(&Answer::Done))?;
        Some(KeptAnswer { key: keep.key.clone(), asked: keep.asked.clone(), status, body })
    }

    /// Whoever asked may have gone.
    pub(super) fn send(self, answer: Answer) {
        let _ = self.to.send(answer);
    }
}

/// A request whose answer is kept, for it may be sent again.
#[derive(Debug, Clone)]
pub struct Keep {
    /// The key by which it is known again.
    pub key: String,
    /// The hash of all that it asks for.
    pub asked: String,
    /// Status and body of an answer; none for one that is not kept, as when nothing was done.
    pub told: fn(&Answer) -> Option<(u16, String)>,
}

/// Facts that have just become durable.
#[derive(Debug, Clone)]
pub struct News {
    /// The number in the log of the last of them.
    pub seq: i64,
    /// When they were decided.
    pub at: Timestamp,
    /// The facts.
    pub facts: Arc<[Transition]>,
}

/// A way to the loop; cheap to clone.
#[derive(Debug, Clone)]
pub struct Handle {
    pub(super) inbox: mpsc::UnboundedSender<Message>,
    pub(super) news: broadcast::Sender<News>,
    pub(super) health: watch::Receiver<Health>,
}

/// How the loop is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// It has not yet stored what it found when it began.
    Beginning,
    /// It works.
    Well,
    /// The store refuses; the loop tries again.
    StoreFails(String),
    /// It has ended.
    Stopped,
}

/// The loop has ended; nobody answers any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped;

impl std::fmt::Display for Stopped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the scheduler is stopping")
    }
}

impl std::error::Error for Stopped {}

impl Handle {
    /// A way to no loop, for those who only look: whatever is asked for is answered as if it had ended.
    pub fn nowhere() -> Self {
        let (inbox, _) = mpsc::unbounded_channel();
        let (_, health) = watch::channel(Health::Stopped);
        Self { inbox, news: broadcast::channel(1).0, health }
    }

    /// Asks for something; the answer comes when its facts are durable.
    pub async fn request(&self, event: Event) -> Result<Answer, Stopped> {
        self.request_with(event, None).await
    }

    /// The same; the answer is kept in the commit of its facts, for one who asks again.
    pub async fn request_with(&self, event: Event, keep: Option<Keep>) -> Result<Answer, Stopped> {
        let (to, answer) = oneshot::channel();
        let reply = Some(Reply { to, keep });
        self.inbox.send(Message::Event(Box::new(event), reply)).map_err(|_| Stopped)?;
        answer.await.map_err(|_| Stopped)
    }

    /// Tells that something happened.
    pub fn tell(&self, event: Event) {
        // A loop that has ended needs no news.
        let _ = self.inbox.send(Message::Event(Box::new(event), None));
    }

    /// The versions in force, in the order of their DAGs' ids. Nothing is read or parsed for it.
    pub async fn in_force(&self) -> Result<Vec<Arc<Version>>, Stopped> {
        let (reply, answer) = oneshot::channel();
        self.inbox.send(Message::InForce(reply)).map_err(|_| Stopped)?;
        answer.await.map_err(|_| Stopped)
    }

    /// Facts from now on, in order. A listener that is too slow is told how many it missed.
    pub fn news(&self) -> broadcast::Receiver<News> {
        self.news.subscribe()
    }

    /// How the loop is.
    pub fn health(&self) -> Health {
        self.health.borrow().clone()
    }

    /// Waits until the loop has stored what it began with (the DAGs of the folder among it), or cannot.
    pub async fn begun(&self) {
        // An error means that the loop is gone; nothing more begins then.
        let _ = self.health.clone().wait_for(|health| *health != Health::Beginning).await;
    }

    /// Waits until the store has refused to write for so long; what is asked then is decided when it writes again.
    pub async fn refuses(&self, patience: Duration) {
        let is_refusing = |health: &Health| matches!(health, Health::StoreFails(_));
        loop {
            if self.health.clone().wait_for(is_refusing).await.is_err() {
                return std::future::pending().await;
            }
            tokio::time::sleep(patience).await;
            if is_refusing(&self.health.borrow()) {
                return;
            }
        }
    }

    /// True when the loop has ended.
    pub fn is_stopped(&self) -> bool {
        self.health() == Health::Stopped
    }

    /// Ends the loop: it begins no attempt any more and, with `drain`, waits for those that live.
    pub fn stop(&self, drain: bool) {
        let _ = self.inbox.send(Message::Stop { drain });
    }
}
