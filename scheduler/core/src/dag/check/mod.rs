//! How the parts of a DAG hang together: what no key shows by itself.

mod call;
mod graph;
mod group;
mod hook;
mod limit;
mod operator;
mod reference;
mod rule;

pub(super) use self::call::check_endless;
use self::group::Groups;
use super::read::{Draft, Reader};
use super::spec::{Fan, Group};
use crate::graph::Graph;

/// How the tasks of a DAG hang together.
pub(super) struct Checked {
    pub(super) graph: Graph,
    pub(super) groups: Vec<Group>,
    pub(super) fans: Vec<Fan>,
}

/// Checks a DAG whose keys are read; its graph, where there is one.
pub(super) fn check(draft: &mut Draft<'_, '_>, reader: &mut Reader<'_>) -> Option<Checked> {
    for task in &mut draft.tasks {
        limit::check(task, reader.known, reader.faults);
        operator::check(task, reader.known, reader.faults);
    }
    // Hooks of `defaults` are checked with each task that takes them over; a fault is reported once.
    for draft in draft.hooks.iter().chain(draft.tasks.iter().flat_map(|task| &task.hooks)) {
        hook::check(draft, reader.known, reader.faults);
    }
    let ids = graph::ids(draft, reader.faults);
    let groups = Groups::new(draft, &ids, reader.faults);
    let (fans, of_task) = groups.fans(draft, reader.faults);
    let graph = graph::graph(draft, &ids, &groups, reader.faults);
    if let Some(graph) = &graph {
        rule::check(draft, graph, reader.faults);
    }
    let names = reference::Names {
        draft,
        ids: &ids,
        graph: graph.as_ref(),
        file: reader.text,
        fans: &fans,
        fan_of: &of_task,
    };
    names.check(reader.faults);
    let groups = groups.finish(draft);
    for (task, fan) in draft.tasks.iter_mut().zip(of_task) {
        task.task.fan = fan;
    }
    Some(Checked { graph: graph?, groups, fans })
}
