//! Trigger rules that can never hold, and those that change nothing. Only what is certain is reported.

use crate::dag::read::{Draft, DraftTask};
use crate::dag::spec::{Task, TriggerRule, Work};
use crate::diag::{Code, Fault, Faults};
use crate::graph::Graph;
use crate::id::TaskIndex;

/// Checks the rule of every task.
pub(super) fn check(draft: &Draft<'_, '_>, graph: &Graph, faults: &mut Faults) {
    let rules = Rules { tasks: &draft.tasks, graph, skippable: skippable(&draft.tasks, graph) };
    for (at, DraftTask { task, rule_at, at: id_at, .. }) in (0..).map(TaskIndex).zip(&draft.tasks) {
        if let (Some(rule_at), None) = (rule_at, graph.upstream(at).next()) {
            let message = format!(
                "`{}` has no effect: task `{}` depends on nothing",
                task.trigger_rule.as_str(),
                task.id
            );
            faults.add(Fault::new(Code::NoEffect, *rule_at, message));
        } else if let Some(reason) = rules.obstacle(at) {
            let fault = Fault::new(
                Code::NeverHolds,
                rule_at.unwrap_or(*id_at),
                format!("task `{}` can never run", task.id),
            );
            faults.add(fault.label(reason).help("choose another `trigger_rule`, such as `all_done`"));
        }
    }
}

struct Rules<'d, 'n, 'a> {
    tasks: &'d [DraftTask<'n, 'a>],
    graph: &'d Graph,
    skippable: Vec<bool>,
}

impl Rules<'_, '_, '_> {
    fn task(&self, at: TaskIndex) -> &Task {
        &self.tasks[at.at()].task
    }

    /// Why a task's rule can never hold.
    fn obstacle(&self, at: TaskIndex) -> Option<String> {
        match self.task(at).trigger_rule {
            TriggerRule::AllSkipped => {
                let never = self.graph.upstream(at).find(|upstream| !self.skippable[upstream.at()])?;
                Some(format!("`all_skipped`, and `{}` is never skipped", self.task(never).id))
            }
            TriggerRule::AllSuccess => {
                let opposed = self.graph.upstream(at).find(|upstream| self.wants_failure(*upstream, at))?;
                let id = &self.task(opposed).id;
                Some(format!(
                    "it wants `{id}` and its upstreams to succeed, and `{id}` runs only when they fail"
                ))
            }
            _ => None,
        }
    }

    /// True when `upstream` runs only after a failure that keeps `at` from running.
    fn wants_failure(&self, upstream: TaskIndex, at: TaskIndex) -> bool {
        let stops = |failed: TaskIndex| {
            !self.task(failed).allow_failure && self.graph.upstream(at).any(|needed| needed == failed)
        };
        let mut failing = self.graph.upstream(upstream).peekable();
        match self.task(upstream).trigger_rule {
            _ if failing.peek().is_none() => false,
            TriggerRule::OneFailed => failing.all(stops),
            TriggerRule::AllFailed => failing.any(stops),
            _ => false,
        }
    }
}

/// For each task whether it may be skipped. Operators may skip what comes after them, so that one is
/// enough to make nothing certain.
fn skippable(tasks: &[DraftTask<'_, '_>], graph: &Graph) -> Vec<bool> {
    let operators = tasks.iter().any(|draft| matches!(draft.task.work, Work::Operator { .. }));
    let mut skippable = vec![operators; tasks.len()];
    for at in graph.order() {
        let task = &tasks[at.at()].task;
        let by_rule = match task.trigger_rule {
            TriggerRule::Always | TriggerRule::AllDone | TriggerRule::NoneFailed => false,
            TriggerRule::AllSuccess => graph.upstream(*at).any(|upstream| skippable[upstream.at()]),
            _ => graph.upstream(*at).next().is_some(),
        };
        skippable[at.at()] |= by_rule || task.when.is_some() || !task.skip_on_exit.is_empty();
    }
    skippable
}
