//! Setups and their teardowns: what a task needs made ready before it runs, and what cleans that up.

use crate::dag::spec::Dag;
use crate::id::TaskIndex;

/// A setup of a DAG with what belongs to it.
pub(super) struct Setup {
    pub(super) at: TaskIndex,
    /// The teardowns right after it.
    pub(super) teardowns: Vec<TaskIndex>,
    /// The tasks that need it, as a mask: those below it and above one of its teardowns, or all below it
    /// where it has none. A teardown needs nothing: it cleans up what is there.
    pub(super) scope: Vec<bool>,
}

/// All setups of a DAG, in the order of the file.
pub(super) fn setups(dag: &Dag) -> Vec<Setup> {
    dag.places().filter(|at| dag.task(*at).setup).map(|at| setup(dag, at)).collect()
}

/// The setup at this place.
pub(super) fn setup(dag: &Dag, at: TaskIndex) -> Setup {
    let is_teardown = |at: &TaskIndex| dag.task(*at).teardown.is_some();
    let teardowns: Vec<TaskIndex> = dag.graph.downstream(at).filter(is_teardown).collect();
    let (below, before) = (dag.graph.descendants(&[at]), dag.graph.ancestors(&teardowns));
    let needs =
        |it: TaskIndex| below[it.at()] && !is_teardown(&it) && (teardowns.is_empty() || before[it.at()]);
    let scope = dag.places().map(needs).collect();
    Setup { at, teardowns, scope }
}
