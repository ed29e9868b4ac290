//! Who waited for a run that is cleared: tasks of other DAGs whose `wait_for` it let go on. A clear names
//! them, and clears them too when it is asked to, from the waiting task downwards.

use schemars::JsonSchema;
use serde::Serialize;

use super::clear::{ClearPlan, ClearRequest, Told};
use super::effect::Refusal;
use super::law::TaskState;
use super::recover::RunRow;
use super::turn::Turn;
use crate::id::{DagId, RunId};

/// A task of another DAG's run that went on because the run that is asked about, or one of its tasks, had
/// ended well.
#[derive(Debug, Clone, PartialEq)]
pub struct Waiter {
    /// Its run.
    pub run: RunId,
    /// The DAG of that run.
    pub dag: DagId,
    /// The task.
    pub task: String,
    /// The task that it waited for; `None`: the whole run.
    pub awaited: Option<String>,
    /// Its run as it is stored, if it is over.
    pub row: Option<Box<RunRow>>,
}

/// A waiter, as the answer names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Waited {
    /// Its run, as text.
    pub run_id: String,
    /// The DAG of that run.
    pub dag: DagId,
    /// The tasks of it that waited.
    pub tasks: Vec<String>,
}

impl Turn<'_> {
    /// Names who waited for what a plan clears, and clears that too if it is asked for: all of it, or nothing.
    pub(super) fn take_waiters(
        &mut self,
        request: &ClearRequest,
        plan: &mut ClearPlan,
    ) -> Result<(), Refusal> {
        let clears = |waiter: &&Waiter| {
            let cleared = |id: &str| plan.tasks.iter().any(|change| change.task == id);
            waiter.awaited.as_deref().map_or(!plan.tasks.is_empty(), cleared)
        };
        let mut rows = Vec::new();
        for waiter in request.waiters.iter().filter(clears) {
            let run_id = waiter.run.to_string();
            if let Some(known) = plan.waiters.iter_mut().find(|known| known.run_id == run_id) {
                known.tasks.push(waiter.task.clone());
            } else {
                let (dag, tasks) = (waiter.dag.clone(), vec![waiter.task.clone()]);
                plan.waiters.push(Waited { run_id, dag, tasks });
                rows.push(waiter);
            }
        }
        if !request.with_waiters {
            return Ok(());
        }
        let wanted: Vec<_> = rows.into_iter().zip(plan.waiters.clone()).collect();
        // First it is only asked, so that one refusal leaves all as it was.
        let passes: &[bool] = if request.dry_run { &[true] } else { &[true, false] };
        for dry_run in passes {
            plan.also.clear();
            for (waiter, waited) in &wanted {
                let told = Told {
                    by: request.by.clone(),
                    why: request.why.clone(),
                    force: request.force,
                    backfill: None,
                    version: None,
                };
                let wants = ClearRequest {
                    tasks: waited.tasks.clone(),
                    downstream: true,
                    without_setups: request.without_setups,
                    dry_run: *dry_run,
                    ..ClearRequest::default()
                };
                let cleared = self.recall(waiter.run, waiter.row.clone());
                let cleared = cleared.and_then(|run| self.clear_as_asked(run, &wants, told));
                plan.also.push(cleared.map_err(|refusal| of_run(waiter, &refusal))?);
            }
        }
        Ok(())
    }
}

/// Whether a task instance in this state has passed its wait.
pub const fn has_passed(state: TaskState) -> bool {
    match state {
        TaskState::Queued
        | TaskState::Starting
        | TaskState::Running
        | TaskState::Stopping
        | TaskState::UpForRetry
        | TaskState::Expanded
        | TaskState::Success
        | TaskState::Failed => true,
        TaskState::Waiting
        | TaskState::Deferred
        | TaskState::UpstreamFailed
        | TaskState::Skipped
        | TaskState::Canceled
        | TaskState::Removed => false,
    }
}

fn of_run(waiter: &Waiter, refusal: &Refusal) -> Refusal {
    Refusal::NotNow(format!("run {} of {}, which waited for this: {refusal}", waiter.run, waiter.dag))
}
