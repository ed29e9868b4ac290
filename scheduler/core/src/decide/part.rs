//! A part of a DAG: what of it a run leaves out.

use serde::{Deserialize, Serialize};

use super::effect::Refusal;
use super::law::TaskState;
use super::reason::Reason;
use super::turn::Turn;
use crate::dag::spec::Dag;
use crate::id::{InstanceId, RunId, TaskIndex};

/// Which tasks of a DAG run; what is left out is `skipped`, and counts as a success for what comes after it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Part {
    /// Just these.
    pub only: Vec<String>,
    /// These, and all that comes after them.
    pub from: Vec<String>,
    /// Not these.
    pub skip: Vec<String>,
}

impl Part {
    /// Why a DAG has no such part.
    pub(super) fn check(&self, dag: &Dag) -> Result<(), Refusal> {
        for name in self.only.iter().chain(&self.from).chain(&self.skip) {
            if dag.find(name).is_none() {
                return Err(Refusal::Unknown(format!("DAG `{}` has no task `{name}`", dag.id)));
            }
        }
        if self.left_out(dag).len() == dag.tasks.len() {
            return Err(Refusal::Senseless("nothing would be left to run".into()));
        }
        Ok(())
    }

    /// The tasks that do not run.
    fn left_out(&self, dag: &Dag) -> Vec<TaskIndex> {
        let places = |names: &[String]| names.iter().filter_map(|name| dag.find(name)).collect::<Vec<_>>();
        let (only, from, skip) = (places(&self.only), places(&self.from), places(&self.skip));
        let below = dag.graph.descendants(&from);
        let whole = only.is_empty() && from.is_empty();
        let wanted = |at: &TaskIndex| whole || only.contains(at) || from.contains(at) || below[at.at()];
        dag.places().filter(|at| !wanted(at) || skip.contains(at)).collect()
    }
}

impl Turn<'_> {
    /// Skips what a new run leaves out.
    pub(super) fn leave_out(&mut self, run: RunId, part: &Part) {
        if *part != Part::default() {
            for task in part.left_out(&self.run(run).version.dag.clone()) {
                self.settle(InstanceId::whole(run, task), TaskState::Skipped, Reason::LeftOut);
            }
            self.follow();
        }
    }
}
