//! What the web room is given, and what it keeps.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::FromRequestParts;
use axum::http::Method;
use axum::http::request::Parts;

use nightrun_core::dag::spec::Dag;
use nightrun_core::id::{DagId, VersionId};
use nightrun_core::time::Timestamp;
use nightrun_core::timetable::Zone;
use nightrun_engine::clock::Clock;
use nightrun_engine::keep::Keeper;
use nightrun_engine::run::{Handle, Parse, Vars};
use nightrun_engine::store::{
    ActiveRuns, DagItem, DagStanding, FailingDags, Fault, FileFaults, HoldItem, Page, Pause, Reader,
    RunFilter, RunItem, TickChangeItem,
};

use crate::access::{Access, Gate, Who};
use crate::hub::Hub;
use crate::lines::Lines;
use crate::problem::Problem;
use crate::specs::{Firing, Specs};
use crate::template::Templates;
use crate::turns::Turns;

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
    /// The zone of the server: of a DAG that names none, and of the night.
    pub zone: Zone,
    /// Who must log in, and how cookies are set.
    pub access: Access,
}

/// The app and what is made of it once.
pub(crate) struct House {
    pub(crate) app: App,
    pub(crate) templates: Templates,
    pub(crate) specs: Specs,
    pub(crate) hub: Hub,
    /// Keys of requests that are being answered.
    pub(crate) keys: Mutex<BTreeSet<String>>,
    pub(crate) gate: Gate,
    pub(crate) lines: Lines,
    pub(crate) turns: Turns,
    /// Kept from one list of DAGs to the next.
    failing: Mutex<Option<FailingDags>>,
}

/// The house as one request finds it: with whoever asks.
pub(crate) struct Site {
    house: Arc<House>,
    pub(crate) who: Who,
    /// They only look: the same can be asked for again.
    pub(crate) looks: bool,
}

impl Deref for Site {
    type Target = House;

    fn deref(&self) -> &House {
        &self.house
    }
}

/// What the guard hands to a handler; without the guard there is none, and so no answer.
pub(crate) struct State<T>(pub(crate) T);

impl<T> Deref for State<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<S: Sync> FromRequestParts<S> for State<Arc<Site>> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let site = parts.extensions.get::<Arc<Site>>().cloned();
        site.map(State).ok_or_else(|| Problem::internal("this route has no guard"))
    }
}

/// What every handler holds.
pub(crate) type Shared = State<Arc<Site>>;

/// The store at one moment, while one page is made.
pub(crate) struct Desk<'a> {
    pub(crate) page: &'a Page,
    pub(crate) site: &'a Site,
    pub(crate) now: Timestamp,
}

