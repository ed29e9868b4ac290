//! How the parts of a DAG hang together: what no key shows by itself.

mod graph;

use super::read::{Draft, Reader};
use crate::graph::Graph;

/// Checks a DAG whose keys are read; its graph, where there is one.
pub(super) fn check(draft: &Draft<'_, '_>, reader: &mut Reader<'_>) -> Option<Graph> {
    let ids = graph::ids(draft, reader.faults);
    graph::graph(draft, &ids, reader.faults)
}
