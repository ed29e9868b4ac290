//! Groups that run again as a whole: when one of their tasks has failed for good, that failure is held back,
//! what is in flight goes to its end, and then every task of the group waits and runs again.
//!
//! While a failure is held back, no other task of the group begins. Nothing after the group hears of it, for
//! the task that failed is not final.

use super::again::{self, Moved};
use super::clear::ClearRequest;
use super::law::{RunState, TaskState};
use super::reason::Reason;
use super::select::selection;
use super::state::{Instance, Run, State, Timer, Version};
use super::transition::Transition;
use super::turn::Turn;
use crate::dag::spec::Dag;
use crate::id::{InstanceId, RunId, TaskIndex};
use crate::time::Timestamp;

/// One group of a run.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct GroupState {
    /// How often it has run again since its run was made, or since somebody cleared tasks of the run.
    pub(super) retried: u32,
    /// A failure of it is held back until it runs again.
    pub(super) pending: bool,
    /// It runs again then.
    pub(super) until: Option<Timestamp>,
}

/// For each task the groups around it that run again, innermost first, by their places in the DAG.
pub(super) fn retrying_groups(dag: &Dag) -> Vec<Vec<usize>> {
    let mut around = vec![Vec::new(); dag.tasks.len()];
    for (at, group) in dag.groups.iter().enumerate().filter(|(_, group)| group.retries > 0) {
        group.tasks.iter().for_each(|task| around[task.at()].push(at));
    }
    // One group inside another holds fewer tasks, or the same ones and names the other as its parent.
    let depth = |at: &usize| {
        let parent = |at: &usize| {
            let parent = dag.groups[*at].parent.as_ref()?;
            dag.groups.iter().position(|group| group.id == *parent)
        };
        std::iter::successors(Some(*at), parent).count()
    };
    for groups in &mut around {
        groups.sort_by_key(|at| std::cmp::Reverse(depth(at)));
    }
    around
}

impl Turn<'_> {
    /// A task is about to fail for good: true when its group holds that back, because it will run again.
    pub(super) fn hold_back(&mut self, id: InstanceId, reason: &Reason) -> bool {
        let run = self.run(id.run);
        let Some(at) = run.group_that_retries(id, reason) else { return false };
        let group = &run.version.dag.groups[at];
        let state = run.at(id).state;
        let reason = Reason::GroupRetry {
            group: group.id.clone(),
            number: run.groups[at].retried + 2,
            of: group.retries + 1,
            at: None,
            after: reason.to_string(),
        };
        run.groups[at].pending = true;
        match state {
            TaskState::Waiting => self.reason_task(id, reason),
            TaskState::Deferred => self.move_task(id, TaskState::Waiting, reason),
            _ => self.move_task(id, TaskState::UpForRetry, reason),
        }
        self.stir(id.run);
        true
    }

    /// Something of a run has changed: groups that wait for it to be quiet are looked at.
    pub(super) fn stir(&mut self, run: RunId) {
        if let Some(known) = self.state.runs.get(&run) {
            let pending = (0..known.groups.len()).filter(|at| known.groups[*at].pending);
            self.stirred.extend(pending.map(|at| (run, at)));
        }
    }

    /// Begins the next try of a group of which nothing is in flight any more.
    pub(super) fn try_group_again(&mut self, id: RunId, at: usize) {
        let Some(run) = self.state.runs.get(&id) else { return };
        if !run.groups[at].pending || run.state != RunState::Running || run.ending.is_some() {
            return;
        }
        if !run.members(at).any(|it| run.is_held_by(it, at)) {
            // Somebody settled or cleared what had failed.
            self.run(id).groups[at].pending = false;
            return self.judge_members(id, at);
        }
        if run.outer_is_pending(at) {
            return;
        }
        if let Some(moved) = run.moved_by_retry(at) {
            self.retry_group(id, at, &moved);
        }
    }

    fn retry_group(&mut self, id: RunId, at: usize, moved: &[Moved]) {
        let run = self.run(id);
        let version = run.version.clone();
        let group = &version.dag.groups[at];
        let nested: Vec<usize> =
            (0..run.groups.len()).filter(|other| *other != at && version.dag.is_within(*other, at)).collect();
        run.groups[at].retried += 1;
        run.groups[at].pending = false;
        let (number, of) = (run.groups[at].retried + 1, group.retries + 1);
        let of_state = |to: TaskState| -> Vec<InstanceId> {
            moved.iter().filter(|(_, after, _)| *after == to).map(|(it, ..)| *it).collect()
        };
        let (ids, wholes) = (of_state(TaskState::Waiting), of_state(TaskState::Expanded));
        let from = |all: &[InstanceId]| all.iter().map(|it| (*it, run.at(*it).state)).collect();
        let (tasks, expanded) = (from(&ids), from(&wholes));
        let names = nested.iter().map(|at| version.dag.groups[*at].id.clone()).collect();
        let fact = Transition::GroupRetried {
            run: id,
            group: group.id.clone(),
            number,
            of,
            nested: names,
            tasks,
            expanded,
        };
        let after = run.first_held(at);
        self.record(fact);
        for inner in nested {
            let known = std::mem::take(&mut self.run(id).groups[inner]);
            known.until.into_iter().for_each(|until| self.disarm(until, Timer::Group(id, inner)));
        }
        self.wait_again(id, &ids, &wholes);
        if group.retry_delay.is_zero() {
            self.free_members(id, at);
        } else {
            let until = self.now.plus(group.retry_delay);
            self.run(id).groups[at].until = Some(until);
            self.arm(until, Timer::Group(id, at));
            let reason = Reason::GroupRetry { group: group.id.clone(), number, of, at: Some(until), after };
            let waiting = self.run(id).waiting_members(at);
            for it in waiting {
                self.reason_task(it, reason.clone());
            }
        }
        for task in version.dag.graph.order() {
            ids.iter().filter(|it| it.task == *task).for_each(|it| self.judge_task(*it));
        }
    }

    /// The wait before the next try of a group is over.
    pub(super) fn group_due(&mut self, id: RunId, at: usize) {
        let Some(run) = self.state.runs.get_mut(&id) else { return };
        run.groups[at].until = None;
        self.free_members(id, at);
    }

    /// The tasks of a group wait for nothing but their upstreams, and are judged.
    fn free_members(&mut self, id: RunId, at: usize) {
        let run = self.run(id);
        let mut told = run.waiting_members(at);
        told.retain(|it| matches!(run.at(*it).reason, Reason::GroupRetry { .. }));
        for it in told {
            self.reason_task(it, Reason::Upstream);
        }
        self.judge_members(id, at);
    }

    fn judge_members(&mut self, id: RunId, at: usize) {
        let version = self.run(id).version.clone();
        let members = &version.dag.groups[at].tasks;
        for task in version.dag.graph.order().iter().filter(|task| members.contains(task)) {
            self.judge_task(InstanceId::whole(id, *task));
        }
    }

    /// Takes back the timers of the groups of a run that is over.
    pub(super) fn forget_groups(&mut self, run: &Run) {
        for (at, group) in run.groups.iter().enumerate() {
            group.until.into_iter().for_each(|until| self.disarm(until, Timer::Group(run.id, at)));
        }
    }
}

