//! Groups and fans: which tasks they hold, and what a dependency on a group means.

use std::collections::{HashMap, HashSet};

use super::graph::Ids;
use crate::dag::read::{Draft, DraftGroup};
use crate::dag::spec::{Fan, FanIndex, Group};
use crate::diag::{Code, Fault, Faults, Span};
use crate::id::TaskIndex;
use crate::template::nearest;

/// The groups of a DAG and what lies in them.
pub(super) struct Groups<'d> {
    by_id: HashMap<&'d str, usize>,
    /// For each group all its tasks, those of nested groups too.
    tasks: Vec<Vec<TaskIndex>>,
    /// For each task the groups it stands in, innermost first.
    around: Vec<Vec<usize>>,
    /// For each group the groups it stands in, innermost first, itself not counted.
    outer: Vec<Vec<usize>>,
    /// For each task whether it cleans up.
    teardowns: Vec<bool>,
}

/// One end of a dependency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Task(TaskIndex),
    Group(usize),
}

impl<'d> Groups<'d> {
    /// Finds what stands in what, and reports ids that are taken or name nothing.
    pub(super) fn new(draft: &'d Draft<'_, '_>, ids: &Ids<'_>, faults: &mut Faults) -> Self {
        let mut by_id = HashMap::new();
        for (at, group) in draft.groups.iter().enumerate() {
            let first = by_id.get(group.id).map(|at: &usize| draft.groups[*at].at);
            let taken = first.or_else(|| ids.get(group.id).map(|task| draft.tasks[task.at()].at));
            if let Some(first) = taken {
                let message = format!("the id `{}` of the group is taken", group.id);
                let fault = Fault::new(Code::DuplicateTask, group.at, message);
                faults.add(fault.note(first, "the first is here").help("groups and tasks share their ids"));
            } else {
                by_id.insert(group.id, at);
            }
        }
        let find = |named: Option<(&str, Span)>, faults: &mut Faults| {
            let (id, at) = named?;
            if !by_id.contains_key(id) {
                faults.add(unknown_group(id, at, &draft.groups));
            }
            by_id.get(id).copied()
        };
        let parents: Vec<Option<usize>> =
            draft.groups.iter().map(|group| find(group.parent, faults)).collect();
        let outer: Vec<Vec<usize>> =
            (0..parents.len()).map(|at| outer(at, &parents, draft, faults)).collect();
        let mut tasks = vec![Vec::new(); draft.groups.len()];
        let mut around = Vec::with_capacity(draft.tasks.len());
        for (at, task) in (0..).map(TaskIndex).zip(&draft.tasks) {
            let inner = find(task.group, faults);
            let all: Vec<usize> =
                inner.into_iter().chain(inner.iter().flat_map(|at| outer[*at].clone())).collect();
            for group in &all {
                tasks[*group].push(at);
            }
            around.push(all);
        }
        for (group, tasks) in draft.groups.iter().zip(&tasks) {
            if tasks.is_empty() {
                let fault = Fault::new(
                    Code::EmptyGroup,
                    group.at,
                    format!("no task belongs to group `{}`", group.id),
                );
                faults.add(fault.help(format!("write `group: {}` in its tasks, or remove it", group.id)));
            }
        }
        let teardowns = draft.tasks.iter().map(|draft| draft.task.teardown.is_some()).collect();
        Self { by_id, tasks, around, outer, teardowns }
    }

    /// The group of this id.
    pub(super) fn find(&self, id: &str) -> Option<usize> {
        self.by_id.get(id).copied()
    }

    /// All edges between tasks that these dependencies mean: the last tasks of an upstream group, the first
    /// tasks of a downstream one.
    pub(super) fn edges(&self, dependencies: &[(End, End)]) -> Vec<(TaskIndex, TaskIndex)> {
        let borders = |side: fn(&(End, End)) -> End| -> Vec<Vec<TaskIndex>> {
            (0..self.tasks.len()).map(|group| self.border(group, side, dependencies)).collect()
        };
        let (mut last, first) = (borders(|ends| ends.0), borders(|ends| ends.1));
        for (group, last) in last.iter_mut().enumerate() {
            // As in Airflow: what comes after a group waits for its work, and goes by its work, not its cleaning up.
            let work: Vec<(End, End)> =
                dependencies.iter().filter(|(_, below)| !self.cleans_up(*below)).copied().collect();
            let ends = self.border(group, |ends| ends.0, &work).into_iter();
            let ends: Vec<TaskIndex> = ends.filter(|task| !self.teardowns[task.at()]).collect();
            if !ends.is_empty() {
                *last = ends;
            }
        }
        let tasks = |end: End, of_groups: &[Vec<TaskIndex>]| match end {
            End::Task(task) => vec![task],
            End::Group(group) => of_groups[group].clone(),
        };
        let mut edges = Vec::new();
        for (above, below) in dependencies {
            let (above, below) = (tasks(*above, &last), tasks(*below, &first));
            edges.extend(above.iter().flat_map(|above| below.iter().map(|below| (*above, *below))));
        }
        edges.sort_unstable();
        edges.dedup();
        edges
    }

