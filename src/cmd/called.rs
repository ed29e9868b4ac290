//! The DAGs that a DAG calls, and those that they call, where no server knows them.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use nightrun_core::dag::spec::Dag;
use nightrun_core::dag::{Reading, Source, read};
use nightrun_core::decide::DagText;
use nightrun_core::id::DagId;
use nightrun_core::time::Timestamp;
use nightrun_engine::run::dag_files;

use super::target::Target;
use crate::above::Above;
use crate::calendars;
use crate::config::Config;

/// What a run of this DAG needs to know beside it: DAGs of its own file first, then of the folder. One that is
/// nowhere, or whose file has faults, is left out; the task that calls it says so, if it comes to that.
pub(crate) fn by(target: &Target, config: &Config, now: Timestamp) -> Vec<DagText> {
    if calls(&target.dag).next().is_none() {
        return Vec::new();
    }
    let mut around = around(target, config, now);
    let mut known = BTreeSet::from([target.dag.id.clone()]);
    let mut wanted: Vec<DagId> = calls(&target.dag).cloned().collect();
    let mut found = Vec::new();
    while let Some(dag) = wanted.pop() {
        if !known.insert(dag.clone()) {
            continue;
        }
        if let Some(at) = around.iter().position(|other| other.dag.id == dag) {
            let other = around.remove(at);
            wanted.extend(calls(&other.dag).cloned());
            found.push(other.into_text());
        }
    }
    found
}

fn calls(dag: &Dag) -> impl Iterator<Item = &DagId> {
    dag.tasks.iter().filter_map(|task| task.work.as_call()).map(|call| &call.dag)
}

/// Every DAG of the folder, those of the target's own file first.
fn around(target: &Target, config: &Config, now: Timestamp) -> Vec<Target> {
    let mut known = config.known(now);
    known.calendars = calendars::of_folder(&target.root, &config.dags).read.known;
    let above = Above::new(&config.dags, None);
    let mut files = dag_files(&target.root);
    files.sort_by_key(|file| *file != target.path);
    let mut all = Vec::new();
    for path in files {
        let full = target.root.join(Path::new(&path));
        let Ok(bytes) = std::fs::read(&full) else { continue };
        let defaults = above.of(&full);
        let Reading { dags, pieces, .. } = read(&Source::new(&path, &bytes).with(&defaults), &known);
        let text = String::from_utf8_lossy(&bytes);
        for (dag, piece) in dags.into_iter().zip(pieces) {
            all.push(Target {
                dag: Arc::new(dag),
                root: target.root.clone(),
                path: path.clone(),
                text: text[piece].into(),
                defaults: defaults.clone().into(),
            });
        }
    }
    all
}