impl Run {
    /// The whole tasks of a group.
    fn members(&self, group: usize) -> impl Iterator<Item = InstanceId> + '_ {
        self.dag().groups[group].tasks.iter().map(|task| InstanceId::whole(self.id, *task))
    }

    fn waiting_members(&self, group: usize) -> Vec<InstanceId> {
        self.members(group).filter(|it| self.at(*it).state == TaskState::Waiting).collect()
    }

    /// The group that will run again because this task has failed: the outermost that is about to anyway,
    /// else the innermost that has a try left.
    fn group_that_retries(&self, id: InstanceId, reason: &Reason) -> Option<usize> {
        let task = self.task(id.task);
        let counts = !task.allow_failure && task.teardown.is_none_or(|teardown| teardown.fails_run);
        let by_hand = matches!(reason, Reason::Marked { .. });
        let goes_on = self.state == RunState::Running && self.ending.is_none();
        if !counts || by_hand || !goes_on || id.item > 0 {
            return None;
        }
        let around = self.version.retrying(id.task);
        let pending = around.iter().rev().find(|at| self.groups[**at].pending);
        let has_tries = |at: &&usize| self.groups[**at].retried < self.dag().groups[**at].retries;
        pending.or_else(|| around.iter().find(has_tries)).copied()
    }

    /// True while the task may not begin because a group around it is about to run again.
    pub(super) fn is_held_back(&self, task: TaskIndex) -> bool {
        let holds = |at: &usize| self.groups[*at].pending || self.groups[*at].until.is_some();
        self.version.retrying(task).iter().any(holds)
    }

    fn outer_is_pending(&self, group: usize) -> bool {
        let pending = |at: usize| self.groups[at].pending;
        (0..self.groups.len()).any(|at| at != group && pending(at) && self.dag().is_within(group, at))
    }

    /// True for a task whose failure is held back until this group runs again.
    fn is_held_by(&self, id: InstanceId, at: usize) -> bool {
        is_held(self.at(id), &self.dag().groups[at].id)
    }

    /// The failure that a group runs again after, in words.
    fn first_held(&self, at: usize) -> String {
        let held = self.members(at).find(|it| self.is_held_by(*it, at));
        let words = held.and_then(|it| match &self.at(it).reason {
            Reason::GroupRetry { after, .. } => Some(format!("`{}`: {after}", self.task(it.task).id)),
            _ => None,
        });
        words.unwrap_or_default()
    }

    /// What waits again with a group; `None` while something of it, or after it, is in flight.
    fn moved_by_retry(&self, at: usize) -> Option<Vec<Moved>> {
        if self.members(at).any(|it| in_flight(self.at(it))) {
            return None;
        }
        let stays = |it: &Instance| {
            matches!(it.state, TaskState::Waiting | TaskState::Removed)
                || matches!(it.reason, Reason::LeftOut | Reason::Marked { .. })
        };
        let named: Vec<TaskIndex> =
            self.members(at).filter(|it| !stays(self.at(*it))).map(|it| it.task).collect();
        if named.is_empty() {
            return Some(Vec::new());
        }
        // What did not run because of the group is judged anew with it, unless that would touch what is at work.
        let wide = ClearRequest { without_setups: true, ..ClearRequest::default() };
        let narrow = ClearRequest { only: true, ..wide.clone() };
        [wide, narrow].iter().find_map(|request| {
            let picks = selection(self.dag(), &self.tasks, &named, request);
            let quiet = picks.iter().all(|(task, _)| self.is_quiet_from(*task));
            quiet.then(|| again::moved(self, &picks, None).ok()).flatten()
        })
    }

    /// True while neither a task nor what comes right after it is at work, or about to be.
    fn is_quiet_from(&self, task: TaskIndex) -> bool {
        let of_task = |task: TaskIndex| {
            let items = self.items.get(&task).map(|list| list.instances.as_slice()).unwrap_or_default();
            std::iter::once(&self.tasks[task.at()]).chain(items)
        };
        let busy = |it: &Instance| it.state.holds_slot() || is_asking(it);
        !std::iter::once(task).chain(self.dag().graph.downstream(task)).flat_map(of_task).any(busy)
    }
}