    /// The tasks of a group that stand at no such end of a dependency inside the group.
    fn border(&self, group: usize, side: fn(&(End, End)) -> End, all: &[(End, End)]) -> Vec<TaskIndex> {
        let inside = |ends: &&(End, End)| self.lies_in(ends.0, group) && self.lies_in(ends.1, group);
        let mut inner: HashSet<TaskIndex> = HashSet::new();
        for ends in all.iter().filter(inside) {
            match side(ends) {
                End::Task(task) => inner.extend([task]),
                End::Group(nested) => inner.extend(&self.tasks[nested]),
            }
        }
        self.tasks[group].iter().copied().filter(|task| !inner.contains(task)).collect()
    }

    fn cleans_up(&self, end: End) -> bool {
        matches!(end, End::Task(task) if self.teardowns[task.at()])
    }

    fn lies_in(&self, end: End, group: usize) -> bool {
        match end {
            End::Task(task) => self.around[task.at()].contains(&group),
            End::Group(one) => self.outer[one].contains(&group),
        }
    }

    /// The groups as the DAG keeps them.
    pub(super) fn finish(&self, draft: &Draft<'_, '_>) -> Vec<Group> {
        let group = |(group, tasks): (&DraftGroup<'_, '_>, &Vec<TaskIndex>)| Group {
            id: group.id.to_owned(),
            label: group.label.clone(),
            parent: group.parent.map(|(parent, _)| parent.to_owned()),
            retries: group.retries.map_or(0, |(retries, _)| retries),
            retry_delay: group.retry_delay,
            tasks: tasks.clone(),
        };
        draft.groups.iter().zip(&self.tasks).map(group).collect()
    }

    /// The fans, and for each task the one it belongs to; one inside another is reported.
    pub(super) fn fans(
        &self,
        draft: &Draft<'_, '_>,
        faults: &mut Faults,
    ) -> (Vec<Fan>, Vec<Option<FanIndex>>) {
        let mut fans: Vec<Fan> = Vec::new();
        let mut of_task: Vec<Option<FanIndex>> = vec![None; draft.tasks.len()];
        let groups = draft.groups.iter().zip(&self.tasks).map(|(group, tasks)| (&group.fan, tasks.clone()));
        let tasks = (0..).map(TaskIndex).zip(&draft.tasks).map(|(at, task)| (&task.fan, vec![at]));
        for (found, tasks) in groups.chain(tasks) {
            let Some(found) = found else { continue };
            let index = FanIndex(u32::try_from(fans.len()).unwrap_or(u32::MAX));
            if tasks.iter().any(|task| of_task[task.at()].is_some()) {
                let fault = Fault::new(Code::NestedForeach, found.at, "a `foreach` inside another `foreach`");
                faults.add(fault.help("use a matrix: `foreach: {items: {matrix: {region: […], day: […]}}}`"));
            }
            for task in &tasks {
                of_task[task.at()].get_or_insert(index);
            }
            let waits =
                tasks.iter().find(|task| tasks.len() > 1 && !draft.tasks[task.at()].task.waits.is_empty());
            if let Some(task) = waits {
                let task = &draft.tasks[task.at()];
                let message = format!("task `{}` waits for another DAG inside a `foreach`", task.task.id);
                let fault = Fault::new(Code::KeysClash, task.at, message);
                faults.add(fault.help("give the `wait_for` to a task before the group"));
            }
            fans.push(Fan { tasks, ..found.fan.clone() });
        }
        self.refuse_retried_fans(draft, &of_task, faults);
        (fans, of_task)
    }

    /// A group that runs again as a whole has no part that is done for each of several items.
    fn refuse_retried_fans(&self, draft: &Draft<'_, '_>, of_task: &[Option<FanIndex>], faults: &mut Faults) {
        for (group, tasks) in draft.groups.iter().zip(&self.tasks) {
            let Some((1.., at)) = group.retries else { continue };
            if let Some(task) = tasks.iter().find(|task| of_task[task.at()].is_some()) {
                let id = &draft.tasks[task.at()].task.id;
                let message =
                    format!("group `{}` has `retries`, and its task `{id}` is done for each item", group.id);
                let fault = Fault::new(Code::KeysClash, at, message);
                faults.add(fault.help("give its tasks retries: `defaults: {retries: 2}`"));
            }
        }
    }
}

/// The groups around a group, innermost first; a ring is reported at its first group.
fn outer(at: usize, parents: &[Option<usize>], draft: &Draft<'_, '_>, faults: &mut Faults) -> Vec<usize> {
    let mut outer = Vec::new();
    let mut next = parents[at];
    while let Some(parent) = next {
        if parent == at {
            if outer.iter().all(|other| at <= *other) {
                let fault = Fault::new(Code::Cycle, draft.groups[at].at, "groups that stand in each other");
                let names = [at].into_iter().chain(outer).chain([at]).map(|at| draft.groups[at].id);
                faults.add(fault.label(names.collect::<Vec<_>>().join(" in ")));
            }
            return Vec::new();
        }
        if outer.contains(&parent) {
            return outer;
        }
        outer.push(parent);
        next = parents[parent];
    }
    outer
}

fn unknown_group(id: &str, at: Span, groups: &[DraftGroup<'_, '_>]) -> Fault {
    let fault = Fault::new(Code::UnknownGroup, at, format!("there is no group `{id}`"));
    match nearest(id, groups.iter().map(|group| group.id)) {
        Some(name) => fault.help(format!("did you mean `{name}`?")),
        None => fault.help(format!("declare it: `groups: [{{id: {id}}}]`")),
    }
}
