//! Ids, dependencies and cycles.

use std::collections::HashMap;

use super::group::{End, Groups};
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
pub(super) fn graph(
    draft: &Draft<'_, '_>,
    ids: &Ids<'_>,
    groups: &Groups<'_>,
    faults: &mut Faults,
) -> Option<Graph> {
    let mut dependencies = Vec::new();
    for (at, draft_task) in (0..).map(TaskIndex).zip(&draft.tasks) {
        if faults.is_full() {
            return None;
        }
        let owner = format!("task `{}`", draft_task.task.id);
        let found =
            upstreams((&owner, &draft_task.task.id), &draft_task.upstreams, draft, (ids, groups), faults);
        dependencies.extend(found.into_iter().map(|above| (above, End::Task(at))));
    }
    for (at, group) in draft.groups.iter().enumerate() {
        let owner = format!("group `{}`", group.id);
        let found = upstreams((&owner, group.id), &group.upstreams, draft, (ids, groups), faults);
        dependencies.extend(found.into_iter().map(|above| (above, End::Group(at))));
    }
    let edges = groups.edges(&dependencies);
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

/// What the `depends_on` of a task or a group (how a message names it, and its id) names.
fn upstreams(
    (owner, own_id): (&str, &str),
    named: &[(&str, Span)],
    draft: &Draft<'_, '_>,
    (ids, groups): (&Ids<'_>, &Groups<'_>),
    faults: &mut Faults,
) -> Vec<End> {
    let mut seen: HashMap<&str, Span> = HashMap::new();
    let mut ends = Vec::new();
    for (id, place) in named {
        let end = ids.get(id).map(|task| End::Task(*task)).or_else(|| groups.find(id).map(End::Group));
        match end {
            None => faults.add(unknown_task(id, *place, (owner, own_id), draft)),
            Some(_) if own_id == *id => {
                let fault = Fault::new(Code::SelfDependency, *place, format!("{owner} depends on itself"));
                faults.add(fault.help("remove it from `depends_on`"));
            }
            Some(end) => match seen.insert(id, *place) {
                Some(first) => {
                    let fault =
                        Fault::new(Code::RepeatedDependency, *place, format!("`{id}` is named twice"));
                    faults.add(fault.note(first, "first named here").help("remove one of them"));
                }
                None => ends.push(end),
            },
        }
    }
    ends
}

fn unknown_task(id: &str, at: Span, (owner, own_id): (&str, &str), draft: &Draft<'_, '_>) -> Fault {
    let fault = Fault::new(Code::UnknownTask, at, format!("{owner} depends on `{id}`, which does not exist"));
    let known: Vec<_> = draft.ids().filter(|known| *known != own_id).collect();
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
