//! What a template may speak of.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use minijinja::value::{Enumerator, Object, Value, ValueKind};
use minijinja::{Error, ErrorKind};
use serde_json::{Map, Number, Value as Json};

use super::TemplateFault;
use super::fault::nearest;
use super::language::FUNCTIONS;
use super::moment::Moment;
use crate::time::Timestamp;
use crate::timetable::Zone;

/// Every name a template may begin with, but for the name of a `foreach` item.
pub const NAMES: [&str; 20] = [
    "dag",
    "data_interval_end",
    "data_interval_start",
    "ds",
    "ds_nodash",
    "env",
    "item",
    "logical_date",
    "outputs",
    "params",
    "run",
    "run_id",
    "secrets",
    "task",
    "tasks",
    "try_number",
    "ts",
    "ts_nodash",
    "vars",
    "xcom_pull",
];

/// The names that templates of hooks have besides [`NAMES`].
pub const HOOK_NAMES: [&str; 5] = ["error", "hook", "late", "links", "log_tail"];

/// The facts about one attempt, as plain data.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The DAG's zone: of `ds`, `ts` and of all instants.
    pub zone: Zone,
    /// The nominal instant of the run.
    pub logical_date: Timestamp,
    /// Where the data of the run begins.
    pub data_interval_start: Timestamp,
    /// Where the data of the run ends.
    pub data_interval_end: Timestamp,
    /// `dag`: `id`, ….
    pub dag: Map<String, Json>,
    /// `run`: `id` (also `run_id`), `type`, ….
    pub run: Map<String, Json>,
    /// `task`: `id`, ….
    pub task: Map<String, Json>,
    /// The number of the attempt, from 1.
    pub try_number: u32,
    /// The params of the run by name.
    pub params: Map<String, Json>,
    /// The environment as far as it is known.
    pub env: Map<String, Json>,
    /// Variables by name.
    pub vars: Map<String, Json>,
    /// Upstream tasks by id, each `{"outputs": {…}, "state": …}`; those that the template refers to suffice.
    pub tasks: Map<String, Json>,
    /// The task's own outputs, where it has ended.
    pub outputs: Map<String, Json>,
    /// The item of a `foreach`.
    pub item: Option<Item>,
    /// Secrets by name: in `env` and `with` only, elsewhere `None`.
    pub secrets: Option<Map<String, Json>>,
}

/// The item of a `foreach`.
#[derive(Debug, Clone)]
pub struct Item {
    /// What `as:` calls it; `item` always works too.
    pub name: String,
    /// The item.
    pub value: Json,
}

/// What a template may speak of: built once for an attempt, used for all its templates.
#[derive(Debug)]
pub struct Scope {
    facts: Facts,
    /// Further names, of a hook.
    more: Map<String, Json>,
    strict: Value,
    lenient: OnceLock<Value>,
}

impl Scope {
    /// The names of an attempt.
    pub fn new(facts: Facts) -> Self {
        Self::of_hook(facts, Map::new())
    }

    /// The names of a hook: those of an attempt, and more.
    pub fn of_hook(facts: Facts, more: Map<String, Json>) -> Self {
        let strict = Value::from_object(Names::root(&facts, &more, Missing::Fails));
        Self { facts, more, strict, lenient: OnceLock::new() }
    }

    /// The root of all names. A lenient one, for templates that ask whether a name `is defined`,
    /// yields *undefined* for a missing name; the strict one fails, so that `rows > 0` cannot be false just
    /// because there is no `rows`.
    pub(super) fn root(&self, missing: Missing) -> Value {
        match missing {
            Missing::Fails => self.strict.clone(),
            Missing::Undefined => self
                .lenient
                .get_or_init(|| Value::from_object(Names::root(&self.facts, &self.more, Missing::Undefined)))
                .clone(),
        }
    }
}

/// What becomes of a missing name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    /// It is an error at once.
    Fails,
    /// It is minijinja's *undefined*: an error when printed, iterated over or asked for a part.
    Undefined,
}

/// A map that knows its own name.
#[derive(Debug)]
struct Names {
    /// `params`, `tasks.extract.outputs`; empty for the root.
    path: String,
    keys: Vec<Value>,
    entries: HashMap<String, Value>,
    missing: Missing,
}

impl Names {
    fn new(path: String, entries: Vec<(String, Value)>, missing: Missing) -> Self {
        let keys = entries.iter().map(|(key, _)| Value::from(key.as_str())).collect();
        Self { path, keys, entries: entries.into_iter().collect(), missing }
    }

