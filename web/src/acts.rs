//! What people and programs may ask of the engine, and what they are told.

use nightrun_core::decide::{Answer, Event, HoldRequest, RunRequest, TickRequest, Values};
use nightrun_core::id::{DagId, HoldId, RunId};
use nightrun_core::time::Timestamp;

use crate::app::Site;
use crate::problem::Problem;

/// A run that is wanted.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Wanted {
    pub(crate) params: Values,
    pub(crate) logical_date: Option<Timestamp>,
    pub(crate) force: bool,
}

impl Site {
    /// Starts a run; answers with its number once it is durable.
    pub(crate) async fn trigger(&self, dag: DagId, wanted: Wanted, by: &str) -> Result<RunId, Problem> {
        let Wanted { params, logical_date, force } = wanted;
        let request = RunRequest { dag, params, logical_date, force, by: by.into() };
        match self.ask(Event::RunRequested(request)).await? {
            Answer::Run(run) => Ok(run),
            Answer::Refused(refusal) => Err(refusal.into()),
            _ => Err(Problem::internal("the scheduler did not say which run it made")),
        }
    }

    /// Ends a run.
    pub(crate) async fn cancel(&self, run: RunId, by: &str) -> Result<(), Problem> {
        self.tell(Event::CancelRequested { run, by: by.into() }).await
    }

    /// Pauses or un-pauses one DAG, or everything.
    pub(crate) async fn pause(&self, dag: Option<DagId>, paused: bool, by: &str) -> Result<(), Problem> {
        self.tell(Event::PauseRequested { dag, paused, by: by.into() }).await
    }

    /// Makes a maintenance window; answers with its number.
    pub(crate) async fn hold(&self, request: HoldRequest) -> Result<HoldId, Problem> {
        match self.ask(Event::HoldRequested(request)).await? {
            Answer::Hold(hold) => Ok(hold),
            Answer::Refused(refusal) => Err(refusal.into()),
            _ => Err(Problem::internal("the scheduler did not say which window it made")),
        }
    }

    /// Ends a maintenance window.
    pub(crate) async fn end_hold(&self, hold: HoldId, by: &str) -> Result<(), Problem> {
        self.tell(Event::HoldRemovalRequested { hold, by: by.into() }).await
    }

    /// Skips or moves a coming tick, or takes that back; answers with its instant.
    pub(crate) async fn change_tick(&self, request: TickRequest) -> Result<Timestamp, Problem> {
        match self.ask(Event::TickChangeRequested(request)).await? {
            Answer::Tick(instant) => Ok(instant),
            Answer::Refused(refusal) => Err(refusal.into()),
            _ => Err(Problem::internal("the scheduler did not say which tick it changed")),
        }
    }

    async fn tell(&self, event: Event) -> Result<(), Problem> {
        match self.ask(event).await? {
            Answer::Refused(refusal) => Err(refusal.into()),
            _ => Ok(()),
        }
    }

    async fn ask(&self, event: Event) -> Result<Answer, Problem> {
        self.app.handle.request(event).await.map_err(|_| Problem::stopping())
    }
}
