//! What people and programs may ask of the engine, and what they are told.

use std::sync::Arc;
use std::time::Duration;

use nightrun_core::decide::{
    AccessChange, Answer, BackfillPlan, BackfillRequest, BackfillState, ClearPlan, ClearRequest, Event,
    HoldRequest, MarkRequest, NoteRequest, Part, Past, RunRequest, TickRequest, Values,
};
use nightrun_core::id::{BackfillId, DagId, HoldId, RunId};
use nightrun_core::time::Timestamp;
use serde_json::Value as Json;

use crate::access::Who;
use crate::access::admins::keep_an_admin;
use crate::app::Site;
use crate::problem::Problem;

/// How long somebody waits for a store that refuses to write.
pub(crate) const PATIENCE: Duration = Duration::from_secs(3);

/// A run that is wanted.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Wanted {
    pub(crate) params: Values,
    pub(crate) logical_date: Option<Timestamp>,
    pub(crate) part: Part,
    pub(crate) force: bool,
}

impl Site {
    /// The request for a run.
    pub(crate) fn wants_run(&self, dag: DagId, wanted: Wanted, by: &str) -> Event {
        let Wanted { params, logical_date, part, force } = wanted;
        Event::RunRequested(RunRequest { dag, params, logical_date, part, force, by: self.who.sign(by) })
    }

    /// The request for a maintenance window; refused when it is about DAGs of others.
    pub(crate) fn wants_hold(&self, mut request: HoldRequest) -> Result<Event, Problem> {
        request.by = self.who.sign(&request.by);
        let granted =
            request.dags.as_ref().is_some_and(|dags| dags.iter().all(|dag| self.who.covers(dag.as_str())));
        if self.who.is_limited() && !granted {
            return Err(Problem::not_granted());
        }
        Ok(Event::HoldRequested(request))
    }

    /// The request to run tasks again; what waits for the run is of other DAGs.
    pub(crate) fn wants_rerun(&self, run: RunId, mut request: ClearRequest) -> Result<Event, Problem> {
        if request.with_waiters && self.who.is_limited() {
            return Err(Problem::not_granted());
        }
        request.by = self.who.sign(&request.by);
        Ok(Event::ClearRequested { run, request, row: None })
    }

    /// The request to remember something.
    pub(crate) fn wants_note(&self, run: RunId, mut request: NoteRequest) -> Event {
        request.by = self.who.sign(&request.by);
        Event::NoteRequested { run, request, row: None }
    }

    /// The request for a backfill.
    pub(crate) fn wants_backfill(&self, dag: DagId, mut request: BackfillRequest) -> Event {
        request.by = self.who.sign(&request.by);
        Event::BackfillRequested { dag, request, past: Past::default() }
    }

    /// Ends a run.
    pub(crate) async fn cancel(&self, run: RunId, by: &str) -> Result<(), Problem> {
        self.tell(Event::CancelRequested { run, by: self.who.sign(by) }).await
    }

    /// Pauses or un-pauses one DAG, or everything; why, in the words of whoever asks.
    pub(crate) async fn pause(
        &self,
        dag: Option<DagId>,
        paused: bool,
        by: &str,
        why: Option<&str>,
    ) -> Result<(), Problem> {
        let why = why.map(str::trim).filter(|why| !why.is_empty()).map(ToOwned::to_owned);
        self.tell(Event::PauseRequested { dag, paused, by: self.who.sign(by), why }).await
    }

    /// Ends a maintenance window.
    pub(crate) async fn end_hold(&self, hold: HoldId, by: &str) -> Result<(), Problem> {
        self.tell(Event::HoldRemovalRequested { hold, by: self.who.sign(by) }).await
    }

    /// Skips or moves a coming tick, or takes that back; answers with its instant.
    pub(crate) async fn change_tick(&self, mut request: TickRequest) -> Result<Timestamp, Problem> {
        request.by = self.who.sign(&request.by);
        match self.ask(Event::TickChangeRequested(request)).await? {
            Answer::Tick(instant) => Ok(instant),
            Answer::Refused(refusal) => Err(refusal.into()),
            _ => Err(Problem::internal("the scheduler did not say which tick it changed")),
        }
    }

