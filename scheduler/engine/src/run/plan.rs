//! What loading the DAG files as they are now would change, without loading them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use nightrun_core::dag::spec::Dag;
use nightrun_core::dag::{Changes, Known, compare};
use nightrun_core::decide::RunState;
use nightrun_core::id::{DagId, RunId, VersionId};
use serde::Serialize;
use serde_json::Value as Json;

use super::{Folder, Parse};
use crate::store::{DagItem, Fault, Page};

/// What becomes of one DAG.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It comes into force for the first time, or comes back.
    New,
    /// It gets a new version.
    Changed,
    /// No file defines it any more.
    Retired,
    /// Its file is broken: what is in force stays so.
    Broken,
    /// Nothing.
    Unchanged,
}

/// One DAG and what becomes of it.
#[derive(Debug, Clone)]
pub struct Planned {
    /// The DAG.
    pub dag: DagId,
    /// Its file, below the DAG folder.
    pub path: String,
    /// What becomes of it.
    pub fate: Fate,
    /// The version in force, if there is one.
    pub version: Option<VersionId>,
    /// What that means.
    pub before: Option<Arc<Dag>>,
    /// What its file means now.
    pub after: Option<Arc<Dag>>,
    /// What is different, where both are known.
    pub changes: Option<Changes>,
    /// Runs that are not over, with the version they keep.
    pub runs: Vec<(RunId, RunState, VersionId)>,
}

/// All DAGs by their ids, and what is wrong with files.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// The DAGs.
    pub dags: Vec<Planned>,
    /// Files with errors or warnings.
    pub faults: Vec<(String, Json)>,
}

impl Plan {
    /// Compares the files of a folder with what a store holds; without a store everything is new.
    pub fn make(dags: PathBuf, known: Known, stored: Option<&Page>, parse: &Parse) -> Result<Self, Fault> {
        let items = stored.map_or(Ok(Vec::new()), |page| page.dags(None, u32::MAX, 0))?;
        let in_force = items.iter().filter(|item| !item.retired);
        let owners = in_force.map(|item| (item.dag.clone(), item.path.clone()));
        let report = Folder::new(dags, known, owners).look();
        let mut read: BTreeMap<DagId, _> =
            report.read.into_iter().map(|text| (text.dag.id.clone(), text)).collect();
        let faults = report.faults.into_iter().filter(|(_, faults)| *faults != Json::Array(vec![]));
        let mut plan = Self { dags: Vec::new(), faults: faults.collect() };
        for item in &items {
            let text = read.remove(&item.dag);
            if item.retired && text.is_none() {
                continue;
            }
            let Some(page) = stored else { continue };
            let version = page.version(item.version)?;
            let same = |hash: &str| version.as_ref().is_some_and(|version| version.item.hash == hash);
            let fate = match &text {
                Some(text) if item.retired || !same(&text.hash) => {
                    if item.retired {
                        Fate::New
                    } else {
                        Fate::Changed
                    }
                }
                Some(_) => Fate::Unchanged,
                None if report.gone.contains(&item.dag) => Fate::Retired,
                None => Fate::Broken,
            };
            let before = version.and_then(|version| parse(&version.source()));
            plan.add(item, fate, (before, text), page)?;
        }
        plan.dags.extend(read.into_values().map(|text| Planned {
            dag: text.dag.id.clone(),
            path: text.path,
            fate: Fate::New,
            version: None,
            before: None,
            after: Some(text.dag),
            changes: None,
            runs: Vec::new(),
        }));
        plan.dags.sort_by(|a, b| a.dag.cmp(&b.dag));
        Ok(plan)
    }

    fn add(
        &mut self,
        item: &DagItem,
        fate: Fate,
        (before, text): (Option<Arc<Dag>>, Option<nightrun_core::decide::DagText>),
        page: &Page,
    ) -> Result<(), Fault> {
        let path = text.as_ref().map_or_else(|| item.path.clone(), |text| text.path.clone());
        let after = text.map(|text| text.dag);
        let changes = match (&before, &after) {
            (Some(before), Some(after)) => Some(compare(before, after)),
            _ => None,
        };
        let runs = page.active_versions(&item.dag)?;
        let (dag, version) = (item.dag.clone(), Some(item.version));
        self.dags.push(Planned { dag, path, fate, version, before, after, changes, runs });
        Ok(())
    }
}
