//! What an attempt was given: its command with the values it had then, told from its context file.

use std::collections::BTreeMap;

use nightrun_core::dag::spec::Dag;
use nightrun_core::id::TaskIndex;
use nightrun_core::template::{self, Facts, Scope};
use serde::Serialize;
use serde_json::{Map, Value as Json, json};

use super::preview::{Kind, rendered, source_of};
use super::render::texts_in;
use super::vars::Vars;
use crate::store::{RunShow, TaskShow, VarItem};

/// What stands for a value that must not be shown.
pub(super) const HIDDEN: &str = "•••";

/// What one attempt was started with.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Given {
    /// Its command; with its templates where it could not be rendered.
    pub command: String,
    /// Values that reached the command by environment.
    pub values: Vec<(String, String)>,
    /// Why it is shown with its templates.
    pub unrendered: Option<String>,
    /// What its templates name, with what that was.
    pub read: Vec<(String, Json)>,
}

/// Tells what an attempt of this task was started with. `context` is what its process could read; without it
/// the command is shown as the file has it. Values of vars that the environment gives are hidden.
pub fn given(
    (dag, run, task): (&Dag, &RunShow, &TaskShow),
    number: u32,
    context: Option<&Json>,
    (vars, stored): (&Vars, &[VarItem]),
) -> Given {
    let (source, kind) = source_of(&dag.task(task.task).work);
    let raw = |why: &str| Given {
        command: source.clone(),
        values: Vec::new(),
        unrendered: Some(why.to_owned()),
        read: Vec::new(),
    };
    let Some(context) = context else {
        let is_plain = kind == Kind::Literal || !super::scope::is_template(&source);
        let unrendered = (!is_plain).then(|| "an attempt renders it when it begins".to_owned());
        return Given { unrendered, ..raw("") };
    };
    let seen = Seen { dag, run, task, context, vars: shown_vars(dag, context, vars, stored) };
    let read = seen.read();
    if kind == Kind::Literal {
        return Given { unrendered: None, read, ..raw("") };
    }
    match rendered(&source, kind, &seen.scope(number)) {
        Ok((command, values)) => Given { command, values, unrendered: None, read },
        Err(why) => Given { read, ..raw(&why) },
    }
}

/// The vars of a context; one that the environment gives, or that nobody can account for, is hidden.
fn shown_vars(dag: &Dag, context: &Json, vars: &Vars, stored: &[VarItem]) -> Map<String, Json> {
    let stored: BTreeMap<&str, &Json> = stored.iter().map(|var| (var.name.as_str(), &var.value)).collect();
    let is_known = |name: &str, value: &Json| {
        let default = dag.vars.iter().find(|var| var.name == name).and_then(|var| var.default.as_ref());
        vars.of_environment(name).is_none() && (stored.get(name) == Some(&value) || default == Some(value))
    };
    let shown = |(name, value): (&String, &Json)| {
        let value = if is_known(name, value) { value.clone() } else { Json::String(HIDDEN.into()) };
        (name.clone(), value)
    };
    context["vars"].as_object().map(|vars| vars.iter().map(shown).collect()).unwrap_or_default()
}

/// A task instance with what its process could read.
struct Seen<'a> {
    dag: &'a Dag,
    run: &'a RunShow,
    task: &'a TaskShow,
    context: &'a Json,
    vars: Map<String, Json>,
}

impl Seen<'_> {
    fn scope(&self, number: u32) -> Scope {
        let Self { dag, run, task, context, vars } = self;
        let own = dag.task(task.task);
        let env = dag.env.iter().chain(&own.env).filter(|(_, value)| !super::scope::is_template(value));
        let name = dag.fan_of(task.task).and_then(|(_, fan)| fan.name.clone());
        let item = context.get("item").map(|value| template::Item {
            name: name.unwrap_or_else(|| "item".into()),
            value: value.clone(),
        });
        let id = run.run_id.to_string();
        Scope::new(Facts {
            zone: dag.zone.clone(),
            logical_date: run.logical_date,
            data_interval_start: run.data_interval_start,
            data_interval_end: run.data_interval_end,
            dag: object(json!({
                "id": dag.id, "description": dag.description, "owner": dag.owner, "tags": dag.tags,
            })),
            run: object(json!({ "id": id, "run_id": id, "type": run.run_type.as_str() })),
            task: object(json!({
                "id": own.id, "description": own.description, "item": task.item, "key": task.key,
            })),
            try_number: number,
            params: run.params.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            env: env.map(|(name, value)| (name.clone(), Json::String(value.clone()))).collect(),
            vars: vars.clone(),
            tasks: self.tasks(),
            outputs: Map::new(),
            item,
            secrets: None,
        })
    }

    /// The tasks with outputs that the context tells of, and the other upstreams as they are now.
    fn tasks(&self) -> Map<String, Json> {
        let mut tasks = self.context["tasks"].as_object().cloned().unwrap_or_default();
        let place = |at: &TaskIndex| self.run.tasks.iter().find(|task| task.task == *at);
        for up in self.dag.graph.upstream(self.task.task) {
            let entry = tasks.entry(self.dag.task(up).id.clone());
            entry.or_insert_with(
                || json!({ "state": place(&up).map(|task| task.state.as_str()), "outputs": {} }),
            );
        }
        tasks
    }

    /// Each value that a template of the task names, once.
    fn read(&self) -> Vec<(String, Json)> {
        let mut root = json!({
            "params": self.context["params"], "vars": self.vars, "tasks": self.context["tasks"],
            "item": self.context.get("item"),
        });
        if let Some((_, fan)) = self.dag.fan_of(self.task.task) {
            let item = root["item"].clone();
            fan.name.iter().for_each(|name| root[name] = item.clone());
        }
        let texts = texts_in(self.dag, self.dag.task(self.task.task));
        let uses = texts.iter().filter_map(|text| template::check(text).ok()).flat_map(|found| found.uses);
        let mut read = BTreeMap::new();
        for used in uses {
            let found = used.path.iter().try_fold(&root, |value, part| value.get(part));
            if let Some(value) = found.filter(|value| !value.is_null()) {
                read.insert(used.path.join("."), value.clone());
            }
        }
        read.into_iter().collect()
    }
}

fn object(value: Json) -> Map<String, Json> {
    match value {
        Json::Object(map) => map,
        _ => Map::new(),
    }
}
