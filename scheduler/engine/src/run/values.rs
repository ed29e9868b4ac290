//! Outputs and items of runs that are not over, kept at hand so that no task waits for a query.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use nightrun_core::dag::spec::FanIndex;
use nightrun_core::decide::{Item, Outputs, Transition};
use nightrun_core::id::{InstanceId, RunId, TaskIndex};

use crate::store::{Reader, StoreError};

/// What is at hand, by run.
#[derive(Debug, Default)]
pub(crate) struct RunValues(HashMap<RunId, OfRun>);

/// What one run has handed on so far.
#[derive(Debug, Default)]
struct OfRun {
    /// By task and item; only of those that have any.
    outputs: BTreeMap<(TaskIndex, u32), Outputs>,
    items: BTreeMap<FanIndex, Vec<Item>>,
}

impl RunValues {
    /// What the store holds for these runs.
    pub(super) fn load(path: &Path, runs: impl Iterator<Item = RunId>) -> Result<Self, StoreError> {
        Reader::open(path)?.read_now(|page| {
            let mut values = HashMap::new();
            for run in runs {
                values.insert(run, OfRun { outputs: page.outputs(run)?, items: page.items(run)? });
            }
            Ok(Self(values))
        })
    }

    /// Takes in what has become durable.
    pub(crate) fn remember(&mut self, facts: &[Transition]) {
        for fact in facts {
            match fact {
                Transition::AttemptEnded { attempt, outputs, .. } if !outputs.is_empty() => {
                    let InstanceId { run, task, item } = attempt.instance;
                    self.0.entry(run).or_default().outputs.insert((task, item), outputs.clone());
                }
                Transition::Expanded { run, fan, items, .. } => {
                    self.0.entry(*run).or_default().items.insert(*fan, items.clone());
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

    /// The tasks of a run that have outputs.
    pub(super) fn tasks(&self, run: RunId) -> Vec<TaskIndex> {
        let mut tasks: Vec<TaskIndex> = self
            .0
            .get(&run)
            .into_iter()
            .flat_map(|of_run| of_run.outputs.keys())
            .map(|(task, _)| *task)
            .collect();
        tasks.dedup();
        tasks
    }

    /// The outputs of one task instance.
    pub(super) fn outputs(&self, id: InstanceId) -> Option<&Outputs> {
        self.0.get(&id.run)?.outputs.get(&(id.task, id.item))
    }

    /// The outputs of all items of a task that have any.
    pub(super) fn of_items(&self, run: RunId, task: TaskIndex) -> impl Iterator<Item = (u32, &Outputs)> {
        let of_run = self.0.get(&run).into_iter();
        of_run
            .flat_map(move |it| it.outputs.range((task, 1)..=(task, u32::MAX)))
            .map(|((_, item), it)| (*item, it))
    }

    /// The item that a task instance is for, and its number from 0.
    pub(crate) fn item(&self, id: InstanceId, fan: FanIndex) -> Option<(&Item, u32)> {
        let index = id.item_index()?;
        Some((self.0.get(&id.run)?.items.get(&fan)?.get(index as usize)?, index))
    }
}
