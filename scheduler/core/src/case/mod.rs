//! Cases that test a DAG: how its attempts end, and what must come of it. Read as DAG files are, all
//! faults in one pass with their places; who plays them is another room.

mod awaited;
mod expect;
mod keys;
mod mock;
mod notification;
mod read;
mod schema;
mod spot;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value as Json};

use crate::dag::spec::{Dag, HookOn, Wait};
use crate::decide::{RunState, TaskState, Values};
use crate::diag::Diagnostic;
use crate::id::DagId;
use crate::time::Timestamp;

pub use read::{NoDag, read};
pub use schema::schema;
pub use spot::Spot;

/// What a file of cases gives.
#[derive(Debug)]
#[must_use]
pub struct Reading {
    /// Its cases; none when there is any error in it.
    pub suite: Option<Suite>,
    /// All that is to be said about it, in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
}

/// A file of cases.
#[derive(Debug)]
pub struct Suite {
    /// The DAG that is tested.
    pub dag: Arc<Dag>,
    /// Its cases, in the order of the file.
    pub cases: Vec<Case>,
}

/// One run that is played.
#[derive(Debug)]
pub struct Case {
    /// What it shows.
    pub name: String,
    /// The line where it begins, from 1.
    pub line: usize,
    /// The time at its begin, and its logical date.
    pub at: Timestamp,
    /// Its params where they differ from the defaults.
    pub params: Values,
    /// Values of vars; the DAG's defaults hold for the others.
    pub vars: Values,
    /// How attempts end; the last of a list repeats.
    pub mocks: BTreeMap<Spot, Vec<Mock>>,
    /// What becomes of the runs and tasks of other DAGs that are waited for.
    pub awaited: Vec<Awaited>,
    /// What must have happened.
    pub expect: Expect,
}

impl Case {
    /// How an attempt of a task or an item ends; `None`: nobody says.
    pub fn mock(&self, spot: Spot, number: u32) -> Option<&Mock> {
        let mocks = self.mocks.get(&spot).or_else(|| self.mocks.get(&spot.whole()))?;
        mocks.get(number as usize - 1).or(mocks.last())
    }

    /// What becomes of what is waited for; `None`: nobody says.
    pub fn awaited(&self, wait: &Wait) -> Option<&Awaited> {
        self.awaited.iter().find(|it| it.dag == wait.dag && it.task == wait.task)
    }
}

/// What becomes of a run or a task of another DAG that a task waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Awaited {
    /// The other DAG.
    pub dag: DagId,
    /// One of its tasks; `None`: its whole run.
    pub task: Option<String>,
    /// How it ends.
    pub end: AwaitedEnd,
    /// How long after the begin of the case.
    pub after: Duration,
}

/// How something that is waited for ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AwaitedEnd {
    /// Well.
    Success,
    /// It fails, so that what waits for it goes on waiting.
    Failed,
    /// There is no such run.
    Never,
}

/// How one attempt ends.
#[derive(Debug, Clone, PartialEq)]
pub struct Mock {
    /// In which way.
    pub end: End,
    /// How long after its start.
    pub after: Duration,
    /// What it hands on.
    pub outputs: Map<String, Json>,
    /// What it prints.
    pub stdout: Option<String>,
}

impl Mock {
    /// It ends well and at once, and hands nothing on.
    pub fn success() -> Self {
        Self { end: End::Exit(0), after: Duration::ZERO, outputs: Map::new(), stdout: None }
    }
}

/// In which way an attempt ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// By itself, with this exit code.
    Exit(i32),
    /// By this signal.
    Signal(i32),
    /// Not before it is told to.
    Never,
    /// Nobody knows how.
    Lost,
}

/// What must have happened when a run is over.
#[derive(Debug, Default)]
pub struct Expect {
    /// How the run ended.
    pub state: Option<RunState>,
    /// How tasks ended.
    pub tasks: Vec<(Spot, Ending)>,
    /// These began in this order.
    pub order: Vec<Spot>,
    /// What tasks handed on.
    pub outputs: Vec<(Spot, Map<String, Json>)>,
    /// What the last attempts of tasks ran.
    pub commands: Vec<(Spot, String)>,
    /// No attempt of these began.
    pub not_run: Vec<Spot>,
    /// How long the run took.
    pub took: Option<Duration>,
    /// All hooks that became due.
    pub notifications: Option<Vec<Notification>>,
}

/// A hook that must have become due.
#[derive(Debug, PartialEq)]
pub struct Notification {
    /// The point at which.
    pub event: HookOn,
    /// The task or item whose hook it is; a task stands for all its items, none for the DAG.
    pub of: Option<Spot>,
    /// What it does.
    pub action: Option<Action>,
    /// Where its message goes, as the DAG file names it.
    pub to: Option<Vec<String>>,
    /// A part of the first line of its message.
    pub subject: Option<String>,
    /// A part of the text of its message.
    pub message: Option<String>,
    /// What it runs.
    pub command: Option<String>,
    /// Of its message as JSON.
    pub body: Map<String, Json>,
}

/// What a hook does: `run`, `email`, `slack`, `webhook` or `command`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Action(pub &'static str);

/// How a task must have ended.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Ending {
    /// Its state.
    pub state: Option<TaskState>,
    /// How many attempts there were.
    pub attempts: Option<u32>,
    /// A part of its reason, or the name of its kind.
    pub reason: Option<String>,
    /// How many items its `foreach` had.
    pub items: Option<u32>,
}
