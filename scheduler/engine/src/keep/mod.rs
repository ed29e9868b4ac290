//! Retention: ended runs that are no longer kept are forgotten, a few at a time, so that live ones never wait.
//!
//! First the store forgets them, in one transaction a batch; then files that belong to nothing any more are
//! swept. A crash between the two leaves files that the next sweep finds.

mod daily;
mod sweep;

use std::collections::BTreeSet;
use std::path::PathBuf;

use nightrun_core::dag::spec::Keep;
use nightrun_core::id::{DagId, RunId, VersionId};
use nightrun_core::time::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

pub use self::sweep::Swept;
use crate::clock::Clock;
use crate::logs::LogPaths;
use crate::run::{Parse, Stopped};
use crate::store::{DagItem, Fault, OldRun, Page, Reader, StoreError};

/// Most task instances of the runs of one batch; a run that has more is a batch of its own.
const BATCH_INSTANCES: u64 = 500;

/// Most runs of one batch.
const BATCH_RUNS: usize = 50;

/// Forgets what is no longer kept. Cheap to clone.
#[derive(Clone)]
pub struct Keeper {
    /// The store, to read.
    pub reader: Reader,
    /// The data folder.
    pub data: PathBuf,
    /// Reads stored DAG texts, for what they say about retention.
    pub parse: Parse,
    /// What holds where a DAG says nothing.
    pub default: Keep,
    /// What time it is.
    pub clock: Clock,
}

/// What is to be pruned, where it is not what the DAGs say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// Only of this DAG.
    pub dag: Option<DagId>,
    /// In place of what the DAGs say, for each of the two that is given.
    pub keep: Keep,
}

/// What goes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Plan {
    /// Of each DAG that loses something, by id.
    pub dags: Vec<PlanOfDag>,
}

/// What goes of one DAG.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PlanOfDag {
    /// The DAG.
    pub dag: DagId,
    /// How many ended runs it keeps.
    pub keep_runs: Option<u32>,
    /// For how many days.
    pub keep_days: Option<u32>,
    /// The runs that go, oldest first.
    pub runs: Vec<RunId>,
    /// When the last of them ended.
    pub ended_until: Option<Timestamp>,
    /// The versions that go: neither in force, nor among the ten newest, nor of a run that stays.
    pub versions: Vec<VersionId>,
    /// Bytes of the runs' log files; 0 until it was weighed, as the next two.
    pub file_bytes: u64,
    /// Bytes of the runs' entries in the store's log.
    pub store_bytes: u64,
    /// Bytes of the runs' large outputs; those that other runs share stay.
    pub value_bytes: u64,
    #[serde(skip)]
    batches: Vec<Vec<RunId>>,
}

/// Some runs and versions that the store is to forget in one transaction.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// Runs, all of them over.
    pub runs: Vec<RunId>,
    /// Versions that nothing refers to.
    pub versions: Vec<VersionId>,
}

/// Why pruning was given up. What was pruned by then is.
#[derive(Debug)]
pub enum PruneError {
    /// The store cannot be read or written.
    Store(StoreError),
    /// The scheduler is stopping.
    Stopped,
}

impl std::fmt::Display for PruneError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Store(fault) => fault.fmt(f),
            Self::Stopped => Stopped.fmt(f),
        }
    }
}

impl std::error::Error for PruneError {}

impl From<StoreError> for PruneError {
    fn from(fault: StoreError) -> Self {
        Self::Store(fault)
    }
}

impl Keeper {
    /// What goes now. Reads one DAG at a time, so that no read holds the store up.
    pub fn plan(&self, asked: &Asked) -> Result<Plan, StoreError> {
        let now = (self.clock)();
        let dags = self.reader.read_now(|page| match &asked.dag {
            Some(dag) => Ok(page.dag(dag, 0)?.into_iter().collect()),
            None => page.dags(None, u32::MAX, 0),
        })?;
        let mut plan = Plan::default();
        for dag in dags {
            let of_dag = self.reader.read_now(|page| self.plan_dag(page, &dag, asked.keep, now))?;
            plan.dags.extend(of_dag.filter(|it| !it.runs.is_empty() || !it.versions.is_empty()));
        }
        Ok(plan)
    }

