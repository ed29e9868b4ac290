//! Why something waits, was left out or ended as it did: one sentence for each thing, with what would unblock it.

mod dag;
mod holders;
mod run;
mod task;
mod wait;

use std::sync::Arc;

use nightrun_core::dag::spec::Dag;
use nightrun_core::id::{RunId, VersionId};
use nightrun_core::time::Timestamp;
use nightrun_engine::store::{Fault, LateShow, Page, RunShow, TaskShow};
use schemars::JsonSchema;
use serde::Serialize;

use crate::app::Desk;
use crate::problem::Problem;

/// How many names are said before the rest is counted.
const NAMED: usize = 5;

/// Why something is where it is.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Because {
    /// `run 7 of sales`, `task load`, `task load[3]`, `DAG sales`, `tick … of sales`.
    what: String,
    /// Where it is.
    state: String,
    /// Why, in a sentence.
    why: String,
    /// What lets it go on, where something must happen or can be done.
    unblock: Option<String>,
    /// The name of the reason; of runs and tasks.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason_kind: Option<&'static str>,
    /// Since when; of runs and tasks.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<Timestamp>,
    /// When it is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_at: Option<Timestamp>,
}

impl Because {
    fn new(what: String, state: impl Into<String>, why: String, unblock: Option<String>) -> Self {
        let state = state.into();
        Self { what, state, why, unblock, reason_kind: None, since: None, retry_at: None }
    }

    fn of_run(self, run: &RunShow) -> Self {
        Self { reason_kind: Some(run.reason_kind), since: Some(run.since), ..self }
    }

    fn of_task(self, task: &TaskShow) -> Self {
        let (kind, since) = (Some(task.reason_kind), Some(task.since));
        Self { reason_kind: kind, since, retry_at: task.retry_at, ..self }
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Miss {
    /// The store does not read.
    Store(Fault),
    /// What was asked for is not there, or no such thing.
    Refused(Problem),
}

impl From<Fault> for Miss {
    fn from(fault: Fault) -> Self {
        Self::Store(fault)
    }
}

impl From<Problem> for Miss {
    fn from(problem: Problem) -> Self {
        Self::Refused(problem)
    }
}

/// Looks up what the answers hang on.
pub(crate) struct Asker<'a> {
    desk: &'a Desk<'a>,
    now: Timestamp,
}

impl<'a> Asker<'a> {
    pub(crate) fn new(desk: &'a Desk<'a>) -> Self {
        Self { desk, now: desk.now }
    }

    fn read<T>(&self, work: impl FnOnce(&Page) -> Result<T, Fault>) -> Result<T, Fault> {
        work(self.desk.page)
    }

    /// What a version of a DAG means; `None`: this program cannot read it.
    fn spec(&self, version: VersionId) -> Result<Option<Arc<Dag>>, Fault> {
        self.desk.spec(version)
    }

    /// One run whole.
    fn show(&self, run: i64) -> Result<RunShow, Miss> {
        let found = self.desk.page.run(RunId(run), Some(&self.desk.site.app.data))?;
        Ok(found.ok_or_else(|| Problem::not_found(format!("there is no run {run}")))?)
    }

    fn covers(&self, dag: &str) -> bool {
        self.desk.site.who.covers(dag)
    }
}

/// What is said of it, and the deadlines that it missed.
fn with_lateness(why: String, late: &[LateShow]) -> String {
    late.iter().fold(why, |why, it| format!("{why}; {}: {}", it.kind, it.kind.sentence(it.due)))
}

/// The first few names, and how many more there are.
fn listed(names: &[String]) -> String {
    let more = names.len().saturating_sub(NAMED);
    let first = names[..names.len() - more].join(", ");
    if more > 0 { format!("{first} and {more} more") } else { first }
}
