//! Outputs of runs that are not over, kept at hand so that no task waits for a query.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use nightrun_core::decide::{Outputs, Transition};
use nightrun_core::id::{RunId, TaskIndex};

use crate::store::{Reader, StoreError};

/// Outputs by run and task; only tasks that have any.
#[derive(Debug, Default)]
pub(super) struct RunValues(HashMap<RunId, BTreeMap<TaskIndex, Outputs>>);

impl RunValues {
    /// What the store holds for these runs.
    pub(super) fn load(path: &Path, runs: impl Iterator<Item = RunId>) -> Result<Self, StoreError> {
        Reader::open(path)?.read_now(|page| {
            let mut values = HashMap::new();
            for run in runs {
                let of_run: BTreeMap<TaskIndex, Outputs> =
                    page.outputs(run)?.into_iter().map(|((task, _), outputs)| (task, outputs)).collect();
                if !of_run.is_empty() {
                    values.insert(run, of_run);
                }
            }
            Ok(Self(values))
        })
    }

    /// Takes in what has become durable.
    pub(super) fn remember(&mut self, facts: &[Transition]) {
        for fact in facts {
            match fact {
                Transition::AttemptEnded { attempt, outputs, .. } if !outputs.is_empty() => {
                    let of_run = self.0.entry(attempt.instance.run).or_default();
                    of_run.insert(attempt.instance.task, outputs.clone());
                }
                Transition::RunMoved { run, to, .. } if to.is_final() => {
                    self.0.remove(run);
                }
                _ => {}
            }
        }
    }

    /// Reads the outputs of runs again in which somebody changed what is visible.
    pub(super) fn look_again(&mut self, facts: &[Transition], store: &Path) -> Result<(), StoreError> {
        let mut changed = BTreeSet::new();
        for fact in facts {
            match fact {
                Transition::RunCleared { run, .. } => drop(changed.insert(*run)),
                Transition::TaskMarked { instance, .. } if self.0.contains_key(&instance.run) => {
                    changed.insert(instance.run);
                }
                Transition::RunMoved { run, to, .. } if to.is_final() => drop(changed.remove(run)),
                _ => {}
            }
        }
        if changed.is_empty() {
            return Ok(());
        }
        let Self(seen) = Self::load(store, changed.iter().copied())?;
        self.0.retain(|run, _| !changed.contains(run));
        self.0.extend(seen);
        Ok(())
    }

    /// The tasks of a run that have outputs, with them.
    pub(super) fn of(&self, run: RunId) -> impl Iterator<Item = (TaskIndex, &Outputs)> {
        self.0.get(&run).into_iter().flatten().map(|(task, outputs)| (*task, outputs))
    }
}
