//! Reading files beside the store: nobody who looks into a long log holds up who asks for a page, logs in, or wants
//! to know how the server is.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::app::Site;
use crate::problem::Problem;

/// What reads at most so much is done at once, in bytes.
pub(crate) const SHORT: u64 = 4 << 20;

/// Short pieces of work at once.
const SHORT_AT_ONCE: usize = 4;

/// Long logs that are looked through at once.
const LONG_AT_ONCE: usize = 2;

/// Most who wait for their turn at that.
const LONG_WAITING: usize = 8;

/// Whose turn it is.
pub(crate) struct Turns {
    short: Arc<Semaphore>,
    long: Arc<Semaphore>,
    /// Those at work on a long log and those who wait for it.
    places: Arc<Semaphore>,
}

impl Turns {
    pub(crate) fn new() -> Self {
        Self {
            short: Arc::new(Semaphore::new(SHORT_AT_ONCE)),
            long: Arc::new(Semaphore::new(LONG_AT_ONCE)),
            places: Arc::new(Semaphore::new(LONG_AT_ONCE + LONG_WAITING)),
        }
    }

    async fn long(&self) -> Result<impl Send + use<>, Problem> {
        let full = |_| Problem::crowded("too many long logs are being searched already");
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(full)?;
        Ok((place, Arc::clone(&self.long).acquire_owned().await))
    }
}

impl Site {
    /// Does what takes milliseconds on a thread where blocking is fine.
    pub(crate) async fn beside<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let turn = Arc::clone(&self.turns.short).acquire_owned().await;
        self.blocking(turn, work).await
    }

    /// Looks through a log; if it is long, in turn, and not at all while many wait for theirs.
    pub(crate) async fn look_through<T: Send + 'static>(
        self: &Arc<Self>,
        log: PathBuf,
        work: impl FnOnce(&Self, &Path) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        // One that is not there is short, too.
        let size = tokio::fs::metadata(&log).await.map_or(0, |file| file.len());
        let work = move |site: &Self| work(site, &log);
        if size <= SHORT {
            return self.beside(work).await;
        }
        let turn = self.turns.long().await?;
        self.blocking(turn, work).await
    }

    /// The turn lasts as long as the work, also when nobody waits for it any more.
    async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        turn: impl Send + 'static,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let site = Arc::clone(self);
        let working = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work(&site)
        });
        working.await.map_err(|_| Problem::internal("reading a log panicked"))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn few_look_through_long_logs_some_wait_and_others_are_told_to_come_again() {
        let turns = Turns::new();
        let first = turns.long().await.unwrap();
        let _second = turns.long().await.unwrap();
        let mut waiting: Vec<_> = (0..LONG_WAITING).map(|_| Box::pin(turns.long())).collect();
        for wait in &mut waiting {
            assert!(wait.as_mut().now_or_never().is_none());
        }
        let refused = turns.long().await.err().unwrap();
        assert_eq!((refused.status, refused.code), (429, "too_many"));
        assert!(turns.short.try_acquire().is_ok(), "short work does not wait for long work");
        drop(first);
        assert!(waiting[0].as_mut().now_or_never().is_some());
    }
}
