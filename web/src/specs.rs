//! What stored DAG texts mean. A version never changes, so each is parsed once and kept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use nightrun_core::dag::spec::Dag;
use nightrun_core::id::VersionId;
use nightrun_engine::run::{Handle, Parse};
use nightrun_engine::store::{Fault, Page};

/// Most versions kept; beyond that all are forgotten and read again by need.
const KEPT: usize = 20_000;

/// Parsed versions.
pub(crate) struct Specs {
    parse: Parse,
    known: Mutex<HashMap<VersionId, Option<Arc<Dag>>>>,
}

impl Specs {
    pub(crate) fn new(parse: Parse) -> Self {
        Self { parse, known: Mutex::new(HashMap::new()) }
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
