//! Params in forms: a field for each, by its type.

use std::collections::BTreeMap;

use nightrun_core::dag::spec::{Dag, Param};
use nightrun_core::decide::Values;
use serde::Serialize;
use serde_json::Value as Json;

use crate::problem::Problem;

/// Fields of params begin with this, so that no param can pass for another field.
const PARAM: &str = "param.";

/// What was typed.
pub(super) type Typed = BTreeMap<String, String>;

/// One field of a form.
#[derive(Serialize)]
pub(super) struct Field {
    name: String,
    /// Its name in the form.
    key: String,
    kind: &'static str,
    value: String,
    choices: Vec<String>,
    required: bool,
    description: Option<String>,
    /// What is accepted, in words.
    rule: String,
    default: Option<String>,
}

/// Reads what was typed by the types of the params. An empty field means the default.
pub(super) fn read(spec: Option<&Dag>, typed: &Typed) -> Result<Values, Problem> {
    let (mut values, mut faults) = (Values::new(), Vec::new());
    for param in spec.into_iter().flat_map(|dag| &dag.params) {
        let Some(text) = typed.get(&format!("{PARAM}{}", param.name)).filter(|text| !text.is_empty()) else {
            continue;
        };
        match param.read_text(text) {
            Ok(value) => {
                values.insert(param.name.clone(), value);
            }
            Err(fault) => faults.push(fault),
        }
    }
    if faults.is_empty() { Ok(values) } else { Err(Problem::unprocessable(faults.join("; "))) }
}

/// A field for each param of a DAG.
pub(super) fn fields(dag: &Dag, typed: &Typed) -> Vec<Field> {
    dag.params.iter().map(|param| field(param, typed)).collect()
}

fn field(param: &Param, typed: &Typed) -> Field {
    let key = format!("{PARAM}{}", param.name);
    let default = param.default.as_ref().map(text_of);
    Field {
        value: typed.get(&key).cloned().or_else(|| default.clone()).unwrap_or_default(),
        key,
        name: param.name.clone(),
        kind: param.kind.as_str(),
        choices: param.choices.iter().map(text_of).collect(),
        required: param.required && default.is_none(),
        description: param.description.clone(),
        rule: rule(param),
        default,
    }
}

fn rule(param: &Param) -> String {
    let mut rule = vec![param.kind.as_str().to_owned()];
    rule.extend(param.min.map(|min| format!("at least {min}")));
    rule.extend(param.max.map(|max| format!("at most {max}")));
    rule.extend(param.pattern.as_ref().map(|pattern| format!("matches {pattern}")));
    rule.extend(param.required.then(|| "required".to_owned()));
    rule.join(", ")
}

fn text_of(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}
