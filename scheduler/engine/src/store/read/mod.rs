//! Reading: connections that cannot write, one transaction a page, so that a page never shows a task
//! that is over in a run that is not, and never holds the writer up.

pub(super) mod access;
mod again;
mod around;
mod awaited;
mod call;
mod dag;
mod deeds;
mod history;
mod hold;
mod hook;
mod instances;
mod keep;
mod limit;
mod log;
mod reason;
mod run;
mod show;
mod standing;
mod system;
mod task;
mod task_past;
mod why;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, Params, Row};
use tokio::sync::Semaphore;

use super::connect;
use super::error::{Fault, StoreError};
pub use access::{TokenItem, UserItem};
pub use again::{AuditItem, BackfillDate, BackfillShow, NoteItem};
pub use around::Neighbour;
pub use awaited::{Awaited, AwaitedDate};
pub use call::{CalledShow, CallerShow, TaskOutputs};
pub use deeds::{AuditFilter, AuditPage};
pub use history::{Missed, TaskLength};
pub use instances::{TaskFilter, TaskItem, TaskPage};
pub use keep::{OldRun, RunWeight};
pub use limit::{QueuedRuns, SlotTask};
pub use run::RunFilter;
pub use standing::{DagStanding, FailingDags};
pub use system::{FiredTick, PruneItem, StoreFigures};
pub use task::ItemLine;
pub use task_past::TaskInRun;
pub use why::Pause;

/// How many pages are read at once, and how many connections are kept open.
const READERS: usize = 4;

/// How long one page may take, unless said otherwise.
const DEADLINE: Duration = Duration::from_secs(10);

/// After so many steps of the database's machine the clock is looked at: well below a millisecond.
const STEPS: i32 = 10_000;

/// The store, open for reading, with or without a writer in this or another process. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Reader {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    deadline: Duration,
    turns: Arc<Semaphore>,
    idle: Mutex<Vec<Page>>,
}

/// All of the store at one moment.
#[derive(Debug)]
pub struct Page {
    conn: Connection,
}

impl Reader {
    /// Opens the store; fails when there is none, and when it is damaged, foreign, newer or older.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Self::with_deadline(path, DEADLINE)
    }

    /// Opens the store; a page that takes longer than `deadline` is given up.
    pub fn with_deadline(path: &Path, deadline: Duration) -> Result<Self, StoreError> {
        let first = connect::open_for_reading(path).map_err(|fault| fault.at(path))?;
        let inner = Inner {
            path: path.to_owned(),
            deadline,
            turns: Arc::new(Semaphore::new(READERS)),
            idle: Mutex::new(vec![Page { conn: first }]),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Reads one page on a thread where blocking is fine. Waits while many are being read already.
    pub async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Page) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        let turn = Arc::clone(&self.inner.turns).acquire_owned().await;
        let reader = self.clone();
        let reading = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            reader.read_now(work)
        });
        reading.await.unwrap_or_else(|_| Err(Fault::Other("a read panicked".into()).at(&self.inner.path)))
    }

    /// Reads one page on this thread.
    pub fn read_now<T>(&self, work: impl FnOnce(&Page) -> Result<T, Fault>) -> Result<T, StoreError> {
        self.inner.read(work).map_err(|fault| fault.at(&self.inner.path))
    }
}

impl Inner {
    fn read<T>(&self, work: impl FnOnce(&Page) -> Result<T, Fault>) -> Result<T, Fault> {
        let kept = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut page = match kept {
            Some(page) => page,
            None => Page { conn: connect::open_for_reading(&self.path)? },
        };
        let (begun, deadline) = (Instant::now(), self.deadline);
        page.conn.progress_handler(STEPS, Some(move || begun.elapsed() > deadline))?;
        page.conn.execute_batch("BEGIN")?;
        // On a failure the connection is closed, and its transaction with it.
        let result = work(&page)?;
        page.conn.execute_batch("COMMIT")?;
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < READERS {
            idle.push(page);
        }
        Ok(result)
    }
}

impl Page {
    /// All rows of a query, each as `read` makes it.
    fn all<T>(
        &self,
        sql: &str,
        values: impl Params,
        read: impl Fn(&Row<'_>) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Fault> {
        let mut statement = self.conn.prepare_cached(sql)?;
        let mut rows = statement.query(values)?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            all.push(read(row)?);
        }
        Ok(all)
    }

    /// The first row of a query, if there is one.
    pub(in crate::store) fn first<T>(
        &self,
        sql: &str,
        values: impl Params,
        read: impl Fn(&Row<'_>) -> Result<T, Fault>,
    ) -> Result<Option<T>, Fault> {
        let mut statement = self.conn.prepare_cached(sql)?;
        let mut rows = statement.query(values)?;
        rows.next()?.map(read).transpose()
    }
}
