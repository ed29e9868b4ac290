//! A part of a DAG: what of it a run leaves out.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::effect::Refusal;
use super::law::TaskState;
use super::reason::Reason;
use super::setup::setups;
use super::turn::Turn;
use crate::dag::spec::Dag;
use crate::id::{InstanceId, RunId, TaskIndex};

/// Which tasks of a DAG run; what is left out is `skipped`, and counts as a success for what comes after it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Part {
    /// Just these, and the setups and teardowns they need.
    pub only: Vec<String>,
    /// These, and all that comes after them, and the setups and teardowns they need.
    pub from: Vec<String>,
    /// Not these, whatever needs them.
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
        let chosen = |at: &TaskIndex| whole || only.contains(at) || from.contains(at) || below[at.at()];
        let mut wanted: Vec<bool> = dag.places().map(|at| chosen(&at) && !skip.contains(&at)).collect();
        add_setups(dag, &mut wanted, &skip);
        dag.places().filter(|at| !wanted[at.at()]).collect()
    }
}

/// What runs has its setups before it and their teardowns after it, but for those that shall not run.
fn add_setups(dag: &Dag, wanted: &mut [bool], skip: &[TaskIndex]) {
    let setups = setups(dag);
    let count = |wanted: &[bool]| wanted.iter().filter(|it| **it).count();
    loop {
        let before = count(wanted);
        for setup in setups.iter().filter(|setup| !skip.contains(&setup.at)) {
            let is_needed = wanted.iter().zip(&setup.scope).any(|(wanted, in_scope)| *wanted && *in_scope);
            if is_needed || wanted[setup.at.at()] {
                let own = setup.teardowns.iter().filter(|at| !skip.contains(at));
                own.chain([&setup.at]).for_each(|at| wanted[at.at()] = true);
            }
        }
        if count(wanted) == before {
            return;
        }
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
