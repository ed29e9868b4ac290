//! Hooks: what becomes due with which end, and how often its delivery is tried.
//!
//! That a hook is due is a fact of the same step as its cause, so that both are stored or neither. From
//! then on it is pending until a try succeeds or none is left, whatever becomes of the scheduler meanwhile:
//! it is delivered at least once. A hook never changes its run.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::effect::{Answer, Effect};
use super::law::{RunState, TaskState};
use super::reason::Reason;
use super::state::{Run, State, Timer};
use super::transition::Transition;
use super::turn::Turn;
use crate::dag::spec::{Hook, HookOn, HookRetry, Lateness};
use crate::id::{HookId, InstanceId, RunId, TaskIndex};
use crate::time::Timestamp;

/// No wait between two tries is longer.
const LONGEST_WAIT: Duration = Duration::from_mins(10);

/// How many failed tasks of a run are named.
const NAMED: usize = 20;

/// Why a hook is due: what its templates speak of, as it was then.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cause {
    /// The task it is about, unless it is about the run.
    pub instance: Option<InstanceId>,
    /// The last attempt of that task; 0 when there was none.
    pub attempt: u32,
    /// Where the task, or else the run, was then.
    pub state: String,
    /// Why it was there.
    pub reason: Reason,
    /// The deadline it is about, and when that was.
    pub late: Option<(Lateness, Timestamp)>,
    /// The tasks by whose failure the run failed, not those that they blocked; at most twenty.
    pub failed: Vec<TaskIndex>,
}

/// Where the delivery of a hook is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HookState {
    /// It is being tried, or waits for its next try.
    Pending,
    /// A try succeeded.
    Delivered,
    /// No try succeeded, and none is left.
    Failed,
}

impl HookState {
    /// Every state there is.
    pub const ALL: [Self; 3] = [Self::Pending, Self::Delivered, Self::Failed];

    /// Its name in SQL, JSON and pages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }

    /// The state of this name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// A hook that is pending, as stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HookRow {
    /// Which one.
    pub id: HookId,
    /// Of which run.
    pub run: RunId,
    /// How many tries have failed.
    pub tries: u32,
    /// How often it is tried again.
    pub retry: HookRetry,
    /// When its next try is due; `None`: at once.
    pub retry_at: Option<Timestamp>,
}

impl State {
    /// Takes a pending hook back from the store.
    pub(super) fn restore_hook(&mut self, row: HookRow) {
        if let Some(at) = row.retry_at {
            self.timers.insert((at, Timer::Hook(row.id)));
        }
        self.hooks.insert(row.id, row);
    }
}