    fn root(facts: &Facts, more: &Map<String, Json>, missing: Missing) -> Self {
        let moment = |at| Moment::new(at, &facts.zone);
        let now = moment(facts.logical_date);
        let map = |name: &str, map: &Map<String, Json>| {
            (name.to_owned(), value_of_map(name.to_owned(), map, missing))
        };
        let mut entries = vec![
            map("dag", &facts.dag),
            map("run", &facts.run),
            map("task", &facts.task),
            map("params", &facts.params),
            map("env", &facts.env),
            map("vars", &facts.vars),
            map("tasks", &facts.tasks),
            map("outputs", &facts.outputs),
            ("try_number".into(), Value::from(facts.try_number)),
            ("ds".into(), Value::from(now.show("%F"))),
            ("ds_nodash".into(), Value::from(now.show("%Y%m%d"))),
            ("ts".into(), Value::from(now.show("%Y-%m-%dT%H:%M:%S%.f%:z"))),
            ("ts_nodash".into(), Value::from(now.show("%Y%m%dT%H%M%S"))),
            ("logical_date".into(), Value::from_object(now)),
            ("data_interval_start".into(), Value::from_object(moment(facts.data_interval_start))),
            ("data_interval_end".into(), Value::from_object(moment(facts.data_interval_end))),
        ];
        if let Some(id) = facts.run.get("id") {
            entries.push(("run_id".into(), value_of(&String::new, id, missing)));
        }
        if let Some(secrets) = &facts.secrets {
            entries.push(map("secrets", secrets));
        }
        for (name, value) in more {
            entries.push((name.clone(), value_of(&|| name.clone(), value, missing)));
        }
        if let Some(item) = &facts.item {
            for name in ["item", &item.name] {
                entries.push((name.to_owned(), value_of(&|| name.to_owned(), &item.value, missing)));
            }
        }
        Self::new(String::new(), entries, missing)
    }

    fn fault(&self, key: &str) -> TemplateFault {
        let full = |key: &str| match self.path.as_str() {
            "" => key.to_owned(),
            path if is_identifier(key) => format!("{path}.{key}"),
            path => format!("{path}['{key}']"),
        };
        let fault = TemplateFault::new(format!("`{}` is not defined", full(key)), 0..0);
        let mut known: Vec<&str> = self.entries.keys().map(String::as_str).collect();
        known.sort_unstable();
        if let Some(right) = nearest(key, known.iter().copied()) {
            return fault.help(format!("did you mean `{}`?", full(right)));
        }
        let owner = if self.path.is_empty() { "a template" } else { &self.path };
        match known.as_slice() {
            [] => fault.help(format!("`{owner}` is empty")),
            few if few.len() <= 24 => fault.help(format!("{owner} has {}", few.join(", "))),
            many => fault.help(format!("{owner} has {} names, such as {}", many.len(), many[..8].join(", "))),
        }
    }
}

impl Object for Names {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        let found = self.entries.get(key).cloned();
        if found.is_some() || self.missing == Missing::Undefined {
            return found;
        }
        // The root is asked before minijinja's globals: functions are none of its business.
        let is_function = self.path.is_empty() && FUNCTIONS.contains(&key);
        (!is_function).then(|| Value::from(Error::from(self.fault(key))))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.keys.clone())
    }
}

fn is_identifier(key: &str) -> bool {
    key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn value_of_map(path: String, map: &Map<String, Json>, missing: Missing) -> Value {
    let entry =
        |(key, json): (&String, &Json)| (key.clone(), value_of(&|| format!("{path}.{key}"), json, missing));
    let entries = map.iter().map(entry).collect();
    Value::from_object(Names::new(path, entries, missing))
}

fn value_of(path: &dyn Fn() -> String, json: &Json, missing: Missing) -> Value {
    match json {
        Json::Object(map) => value_of_map(path(), map, missing),
        Json::Array(items) => {
            let at = |(i, item)| value_of(&|| format!("{}[{i}]", path()), item, missing);
            items.iter().enumerate().map(at).collect()
        }
        Json::Null => Value::from(()),
        Json::Bool(yes) => Value::from(*yes),
        Json::String(text) => Value::from(text.as_str()),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(n), _) => Value::from(n),
            (None, Some(n)) => Value::from(n),
            (None, None) => Value::from(number.as_f64()),
        },
    }
}

/// JSON as a template's value; a missing part of it is *undefined*.
pub(super) fn value_of_json(json: &Json) -> Value {
    value_of(&String::new, json, Missing::Undefined)
}

/// A template's value as JSON: instants as RFC 3339 text; *undefined* and numbers that JSON lacks are errors.
pub(super) fn json_of(value: &Value) -> Result<Json, Error> {
    match value.kind() {
        ValueKind::Undefined => Err(Error::from(ErrorKind::UndefinedError)),
        ValueKind::Invalid => valid(value.clone()).and_then(|valid| json_of(&valid)),
        ValueKind::None => Ok(Json::Null),
        ValueKind::Bool => Ok(Json::Bool(value.is_true())),
        ValueKind::Number => number_of(value)
            .map(Json::Number)
            .ok_or_else(|| Error::new(ErrorKind::InvalidOperation, "JSON cannot hold this number")),
        ValueKind::Seq | ValueKind::Iterable => {
            value.try_iter()?.checked().map(|item| json_of(&item?)).collect::<Result<_, _>>().map(Json::Array)
        }
        ValueKind::Map => {
            let entry = |key: Value| Ok((key.to_string(), json_of(&value.get_item(&key)?)?));
            value.try_iter()?.map(entry).collect::<Result<_, Error>>().map(Json::Object)
        }
        _ => Ok(Json::String(value.to_string())),
    }
}

/// The value, or the error in its place: lookups outside the engine's own instructions do not raise it.
pub(super) fn valid(value: Value) -> Result<Value, Error> {
    if value.kind() != ValueKind::Invalid {
        return Ok(value);
    }
    Value::from(vec![value]).try_iter()?.checked().next().unwrap_or(Ok(Value::UNDEFINED))
}

fn number_of(value: &Value) -> Option<Number> {
    if !value.is_integer() {
        return Number::from_f64(f64::try_from(value.clone()).ok()?);
    }
    match i64::try_from(value.clone()) {
        Ok(n) => Some(n.into()),
        Err(_) => u64::try_from(value.clone()).ok().map(Number::from),
    }
}