    fn plan_dag(
        &self,
        page: &Page,
        dag: &DagItem,
        asked: Keep,
        now: Timestamp,
    ) -> Result<Option<PlanOfDag>, Fault> {
        let text = page.version(dag.version)?;
        let spec = text.and_then(|version| (self.parse)(&version.source()));
        let keep = asked.or(spec.map(|dag| dag.keep).unwrap_or_default()).or(self.default);
        if keep == Keep::default() {
            return Ok(None);
        }
        let old = page.old_runs(&dag.dag, keep, now)?;
        let runs: Vec<RunId> = old.iter().map(|old| old.run).collect();
        let gone: BTreeSet<RunId> = runs.iter().copied().collect();
        Ok(Some(PlanOfDag {
            dag: dag.dag.clone(),
            keep_runs: keep.runs,
            keep_days: keep.days,
            versions: page.old_versions(&dag.dag, &gone)?,
            ended_until: old.iter().map(|old| old.ended_at).max(),
            batches: batches(&old),
            runs,
            file_bytes: 0,
            store_bytes: 0,
            value_bytes: 0,
        }))
    }

    /// Finds out how much space a plan gives free.
    pub fn weigh(&self, plan: &mut Plan) -> Result<(), StoreError> {
        let paths = LogPaths::new(&self.data);
        for dag in &mut plan.dags {
            for run in &dag.runs {
                let weight = self.reader.read_now(|page| page.weigh(*run))?;
                dag.store_bytes += weight.log;
                dag.value_bytes += weight.values;
                dag.file_bytes += sweep::size_of(&paths.run(*run));
            }
        }
        Ok(())
    }

    /// Carries a plan out: `forget` makes one batch durable and returns then. Afterwards files that belong
    /// to nothing are swept, those of earlier times too.
    pub fn prune(
        &self,
        plan: &Plan,
        mut forget: impl FnMut(Batch) -> Result<(), PruneError>,
    ) -> Result<Swept, PruneError> {
        for dag in &plan.dags {
            for runs in &dag.batches {
                forget(Batch { runs: runs.clone(), versions: Vec::new() })?;
            }
            // Looked up anew: a run that was to go may have come to life again.
            let versions = self.reader.read_now(|page| page.old_versions(&dag.dag, &BTreeSet::new()))?;
            for versions in versions.chunks(BATCH_RUNS) {
                forget(Batch { runs: Vec::new(), versions: versions.to_vec() })?;
            }
        }
        Ok(sweep::sweep(&self.reader, &self.data, (self.clock)())?)
    }
}

/// Runs in batches, none of them with many task instances.
fn batches(old: &[OldRun]) -> Vec<Vec<RunId>> {
    let mut batches: Vec<Vec<RunId>> = Vec::new();
    let mut instances = 0;
    for old in old {
        instances += old.instances;
        match batches.last_mut() {
            Some(batch) if instances <= BATCH_INSTANCES && batch.len() < BATCH_RUNS => batch.push(old.run),
            _ => {
                batches.push(vec![old.run]);
                instances = old.instances;
            }
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_small_whatever_the_runs_are() {
        let of = |sizes: &[u64]| {
            let old = (1..).zip(sizes).map(|(run, instances)| OldRun {
                run: RunId(run),
                ended_at: Timestamp::from_nanos(0),
                instances: *instances,
            });
            batches(&old.collect::<Vec<_>>()).iter().map(Vec::len).collect::<Vec<_>>()
        };
        assert_eq!(of(&[]), [0; 0]);
        assert_eq!(of(&[1; 120]), [50, 50, 20]);
        assert_eq!(of(&[200, 300, 1]), [2, 1]);
        assert_eq!(of(&[90_000, 1, 90_000]), [1, 1, 1]);
    }
}
