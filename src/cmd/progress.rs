//! Live progress of one run, on standard error: a line per task with its state and time, and a bar for
//! the run where there is a terminal; plain lines elsewhere.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use nightrun_core::dag::spec::Dag;
use nightrun_core::decide::{TaskState, Transition};
use nightrun_core::id::{InstanceId, RunId};
use nightrun_core::time::Timestamp;

use crate::say;

/// Widest column of task ids.
const WIDEST: usize = 40;

/// What is shown of a run while it runs.
pub(crate) struct Progress {
    dag: Arc<Dag>,
    bar: Option<ProgressBar>,
    width: usize,
    running: BTreeMap<InstanceId, Timestamp>,
}

impl Progress {
    pub(crate) fn new(dag: &Arc<Dag>) -> Self {
        let longest = dag.tasks.iter().map(|task| task.id.chars().count()).max().unwrap_or(0);
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar =
                ProgressBar::with_draw_target(Some(dag.tasks.len() as u64), ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("{spinner} [{bar:24}] {pos}/{len} {elapsed} {wide_msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("━╸─"));
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        Self { dag: dag.clone(), bar, width: longest.min(WIDEST), running: BTreeMap::new() }
    }

    /// Takes in one fact.
    pub(crate) fn take(&mut self, run: RunId, at: Timestamp, fact: &Transition) {
        if fact.run() != Some(run) {
            return;
        }
        match fact {
            Transition::AttemptStarted { attempt, at, .. } => {
                self.running.insert(attempt.instance, *at);
            }
            Transition::TaskMoved { instance, to, reason, .. } => {
                let says_more = matches!(to, TaskState::UpForRetry) || to.is_final();
                if says_more {
                    let took = self.running.remove(instance).map(|since| at.since(since));
                    let why = if *to == TaskState::Success { String::new() } else { reason.to_string() };
                    self.line(*instance, *to, took, &why);
                }
                if to.is_final()
                    && instance.item == 0
                    && let Some(bar) = &self.bar
                {
                    bar.inc(1);
                }
            }
            _ => {}
        }
        if let Some(bar) = &self.bar {
            let names: Vec<String> = self.running.keys().map(|id| self.name(*id)).collect();
            bar.set_message(names.join(", "));
        }
    }

    fn name(&self, id: InstanceId) -> String {
        let task = &self.dag.task(id.task).id;
        id.item_index().map_or_else(|| task.clone(), |item| format!("{task}[{item}]"))
    }

    fn line(&self, id: InstanceId, state: TaskState, took: Option<Duration>, why: &str) {
        let (id, width) = (self.name(id), self.width);
        let took = took.map(say::length).unwrap_or_default();
        let state = state.as_str();
        let line = format!("{} {id:<width$}  {} {took:>7}  {why}", say::sign(state), say::state(state, 15));
        match &self.bar {
            Some(bar) => bar.println(line.trim_end()),
            None => anstream::eprintln!("{}", line.trim_end()),
        }
    }

    /// Takes the bar away.
    pub(crate) fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}
