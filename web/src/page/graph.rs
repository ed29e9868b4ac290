//! The graph of a DAG with the states of a run on it, and which of its groups are folded.

use std::collections::BTreeSet;

use nightrun_core::dag::spec::Dag;
use nightrun_core::id::RunId;
use serde::{Deserialize, Serialize};

use crate::draw::graph::{Drawing, Standing, draw, every_group, folded, joined};

/// Which groups somebody wants folded: ids with commas between them.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Folds {
    folded: Option<String>,
}

impl Folds {
    /// Which groups of a DAG are folded.
    pub(super) fn of(&self, dag: &Dag) -> BTreeSet<String> {
        folded(dag, self.folded.as_deref())
    }
}

/// A graph with the states of one run on it.
#[derive(Serialize)]
pub(super) struct GraphView {
    drawing: Option<Drawing>,
    run: Option<RunId>,
    tasks: usize,
    /// All groups, as an address has them; empty: there are none.
    groups: String,
    /// Some group is folded.
    any_folded: bool,
    /// Some group is open.
    any_open: bool,
    /// Tasks that made the run as long as it was.
    critical: Vec<String>,
}

impl GraphView {
    pub(super) fn of(spec: Option<&Dag>, asked: &Folds, run: Option<RunId>, standing: &[Standing]) -> Self {
        let folded = spec.map(|dag| folded(dag, asked.folded.as_deref())).unwrap_or_default();
        let groups = spec.map(every_group).unwrap_or_default();
        Self {
            drawing: spec.and_then(|dag| draw(dag, &folded, standing)),
            run,
            tasks: spec.map_or(0, |dag| dag.tasks.len()),
            groups: joined(&groups),
            any_folded: !folded.is_empty(),
            any_open: folded.len() < groups.len(),
            critical: Vec::new(),
        }
    }

    /// With these tasks marked.
    pub(super) fn marking(self, critical: Vec<String>) -> Self {
        Self { critical, ..self }
    }
}
