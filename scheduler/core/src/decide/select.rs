//! Which tasks of a run a clear or a mark takes along, and why each of them.

use super::clear::ClearRequest;
use super::law::TaskState;
use super::reason::Reason;
use super::setup::{Setup, setups};
use super::state::Instance;
use crate::dag::spec::Dag;
use crate::id::TaskIndex;

/// Why a task is one of those that run again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    Chosen,
    All,
    Failed,
    Blocked,
    Canceled,
    BlockedBy(TaskIndex),
    SkippedBecauseOf(TaskIndex),
    Upstream,
    Downstream,
    WaitsFor(TaskIndex),
    FoundAnew,
    SetupOf(TaskIndex),
    TeardownOf(TaskIndex),
}

impl Why {
    /// In words.
    pub(super) fn says(self, dag: &Dag) -> String {
        let id = |at: TaskIndex| &dag.task(at).id;
        match self {
            Self::Chosen => "chosen".into(),
            Self::All => "all tasks".into(),
            Self::Failed => "failed".into(),
            Self::Blocked => "blocked".into(),
            Self::Canceled => "canceled".into(),
            Self::BlockedBy(above) => format!("blocked by `{}`", id(above)),
            Self::SkippedBecauseOf(above) => format!("skipped because of `{}`", id(above)),
            Self::Upstream => "upstream of what was chosen".into(),
            Self::Downstream => "downstream of what was chosen".into(),
            Self::WaitsFor(above) => format!("waits for `{}` again", id(above)),
            Self::FoundAnew => "its items are found out anew".into(),
            Self::SetupOf(user) => format!("setup of `{}`", id(user)),
            Self::TeardownOf(setup) => format!("teardown of `{}`", id(setup)),
        }
    }

    /// True when all items of the task were meant, and not only those that did not end well.
    pub(super) const fn means_all_items(self) -> bool {
        match self {
            Self::Chosen
            | Self::All
            | Self::Upstream
            | Self::Downstream
            | Self::WaitsFor(_)
            | Self::FoundAnew
            | Self::SetupOf(_)
            | Self::TeardownOf(_) => true,
            Self::Failed
            | Self::Blocked
            | Self::Canceled
            | Self::BlockedBy(_)
            | Self::SkippedBecauseOf(_) => false,
        }
    }
}

/// The tasks that a clear makes wait again, each with why it is one of them. `named` are those that were
/// asked for by their ids.
pub(super) fn selection(
    dag: &Dag,
    tasks: &[Instance],
    named: &[TaskIndex],
    request: &ClearRequest,
) -> Vec<(TaskIndex, Why)> {
    let mut picks = Picks { dag, tasks, whys: vec![None; tasks.len()] };
    picks.choose(named, request);
    picks.spread(request);
    let setups = if request.without_setups { Vec::new() } else { setups(dag) };
    loop {
        if !request.only {
            picks.add_blocked();
        }
        if !picks.add_setups(&setups) {
            break;
        }
    }
    picks.leave_to_their_branches();
    picks.take_back();
    let changing = dag.places().filter(|at| picks.changes(*at));
    changing.filter_map(|at| Some((at, picks.whys[at.at()]?))).collect()
}

/// What hangs, blocked, on tasks that change: what a mark by hand lets go on.
pub(super) fn blocked_by(dag: &Dag, tasks: &[Instance], marked: TaskIndex) -> Vec<(TaskIndex, Why)> {
    let mut picks = Picks { dag, tasks, whys: vec![None; tasks.len()] };
    picks.whys[marked.at()] = Some(Why::Chosen);
    for at in dag.graph.order() {
        let blocked = tasks[at.at()].state == TaskState::UpstreamFailed
            || matches!(tasks[at.at()].reason, Reason::Rule { .. });
        if let (None, true, Some(above)) = (picks.whys[at.at()], blocked, picks.picked_above(*at)) {
            picks.whys[at.at()] = Some(picks.blocked(*at, above));
        }
    }
    picks.take_back();
    dag.places().filter(|at| *at != marked).filter_map(|at| Some((at, picks.whys[at.at()]?))).collect()
}

struct Picks<'a> {
    dag: &'a Dag,
    tasks: &'a [Instance],
    whys: Vec<Option<Why>>,
}

