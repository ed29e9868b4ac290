//! What a hook speaks of: its run, its task, and the cause as it was when the hook became due.

use std::sync::Arc;

use nightrun_core::dag::spec::{Channel, Dag, Hook, HookAction, HookOn, Task, Work};
use nightrun_core::decide::{Cause, Item, Reason, RunType, Values};
use nightrun_core::id::{AttemptId, HookId, RunId, TaskIndex};
use nightrun_core::template::{self, Facts, Scope};
use nightrun_core::time::Timestamp;
use serde_json::{Map, Value as Json, json};

use crate::run::Vars;
use crate::store::TaskEnd;

/// A hook that is due, and what is around it: from the store, or from a run that is only played.
pub(crate) struct Due {
    pub(crate) hook: HookId,
    pub(crate) on: HookOn,
    /// The task whose hook it is; none: the DAG's.
    pub(crate) of: Option<TaskIndex>,
    /// Its place among the hooks of its task or DAG.
    pub(crate) step: u32,
    pub(crate) cause: Cause,
    pub(crate) since: Timestamp,
    pub(crate) run: OfRun,
    pub(crate) dag: Arc<Dag>,
    /// The DAG file, below the DAG folder.
    pub(crate) path: String,
    /// How the tasks ended by which the run failed.
    pub(crate) failed: Vec<TaskEnd>,
    /// The item it is about.
    pub(crate) item: Option<Item>,
    pub(crate) vars: Vars,
    /// What links begin with.
    pub(crate) url: String,
    pub(crate) store_id: String,
}

/// What a hook may know of its run.
pub(crate) struct OfRun {
    pub(crate) id: RunId,
    pub(crate) run_type: RunType,
    pub(crate) logical_date: Timestamp,
    pub(crate) interval: (Timestamp, Timestamp),
    pub(crate) params: Values,
    pub(crate) state: String,
    pub(crate) reason: String,
    /// Its tasks, where a text speaks of them: each with its state and what later tasks see of its outputs.
    pub(crate) tasks: Vec<(TaskIndex, String, Map<String, Json>)>,
}

/// Everything that a delivery needs, gathered at one moment.
pub(crate) struct Gathered {
    pub(super) due: Due,
    pub(super) number: u32,
    pub(super) hook: Hook,
    /// The task it is about: its own, or the first by whose failure the run failed.
    pub(super) task: Option<About>,
    /// What went wrong, in one sentence.
    pub(super) error: String,
    pub(super) log_tail: String,
    scope: Scope,
}

/// The task that a hook is about.
#[derive(Debug, Clone)]
pub(super) struct About {
    pub(super) id: String,
    pub(super) state: String,
    pub(super) reason: String,
    /// Which item of a `foreach`, from 0.
    pub(super) item: Option<u32>,
    description: Option<String>,
    attempt: Option<AttemptId>,
}

impl Due {
    /// The step of the file that is due.
    pub(crate) fn step(&self) -> Result<&Hook, String> {
        let hooks = self.of.map_or(&self.dag.hooks, |task| &self.dag.task(task).hooks);
        hooks.get(self.step as usize).ok_or_else(|| "its DAG has no such step".to_owned())
    }

    /// True when what it says hangs on tasks and their outputs.
    pub(crate) fn speaks_of_tasks(&self) -> Result<bool, String> {
        Ok(texts(self.step()?, &self.dag, self.of).iter().any(|text| speaks_of_tasks(text)))
    }

    /// Puts it together for the try of this number; `tail` gives the end of the log of an attempt.
    pub(crate) fn gather(
        self,
        number: u32,
        tail: impl FnOnce(AttemptId) -> String,
    ) -> Result<Gathered, String> {
        let hook = self.step()?.clone();
        let task = about(&self);
        let error = error(&self.cause, &self.failed);
        let log_tail = task.as_ref().and_then(|task| task.attempt).map(tail).unwrap_or_default();
        let scope = scope(&self, number, task.as_ref(), (&error, &log_tail));
        Ok(Gathered { due: self, number, hook, task, error, log_tail, scope })
    }
}

