//! Made stores to look at, each behind a server in this process: a house in use, an empty one, a huge one.

use std::path::Path;

use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::history::{History, Story};
use crate::{busy, house, masses, scenes, seasons};

/// What the store holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Made {
    /// Nights of which the last broke.
    Usual,
    /// A past of more than a year.
    Seasons,
    /// All that people can ask for, at work.
    Busy,
    /// Nothing.
    Empty,
    /// One DAG whose one run has not begun.
    Bare,
    /// Hundreds of DAGs, one of five hundred tasks, long words, a long log.
    Huge,
}

/// A server before a made store. It ends when it is dropped.
pub(crate) struct Gallery {
    pub(crate) address: String,
    /// Ends the server when it is dropped, before the folder goes.
    runtime: Option<Runtime>,
    _root: TempDir,
}

impl Gallery {
    pub(crate) fn of(made: Made) -> Self {
        let root = tempfile::Builder::new().prefix("nightrun-gallery-").tempdir().unwrap();
        let runtime = Runtime::new().unwrap();
        let address = runtime.block_on(serve(made, root.path()));
        Self { address, runtime: Some(runtime), _root: root }
    }
}

impl Drop for Gallery {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn serve(made: Made, root: &Path) -> String {
    match made {
        Made::Usual => scenes::usual(root).await,
        Made::Seasons => seasons::write(root).await,
        Made::Busy => busy::files(root).await,
        Made::Empty => scenes::empty(root).await,
        Made::Bare => bare(root).await,
        Made::Huge => masses::write(root).await,
    }
    let (app, scheduler) = house::app(root, made == Made::Busy);
    // The others stand still: what is at work there would be lost, and begin again.
    if matches!(made, Made::Busy | Made::Huge) {
        let handle = scheduler.handle();
        tokio::spawn(scheduler.run(vec![]));
        if made == Made::Busy {
            busy::liven(&handle).await;
        }
    }
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move { axum::serve(listener, nightrun_web::router(app)).await });
    address
}

async fn bare(root: &Path) {
    let mut past = History::new(root);
    let at = nightrun_core::time::Timestamp::parse(scenes::NOW).unwrap();
    past.dag(at, "bare.yaml", "id: bare\ntasks:\n  - {id: only, run: 'true'}\n");
    past.run("bare", at, false, |_| Story { attempts: vec![], ..Story::well(0) });
    past.write().await;
}
