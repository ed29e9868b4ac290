//! The one thread that writes. Batches that wait while a commit syncs are committed together: group
//! commit by nature, and one fdatasync shared by all of them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::{self, JoinHandle};

use nightrun_core::decide::Transition;
use nightrun_core::time::Timestamp;
use rusqlite::Connection;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use super::error::{Fault, StoreError};
use super::kept::{self, KeptAnswer};
use super::lock::Lock;
use super::{connect, project};

/// Most batches in one commit.
const MAX_BATCHES: usize = 512;

/// Pages of write-ahead log (4 KiB each) after which an idle writer copies them into the database.
const IDLE_PAGES: u32 = 4_000;

/// The same when more work waits.
const BUSY_PAGES: u32 = 16_000;

/// From here on readers are waited for, so that the log cannot grow without end.
const PATIENT_PAGES: u32 = 128_000;

/// A batch that is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// Number in the log of its last transition; of the last before it when the batch is empty.
    pub last_seq: i64,
}

/// The store, open for writing: the only one in all processes. Dropping it closes it cleanly, after
/// all that was handed in.
#[derive(Debug)]
pub struct Writer {
    path: PathBuf,
    orders: Option<UnboundedSender<Order>>,
    thread: Option<JoinHandle<Result<(), Fault>>>,
}

#[derive(Debug)]
enum Order {
    Commit(Batch),
    Resume(oneshot::Sender<()>),
}

#[derive(Debug)]
struct Batch {
    at: Timestamp,
    facts: Vec<Transition>,
    kept: Vec<KeptAnswer>,
    answer: oneshot::Sender<Result<Committed, StoreError>>,
}

impl Writer {
    /// Opens the store for writing; makes it, and its folder, where there is none.
    ///
    /// Fails when another process writes to it, and when the file is damaged, foreign or newer.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let data = connect::folder(path);
        let lock =
            connect::make_folder(data).and_then(|()| Lock::take(data)).map_err(|fault| fault.at(data))?;
        let conn = connect::open_for_writing(path).map_err(|fault| fault.at(path))?;
        let (orders, incoming) = unbounded_channel();
        let desk = Desk::new(path.to_owned(), conn, lock).map_err(|fault| fault.at(path))?;
        let thread = thread::Builder::new()
            .name("store".into())
            .spawn(move || desk.work(incoming))
            .map_err(|error| Fault::from(error).at(path))?;
        Ok(Self { path: path.to_owned(), orders: Some(orders), thread: Some(thread) })
    }

    /// Where the database is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Hands in what was decided at one instant; the answer comes when it is on disk, whole.
    ///
    /// Batches are committed in the order of the calls, not of the awaits. After a failure nothing is
    /// written until [`Writer::resume`], for later batches were decided from a state that is not on disk.
    pub fn commit(
        &self,
        at: Timestamp,
        facts: Vec<Transition>,
    ) -> impl Future<Output = Result<Committed, StoreError>> + Send + 'static {
        self.commit_with(at, facts, Vec::new())
    }

    /// The same, with answers that are kept for those who ask again: both are on disk, or none.
    pub fn commit_with(
        &self,
        at: Timestamp,
        facts: Vec<Transition>,
        kept: Vec<KeptAnswer>,
    ) -> impl Future<Output = Result<Committed, StoreError>> + Send + 'static {
        let (answer, answered) = oneshot::channel();
        self.order(Order::Commit(Batch { at, facts, kept, answer }));
        let path = self.path.clone();
        async move { answered.await.unwrap_or_else(|_| Err(Fault::WriterGone.at(&path))) }
    }

    /// Takes batches again after a failed commit. Batches handed in before this call are still refused.
    pub fn resume(&self) -> impl Future<Output = Result<(), StoreError>> + Send + 'static {
        let (answer, answered) = oneshot::channel();
        self.order(Order::Resume(answer));
        let path = self.path.clone();
        async move { answered.await.map_err(|_| Fault::WriterGone.at(&path)) }
    }

    /// Writes what was handed in, folds the write-ahead log into the database, and gives the store free.
    pub fn close(mut self) -> Result<(), StoreError> {
        self.finish()
    }

    /// An order that finds no thread is dropped, and whoever waits for its answer hears of that.
    fn order(&self, order: Order) {
        if let Some(orders) = &self.orders {
            let _ = orders.send(order);
        }
    }

    fn finish(&mut self) -> Result<(), StoreError> {
        self.orders = None;
        let Some(thread) = self.thread.take() else { return Ok(()) };
        thread.join().unwrap_or(Err(Fault::WriterGone)).map_err(|fault| fault.at(&self.path))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Err(error) = self.finish() {
            tracing::error!(%error, "the store was not closed cleanly; nothing that was committed is lost");
        }
    }
}

