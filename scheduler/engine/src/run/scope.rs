//! What the templates of an attempt may speak of, and the same as a JSON file for its process.

use std::collections::BTreeSet;
use std::path::Path;

use nightrun_core::decide::{Item, Output, Outputs, Run};
use nightrun_core::id::{InstanceId, TaskIndex};
use nightrun_core::template::{self, Facts, Scope};
use serde_json::{Map, Value as Json, json};

use super::values::RunValues;
use super::vars::Vars;
use crate::store;

/// True when a text has anything to render.
pub(crate) fn is_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%")
}

/// One task instance, and where the values it may use are.
#[derive(Clone, Copy)]
pub(crate) struct ScopeOf<'a> {
    pub(crate) run: &'a Run,
    pub(crate) id: InstanceId,
    pub(crate) try_number: u32,
    /// The item it is for.
    pub(crate) item: Option<&'a Item>,
    pub(crate) values: &'a RunValues,
    pub(crate) vars: &'a Vars,
    pub(crate) data: &'a Path,
}

impl ScopeOf<'_> {
    /// The names for these templates. Tasks that none of them names are left out.
    pub(crate) fn build(&self, texts: &[&str]) -> Result<Scope, String> {
        let (run, dag) = (self.run, &self.run.version.dag);
        let tasks = if texts.is_empty() { Map::new() } else { self.tasks(&self.named(texts))? };
        let task = dag.task(self.id.task);
        let env = dag.env.iter().chain(&task.env).filter(|(_, value)| !is_template(value));
        let fan = dag.fan_of(self.id.task).map(|(_, fan)| fan);
        let item = self.item.map(|item| template::Item {
            name: fan.and_then(|fan| fan.name.clone()).unwrap_or_else(|| "item".into()),
            value: item.value.clone(),
        });
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
            task: object(json!({
                "id": task.id, "description": task.description, "item": self.id.item_index(),
                "key": self.item.and_then(|item| item.key.as_ref()),
            })),
            try_number: self.try_number,
            params: run.params.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            env: env.map(|(name, value)| (name.clone(), Json::String(value.clone()))).collect(),
            vars: self.vars.of(dag)?,
            tasks,
            outputs: Map::new(),
            item,
            secrets: None,
        }))
    }

    /// The content of `$NIGHTRUN_CONTEXT`.
    pub(crate) fn context(&self) -> Result<Json, String> {
        let (run, dag) = (self.run, &self.run.version.dag);
        let mut context = json!({
            "dag": dag.id,
            "run_id": run.id.to_string(),
            "run_type": run.run_type.as_str(),
            "task": dag.task(self.id.task).id,
            "try_number": self.try_number,
            "logical_date": run.logical_date,
            "data_interval_start": run.interval.0,
            "data_interval_end": run.interval.1,
            "params": run.params,
            "vars": self.vars.of(dag)?,
            "tasks": self.tasks(&BTreeSet::new())?,
        });
        if let Some(item) = self.item {
            context["item"] = item.value.clone();
            context["item_index"] = json!(self.id.item_index());
            context["item_key"] = json!(item.key);
        }
        Ok(context)
    }

    /// Upstream tasks with outputs, and those that are named, as templates see them.
    fn tasks(&self, named: &BTreeSet<TaskIndex>) -> Result<Map<String, Json>, String> {
        let graph = &self.run.version.dag.graph;
        let with_outputs = self.values.tasks(self.run.id);
        let above = if with_outputs.is_empty() { Vec::new() } else { graph.ancestors(&[self.id.task]) };
        let upstream = with_outputs.into_iter().filter(|task| above[task.at()]);
        let seen: BTreeSet<TaskIndex> = named.iter().copied().chain(upstream).collect();
        seen.into_iter()
            .map(|task| Ok((self.run.version.dag.task(task).id.clone(), self.entry(task)?)))
            .collect()
    }

    fn entry(&self, task: TaskIndex) -> Result<Json, String> {
        let seen = self.run.seen_from(self.id, task);
        let fans_out = self.run.version.dag.task(task).fan.is_some() && seen.item == 0;
        let outputs = match self.values.outputs(seen) {
            _ if fans_out => self.lists(task)?,
            Some(outputs) => self.values_of(outputs)?,
            None => Map::new(),
        };
        Ok(json!({ "state": self.run.state_of(task).as_str(), "outputs": outputs }))
    }

    /// The outputs of all items of a task: for each name a list in their order, `null` where one has none.
    fn lists(&self, task: TaskIndex) -> Result<Map<String, Json>, String> {
        let count = self.run.items_of(task);
        let mut lists: Map<String, Json> = Map::new();
        for (item, outputs) in self.values.of_items(self.run.id, task) {
            for (name, value) in self.values_of(outputs)? {
                let list = lists.entry(name).or_insert_with(|| Json::Array(vec![Json::Null; count]));
                if let Some(place) = list.get_mut(item as usize - 1) {
                    *place = value;
                }
            }
        }
        // An output that is declared and that no item gave is a list of nulls, not a missing name.
        for name in &self.run.version.dag.task(task).outputs {
            lists.entry(name.clone()).or_insert_with(|| Json::Array(vec![Json::Null; count]));
        }
        Ok(lists)
    }

    fn values_of(&self, outputs: &Outputs) -> Result<Map<String, Json>, String> {
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
        Ok(values)
    }

    /// The tasks that these templates name, and the direct upstreams, which one may name in ways that only
    /// rendering tells.
    fn named(&self, texts: &[&str]) -> BTreeSet<TaskIndex> {
        let dag = &self.run.version.dag;
        let mut named: BTreeSet<TaskIndex> = dag.graph.upstream(self.id.task).collect();
        for references in texts.iter().filter_map(|text| template::check(text).ok()) {
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
