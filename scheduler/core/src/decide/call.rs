//! Tasks that call another DAG. A call is an attempt like any other: it is launched in its turn, and then makes
//! its run in the same step as it becomes `running`. From then on it holds no slot; it ends when that run does.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::effect::{Answer, Effect};
use super::event::{Choice, Outcome, Output, Outputs, RunType, Values};
use super::law::{RunState, TaskState};
use super::limit::Barrier;
use super::part::Part;
use super::reason::Reason;
use super::run::{NewRun, last_interval};
use super::state::{Ending, Run, State};
use super::turn::Turn;
use super::used::Used;
use crate::dag::spec::{Call, Dag};
use crate::id::{AttemptId, DagId, InstanceId, RunId};
use crate::time::Timestamp;

/// How many runs may stand above a run that was called, each called by the one before it.
pub const MAX_DEPTH: u32 = 10;

/// The output of a call that names the run it made.
pub const CALLED_RUN: &str = "run";

/// The output of a call that holds the outputs of that run: for each task a map.
pub const CALLED_TASKS: &str = "tasks";

/// Who called a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parent {
    /// The attempt that made it.
    pub attempt: AttemptId,
    /// How many runs stand above it, at least 1.
    pub depth: u32,
}

/// A call whose templates are filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct CallRequest {
    /// Params of the new run where they differ from the defaults.
    pub params: Values,
    /// Its logical date; `None`: date and data interval of the caller.
    pub logical_date: Option<Timestamp>,
}

/// What has come of a run that was called.
#[derive(Debug, Clone, PartialEq)]
pub struct CallEnd {
    /// The run.
    pub run: RunId,
    /// Where it is.
    pub state: RunState,
    /// Why.
    pub reason: Reason,
    /// The outputs of the call, or why they cannot be taken.
    pub outputs: Result<Outputs, String>,
}

