//! Which tasks of a run a clear or a mark takes along, and why each of them.

use super::clear::ClearRequest;
use super::law::TaskState;
use super::reason::Reason;
use super::state::Instance;
use crate::dag::spec::Dag;
use crate::id::TaskIndex;

/// The tasks that a clear makes wait again, each with why it is one of them. `named` are those that were
/// asked for by their ids.
pub(super) fn selection(
    dag: &Dag,
    tasks: &[Instance],
    named: &[TaskIndex],
    request: &ClearRequest,
) -> Vec<(TaskIndex, String)> {
    let mut picks = Picks { dag, tasks, whys: vec![None; tasks.len()] };
    picks.choose(named, request);
    picks.spread(request);
    if !request.only {
        picks.add_blocked();
    }
    picks.leave_to_their_branches();
    picks.take_back();
    let changing = dag.places().filter(|at| picks.changes(*at));
    changing.filter_map(|at| Some((at, picks.whys[at.at()].clone()?))).collect()
}

/// What hangs, blocked, on tasks that change: what a mark by hand lets go on.
pub(super) fn blocked_by(dag: &Dag, tasks: &[Instance], marked: TaskIndex) -> Vec<(TaskIndex, String)> {
    let mut picks = Picks { dag, tasks, whys: vec![None; tasks.len()] };
    picks.whys[marked.at()] = Some(String::new());
    for at in dag.graph.order() {
        let blocked = tasks[at.at()].state == TaskState::UpstreamFailed
            || matches!(tasks[at.at()].reason, Reason::Rule { .. });
        if let (None, true, Some(above)) = (&picks.whys[at.at()], blocked, picks.picked_above(*at)) {
            picks.whys[at.at()] = Some(picks.blocked(*at, above));
        }
    }
    picks.take_back();
    dag.places()
        .filter(|at| *at != marked)
        .filter_map(|at| Some((at, picks.whys[at.at()].clone()?)))
        .collect()
}

struct Picks<'a> {
    dag: &'a Dag,
    tasks: &'a [Instance],
    whys: Vec<Option<String>>,
}

impl Picks<'_> {
    fn choose(&mut self, named: &[TaskIndex], request: &ClearRequest) {
        let failed = request.failed || (named.is_empty() && !request.all);
        for at in self.dag.places() {
            let instance = &self.tasks[at.at()];
            let why = match instance.state {
                _ if named.contains(&at) => "chosen",
                _ if instance.reason == Reason::LeftOut => continue,
                _ if request.all => "all tasks",
                TaskState::Failed if failed => "failed",
                TaskState::UpstreamFailed if failed => "blocked",
                TaskState::Canceled if failed => "canceled",
                _ => continue,
            };
            self.whys[at.at()] = Some(why.to_owned());
        }
        for at in self.dag.graph.order() {
            if self.whys[at.at()].as_deref() == Some("blocked")
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
            (request.upstream, graph.ancestors(&chosen), "upstream of what was chosen"),
            (request.downstream, graph.descendants(&chosen), "downstream of what was chosen"),
        ];
        for (_, mask, why) in reached.into_iter().filter(|(wanted, ..)| *wanted) {
            for at in self.dag.places().filter(|at| mask[at.at()]) {
                if self.tasks[at.at()].reason != Reason::LeftOut {
                    self.whys[at.at()].get_or_insert_with(|| why.to_owned());
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
            if let (true, None, Some(above)) = (ready, &self.whys[at.at()], above) {
                self.whys[at.at()] = Some(format!("waits for `{}` again", self.dag.task(above).id));
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

    fn blocked(&self, at: TaskIndex, above: TaskIndex) -> String {
        let skipped = self.tasks[at.at()].state == TaskState::Skipped;
        let what = if skipped { "skipped because of" } else { "blocked by" };
        format!("{what} `{}`", self.dag.task(above).id)
    }
}