impl Picks<'_> {
    fn choose(&mut self, named: &[TaskIndex], request: &ClearRequest) {
        let failed = request.failed || (named.is_empty() && !request.all);
        for at in self.dag.places() {
            let instance = &self.tasks[at.at()];
            let why = match instance.state {
                _ if named.contains(&at) => Why::Chosen,
                _ if instance.reason == Reason::LeftOut => continue,
                _ if request.all => Why::All,
                TaskState::Failed if failed => Why::Failed,
                TaskState::UpstreamFailed if failed => Why::Blocked,
                TaskState::Canceled if failed => Why::Canceled,
                _ => continue,
            };
            self.whys[at.at()] = Some(why);
        }
        for at in self.dag.graph.order() {
            if self.whys[at.at()] == Some(Why::Blocked)
                && let Some(above) = self.picked_above(*at)
            {
                self.whys[at.at()] = Some(self.blocked(*at, above));
            }
        }
    }

    fn spread(&mut self, request: &ClearRequest) {
        let graph = &self.dag.graph;
        let chosen: Vec<TaskIndex> = self.dag.places().filter(|at| self.whys[at.at()].is_some()).collect();
        let reached = [
            (request.upstream, graph.ancestors(&chosen), Why::Upstream),
            (request.downstream, graph.descendants(&chosen), Why::Downstream),
        ];
        for (_, mask, why) in reached.into_iter().filter(|(wanted, ..)| *wanted) {
            for at in self.dag.places().filter(|at| mask[at.at()]) {
                if self.tasks[at.at()].reason != Reason::LeftOut {
                    self.whys[at.at()].get_or_insert(why);
                }
            }
        }
    }

    /// What did not run because of something that now runs again is judged anew with it.
    fn add_blocked(&mut self) {
        for at in self.dag.graph.order() {
            let instance = &self.tasks[at.at()];
            let above = match (instance.state, &instance.reason) {
                _ if self.whys[at.at()].is_some() => None,
                (TaskState::UpstreamFailed | TaskState::Canceled, _)
                | (TaskState::Skipped, Reason::Rule { .. }) => self.picked_above(*at),
                (TaskState::Skipped, reason) => self.chooser(reason).filter(|by| self.is_picked(*by)),
                _ => None,
            };
            if let Some(above) = above {
                self.whys[at.at()] = Some(self.blocked(*at, above));
            }
        }
    }

    /// What runs again finds what it needs: its setups run again before it, and their teardowns after it.
    /// True when there were such.
    fn add_setups(&mut self, setups: &[Setup]) -> bool {
        let before = self.count();
        for setup in setups {
            let mut users = self.dag.places().filter(|at| setup.scope[at.at()] && self.is_picked(*at));
            let user = users.find(|at| self.changes(*at) && self.is_missing(setup, *at));
            if let (None, Some(user)) = (self.whys[setup.at.at()], user) {
                self.whys[setup.at.at()] = Some(Why::SetupOf(user));
            }
            if self.is_picked(setup.at) {
                for teardown in &setup.teardowns {
                    if !self.is_left_out(*teardown) {
                        self.whys[teardown.at()].get_or_insert(Why::TeardownOf(setup.at));
                    }
                }
            }
        }
        self.count() > before
    }

    /// True unless what a setup made ready is still there, or the setup has no part in this run.
    fn is_missing(&self, setup: &Setup, user: TaskIndex) -> bool {
        let is = &self.tasks[setup.at.at()];
        let not_begun = |at: &TaskIndex| {
            let it = &self.tasks[at.at()];
            let waits = matches!(it.state, TaskState::Waiting | TaskState::Queued);
            waits && it.attempt == it.attempts_before
        };
        let stands = is.state == TaskState::Success
            && !setup.teardowns.is_empty()
            && setup.teardowns.iter().all(not_begun);
        let items_at_work = is.state == TaskState::Expanded && self.dag.share_fan(setup.at, user);
        let chosen_by_others =
            is.state == TaskState::Skipped && self.chooser(&is.reason).is_some_and(|by| !self.is_picked(by));
        let moves = is.state.clears() || items_at_work;
        moves && !stands && !chosen_by_others && !self.is_left_out(setup.at)
    }

    /// A branch that keeps its choice skips the same tasks again: these stay skipped.
    fn leave_to_their_branches(&mut self) {
        for at in self.dag.graph.order() {
            let instance = &self.tasks[at.at()];
            let by = (instance.state == TaskState::Skipped).then(|| self.chooser(&instance.reason)).flatten();
            if by.is_some_and(|by| !self.is_picked(by)) {
                self.whys[at.at()] = None;
            }
        }
    }

    /// What is about to run on the results of something that runs again waits for it.
    fn take_back(&mut self) {
        for at in self.dag.graph.order() {
            let ready = matches!(
                self.tasks[at.at()].state,
                TaskState::Queued | TaskState::Deferred | TaskState::UpForRetry
            );
            let above =
                self.dag.graph.upstream(*at).find(|above| self.is_picked(*above) && self.changes(*above));
            if let (true, None, Some(above)) = (ready, self.whys[at.at()], above) {
                self.whys[at.at()] = Some(Why::WaitsFor(above));
            }
        }
    }

    /// A picked task changes unless it waits as it is.
    fn changes(&self, at: TaskIndex) -> bool {
        match self.tasks[at.at()].state {
            TaskState::Waiting | TaskState::Removed => false,
            TaskState::Queued | TaskState::Deferred => {
                self.dag.graph.upstream(at).any(|above| self.is_picked(above) && self.changes(above))
            }
            _ => true,
        }
    }

    /// A task that a partial run left out stays out unless it is named.
    fn is_left_out(&self, at: TaskIndex) -> bool {
        self.tasks[at.at()].reason == Reason::LeftOut
    }

    fn count(&self) -> usize {
        self.whys.iter().flatten().count()
    }

    fn is_picked(&self, at: TaskIndex) -> bool {
        self.whys[at.at()].is_some()
    }

    fn picked_above(&self, at: TaskIndex) -> Option<TaskIndex> {
        self.dag.graph.upstream(at).filter(|above| self.is_picked(*above)).min()
    }

    /// The branch or short-circuit that skipped a task.
    fn chooser(&self, reason: &Reason) -> Option<TaskIndex> {
        match reason {
            Reason::NotChosen { by } | Reason::ShortCircuit { by } => self.dag.find(by),
            _ => None,
        }
    }

    fn blocked(&self, at: TaskIndex, above: TaskIndex) -> Why {
        let skipped = self.tasks[at.at()].state == TaskState::Skipped;
        if skipped { Why::SkippedBecauseOf(above) } else { Why::BlockedBy(above) }
    }
}