impl Turn<'_> {
    /// The templates of a call are filled in: its run is made, and tied to it.
    pub(super) fn called(
        &mut self,
        attempt: AttemptId,
        (pid, at): (u32, Timestamp),
        request: CallRequest,
    ) -> Option<Answer> {
        let id = attempt.instance;
        let state = self.live(attempt)?;
        let version = self.state.runs[&id.run].version.clone();
        let call = version.dag.task(id.task).work.as_call()?;
        let made = match state {
            TaskState::Starting => self.make_call(attempt, call, request),
            // A word that comes twice makes no second run.
            _ if self.state.runs[&id.run].at(id).child.is_some() => return None,
            _ => Err("it was told to end before it had called".into()),
        };
        let run = match made {
            Ok(run) => run,
            Err(message) => {
                return self.attempt_finished(attempt, at, Outcome::NotStarted(message), Used::default());
            }
        };
        let _ = self.attempt_started(attempt, pid, at);
        if !call.wait {
            let outputs = Outputs::from([(CALLED_RUN.to_owned(), Output::Inline(Json::from(run.0)))]);
            let outcome = Outcome::Succeeded { outputs, choice: Choice::Free };
            return self.attempt_finished(attempt, at, outcome, Used::default());
        }
        self.state.release_slots(id);
        self.run(id.run).at_mut(id).child = Some(run);
        self.state.hold_call(id);
        self.reason_task(id, Reason::Called { run, dag: call.dag.to_string() });
        None
    }

    fn make_call(&mut self, attempt: AttemptId, call: &Call, request: CallRequest) -> Result<RunId, String> {
        let caller = &self.state.runs[&attempt.instance.run];
        let depth = caller.parent.map_or(1, |parent| parent.depth + 1);
        if depth > MAX_DEPTH {
            return Err(format!(
                "it would be run {depth} of a chain of calls, and at most {MAX_DEPTH} may hang on one run"
            ));
        }
        let no_dag = || format!("there is no DAG `{}`", call.dag);
        let version = self.state.version(&call.dag).ok_or_else(no_dag)?;
        if !version.dag.enabled {
            return Err(format!("DAG `{}` is not enabled", call.dag));
        }
        let given = typed(&version.dag, request.params)?;
        let params = version.dag.resolve_params(&given).map_err(|faults| faults.join("; "))?;
        let (logical_date, interval) = match request.logical_date {
            Some(date) => (date, last_interval(version, date)),
            None => (caller.logical_date, caller.interval),
        };
        let by = format!("task {} of run {}", caller.task(attempt.instance.task).id, caller.id);
        let new = NewRun {
            run_type: RunType::Call,
            logical_date,
            interval,
            params,
            force: false,
            by,
            part: Part::default(),
            backfill: None,
            parent: Some(Parent { attempt, depth }),
            past_limit: call.wait && self.state.may_wait_for_caller(&call.dag, &caller.dag().id),
        };
        self.make_run(&call.dag, new)
            .map_err(|limit| format!("DAG `{}` has {limit} active runs and says `overlap: skip`", call.dag))
    }

    /// A call that is told to end hands that on to its run, and is over when that is.
    pub(super) fn end_called(&mut self, caller: RunId, child: RunId) {
        let reason = Reason::CallerEnded { run: caller };
        self.doomed.push((child, Ending { verdict: RunState::Canceled, reason }));
    }

    /// A run has ended: who called it and waits for it wants to know how.
    pub(super) fn return_to_caller(&mut self, ended: &Run, (to, reason): (RunState, &Reason)) {
        let Some(Parent { attempt, .. }) = ended.parent else { return };
        let Some(place) = self.instance(attempt.instance).filter(|it| it.child == Some(ended.id)) else {
            return;
        };
        place.child_end.get_or_insert_with(|| (to, reason.clone()));
        if !std::mem::replace(&mut place.returning, true) {
            self.order(Effect::Return { attempt, run: ended.id });
        }
    }

    /// A called run was looked up. Where nobody heard of its end before, the store says how it was.
    pub(super) fn call_returned(
        &mut self,
        attempt: AttemptId,
        at: Timestamp,
        end: CallEnd,
    ) -> Option<Answer> {
        let id = attempt.instance;
        self.live(attempt)?;
        let run = self.run(id.run);
        let place = run.at_mut(id);
        if place.child != Some(end.run) {
            return None;
        }
        place.returning = false;
        let (state, reason) = place.child_end.take().unwrap_or((end.state, end.reason));
        if !state.is_final() {
            self.await_called(id, end.run);
            return None;
        }
        let dag = run.task(id.task).work.as_call()?.dag.to_string();
        let outcome = match (state, end.outputs) {
            (RunState::Success, Ok(outputs)) => Outcome::Succeeded { outputs, choice: Choice::Free },
            (RunState::Success, Err(message)) => Outcome::OutputsRefused(message),
            (state, _) => {
                let why = reason.to_string();
                Outcome::CallFailed(Reason::CalledRun { run: end.run, dag, state, why })
            }
        };
        self.attempt_finished(attempt, at, outcome, Used::default())
    }

    /// The scheduler begins: a call whose run ended unheard asks again how it did.
    pub(super) fn ask_for_return(&mut self, id: InstanceId, child: RunId) {
        if self.state.runs.contains_key(&child) {
            return self.await_called(id, child);
        }
        let place = self.run(id.run).at_mut(id);
        place.returning = true;
        let attempt = AttemptId { instance: id, number: place.attempt };
        self.order(Effect::Return { attempt, run: child });
    }

    /// The called run had ended unheard, and somebody runs it again: it is waited for, or ended.
    fn await_called(&mut self, id: InstanceId, child: RunId) {
        let ends = self.state.runs[&id.run].at(id).state == TaskState::Stopping;
        if ends && self.state.runs.get(&child).is_some_and(|called| called.ending.is_none()) {
            self.end_called(id.run, child);
        }
    }
}

impl State {
    /// The run that called this one and waits for it.
    fn caller_of(&self, run: &Run) -> Option<&Run> {
        let attempt = run.parent?.attempt;
        let caller = self.runs.get(&attempt.instance.run)?;
        let place = caller.get(attempt.instance)?;
        (place.child == Some(run.id) && !place.returning).then_some(caller)
    }

