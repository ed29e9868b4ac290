//! What the API tells of a run, as far as verbs say it.

use std::collections::BTreeMap;

use nightrun_core::dag::spec::Lateness;
use nightrun_core::decide::{AttemptState, HookState, RunState, TaskState};
use nightrun_core::time::Timestamp;
use serde::Deserialize;
use serde_json::Value as Json;

use crate::client::Server;
use crate::failure::{Failure, OrFail};

/// A run with its tasks.
#[derive(Deserialize)]
pub(super) struct RunTold {
    pub(super) run_id: String,
    pub(super) dag: String,
    pub(super) state: RunState,
    pub(super) reason: String,
    pub(super) run_type: String,
    pub(super) by: String,
    pub(super) logical_date: Timestamp,
    pub(super) started_at: Option<Timestamp>,
    pub(super) ended_at: Option<Timestamp>,
    pub(super) tasks: Vec<Task>,
    pub(super) late: Vec<Late>,
    pub(super) hooks: Vec<Hook>,
    pub(super) notes: Vec<Note>,
    pub(super) parent: Option<Caller>,
    pub(super) children: Vec<Called>,
    pub(super) groups: Vec<GroupTold>,
}

/// A task of a run, or an item of it.
#[derive(Deserialize)]
pub(super) struct Task {
    pub(super) id: String,
    pub(super) state: TaskState,
    pub(super) reason: String,
    pub(super) attempts: Vec<Attempt>,
    pub(super) outputs: BTreeMap<String, Json>,
    pub(super) item: Option<u32>,
    #[serde(default)]
    pub(super) key: Option<String>,
    #[serde(default)]
    pub(super) items: Vec<Task>,
    pub(super) late: Vec<Late>,
}

#[derive(Deserialize)]
pub(super) struct Attempt {
    pub(super) number: u32,
    pub(super) state: AttemptState,
    pub(super) started_at: Option<Timestamp>,
    pub(super) ended_at: Option<Timestamp>,
}

/// A missed deadline.
#[derive(Deserialize)]
pub(super) struct Late {
    pub(super) kind: Lateness,
    pub(super) due: Timestamp,
}

/// A hook that became due.
#[derive(Deserialize)]
pub(super) struct Hook {
    pub(super) run_id: String,
    pub(super) dag: String,
    pub(super) task: Option<String>,
    pub(super) on: String,
    pub(super) action: String,
    pub(super) state: HookState,
    pub(super) tries: u32,
    pub(super) error: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Note {
    pub(super) task: Option<String>,
    pub(super) text: String,
    pub(super) by: String,
    pub(super) at: Timestamp,
}

/// Who called a run.
#[derive(Deserialize)]
pub(super) struct Caller {
    pub(super) run_id: String,
    pub(super) dag: Option<String>,
    pub(super) task: Option<String>,
    pub(super) item: Option<u32>,
}

/// A run that a task called.
#[derive(Deserialize)]
pub(super) struct Called {
    pub(super) run_id: String,
    pub(super) dag: String,
    pub(super) state: String,
    pub(super) task: String,
    pub(super) item: Option<u32>,
}

/// A group that has run again.
#[derive(Deserialize)]
pub(super) struct GroupTold {
    pub(super) group: String,
    #[serde(rename = "try")]
    pub(super) number: u32,
    pub(super) of: u32,
}

impl RunTold {
    /// All tasks, each followed by its items.
    pub(super) fn instances(&self) -> impl Iterator<Item = &Task> {
        self.tasks.iter().flat_map(|task| std::iter::once(task).chain(&task.items))
    }

    /// The task, or with `load[3]` the item, of this name.
    pub(super) fn find(&self, name: &str) -> Result<&Task, Failure> {
        self.instances().find(|task| task.name() == name).ok_or_else(|| self.no_task(name))
    }

    fn no_task(&self, name: &str) -> Failure {
        let names: Vec<&str> = self.tasks.iter().map(|task| task.id.as_str()).collect();
        let failure = Failure::usage(format!("run {} has no task `{name}`", self.run_id));
        let items = self.tasks.iter().find(|task| !task.items.is_empty());
        let hint = items.map_or_else(String::new, |task| format!("; an item is written `{}[0]`", task.id));
        failure.help(format!("it has {}{hint}", names.join(", ")))
    }
}

impl Task {
    /// Its name for people: `load`, and `load[3]` for an item.
    pub(super) fn name(&self) -> String {
        self.item.map_or_else(|| self.id.clone(), |item| format!("{}[{item}]", self.id))
    }
}

/// One run whole, as JSON.
pub(super) fn run_json(server: &Server, run: i64) -> Result<Json, Failure> {
    let found = server.find(&format!("/runs/{run}"))?;
    found.ok_or_else(|| Failure::new(format!("there is no run {run}")).help("`nightrun runs` lists them"))
}

/// The same to be looked through.
pub(super) fn run(server: &Server, run: i64) -> Result<RunTold, Failure> {
    read(run_json(server, run)?)
}

/// An answer as the type that it has.
pub(super) fn read<T: serde::de::DeserializeOwned>(told: Json) -> Result<T, Failure> {
    serde_json::from_value(told).or_fail("the server's answer cannot be read")
}

/// A text of an answer; none is empty.
pub(super) fn text(value: &Json) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// An instant of an answer, for people.
pub(super) fn instant(value: &Json) -> String {
    crate::say::instant(value.as_str().and_then(Timestamp::parse))
}

/// A number of an answer.
pub(super) fn number(value: &Json) -> Result<i64, Failure> {
    value.as_i64().ok_or("no number").or_fail("the server's answer")
}
