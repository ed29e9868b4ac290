//! What stored DAG texts mean. A version never changes, so each is parsed once and kept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use nightrun_core::dag::spec::Dag;
use nightrun_core::id::VersionId;
use nightrun_core::time::Timestamp;
use nightrun_engine::run::{Handle, Parse};
use nightrun_engine::store::{Fault, Page};

/// Most versions kept; beyond that all are forgotten and read again by need.
const KEPT: usize = 20_000;

/// So many ticks are looked through for one that fires.
const MOST_SKIPPED: usize = 1_000;

/// Parsed versions.
pub(crate) struct Specs {
    parse: Parse,
    known: Mutex<HashMap<VersionId, Option<Arc<Dag>>>>,
    /// The next tick of versions, found at an instant before it: lists of many DAGs are sorted by it.
    ticks: Mutex<HashMap<VersionId, (Timestamp, Option<Timestamp>)>>,
}

impl Specs {
    pub(crate) fn new(parse: Parse) -> Self {
        Self { parse, known: Mutex::default(), ticks: Mutex::default() }
    }

    /// What a version means; `None` when it is unknown or its text does not parse any more.
    pub(crate) fn get(&self, page: &Page, version: VersionId) -> Result<Option<Arc<Dag>>, Fault> {
        if let Some(dag) = self.lock().get(&version) {
            return Ok(dag.clone());
        }
        let text = page.version(version)?;
        let dag = text.and_then(|version| (self.parse)(&version.source()));
        let mut known = self.lock();
        if known.len() >= KEPT {
            known.clear();
        }
        known.insert(version, dag.clone());
        Ok(dag)
    }

    /// The next tick of a version after `now`.
    pub(crate) fn next_tick(
        &self,
        page: &Page,
        version: VersionId,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, Fault> {
        let known = self.ticks.lock().unwrap_or_else(PoisonError::into_inner).get(&version).copied();
        // It stays the next one until it has come.
        if let Some((_, next)) = known.filter(|(at, next)| *at <= now && next.is_none_or(|next| next > now)) {
            return Ok(next);
        }
        let dag = self.get(page, version)?.filter(|dag| dag.enabled);
        let next = dag.and_then(|dag| {
            let mut ticks = dag.ticks_after(now).take(MOST_SKIPPED);
            ticks.find(|tick| tick.skipped.is_none()).map(|tick| tick.at)
        });
        let mut ticks = self.ticks.lock().unwrap_or_else(PoisonError::into_inner);
        if ticks.len() >= KEPT {
            ticks.clear();
        }
        ticks.insert(version, (now, next));
        Ok(next)
    }

    /// Takes over what the scheduler has parsed already: the first page of ten thousand DAGs need not.
    pub(crate) async fn take_over(&self, handle: &Handle) {
        let Ok(versions) = handle.in_force().await else { return };
        let known = versions.iter().map(|version| (version.id, Some(version.dag.clone())));
        self.lock().extend(known.take(KEPT));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<VersionId, Option<Arc<Dag>>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