    /// Gives a var a value, or takes it away.
    pub(crate) async fn set_var(&self, name: String, value: Option<Json>, by: &str) -> Result<(), Problem> {
        self.tell(Event::VarSet { name, value, by: self.who.sign(by) }).await
    }

    /// Makes tasks of a run wait again, or says which would.
    pub(crate) async fn rerun(&self, run: RunId, request: ClearRequest) -> Result<ClearPlan, Problem> {
        self.change(self.wants_rerun(run, request)?).await
    }

    /// Settles a task by hand.
    pub(crate) async fn mark(&self, run: RunId, mut request: MarkRequest) -> Result<ClearPlan, Problem> {
        request.by = self.who.sign(&request.by);
        self.change(Event::MarkRequested { run, request, row: None }).await
    }

    /// Makes runs for a stretch of the past, or says which it would.
    pub(crate) async fn backfill(
        &self,
        dag: DagId,
        request: BackfillRequest,
    ) -> Result<BackfillPlan, Problem> {
        match self.ask(self.wants_backfill(dag, request)).await? {
            Answer::Backfill(plan) => Ok(*plan),
            Answer::Refused(refusal) => Err(refusal.into()),
            _ => Err(no_plan()),
        }
    }

    /// Pauses, resumes or ends a backfill.
    pub(crate) async fn steer(
        &self,
        backfill: BackfillId,
        to: BackfillState,
        by: String,
        why: Option<String>,
    ) -> Result<(), Problem> {
        let by = self.who.sign(&by);
        self.tell(Event::BackfillSteered { backfill, to, by, why }).await
    }

    /// Changes who may do what. Nobody but the owner of the data folder leaves users without an admin.
    pub(crate) async fn change_access(
        self: &Arc<Self>,
        change: AccessChange,
        by: &str,
    ) -> Result<(), Problem> {
        let (site, by) = (Arc::clone(self), self.who.sign(by));
        // By itself: its turn lasts until it is settled, also when nobody waits for it any more.
        let changing = tokio::spawn(async move { site.change_access_in_turn(change, by).await });
        tokio::select! {
            changed = changing => changed.unwrap_or_else(|_| Err(Problem::internal("the change panicked"))),
            () = self.app.handle.refuses(PATIENCE) => Err(Problem::not_stored()),
        }
    }

    async fn change_access_in_turn(
        self: &Arc<Self>,
        change: AccessChange,
        by: String,
    ) -> Result<(), Problem> {
        let _turn = self.gate.changing.lock().await;
        if !matches!(self.who, Who::Owner(_)) {
            let users = self.read(|desk| desk.page.users().map(Some)).await?;
            keep_an_admin(&users, &change)?;
        }
        let adds_user = matches!(change, AccessChange::UserAdded { .. });
        let asked = self.app.handle.request(Event::AccessRequested { change, by });
        if let Answer::Refused(refusal) = asked.await.map_err(|_| Problem::stopping())? {
            return Err(refusal.into());
        }
        if adds_user {
            self.gate.close();
        }
        Ok(())
    }

    /// Notes that a user has logged in.
    pub(crate) async fn record_login(&self, user: String) -> Result<(), Problem> {
        let by = user.clone();
        self.tell(Event::AccessRequested { change: AccessChange::LoggedIn { user }, by }).await
    }

    async fn change(&self, event: Event) -> Result<ClearPlan, Problem> {
        match self.ask(event).await? {
            Answer::Cleared(plan) => Ok(*plan),
            Answer::Refused(refusal) => Err(refusal.into()),
            _ => Err(no_plan()),
        }
    }

    async fn tell(&self, event: Event) -> Result<(), Problem> {
        match self.ask(event).await? {
            Answer::Refused(refusal) => Err(refusal.into()),
            _ => Ok(()),
        }
    }

    async fn ask(&self, event: Event) -> Result<Answer, Problem> {
        tokio::select! {
            answer = self.app.handle.request(event) => answer.map_err(|_| Problem::stopping()),
            () = self.app.handle.refuses(PATIENCE) => Err(Problem::not_stored()),
        }
    }
}

fn no_plan() -> Problem {
    Problem::internal("the scheduler did not say what it changes")
}
