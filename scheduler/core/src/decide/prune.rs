//! Ended runs are forgotten. The store knows which are old; the core knows which have come to life again.

use std::collections::BTreeSet;

use super::effect::Answer;
use super::state::Run;
use super::transition::Transition;
use super::turn::Turn;
use crate::id::{RunId, VersionId};

impl Turn<'_> {
    /// What is not over, and what is in use, stays: it may have become so after it was chosen. So does
    /// a run whose hooks are still delivered, which a backfill is to run again, or for which a call waits.
    pub(super) fn prune_requested(
        &mut self,
        mut runs: Vec<RunId>,
        mut versions: Vec<VersionId>,
        by: String,
    ) -> Answer {
        let state = &*self.state;
        let told = |run: &RunId| state.hooks.values().any(|hook| hook.run == *run);
        let wanted = |run: &RunId| state.backfills.values().any(|backfill| backfill.wants(*run));
        let children = |run: &Run| run.instances().filter_map(|(_, it)| it.child).collect::<Vec<_>>();
        let called: BTreeSet<RunId> =
            state.runs.values().filter(|run| run.calls > 0).flat_map(children).collect();
        runs.retain(|run| {
            !state.runs.contains_key(run) && !told(run) && !wanted(run) && !called.contains(run)
        });
        versions.retain(|version| {
            let in_force = state.dags.values().any(|dag| dag.version.id == *version);
            !in_force && state.runs.values().all(|run| run.version.id != *version)
        });
        if !runs.is_empty() || !versions.is_empty() {
            self.record(Transition::Pruned { runs, versions, by });
        }
        Answer::Done
    }
}
