//! Why a task is where it is, in one sentence, with what it hangs on as links and what would help.

use std::collections::BTreeSet;

use nightrun_core::dag::spec::Dag;
use nightrun_core::decide::{Reason, RunState, TaskState};
use nightrun_core::id::{InstanceId, RunId, TaskIndex};
use nightrun_engine::store::{Fault, ReadyTask, RunShow, TaskEnd, TaskShow};
use serde::Serialize;

use crate::app::Desk;
use crate::words;

/// Most tasks named as what it hangs on.
const NAMED: usize = 5;

/// Most tasks that are looked at on the way up.
const WALKED: usize = 500;

/// Most tasks at work that are looked through for who holds a slot.
const READY: u32 = 1_000;

/// The answer.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Why {
    sentence: String,
    /// What it hangs on: who is waited for, who failed, who holds the slot.
    on: Vec<Spot>,
    /// How many more.
    more: usize,
    /// What would help.
    cure: Option<String>,
}

/// A task instance, to be gone to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Spot {
    pub(crate) run: RunId,
    /// With its item, as addresses have it.
    pub(crate) name: String,
    pub(crate) state: TaskState,
}

impl Spot {
    pub(crate) fn of(end: &TaskEnd) -> Self {
        let item = end.instance.item_index().map_or_else(String::new, |item| format!("[{item}]"));
        Self { run: end.instance.run, name: format!("{}{item}", end.id), state: end.state }
    }
}

impl Why {
    fn new(sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), ..Self::default() }
    }

    fn on(mut self, ends: &[TaskEnd]) -> Self {
        self.more = ends.len().saturating_sub(NAMED);
        self.on = ends.iter().take(NAMED).map(Spot::of).collect();
        self
    }

    fn cure(self, cure: impl Into<String>) -> Self {
        Self { cure: Some(cure.into()), ..self }
    }
}

/// Answers for one task instance.
pub(crate) fn why(desk: &Desk<'_>, run: &RunShow, task: &TaskShow, dag: Option<&Dag>) -> Result<Why, Fault> {
    let reason = task.reason.to_string();
    let Some(dag) = dag.filter(|dag| task.task.at() < dag.tasks.len()) else { return Ok(Why::new(reason)) };
    let asked = Asked { desk, dag, of: task.instance(run.run_id) };
    match task.state {
        TaskState::Waiting if run.state == RunState::Queued => {
            Ok(Why::new(format!("its run has not begun: {}", run.reason)))
        }
        TaskState::Waiting => asked.waiting(reason),
        TaskState::Queued => asked.queued(&task.reason),
        TaskState::UpForRetry => {
            let next = task.retry_at.map(|at| words::from_now(at, desk.now)).unwrap_or_default();
            let number = task.attempts.len() + 1;
            Ok(Why::new(reason).cure(format!("try {number} begins {next}")))
        }
        TaskState::UpstreamFailed => asked.blocked(reason),
        TaskState::Skipped => asked.skipped(&task.reason),
        _ => Ok(Why::new(reason)),
    }
}

struct Asked<'a> {
    desk: &'a Desk<'a>,
    dag: &'a Dag,
    of: InstanceId,
}

