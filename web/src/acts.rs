//! What people and programs may ask of the engine, and what they are told.

use nightrun_core::decide::{Answer, Event, RunRequest, Values};
use nightrun_core::id::{DagId, RunId};
use nightrun_core::time::Timestamp;
use serde_json::Value as Json;

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
            Answer::Done => Err(Problem::internal("the scheduler did not say which run it made")),
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

    /// Gives a var a value, or takes it away.
    pub(crate) async fn set_var(&self, name: String, value: Option<Json>, by: &str) -> Result<(), Problem> {
        self.tell(Event::VarSet { name, value, by: by.into() }).await
    }

    async fn tell(&self, event: Event) -> Result<(), Problem> {
        match self.ask(event).await? {
            Answer::Done | Answer::Run(_) => Ok(()),
            Answer::Refused(refusal) => Err(refusal.into()),
        }
    }

    async fn ask(&self, event: Event) -> Result<Answer, Problem> {
        self.app.handle.request(event).await.map_err(|_| Problem::stopping())
    }
}
