//! How the parts of a DAG hang together: what no key shows by itself.

mod graph;
mod hook;
mod limit;
mod operator;
mod reference;
mod rule;

use super::read::{Draft, Reader};
use crate::graph::Graph;

/// Checks a DAG whose keys are read; its graph, where there is one.
pub(super) fn check(draft: &mut Draft<'_, '_>, reader: &mut Reader<'_>) -> Option<Graph> {
    for task in &mut draft.tasks {
        limit::check(task, reader.known, reader.faults);
        task.task.chooses = operator::check(task, reader.known, reader.faults);
    }
    // Hooks of `defaults` are checked with each task that takes them over; a fault is reported once.
    for draft in draft.hooks.iter().chain(draft.tasks.iter().flat_map(|task| &task.hooks)) {
        hook::check(draft, reader.known, reader.faults);
    }
    let ids = graph::ids(draft, reader.faults);
    let graph = graph::graph(draft, &ids, reader.faults);
    if let Some(graph) = &graph {
        rule::check(draft, graph, reader.faults);
    }
    let names = reference::Names { draft, ids: &ids, graph: graph.as_ref(), file: reader.text };
    names.check(reader.faults);
    graph
}
