//! Why a task is where it is: what it waits for, what decided it, and what would let it go on.

use std::collections::BTreeSet;

use nightrun_core::dag::spec::Dag;
use nightrun_core::decide::{Reason, RunState, TaskState};
use nightrun_core::id::TaskIndex;
use nightrun_core::time::show_duration;
use nightrun_engine::store::{CalledShow, RunShow, TaskShow};

use super::{Asker, Because, Miss, listed, with_lateness};

/// A sentence, and what would unblock its task.
type Why = (String, Option<String>);

impl Asker<'_> {
    pub(super) fn task(&self, task: &TaskShow, run: &RunShow, dag: Option<&Dag>) -> Result<Because, Miss> {
        let (what, state) = (format!("task {}", task.name()), task.state.to_string());
        let (why, unblock) = match dag {
            Some(dag) => self.sentence(&Seen { task, run, dag })?,
            None => (task.reason.to_string(), None),
        };
        Ok(Because::new(what, state, with_lateness(why, &task.late), unblock).of_task(task))
    }

    fn sentence(&self, seen: &Seen<'_>) -> Result<Why, Miss> {
        let reason = seen.task.reason.to_string();
        Ok(match seen.task.state {
            TaskState::Waiting if seen.run.state == RunState::Queued => {
                ("its run has not begun".into(), None)
            }
            TaskState::Waiting | TaskState::UpForRetry if seen.task.reason_kind == "group_retry" => {
                (reason, None)
            }
            TaskState::Waiting => seen.waiting(),
            TaskState::Queued => self.slot(seen.task, seen.run, seen.dag)?,
            TaskState::UpForRetry => seen.retry(self.now),
            TaskState::UpstreamFailed => seen.blocked(),
            TaskState::Skipped => (seen.skipped(), None),
            TaskState::Running | TaskState::Stopping => (reason, seen.called(self)),
            TaskState::Deferred => (reason, self.wait(seen.task, seen.run, seen.dag)?),
            TaskState::Failed if matches!(seen.task.reason, Reason::WaitTimedOut { .. }) => {
                let then = format!("`nightrun rerun {}` waits again", seen.run.run_id);
                let cure = self.wait(seen.task, seen.run, seen.dag)?;
                (reason, Some(cure.map_or(then.clone(), |cure| format!("{cure}, {then}"))))
            }
            TaskState::Failed => (reason, Some(seen.see_log(seen.task))),
            _ => (reason, None),
        })
    }
}

/// A task in its run.
struct Seen<'a> {
    task: &'a TaskShow,
    run: &'a RunShow,
    dag: &'a Dag,
}