impl Gathered {
    /// Renders a text of the hook.
    pub(super) fn render(&self, text: &str) -> Result<String, String> {
        template::render(text, &self.scope).map_err(|fault| fault.to_string())
    }

    pub(super) fn render_all(&self, texts: &[String]) -> Result<Vec<String>, String> {
        texts.iter().map(|text| self.render(text)).collect()
    }

    pub(super) fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The environment that the DAG, the task and the hook give, over each other. A value of the task that
    /// speaks of an item is left out where the hook is about the task as a whole.
    pub(super) fn environment(&self) -> Result<Vec<(String, String)>, String> {
        let Due { dag, of, item, .. } = &self.due;
        let task = of.map(|task| dag.task(task));
        let named = of.and_then(|task| dag.fan_of(task)).and_then(|(_, fan)| fan.name.as_deref());
        let of_item = |(_, value): &&(String, String)| {
            item.is_none() && speaks_of(value, &["item", named.unwrap_or("item")])
        };
        let own = task.map_or(&[][..], |task: &Task| &task.env[..]);
        let own = own.iter().filter(|entry| !of_item(entry));
        let all = dag.env.iter().chain(own).chain(&self.hook.env);
        all.map(|(name, value)| Ok((name.clone(), self.render(value)?))).collect()
    }
}

/// True when a template uses one of these names.
fn speaks_of(text: &str, names: &[&str]) -> bool {
    let uses = template::check(text).map(|found| found.uses).unwrap_or_default();
    uses.iter().any(|used| names.contains(&used.path[0].as_str()))
}

fn about(due: &Due) -> Option<About> {
    let cause = &due.cause;
    let about = |id: AttemptId, state: &str, reason: &Reason| {
        let task = due.dag.task(id.instance.task);
        About {
            id: task.id.clone(),
            state: state.to_owned(),
            reason: reason.to_string(),
            item: id.instance.item_index(),
            description: task.description.clone(),
            attempt: (id.number > 0).then_some(id),
        }
    };
    if let Some(instance) = cause.instance {
        return Some(about(AttemptId { instance, number: cause.attempt }, &cause.state, &cause.reason));
    }
    let TaskEnd { instance, state, reason, attempts, .. } = due.failed.first()?;
    Some(about(AttemptId { instance: *instance, number: *attempts }, state.as_str(), reason))
}

fn error(cause: &Cause, failed: &[TaskEnd]) -> String {
    if let Some((kind, due)) = cause.late {
        return kind.sentence(due);
    }
    match (&cause.reason, failed) {
        (Reason::Retry { after, .. }, _) => after.clone(),
        (reason, []) => reason.to_string(),
        (_, failed) => {
            let each = failed.iter().map(|it| format!("task `{}` failed: {}", it.id, it.reason));
            each.collect::<Vec<_>>().join("; ")
        }
    }
}

/// The texts of a hook that may be templates, and those of its environment.
fn texts<'a>(hook: &'a Hook, dag: &'a Dag, of: Option<TaskIndex>) -> Vec<&'a str> {
    let own = of.map_or(&[][..], |task| &dag.task(task).env[..]);
    let env = dag.env.iter().chain(own).chain(&hook.env);
    let mut texts: Vec<&str> = env.map(|(_, value)| value.as_str()).collect();
    match &hook.action {
        HookAction::Run(Work::Shell { script, .. }) => texts.push(script),
        HookAction::Run(Work::Argv(argv)) => texts.extend(argv.iter().map(String::as_str)),
        HookAction::Run(Work::Script { .. } | Work::Operator { .. } | Work::Call(_)) => {}
        HookAction::Notify(notify) => {
            let to: Vec<&String> = match &notify.channel {
                Channel::Email(texts) | Channel::Command(texts) => texts.iter().collect(),
                Channel::Slack(text) | Channel::Webhook(text) => vec![text],
            };
            let words = notify.subject.iter().chain(&notify.message);
            texts.extend(to.into_iter().chain(words).map(String::as_str));
        }
    }
    texts
}