/// True when something will still come of this task by itself.
fn in_flight(it: &Instance) -> bool {
    match it.state {
        TaskState::Waiting => is_asking(it),
        TaskState::UpForRetry => !matches!(it.reason, Reason::GroupRetry { .. }),
        other => !other.is_final(),
    }
}

/// True while an answer is awaited that lets it go on.
fn is_asking(it: &Instance) -> bool {
    it.state == TaskState::Waiting && matches!(it.reason, Reason::Condition | Reason::Expanding)
}

fn is_held(it: &Instance, name: &str) -> bool {
    let waits = matches!(it.state, TaskState::Waiting | TaskState::UpForRetry);
    waits && matches!(&it.reason, Reason::GroupRetry { group, at: None, .. } if group == name)
}

impl Dag {
    /// True when the first group stands in the second, or is it; both by their places.
    fn is_within(&self, group: usize, outer: usize) -> bool {
        let parent = |at: &usize| {
            let parent = self.groups[*at].parent.as_ref()?;
            self.groups.iter().position(|group| group.id == *parent)
        };
        std::iter::successors(Some(group), parent).any(|at| at == outer)
    }
}

/// The groups of a run that begins, or of which the store knows how often each has run again.
pub(super) fn groups_of(
    version: &Version,
    retried: impl Fn(&str) -> u32,
    tasks: &[Instance],
) -> Vec<GroupState> {
    let state = |group: &crate::dag::spec::Group| {
        let members = || group.tasks.iter().filter_map(|task| tasks.get(task.at()));
        let until = members().find_map(|it| match &it.reason {
            Reason::GroupRetry { group: of, at, .. } if it.state == TaskState::Waiting && *of == group.id => {
                *at
            }
            _ => None,
        });
        let pending = members().any(|it| is_held(it, &group.id));
        GroupState { retried: retried(&group.id), pending, until }
    };
    version.dag.groups.iter().map(state).collect()
}

impl State {
    /// Arms the timers of the groups of a run that was read from the store.
    pub(super) fn restore_groups(&mut self, run: RunId) {
        for (at, group) in self.runs[&run].groups.iter().enumerate() {
            self.timers.extend(group.until.map(|until| (until, Timer::Group(run, at))));
        }
    }

    /// A group that waits for its next try will come to it, and has one left.
    pub(super) fn check_groups(&self, run: &Run, broken: &mut Vec<String>) {
        if run.ending.is_some() {
            return;
        }
        for (at, (group, spec)) in run.groups.iter().zip(&run.dag().groups).enumerate() {
            let who = || format!("group {} of run {}", spec.id, run.id);
            let held = run.members(at).any(|it| run.is_held_by(it, at));
            if held != group.pending {
                broken.push(format!("{} does not know whether a failure of it is held back", who()));
            }
            if group.retried > spec.retries || group.pending && group.retried == spec.retries {
                broken.push(format!("{} ran again too often", who()));
            }
            if group.pending && !run.outer_is_pending(at) && run.moved_by_retry(at).is_some() {
                broken.push(format!("{} is quiet and does not run again", who()));
            }
            if group.until.is_some_and(|until| !self.timers.contains(&(until, Timer::Group(run.id, at)))) {
                broken.push(format!("{} waits for a try that will not come", who()));
            }
            let begins = |it: InstanceId| {
                !matches!(run.at(it).state, TaskState::Waiting) && !run.at(it).state.is_final()
            };
            if group.until.is_some() && run.members(at).any(begins) {
                broken.push(format!("{} waits for its next try, and a task of it is at work", who()));
            }
        }
    }
}