impl<'a> Seen<'a> {
    /// The direct upstreams, as the task sees them: of its own item where they share a `foreach`.
    fn above(&self) -> Vec<&'a TaskShow> {
        self.above_of(self.task)
    }

    fn above_of(&self, task: &TaskShow) -> Vec<&'a TaskShow> {
        let of_item = |above: TaskIndex| {
            let whole = &self.run.tasks[above.at()];
            let item = task.item.filter(|_| self.dag.share_fan(task.task, above));
            item.and_then(|item| whole.items.get(item as usize)).unwrap_or(whole)
        };
        self.dag.graph.upstream(task.task).map(of_item).collect()
    }

    fn waiting(&self) -> Why {
        let open: Vec<&TaskShow> = self.above().into_iter().filter(|it| !it.state.is_final()).collect();
        if open.is_empty() {
            return (self.task.reason.to_string(), None);
        }
        let why = format!("{}: {}", self.task.reason, listed(&names(&open)));
        let is_waiting = |it: &&TaskShow| it.state == TaskState::Waiting;
        if !open.iter().all(is_waiting) {
            return (why, Some("it goes on when they end".into()));
        }
        // All of them wait themselves: what they wait for in the end is what must go on.
        let again = |it: &TaskShow| it.reason_kind == "group_retry";
        let is_root = |it: &TaskShow| {
            let ready = || self.above_of(it).iter().all(|above| above.state.is_final());
            it.state != TaskState::Waiting || again(it) || ready()
        };
        let roots = self.roots(self.task, |it| !it.state.is_final(), is_root);
        let unblock = match roots.iter().find(|it| again(it)) {
            Some(of_group) => format!("{} {}", of_group.name(), of_group.reason),
            None => format!("they wait for {}", listed(&names(&roots))),
        };
        (why, Some(unblock))
    }

    /// Where to look on when it waits for a run that it called.
    fn called(&self, asker: &Asker<'_>) -> Option<String> {
        let of_task = |it: &&CalledShow| it.task == self.task.id && it.item == self.task.item;
        let last = self.run.children.iter().rfind(of_task).filter(|run| asker.covers(run.dag.as_str()))?;
        let (run, dag, state) = (last.run_id, &last.dag, last.state);
        Some(format!("run {run} of `{dag}` is {state}; `nightrun why {run}` goes on from there"))
    }

    fn retry(&self, now: nightrun_core::time::Timestamp) -> Why {
        let next = self.task.attempts.len() + 1;
        let wait =
            self.task.retry_at.map_or_else(String::new, |at| format!(" in {}", show_duration(at.since(now))));
        let unblock = format!("try {next} begins{wait}");
        (self.task.reason.to_string(), Some(unblock))
    }

    /// Names the failure that it all began with, not only the upstream right before.
    fn blocked(&self) -> Why {
        let bad = |it: &TaskShow| {
            matches!(it.state, TaskState::UpstreamFailed | TaskState::Failed | TaskState::Canceled)
        };
        let direct: Vec<&TaskShow> =
            self.above().into_iter().filter(|it| it.state != TaskState::Success).collect();
        let why = format!("{}: {}", self.task.reason, listed(&names(&direct)));
        let roots = self.roots(self.task, bad, |it| it.state != TaskState::UpstreamFailed);
        let Some(first) = roots.first() else { return (why, None) };
        let more = if roots.len() > 1 { format!(" and {} more", roots.len() - 1) } else { String::new() };
        let began = format!("{why}; it began with {} ({}){more}", first.name(), first.reason);
        (began, Some(self.see_log(first)))
    }

    fn see_log(&self, task: &TaskShow) -> String {
        let (run, name) = (self.run.run_id, task.name());
        let again = format!("`nightrun rerun {run}` tries again");
        // A task that never began has no log.
        let logged = !task.attempts.is_empty() || task.items.iter().any(|item| !item.attempts.is_empty());
        if logged { format!("`nightrun logs {run} {name}` shows what went wrong, {again}") } else { again }
    }

    fn skipped(&self) -> String {
        let reason = self.task.reason.to_string();
        match &self.task.reason {
            Reason::WhenFalse => {
                let when = self.dag.task(self.task.task).when.as_deref().unwrap_or_default();
                format!("{reason}: {when}")
            }
            Reason::NotChosen { by } => match self.chosen(by) {
                Some(chosen) => format!("{reason}; it chose {chosen}"),
                None => reason,
            },
            Reason::Rule { .. } => {
                let others: Vec<&TaskShow> =
                    self.above().into_iter().filter(|it| it.state != TaskState::Success).collect();
                let others = if others.is_empty() { self.above() } else { others };
                format!("{reason}: {}", listed(&names(&others)))
            }
            _ => reason,
        }
    }

    /// What a branch chose.
    fn chosen(&self, branch: &str) -> Option<String> {
        let outputs = &self.run.find(branch)?.outputs;
        let value = outputs.get("choose").or_else(|| outputs.get("return_value"))?;
        Some(match value {
            serde_json::Value::String(id) if !id.trim().is_empty() => id.clone(),
            serde_json::Value::Array(ids) if !ids.is_empty() => {
                let ids: Vec<String> = ids.iter().filter_map(|id| Some(id.as_str()?.to_owned())).collect();
                listed(&ids)
            }
            _ => "nothing".to_owned(),
        })
    }

    /// Where the way up ends that leads through tasks of one kind: the first of another.
    fn roots(
        &self,
        from: &TaskShow,
        follow: impl Fn(&TaskShow) -> bool,
        is_root: impl Fn(&TaskShow) -> bool,
    ) -> Vec<&'a TaskShow> {
        let mut seen = BTreeSet::new();
        let mut left = self.above_of(from);
        let mut roots = Vec::new();
        while let Some(task) = left.pop() {
            if !follow(task) || !seen.insert((task.task, task.item)) {
                continue;
            }
            if is_root(task) {
                roots.push(task);
            } else {
                left.extend(self.above_of(task));
            }
        }
        roots.sort_by_key(|task| (task.task, task.item));
        roots
    }
}

fn names(tasks: &[&TaskShow]) -> Vec<String> {
    tasks.iter().map(|task| format!("{} ({})", task.name(), task.state)).collect()
}