/// What the thread works with.
struct Desk {
    path: PathBuf,
    conn: Connection,
    /// Number of the last transition in the log.
    last_seq: i64,
    /// Why nothing is written any more.
    halted: Option<Fault>,
    /// Length of the write-ahead log after the last commit, in pages.
    log_pages: Arc<AtomicU32>,
    /// Pages that an earlier checkpoint had to leave because somebody was still reading.
    left_pages: u32,
    _lock: Lock,
}

impl Desk {
    fn new(path: PathBuf, mut conn: Connection, lock: Lock) -> Result<Self, Fault> {
        let log_pages = Arc::new(AtomicU32::new(0));
        let seen = Arc::clone(&log_pages);
        // In place of SQLite's own checkpoint inside the commit, which would delay the answer.
        conn.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages| {
            seen.store(u32::try_from(pages).unwrap_or(0), Ordering::Relaxed);
            Ok(())
        }))?;
        let last_seq =
            conn.query_row("SELECT coalesce(max(seq), 0) FROM transition_log", [], |row| row.get(0))?;
        Ok(Self { path, conn, last_seq, halted: None, log_pages, left_pages: 0, _lock: lock })
    }

    fn work(mut self, mut orders: UnboundedReceiver<Order>) -> Result<(), Fault> {
        let mut waiting = Vec::with_capacity(MAX_BATCHES);
        let mut group = Vec::with_capacity(MAX_BATCHES);
        while orders.blocking_recv_many(&mut waiting, MAX_BATCHES) > 0 {
            for order in waiting.drain(..) {
                match order {
                    Order::Commit(batch) => group.push(batch),
                    Order::Resume(answer) => {
                        self.commit_group(&mut group);
                        self.halted = None;
                        let _ = answer.send(());
                    }
                }
            }
            self.commit_group(&mut group);
            self.checkpoint(orders.is_empty());
        }
        self.close()
    }

    /// Commits the batches together and answers each. Whoever no longer waits for the answer is free to.
    fn commit_group(&mut self, group: &mut Vec<Batch>) {
        if group.is_empty() {
            return;
        }
        let result = match &self.halted {
            Some(cause) => Err(Fault::Halted(Box::new(cause.clone()))),
            None => self.write_group(group),
        };
        match result {
            Ok(ends) => {
                for (batch, last_seq) in group.drain(..).zip(ends) {
                    let _ = batch.answer.send(Ok(Committed { last_seq }));
                }
            }
            Err(fault) => {
                for batch in group.drain(..) {
                    let _ = batch.answer.send(Err(fault.clone().at(&self.path)));
                }
                self.halted.get_or_insert(fault);
            }
        }
    }

    /// One transaction for all batches; returns for each the number of its last transition.
    fn write_group(&mut self, group: &[Batch]) -> Result<Vec<i64>, Fault> {
        let transaction = self.conn.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let mut seq = self.last_seq;
        let mut ends = Vec::with_capacity(group.len());
        for batch in group {
            for fact in &batch.facts {
                seq = project::record(&transaction, batch.at, fact)?;
            }
            for answer in &batch.kept {
                kept::keep(&transaction, batch.at, answer)?;
            }
            ends.push(seq);
        }
        transaction.commit()?;
        self.last_seq = seq;
        Ok(ends)
    }

    /// Copies the write-ahead log into the database once it is long, after the answers are out. `SQLite`
    /// then writes it again from its beginning; a file that does not grow syncs faster.
    fn checkpoint(&mut self, idle: bool) {
        let pages = self.log_pages.load(Ordering::Relaxed);
        self.left_pages = self.left_pages.min(pages);
        if pages - self.left_pages < if idle { IDLE_PAGES } else { BUSY_PAGES } {
            return;
        }
        let how = if pages < PATIENT_PAGES { "PASSIVE" } else { "RESTART" };
        let done = self.conn.query_row(&format!("PRAGMA wal_checkpoint({how})"), [], |row| {
            Ok(row.get::<_, u32>(1)? == row.get::<_, u32>(2)?)
        });
        match done {
            Ok(true) => self.left_pages = 0,
            Ok(false) => self.left_pages = pages,
            Err(error) => {
                tracing::warn!(%error, "the write-ahead log could not be folded in; tried again later");
            }
        }
        // A hook is not called for a checkpoint: the next commit tells the new length.
        self.log_pages.store(self.left_pages, Ordering::Relaxed);
    }

    fn close(self) -> Result<(), Fault> {
        self.conn.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")?;
        Ok(self.conn.close().map_err(|(_, error)| error)?)
    }
}
