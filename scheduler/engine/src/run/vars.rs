//! Vars as an attempt finds them: the environment of the scheduler first, then the store, then the
//! default in the DAG file.

use std::collections::BTreeMap;
use std::path::Path;

use nightrun_core::dag::spec::{Dag, Var};
use nightrun_core::decide::Transition;
use serde_json::{Map, Value as Json};

use super::given::HIDDEN;
use crate::store::{Page, Reader, StoreError, VarItem};

/// Values of vars by name.
#[derive(Debug, Clone, Default)]
pub struct Vars {
    environment: BTreeMap<String, String>,
    stored: BTreeMap<String, Json>,
}

impl Vars {
    /// Those of the environment: pairs of a name, as it follows `NIGHTRUN_VAR_`, and its value.
    pub fn new(environment: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { environment: environment.into_iter().collect(), stored: BTreeMap::new() }
    }

    /// The same with those of a store.
    pub fn load(self, path: &Path) -> Result<Self, StoreError> {
        let stored = Reader::open(path)?.read_now(Page::vars)?;
        Ok(self.stored(stored))
    }

    /// The same with these of a store.
    pub(crate) fn stored(self, stored: Vec<VarItem>) -> Self {
        Self { stored: stored.into_iter().map(|var| (var.name, var.value)).collect(), ..self }
    }

    /// The same with these of a store, and what must not be shown in place of what the environment gives.
    #[must_use]
    pub fn shown(&self, stored: Vec<VarItem>) -> Self {
        let environment = self.environment.keys().map(|name| (name.clone(), HIDDEN.to_owned()));
        Self { environment: environment.collect(), ..Self::default() }.stored(stored)
    }

    /// Takes in what has become durable.
    pub(crate) fn remember(&mut self, facts: &[Transition]) {
        for fact in facts {
            match fact {
                Transition::VarSet { name, value: Some(value), .. } => {
                    self.stored.insert(name.clone(), value.clone());
                }
                Transition::VarSet { name, value: None, .. } => {
                    self.stored.remove(name);
                }
                _ => {}
            }
        }
    }

    /// The value that the environment gives a var: `NIGHTRUN_VAR_` with the name as it is, or in upper
    /// case.
    pub fn of_environment(&self, name: &str) -> Option<&str> {
        let value = self.environment.get(name).or_else(|| self.environment.get(&name.to_ascii_uppercase()));
        value.map(String::as_str)
    }

    /// The vars that a DAG declares; one without a value is told.
    pub(super) fn of(&self, dag: &Dag) -> Result<Map<String, Json>, String> {
        let values = self.known_of(dag);
        let Some(var) = dag.vars.iter().find(|var| !values.contains_key(&var.name)) else {
            return Ok(values);
        };
        let (name, upper) = (&var.name, var.name.to_ascii_uppercase());
        Err(format!(
            "the var `{name}` has no value: give it one with `nightrun vars set {name} VALUE`, or with \
             NIGHTRUN_VAR_{upper} in the environment of the scheduler"
        ))
    }

    /// Those of them that have a value: who tells that a var has none must not fail by it.
    pub(crate) fn known_of(&self, dag: &Dag) -> Map<String, Json> {
        let value = |var: &Var| {
            let given = self.of_environment(&var.name).map(|text| Json::String(text.to_owned()));
            given.or_else(|| self.stored.get(&var.name).cloned()).or_else(|| var.default.clone())
        };
        dag.vars.iter().filter_map(|var| Some((var.name.clone(), value(var)?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use nightrun_core::dag::{Known, Source, read};
    use nightrun_core::time::Timestamp;
    use nightrun_core::timetable::Zone;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_environment_is_before_the_store_and_the_store_before_the_default() {
        let text = "vars: {a: 1, B: 2, c: 3}\ntasks: [{id: x, run: echo}]";
        let known = Known::new(Zone::utc(), Timestamp::from_nanos(0));
        let dag = read(&Source::new("it.yaml", text), &known).dags.remove(0);
        let mut vars = Vars::new([("A".to_owned(), "env".to_owned()), ("b".to_owned(), "other".to_owned())]);
        let set = |name: &str, value| Transition::VarSet { name: name.into(), value, by: "me".into() };
        vars.remember(&[set("a", Some(json!("store"))), set("B", Some(json!(["store"])))]);
        assert_eq!(json!(vars.of(&dag).unwrap()), json!({"a": "env", "B": ["store"], "c": 3}));
        vars.remember(&[set("B", None)]);
        assert_eq!(vars.of(&dag).unwrap()["B"], 2);
    }
}