fn speaks_of_tasks(text: &str) -> bool {
    text.contains("{{") && ["tasks", "outputs", "xcom_pull"].iter().any(|name| text.contains(name))
        || text.contains("{%")
}

fn scope(due: &Due, number: u32, task: Option<&About>, (error, log_tail): (&str, &str)) -> Scope {
    let Due { cause, run, dag, .. } = due;
    let entry = |(task, state, outputs): &(TaskIndex, String, Map<String, Json>)| {
        (dag.task(*task).id.clone(), json!({"state": state, "outputs": outputs}))
    };
    let own = run.tasks.iter().find(|(task, _, _)| Some(*task) == due.of);
    // Of a run that is over the state is its end; of a task's hook it is where the run is now.
    let (state, reason) = match cause.instance {
        None => (cause.state.clone(), cause.reason.to_string()),
        Some(_) => (run.state.clone(), run.reason.clone()),
    };
    let key = due.item.as_ref().and_then(|item| item.key.clone());
    let about = task.map_or(json!({"id": "", "state": "", "reason": ""}), |task| {
        json!({
            "id": task.id, "description": task.description, "state": task.state, "reason": task.reason,
            "item": task.item, "key": key,
        })
    });
    let id = run.id.to_string();
    let facts = Facts {
        zone: dag.zone.clone(),
        logical_date: run.logical_date,
        data_interval_start: run.interval.0,
        data_interval_end: run.interval.1,
        dag: object(
            json!({"id": dag.id, "description": dag.description, "owner": dag.owner, "tags": dag.tags}),
        ),
        run: object(json!({
            "id": id, "run_id": id, "type": run.run_type.as_str(), "state": state, "reason": reason,
        })),
        task: object(about),
        try_number: cause.attempt.max(1),
        params: run.params.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
        env: plain_env(dag, due.of),
        vars: due.vars.known_of(dag),
        tasks: run.tasks.iter().map(entry).collect(),
        outputs: own.map(|(_, _, outputs)| outputs.clone()).unwrap_or_default(),
        item: item(due),
        secrets: None,
    };
    let late = cause.late.map_or(
        json!({"kind": "", "due": ""}),
        |(kind, due)| json!({"kind": kind.as_str(), "due": due.to_string()}),
    );
    let more = json!({
        "error": error,
        "log_tail": log_tail,
        "late": late,
        "links": links(&due.url, &id),
        "hook": {"on": due.on.as_str(), "id": due.hook.0, "try": number},
    });
    Scope::of_hook(facts, object(more))
}

/// The item under the name that its `foreach` gives it.
fn item(due: &Due) -> Option<template::Item> {
    let (_, fan) = due.dag.fan_of(due.of?)?;
    let name = fan.name.clone().unwrap_or_else(|| "item".into());
    due.item.as_ref().map(|item| template::Item { name, value: item.value.clone() })
}

/// Where the run is shown.
fn links(url: &str, run: &str) -> Json {
    json!({"run": format!("{url}/runs/{run}"), "graph": format!("{url}/runs/{run}/graph")})
}

impl Gathered {
    /// Where the run is shown, by name: `run`, `graph`.
    pub(super) fn link(&self, name: &str) -> String {
        let links = links(&self.due.url, &self.due.run.id.to_string());
        links[name].as_str().unwrap_or_default().to_owned()
    }
}

fn plain_env(dag: &Dag, of: Option<TaskIndex>) -> Map<String, Json> {
    let own = of.map_or(&[][..], |task| &dag.task(task).env[..]);
    let plain = dag.env.iter().chain(own).filter(|(_, value)| !value.contains("{{") && !value.contains("{%"));
    plain.map(|(name, value)| (name.clone(), Json::String(value.clone()))).collect()
}

fn object(value: Json) -> Map<String, Json> {
    match value {
        Json::Object(map) => map,
        _ => Map::new(),
    }
}