impl Turn<'_> {
    /// A task instance became final: its hooks.
    pub(super) fn hooks_of_end(&mut self, id: InstanceId, from: TaskState, to: TaskState) {
        let waited = matches!(from, TaskState::Waiting | TaskState::Deferred | TaskState::Queued);
        let began = !waited || self.run(id.run).at(id).attempt > 0;
        let on = match to {
            TaskState::Success => Some(HookOn::OnSuccess),
            TaskState::Failed => Some(HookOn::OnFailure),
            TaskState::Canceled if began => Some(HookOn::OnCancel),
            _ => None,
        };
        // An item's end is not the end of its task.
        if id.item > 0 {
            return;
        }
        if let Some(on) = on {
            self.hooks_of(id.run, Some(id), on, None);
        }
        if began || to == TaskState::Failed {
            self.hooks_of(id.run, Some(id), HookOn::OnExit, None);
        }
    }

    /// A try failed and another will follow: the hooks of the task and of its DAG.
    pub(super) fn hooks_of_retry(&mut self, id: InstanceId) {
        self.hooks_of(id.run, Some(id), HookOn::OnRetry, None);
        let version = self.run(id.run).version.clone();
        if !version.dag.hooks.is_empty() {
            let cause = self.cause(id.run, Some(id), None);
            self.hooks_due(id.run, None, &version.dag.hooks, HookOn::OnRetry, &cause);
        }
    }

    /// The hooks of a run that is over, which is no longer in the state.
    pub(super) fn hooks_of_run_end(&mut self, run: &Run, to: RunState, reason: &Reason) {
        let on = match to {
            RunState::Success => HookOn::OnSuccess,
            RunState::Failed => HookOn::OnFailure,
            RunState::Canceled => HookOn::OnCancel,
            RunState::Queued | RunState::Running | RunState::Stopping => return,
        };
        let dag = &run.version.dag;
        if dag.hooks.is_empty() {
            return;
        }
        let failed = |task: &&TaskIndex| run.state_of(**task) == TaskState::Failed;
        let roots = dag.graph.order().iter().filter(failed);
        let cause = Cause {
            instance: None,
            attempt: 0,
            state: to.to_string(),
            reason: reason.clone(),
            late: None,
            failed: roots.filter(|task| !dag.task(**task).allow_failure).copied().take(NAMED).collect(),
        };
        self.hooks_due(run.id, None, &dag.hooks, on, &cause);
        self.hooks_due(run.id, None, &dag.hooks, HookOn::OnExit, &cause);
    }

    /// The hooks of a run, or of a task of it, at one point.
    pub(super) fn hooks_of(
        &mut self,
        run: RunId,
        instance: Option<InstanceId>,
        on: HookOn,
        late: Option<(Lateness, Timestamp)>,
    ) {
        let version = self.run(run).version.clone();
        let hooks = instance.map_or(&version.dag.hooks, |id| &version.dag.task(id.task).hooks);
        if hooks.iter().any(|hook| hook.on == on) {
            let cause = self.cause(run, instance, late);
            self.hooks_due(run, instance.map(|id| id.task), hooks, on, &cause);
        }
    }

    fn cause(
        &mut self,
        run: RunId,
        instance: Option<InstanceId>,
        late: Option<(Lateness, Timestamp)>,
    ) -> Cause {
        let run = self.run(run);
        let (attempt, state, reason) = match instance {
            None => (0, run.state.to_string(), run.reason.clone()),
            Some(id) => {
                let at = run.at(id);
                (at.attempt, at.state.to_string(), at.reason.clone())
            }
        };
        Cause { instance, attempt, state, reason, late, failed: Vec::new() }
    }

    fn hooks_due(&mut self, run: RunId, of: Option<TaskIndex>, hooks: &[Hook], on: HookOn, cause: &Cause) {
        for (step, hook) in (0..).zip(hooks).filter(|(_, hook)| hook.on == on) {
            let id = HookId(self.state.next_hook);
            self.state.next_hook += 1;
            let row = HookRow { id, run, tries: 0, retry: hook.retry, retry_at: None };
            self.state.hooks.insert(id, row);
            let action = hook.action.name().to_owned();
            let (retry, cause) = (hook.retry, cause.clone());
            self.record(Transition::HookDue { hook: id, run, of, on, step, action, retry, cause });
            self.order(Effect::Deliver { hook: id, number: 1 });
        }
    }

    /// A try of a hook is over.
    pub(super) fn hook_tried(&mut self, id: HookId, number: u32, error: Option<String>) -> Option<Answer> {
        let row = *self.state.hooks.get(&id)?;
        if number != row.tries + 1 || row.retry_at.is_some() {
            return None;
        }
        let again = error.is_some() && number <= row.retry.retries;
        let retry_at = again.then(|| self.now.plus(wait_before(row.retry, number)));
        let state = match (&error, again) {
            (None, _) => HookState::Delivered,
            (Some(_), true) => HookState::Pending,
            (Some(_), false) => HookState::Failed,
        };
        if let Some(at) = retry_at {
            self.state.hooks.insert(id, HookRow { tries: number, retry_at, ..row });
            self.arm(at, Timer::Hook(id));
        } else {
            self.state.hooks.remove(&id);
        }
        self.record(Transition::HookTried { hook: id, run: row.run, number, state, error, retry_at });
        None
    }

    /// The wait before another try of a hook is over.
    pub(super) fn hook_due_again(&mut self, id: HookId) {
        if let Some(row) = self.state.hooks.get_mut(&id) {
            row.retry_at = None;
            let number = row.tries + 1;
            self.order(Effect::Deliver { hook: id, number });
        }
    }

    /// A scheduler begins: nobody knows what became of tries that were on their way, so they are made again.
    pub(super) fn resume_hooks(&mut self) {
        let ready: Vec<_> = self.state.hooks.values().filter(|row| row.retry_at.is_none()).copied().collect();
        for row in ready {
            self.order(Effect::Deliver { hook: row.id, number: row.tries + 1 });
        }
    }
}

/// The wait after the failed try `number`.
fn wait_before(retry: HookRetry, number: u32) -> Duration {
    let doubled = 2u32.saturating_pow(number.saturating_sub(1));
    retry.delay.saturating_mul(doubled).min(LONGEST_WAIT.max(retry.delay))
}