    /// True when runs of this DAG, as they are active now, may come to wait for a run of the caller's DAG: held by
    /// `max_active_runs`, what the caller calls could wait for the caller itself.
    pub(super) fn may_wait_for_caller(&self, called: &DagId, caller: &DagId) -> bool {
        let mut seen = BTreeSet::from([called]);
        let mut ahead = vec![called];
        while let Some(dag) = ahead.pop() {
            if dag == caller {
                return true;
            }
            let active = self.dags.get(dag).into_iter().flat_map(|entry| &entry.active);
            let runs = active.filter_map(|run| self.runs.get(run));
            ahead.extend(runs.flat_map(|run| run.version.calls()).filter(|dag| seen.insert(dag)));
        }
        false
    }

    /// After all runs are restored: those that no limit may hold.
    pub(super) fn restore_calls(&mut self) {
        let past_limit: Vec<(RunId, DagId)> = (self.runs.values())
            .filter(|run| run.state == RunState::Queued)
            .filter_map(|run| Some((run, self.caller_of(run)?)))
            .filter(|(run, caller)| self.may_wait_for_caller(&run.dag().id, &caller.dag().id))
            .map(|(run, _)| (run.id, run.dag().id.clone()))
            .collect();
        for (run, dag) in past_limit {
            if let Some(entry) = self.dags.get_mut(&dag) {
                entry.past_limit.insert(run);
            }
        }
    }

    /// Counts a call that waits for its run: it holds no slot, but its place among the items of a `foreach`.
    pub(super) fn hold_call(&mut self, id: InstanceId) {
        let run = self.runs.get_mut(&id.run).expect("a run that is worked on is not over");
        run.calls += 1;
        if let Some(fan) = run.version.dag.task(id.task).fan {
            run.fans[fan.at()].at_work += 1;
        }
    }

    /// Gives back what a call held.
    pub(super) fn release_call(&mut self, id: InstanceId) {
        let run = self.runs.get_mut(&id.run).expect("a run that is worked on is not over");
        run.calls -= 1;
        if let Some(fan) = run.version.dag.task(id.task).fan {
            run.fans[fan.at()].at_work -= 1;
            self.limits.reopen(&Barrier::Fan(id.run, fan));
        }
    }

    /// Calls and the runs they made belong together, both ways.
    pub(super) fn check_calls(&self, broken: &mut Vec<String>) {
        for run in self.runs.values() {
            let waiting: Vec<_> = run.instances().filter(|(_, it)| it.child.is_some()).collect();
            if run.calls as usize != waiting.len() {
                broken.push(format!("run {} counts {} calls, and {} wait", run.id, run.calls, waiting.len()));
            }
            for (id, instance) in waiting {
                let child = instance.child.filter(|_| !instance.returning);
                let child = child.and_then(|child| self.runs.get(&child));
                let attempt = AttemptId { instance: id, number: instance.attempt };
                if child.is_some_and(|it| it.parent.map(|parent| parent.attempt) != Some(attempt)) {
                    broken.push(format!("attempt {attempt} waits for a run that another one called"));
                }
                if !matches!(instance.state, TaskState::Running | TaskState::Stopping) {
                    broken.push(format!("attempt {attempt} waits for its run and is {}", instance.state));
                }
                if instance.state == TaskState::Stopping && child.is_some_and(|it| it.ending.is_none()) {
                    broken.push(format!("attempt {attempt} is to end, and its run is not"));
                }
            }
            if run.parent.is_some_and(|parent| parent.depth > MAX_DEPTH) {
                broken.push(format!("run {} was called too deep", run.id));
            }
        }
        for (id, entry) in &self.dags {
            if !entry.past_limit.is_empty() && !entry.begins_nothing(self.paused) {
                broken.push(format!("a run of DAG {id} waits for itself"));
            }
        }
    }
}

/// Text for a param of another type is read as on a command line: outputs of programs are text.
fn typed(dag: &Dag, given: Values) -> Result<Values, String> {
    let one = |(name, value): (String, Json)| {
        let param = dag.params.iter().find(|param| param.name == name);
        let value = match (&value, param) {
            (Json::String(text), Some(param)) => param.read_text(text)?,
            _ => value,
        };
        Ok((name, value))
    };
    given.into_iter().map(one).collect()
}