impl Asked<'_> {
    /// The direct upstreams of a task instance as it sees them: of its own item where they share a `foreach`.
    fn above(&self, of: InstanceId) -> Result<Vec<TaskEnd>, Fault> {
        let mut ends = Vec::new();
        for up in self.dag.graph.upstream(of.task).take(WALKED) {
            ends.extend(self.desk.page.task_end(seen_from(self.dag, of, up))?);
        }
        Ok(ends)
    }

    fn waiting(&self, reason: String) -> Result<Why, Fault> {
        let open: Vec<TaskEnd> = self.above(self.of)?.into_iter().filter(|it| !it.state.is_final()).collect();
        let is_waiting = |it: &TaskEnd| it.state == TaskState::Waiting;
        if open.is_empty() || !open.iter().all(is_waiting) {
            return Ok(Why::new(reason).on(&open));
        }
        let roots = self.roots(|it| !it.state.is_final(), |it| !is_waiting(it))?;
        Ok(Why::new(format!("{reason}, which wait themselves; in the end for")).on(&roots))
    }

    /// The failure that it all began with, not only the upstream right before.
    fn blocked(&self, reason: String) -> Result<Why, Fault> {
        let is_blocked = |it: &TaskEnd| it.state == TaskState::UpstreamFailed;
        let is_bad =
            |it: &TaskEnd| is_blocked(it) || matches!(it.state, TaskState::Failed | TaskState::Canceled);
        let roots = self.roots(is_bad, |it| !is_blocked(it))?;
        let Some(first) = roots.first() else { return Ok(Why::new(reason)) };
        let began = format!("{reason}; it began with `{}` ({})", first.id, first.reason);
        Ok(Why::new(began).on(&roots).cure("mend that, then rerun what failed: this goes again with it"))
    }

    fn skipped(&self, reason: &Reason) -> Result<Why, Fault> {
        Ok(match reason {
            Reason::WhenFalse => {
                let when = self.dag.task(self.of.task).when.as_deref().unwrap_or_default();
                Why::new(format!("{reason}: `{when}`"))
            }
            Reason::Rule { .. } => {
                let above = self.above(self.of)?;
                let other = |it: &&TaskEnd| it.state != TaskState::Success;
                Why::new(reason.to_string()).on(&above.iter().filter(other).cloned().collect::<Vec<_>>())
            }
            Reason::NotChosen { by } | Reason::ShortCircuit { by } => {
                let by = self.dag.find(by).map(|by| seen_from(self.dag, self.of, by));
                let by = by.map(|by| self.desk.page.task_end(by)).transpose()?.flatten();
                Why::new(reason.to_string()).on(by.as_slice())
            }
            _ => Why::new(reason.to_string()),
        })
    }

    /// Who holds what it waits for.
    fn queued(&self, reason: &Reason) -> Result<Why, Fault> {
        let at_work = self.desk.page.ready_tasks(READY)?.into_iter().filter(|it| it.state.holds_slot());
        let here = |it: &ReadyTask| it.instance.run == self.of.run;
        let fan = self.dag.task(self.of.task).fan;
        let (holders, cure): (Vec<ReadyTask>, String) = match reason {
            Reason::Slots => (at_work.collect(), "more slots: `nightrun serve --slots N`".into()),
            Reason::Pool { pool } => {
                let mut of_pool = Vec::new();
                for it in at_work {
                    if self.draws_from(&it, pool)? {
                        of_pool.push(it);
                    }
                }
                (of_pool, format!("more slots of pool `{pool}`"))
            }
            Reason::MaxActiveTasks { .. } => {
                (at_work.filter(here).collect(), "a larger `max_active_tasks`".into())
            }
            Reason::MaxParallel { .. } => {
                let same = |it: &ReadyTask| here(it) && self.dag.task(it.instance.task).fan == fan;
                (at_work.filter(same).collect(), "a larger `max_parallel`".into())
            }
            _ => return Ok(Why::new(reason.to_string())),
        };
        let end = |it: ReadyTask| TaskEnd {
            instance: it.instance,
            id: it.id,
            state: it.state,
            reason: it.reason,
            attempts: 0,
        };
        // Who may not see a DAG is not told what its tasks are called.
        let theirs = |it: &ReadyTask| self.desk.site.who.covers(it.dag.as_str());
        let holders: Vec<TaskEnd> = holders.into_iter().filter(theirs).map(end).collect();
        Ok(Why::new(reason.to_string()).on(&holders).cure(format!("one of them must end, or {cure}")))
    }

    fn draws_from(&self, task: &ReadyTask, pool: &str) -> Result<bool, Fault> {
        let Some(version) = self.desk.page.version_of(task.instance.run)? else { return Ok(false) };
        let dag = self.desk.spec(version)?;
        let spec = dag.as_ref().and_then(|dag| Some(dag.task(dag.find(&task.id)?)));
        Ok(spec.is_some_and(|task| task.pool.as_deref() == Some(pool)))
    }

    /// Where the way up ends that leads through tasks of one kind: the first of another.
    fn roots(
        &self,
        follow: impl Fn(&TaskEnd) -> bool,
        is_root: impl Fn(&TaskEnd) -> bool,
    ) -> Result<Vec<TaskEnd>, Fault> {
        let mut seen = BTreeSet::new();
        let mut left = self.above(self.of)?;
        let mut roots = Vec::new();
        while let Some(task) = left.pop().filter(|_| seen.len() < WALKED) {
            if !follow(&task) || !seen.insert(task.instance) {
                continue;
            }
            if is_root(&task) {
                roots.push(task);
            } else {
                left.extend(self.above(task.instance)?);
            }
        }
        roots.sort_by_key(|task| task.instance);
        Ok(roots)
    }
}

/// Another task as a task instance sees it: its own item where they share a `foreach`.
pub(crate) fn seen_from(dag: &Dag, of: InstanceId, other: TaskIndex) -> InstanceId {
    let item = if dag.share_fan(of.task, other) { of.item } else { 0 };
    InstanceId { run: of.run, task: other, item }
}
