//! What changed, gathered once for all who listen: five hundred open pages cost one reading of each commit.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use nightrun_engine::run::{Handle, News};
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::broadcast::{Receiver, Sender, channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::live::Changed;
use crate::problem::Problem;

/// Changes are gathered for so long before they are told.
const GATHER: Duration = Duration::from_millis(200);

/// Messages kept for those who are slow to listen; to whoever misses more, everything has changed.
const KEPT: usize = 16;

/// Streams of events and of logs open at once.
const STREAMS: usize = 1_000;

/// Requests that wait for the end of a run at once.
const WAITS: usize = 200;

/// One message, ready to be sent to everyone.
#[derive(Debug)]
pub(crate) struct Message {
    /// The number of the last fact it tells of.
    pub(crate) seq: i64,
    pub(crate) json: String,
    /// What is to be told, for those who may not see all of it.
    pub(crate) changed: Changed,
}

/// Tells changes to all who listen, and counts who may.
pub(crate) struct Hub {
    told: Sender<Arc<Message>>,
    begun: AtomicBool,
    last: Arc<AtomicI64>,
    streams: Arc<Semaphore>,
    waits: Arc<Semaphore>,
}

impl Hub {
    pub(crate) fn new() -> Self {
        Self {
            told: channel(KEPT).0,
            begun: AtomicBool::new(false),
            last: Arc::default(),
            streams: Arc::new(Semaphore::new(STREAMS)),
            waits: Arc::new(Semaphore::new(WAITS)),
        }
    }

    /// Messages from now on. The first who listens sets the gathering going.
    pub(crate) fn listen(&self, handle: &Handle) -> Receiver<Arc<Message>> {
        let listener = self.told.subscribe();
        if !self.begun.swap(true, Ordering::AcqRel) {
            let (news, told, last) = (handle.news(), self.told.clone(), Arc::clone(&self.last));
            tokio::spawn(tell_all(news, told, last));
        }
        listener
    }

    /// The number of the last fact that was told.
    pub(crate) fn last(&self) -> i64 {
        self.last.load(Ordering::Acquire)
    }

    /// A place for a stream, while there are any.
    pub(crate) fn stream_place(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let full = |_| Problem::crowded(format!("{STREAMS} streams are open already"));
        Arc::clone(&self.streams).try_acquire_owned().map_err(full)
    }

    /// A place for a request that waits, while there are any.
    pub(crate) fn wait_place(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let full = |_| Problem::crowded(format!("{WAITS} requests wait for the end of a run already"));
        Arc::clone(&self.waits).try_acquire_owned().map_err(full)
    }
}

async fn tell_all(mut news: Receiver<News>, told: Sender<Arc<Message>>, last: Arc<AtomicI64>) {
    while let Some(changed) = gather(&mut news, &last).await {
        last.fetch_max(changed.seq(), Ordering::AcqRel);
        // Nobody may be listening.
        let _ = told.send(Arc::new(changed.message()));
    }
}

/// Waits for news and takes what follows close behind; `None` when the engine has ended.
async fn gather(news: &mut Receiver<News>, last: &AtomicI64) -> Option<Changed> {
    let mut changed = Changed::upto(last.load(Ordering::Acquire));
    match news.recv().await {
        Ok(first) => changed.add(&first),
        Err(RecvError::Lagged(_)) => changed.add_all(),
        Err(RecvError::Closed) => return None,
    }
    tokio::time::sleep(GATHER).await;
    loop {
        match news.try_recv() {
            Ok(more) => changed.add(&more),
            Err(TryRecvError::Lagged(_)) => changed.add_all(),
            Err(TryRecvError::Empty | TryRecvError::Closed) => return Some(changed.brief()),
        }
    }
}
