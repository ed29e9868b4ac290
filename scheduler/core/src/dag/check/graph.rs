//! Ids, dependencies and cycles.

use std::collections::HashMap;

use crate::dag::read::Draft;
use crate::diag::{Code, Fault, Faults, Span};
use crate::graph::{Graph, Ring};
use crate::id::TaskIndex;
use crate::template::nearest;

/// Tasks by their ids.
pub(super) type Ids<'d> = HashMap<&'d str, TaskIndex>;

/// Every id and the first task that has it.
pub(super) fn ids<'d>(draft: &'d Draft<'_, '_>, faults: &mut Faults) -> Ids<'d> {
    let mut ids = Ids::with_capacity(draft.tasks.len());
    for (at, draft_task) in (0..).map(TaskIndex).zip(&draft.tasks) {
        let id = &*draft_task.task.id;
        if id.is_empty() {
            continue;
        }
        if let Some(first) = ids.get(id) {
            let fault =
                Fault::new(Code::DuplicateTask, draft_task.at, format!("two tasks have the id `{id}`"));
            faults.add(
                fault
                    .note(draft.tasks[first.at()].at, "the first is here")
                    .help("give one of them another id"),
            );
        } else {
            ids.insert(id, at);
        }
    }
    ids
}

/// The graph of all dependencies, if there is no cycle in it.
pub(super) fn graph(draft: &Draft<'_, '_>, ids: &Ids<'_>, faults: &mut Faults) -> Option<Graph> {
    let mut edges = Vec::new();
    for (at, draft_task) in (0..).map(TaskIndex).zip(&draft.tasks) {
        if faults.is_full() {
            return None;
        }
        let mut seen: HashMap<TaskIndex, Span> = HashMap::new();
        for (id, place) in &draft_task.upstreams {
            match ids.get(id) {
                None => faults.add(unknown_task(id, *place, &draft_task.task.id, draft)),
                Some(_) if draft_task.task.id == *id => {
                    let fault =
                        Fault::new(Code::SelfDependency, *place, format!("task `{id}` depends on itself"));
                    faults.add(fault.help("remove it from `depends_on`"));
                }
                Some(upstream) => match seen.insert(*upstream, *place) {
                    Some(first) => {
                        let fault =
                            Fault::new(Code::RepeatedDependency, *place, format!("`{id}` is named twice"));
                        faults.add(fault.note(first, "first named here").help("remove one of them"));
                    }
                    None => edges.push((*upstream, at)),
                },
            }
        }
    }
    match Graph::new(draft.tasks.len(), &edges) {
        Ok(graph) => Some(graph),
        Err(rings) => {
            for ring in &rings {
                faults.add(cycle(ring, draft, ids));
            }
            None
        }
    }
}

fn unknown_task(id: &str, at: Span, of: &str, draft: &Draft<'_, '_>) -> Fault {
    let fault =
        Fault::new(Code::UnknownTask, at, format!("task `{of}` depends on `{id}`, which does not exist"));
    let known: Vec<_> = draft.ids().filter(|known| *known != of).collect();
    match nearest(id, known.iter().copied()) {
        Some(name) => fault.help(format!("did you mean `{name}`?")),
        None if known.len() <= 20 && !known.is_empty() => {
            fault.help(format!("the other tasks are: {}", known.join(", ")))
        }
        None => fault,
    }
}

/// A ring, shown where its first task names the one that closes it.
fn cycle(ring: &Ring, draft: &Draft<'_, '_>, ids: &Ids<'_>) -> Fault {
    let id = |at: &TaskIndex| draft.tasks[at.at()].task.id.as_str();
    let path: Vec<_> = ring.0.iter().chain(ring.0.first()).map(id).collect();
    let first = &draft.tasks[ring.0[0].at()];
    let closing = ring.0.last().copied();
    let at = first
        .upstreams
        .iter()
        .find(|(name, _)| ids.get(name).copied() == closing)
        .map_or(first.at, |(_, at)| *at);
    Fault::new(Code::Cycle, at, "cycle in task dependencies")
        .label(path.join(" -> "))
        .help("remove one of these dependencies")
}