impl Desk<'_> {
    /// DAGs that are the business of whoever asks, by their ids, those after `after`.
    pub(crate) fn dags(&self, after: Option<DagId>, limit: u32, recent: u32) -> Result<Vec<DagItem>, Fault> {
        let mut found = Vec::new();
        let mut after = after;
        while found.len() < limit as usize {
            let items = self.page.dags(after.as_ref(), limit, recent)?;
            let ended = items.len() < limit as usize;
            after = items.last().map(|item| item.dag.clone());
            found.extend(items.into_iter().filter(|item| self.site.who.covers(item.dag.as_str())));
            if ended {
                break;
            }
        }
        found.truncate(limit as usize);
        Ok(found)
    }

    /// Runs that are the business of whoever asks, newest first.
    pub(crate) fn runs(&self, filter: &RunFilter, limit: u32) -> Result<Vec<RunItem>, Fault> {
        self.page.runs(&RunFilter { among: self.site.who.among(), ..filter.clone() }, limit)
    }

    /// How many of those are not over.
    pub(crate) fn active_runs(&self) -> Result<ActiveRuns, Fault> {
        self.page.active_runs(self.site.who.among())
    }

    /// Leaves out maintenance windows that are about none of the DAGs of whoever asks.
    pub(crate) fn theirs(&self, mut holds: Vec<HoldItem>) -> Vec<HoldItem> {
        let covers = |dag: &DagId| self.site.who.covers(dag.as_str());
        holds.retain(|hold| hold.dags.as_ref().is_none_or(|dags| dags.iter().any(covers)));
        holds
    }

    /// Ticks that were skipped or moved, of DAGs that are the business of whoever asks.
    pub(crate) fn changed_ticks(&self) -> Result<Vec<TickChangeItem>, Fault> {
        let mut ticks = self.page.changed_ticks(None)?;
        ticks.retain(|tick| self.site.who.covers(tick.dag.as_str()));
        Ok(ticks)
    }

    /// The name of the zone whose clocks a DAG goes by.
    pub(crate) fn zone(&self, dag: &DagId) -> Result<Option<String>, Fault> {
        let Some(version) = self.page.version_in_force(dag)? else { return Ok(None) };
        Ok(self.spec(version)?.map(|dag| dag.zone.name().to_owned()))
    }

    /// Files with faults whose DAGs are all the business of whoever asks. One that has never been read without
    /// faults goes by its name.
    pub(crate) fn faults(&self) -> Result<Vec<FileFaults>, Fault> {
        let mut files = self.page.faults(None)?;
        if self.site.who.is_limited() && !files.is_empty() {
            let mut defined: BTreeMap<String, Vec<DagId>> = BTreeMap::new();
            for dag in self.page.dags(None, u32::MAX, 0)? {
                defined.entry(dag.path).or_default().push(dag.dag);
            }
            let covers = |dag: &str| self.site.who.covers(dag);
            files.retain(|file| match defined.get(&file.path) {
                Some(dags) => dags.iter().all(|dag| covers(dag.as_str())),
                None => Path::new(&file.path).file_stem().and_then(|it| it.to_str()).is_some_and(covers),
            });
        }
        Ok(files)
    }

    /// What a version of a DAG means; `None` when its text cannot be read any more.
    pub(crate) fn spec(&self, version: VersionId) -> Result<Option<Arc<Dag>>, Fault> {
        self.site.specs.get(self.page, version)
    }
}

impl Desk<'_> {
    /// How everything came to be paused, while it is.
    pub(crate) fn pause(&self) -> Result<Option<Pause>, Fault> {
        if self.page.everything_paused()? { self.page.last_pause(None) } else { Ok(None) }
    }

    /// All DAGs that are the business of whoever asks, at a glance.
    pub(crate) fn standings(&self) -> Result<Vec<DagStanding>, Fault> {
        let keep = || self.site.failing.lock().unwrap_or_else(PoisonError::into_inner);
        let known = keep().clone();
        let failing = self.page.failing(known.as_ref())?;
        let mut standings = self.page.standings(&failing)?;
        standings.retain(|dag| self.site.who.covers(dag.dag.as_str()));
        *keep() = Some(failing);
        Ok(standings)
    }

    /// When it ticks from now until then; what people have laid over it does not count.
    pub(crate) fn firing(&self, version: VersionId, until: Timestamp) -> Result<Firing, Fault> {
        self.site.specs.firing(self.page, version, self.now, until)
    }

    /// When the schedule of a version ticks next; what people have laid over it does not count.
    pub(crate) fn next_tick(&self, version: VersionId) -> Result<Option<Timestamp>, Fault> {
        self.site.specs.next_tick(self.page, version, self.now)
    }
}

impl House {
    pub(crate) fn new(app: App) -> Self {
        let (specs, gate) = (Specs::new(Arc::clone(&app.parse)), Gate::new(&app));
        Self {
            app,
            templates: Templates::new(),
            specs,
            gate,
            lines: Lines::default(),
            turns: Turns::new(),
            hub: Hub::new(),
            keys: Mutex::default(),
            failing: Mutex::default(),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.app.clock)()
    }
}

impl Site {
    pub(crate) fn new(house: Arc<House>, who: Who, method: &Method) -> Self {
        Self { house, who, looks: method.is_safe() }
    }

    /// Reads the store once; `None` is for the caller to judge.
    pub(crate) async fn find<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Page) -> Result<Option<T>, Fault> + Send + 'static,
    ) -> Result<Option<T>, Problem> {
        self.read(move |desk| work(desk.page).map(Some)).await
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
