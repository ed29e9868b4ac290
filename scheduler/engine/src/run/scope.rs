//! What the templates of an attempt may speak of, and the same as a JSON file for its process.

use std::collections::BTreeSet;
use std::path::Path;

use nightrun_core::decide::{Output, Outputs, Run};
use nightrun_core::id::TaskIndex;
use nightrun_core::template::{self, Facts, Scope};
use serde_json::{Map, Value as Json, json};

use super::values::RunValues;
use super::vars::Vars;
use crate::store;

/// True when a text has anything to render.
pub(super) fn is_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%")
}

/// One attempt, and where the values it may use are.
pub(super) struct ScopeOf<'a> {
    pub(super) run: &'a Run,
    pub(super) task: TaskIndex,
    pub(super) try_number: u32,
    pub(super) values: &'a RunValues,
    pub(super) vars: &'a Vars,
    pub(super) data: &'a Path,
}

impl ScopeOf<'_> {
    /// The names for these texts. Tasks that no text names are left out.
    pub(super) fn build(&self, texts: &[&str], expression: bool) -> Result<Scope, String> {
        let (run, dag) = (self.run, &self.run.version.dag);
        let tasks = if texts.is_empty() { Map::new() } else { self.tasks(&self.named(texts, expression))? };
        let task = dag.task(self.task);
        let env = dag.env.iter().chain(&task.env).filter(|(_, value)| !is_template(value));
        Ok(Scope::new(Facts {
            zone: dag.zone.clone(),
            logical_date: run.logical_date,
            data_interval_start: run.interval.0,
            data_interval_end: run.interval.1,
            dag: object(json!({
                "id": dag.id, "description": dag.description, "owner": dag.owner, "tags": dag.tags,
            })),
            run: object(json!({
                "id": run.id.to_string(), "run_id": run.id.to_string(), "type": run.run_type.as_str(),
            })),
            task: object(json!({ "id": task.id, "description": task.description })),
            try_number: self.try_number,
            params: run.params.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            env: env.map(|(name, value)| (name.clone(), Json::String(value.clone()))).collect(),
            vars: self.vars.of(dag)?,
            tasks,
            outputs: Map::new(),
            item: None,
            secrets: None,
        }))
    }

    /// The content of `$NIGHTRUN_CONTEXT`.
    pub(super) fn context(&self) -> Result<Json, String> {
        let (run, dag) = (self.run, &self.run.version.dag);
        Ok(json!({
            "dag": dag.id,
            "run_id": run.id.to_string(),
            "run_type": run.run_type.as_str(),
            "task": dag.task(self.task).id,
            "try_number": self.try_number,
            "logical_date": run.logical_date,
            "data_interval_start": run.interval.0,
            "data_interval_end": run.interval.1,
            "params": run.params,
            "vars": self.vars.of(dag)?,
            "tasks": self.tasks(&BTreeSet::new())?,
        }))
    }

    /// Upstream tasks with outputs, and those that are named, as templates see them.
    fn tasks(&self, named: &BTreeSet<TaskIndex>) -> Result<Map<String, Json>, String> {
        let graph = &self.run.version.dag.graph;
        let mut with_outputs = self.values.of(self.run.id).peekable();
        let above = if with_outputs.peek().is_some() { graph.ancestors(&[self.task]) } else { Vec::new() };
        let mut tasks = Map::new();
        for task in named {
            tasks.insert(self.id(*task), self.entry(*task, &Outputs::new())?);
        }
        for (task, outputs) in with_outputs.filter(|(task, _)| above[task.at()]) {
            tasks.insert(self.id(task), self.entry(task, outputs)?);
        }
        Ok(tasks)
    }

    fn entry(&self, task: TaskIndex, outputs: &Outputs) -> Result<Json, String> {
        let mut values = Map::new();
        for (key, output) in outputs {
            let value = match output {
                Output::Inline(value) => value.clone(),
                Output::Spilled { .. } => {
                    store::fetch(self.data, output).map_err(|fault| fault.to_string())?
                }
            };
            values.insert(key.clone(), value);
        }
        Ok(json!({ "state": self.run.state_of(task).as_str(), "outputs": values }))
    }

    fn id(&self, task: TaskIndex) -> String {
        self.run.version.dag.task(task).id.clone()
    }

    /// The tasks that these texts name, and the direct upstreams, which a text may name in ways that only
    /// rendering tells.
    fn named(&self, texts: &[&str], expression: bool) -> BTreeSet<TaskIndex> {
        let dag = &self.run.version.dag;
        let check = if expression { template::check_expression } else { template::check };
        let mut named: BTreeSet<TaskIndex> = dag.graph.upstream(self.task).collect();
        for references in texts.iter().filter_map(|text| check(text).ok()) {
            for reference in &references.uses {
                if let ["tasks", id, ..] = reference.parts()[..] {
                    named.extend(dag.find(id));
                }
            }
        }
        named
    }
}

fn object(value: Json) -> Map<String, Json> {
    match value {
        Json::Object(map) => map,
        _ => Map::new(),
    }
}
