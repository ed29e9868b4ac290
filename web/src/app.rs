//! What the web room is given, and what it keeps.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use nightrun_core::dag::spec::Dag;
use nightrun_core::id::VersionId;
use nightrun_core::time::Timestamp;
use nightrun_engine::clock::Clock;
use nightrun_engine::keep::Keeper;
use nightrun_engine::run::{Handle, Parse, Vars};
use nightrun_engine::store::{DagStanding, FailingDags, Fault, Page, Reader};

use crate::problem::Problem;
use crate::specs::Specs;
use crate::template::Templates;

/// All that the pages and the API are made from.
#[derive(Clone)]
pub struct App {
    /// The store, to read.
    pub reader: Reader,
    /// Forgets old runs.
    pub keeper: Keeper,
    /// The loop, to ask.
    pub handle: Handle,
    /// The data folder.
    pub data: PathBuf,
    /// What time it is.
    pub clock: Clock,
    /// Reads stored DAG texts.
    pub parse: Parse,
    /// The version of Nightrun, for the foot of the page.
    pub version: String,
    /// The DAG folder: broken files are shown as they are there.
    pub dags: PathBuf,
    /// The vars of the environment.
    pub vars: Vars,
    /// Names by which the server is called, with or without a port; none: any name will do.
    pub hosts: Vec<String>,
    /// How many tasks run at once.
    pub slots: u32,
    /// The pools and how many slots each has.
    pub pools: BTreeMap<String, u32>,
}

/// The app and what is made of it once.
pub(crate) struct Site {
    pub(crate) app: App,
    pub(crate) templates: Templates,
    pub(crate) specs: Specs,
    /// Kept from one list of DAGs to the next.
    failing: Mutex<Option<FailingDags>>,
}

/// What every handler holds.
pub(crate) type Shared = axum::extract::State<Arc<Site>>;

/// The store at one moment, while one page is made.
pub(crate) struct Desk<'a> {
    pub(crate) page: &'a Page,
    pub(crate) site: &'a Site,
    pub(crate) now: Timestamp,
}

impl Desk<'_> {
    /// What a version of a DAG means; `None` when its text cannot be read any more.
    pub(crate) fn spec(&self, version: VersionId) -> Result<Option<Arc<Dag>>, Fault> {
        self.site.specs.get(self.page, version)
    }
}

impl Desk<'_> {
    /// All DAGs at a glance.
    pub(crate) fn standings(&self) -> Result<Vec<DagStanding>, Fault> {
        let keep = || self.site.failing.lock().unwrap_or_else(PoisonError::into_inner);
        let known = keep().clone();
        let failing = self.page.failing(known.as_ref())?;
        let standings = self.page.standings(&failing)?;
        *keep() = Some(failing);
        Ok(standings)
    }

    /// When the schedule of a version ticks next; what people have laid over it does not count.
    pub(crate) fn next_tick(&self, version: VersionId) -> Result<Option<Timestamp>, Fault> {
        self.site.specs.next_tick(self.page, version, self.now)
    }
}

impl Site {
    pub(crate) fn new(app: App) -> Self {
        let specs = Specs::new(Arc::clone(&app.parse));
        Self { app, templates: Templates::new(), specs, failing: Mutex::default() }
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.app.clock)()
    }

    /// Reads the store once; `None` becomes 404.
    pub(crate) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Desk<'_>) -> Result<Option<T>, Fault> + Send + 'static,
    ) -> Result<T, Problem> {
        let site = Arc::clone(self);
        let now = self.now();
        let found = self.app.reader.read(move |page| work(&Desk { page, site: &site, now })).await;
        match found {
            Ok(Some(found)) => Ok(found),
            Ok(None) => Err(Problem::not_found("there is no such thing here")),
            Err(error) => {
                tracing::error!(%error, "a page could not be read");
                Err(Problem::unreadable())
            }
        }
    }
}
