//! The JSON Schema of the DAG file, for editors: the tables of keys in another form.

use serde_json::{Map, Value as Json, json};

use super::keys::{Key, Level, Shape, task};

/// JSON Schema (draft 2020-12) of a DAG file.
pub fn schema() -> Json {
    let mut root = object(Level::Dag.keys().iter().copied());
    let head = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Nightrun DAG file",
        "description": "One DAG: its tasks, when they run, and in which order.",
        "required": ["tasks"],
        "$defs": definitions(),
    });
    extend(&mut root, head);
    root
}

/// What several keys refer to.
fn definitions() -> Json {
    let mut task_schema = object(Level::Task.keys().iter().copied());
    let ways = [&task::RUN, &task::TYPE, &task::SCRIPT].map(|key| json!({"required": [key.name]}));
    extend(&mut task_schema, json!({"required": ["id"], "oneOf": ways}));
    let may_be_default = |key: &&Key| !task::OWN.contains(&key.name);
    let mut schedule = object(Level::Schedule.keys().iter().copied());
    extend(&mut schedule, json!({"required": ["cron"]}));
    json!({
        "task": task_schema,
        "defaults": object(Level::Defaults.keys().iter().copied().filter(may_be_default)),
        "schedule": schedule,
        "param": object(Level::Param.keys().iter().copied()),
        "deadline": object(Level::Deadline.keys().iter().copied()),
        "hook": hook(),
        "notify": notify(),
        "duration": {
            "type": "string",
            "pattern": r"^(?=\d)(\d+w)?(\d+d)?(\d+h)?(\d+m)?(\d+s)?(\d+ms)?$",
            "description": "A number and a unit, from large to small: w, d, h, m, s, ms.",
            "examples": ["90s", "15m", "1h30m"],
        },
        "id": {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"},
        "env": {
            "type": "object",
            "propertyNames": {"pattern": "^(?!NIGHTRUN_|NR_)[A-Za-z_][A-Za-z0-9_]*$"},
            "additionalProperties": {"type": ["string", "number", "boolean"]},
        },
        "command": {"anyOf": [
            {"type": "string", "pattern": r#"^[^"'\\$|;]*[^"'\\$|;\s][^"'\\$|;]*$"#},
            {"type": "array", "items": {"type": ["string", "number", "boolean"]}, "minItems": 1},
        ]},
    })
}

/// A step of a hook: it runs something or tells somebody.
fn hook() -> Json {
    let mut step = object(Level::Hook.keys().iter().copied());
    extend(&mut step, json!({"oneOf": [{"required": ["run"]}, {"required": ["notify"]}]}));
    step
}

fn notify() -> Json {
    let mut notify = object(Level::Notify.keys().iter().copied());
    let ways = ["email", "slack", "webhook", "command"].map(|way| json!({"required": [way]}));
    extend(&mut notify, json!({"oneOf": ways}));
    notify
}

/// A map of exactly these keys.
fn object(keys: impl Iterator<Item = &'static Key>) -> Json {
    let properties: Map<String, Json> = keys.map(|key| (key.name.to_owned(), property(key))).collect();
    json!({"type": "object", "additionalProperties": false, "properties": properties})
}

fn property(key: &Key) -> Json {
    let mut property = json!({"description": key.about});
    extend(&mut property, shape(key.shape));
    if !key.default.is_empty() {
        let default: Json = serde_json::from_str(key.default).expect("a default in the tables is JSON");
        extend(&mut property, json!({"default": default}));
    }
    let example: Json = serde_yaml::from_str(key.example).expect("an example in the tables is YAML");
    extend(&mut property, json!({"examples": [example]}));
    property
}

fn shape(shape: Shape) -> Json {
    let list = |items: Json| json!({"type": "array", "items": items});
    let text = || json!({"type": "string", "minLength": 1});
    match shape {
        Shape::Text | Shape::Pattern => json!({"type": "string"}),
        Shape::Zone | Shape::Cron | Shape::Date => text(),
        Shape::Name => json!({"$ref": "#/$defs/id"}),
        Shape::Boolean => json!({"type": "boolean"}),
        Shape::Integer { min, max } => json!({"type": "integer", "minimum": min, "maximum": max}),
        Shape::Number => json!({"type": "number"}),
        Shape::Duration => json!({"$ref": "#/$defs/duration"}),
        Shape::Word(words) => json!({"enum": words()}),
        Shape::Backoff => json!({"anyOf": [
            {"enum": ["constant", "linear", "exponential"]},
            {"type": "number", "minimum": 1, "maximum": 100},
        ]}),
        Shape::Catchup(words) => json!({"anyOf": [{"enum": words()}, {"type": "boolean"}]}),
        Shape::Schedule => json!({"anyOf": [{"type": "string"}, {"$ref": "#/$defs/schedule"}]}),
        Shape::Deadline => json!({"$ref": "#/$defs/deadline"}),
        Shape::FinishBy => json!({"anyOf": [
            {"type": "string", "pattern": "^([01]?[0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$"},
            {"$ref": "#/$defs/duration"},
        ]}),
        Shape::Hooks => json!({"anyOf": [{"$ref": "#/$defs/hook"}, list(json!({"$ref": "#/$defs/hook"}))]}),
        Shape::Notify => json!({"$ref": "#/$defs/notify"}),
        Shape::Recipients => json!({"anyOf": [text(), list(text())]}),
        Shape::Words(words) => list(json!({"enum": words()})),
        Shape::TextList => list(text()),
        Shape::Ids => json!({"anyOf": [{"$ref": "#/$defs/id"}, list(json!({"$ref": "#/$defs/id"}))]}),
        Shape::Identifiers => {
            let mut names = list(json!({"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$"}));
            extend(&mut names, json!({"uniqueItems": true}));
            names
        }
        Shape::ExitCodes => list(json!({"type": "integer", "minimum": 1, "maximum": 255})),
        Shape::Env => json!({"$ref": "#/$defs/env"}),
        Shape::Params => json!({
            "type": "object",
            "propertyNames": {"pattern": "^[A-Za-z_][A-Za-z0-9_]*$"},
            "additionalProperties": {"anyOf": [
                {"type": ["string", "number", "boolean", "array"]},
                {"$ref": "#/$defs/param"},
            ]},
        }),
        Shape::Defaults => json!({"$ref": "#/$defs/defaults"}),
        Shape::Tasks => json!({"type": "array", "items": {"$ref": "#/$defs/task"}, "minItems": 1}),
        Shape::Run => json!({"anyOf": [
            {"type": ["string", "boolean"]},
            {"type": "array", "items": {"type": ["string", "number", "boolean"]}, "minItems": 1},
        ]}),
        Shape::Command => json!({"$ref": "#/$defs/command"}),
        Shape::Condition => json!({"type": ["string", "boolean"]}),
        Shape::Arguments => json!({"type": "object"}),
        Shape::Any => json!({}),
        Shape::AnyList => list(json!({})),
    }
}

fn extend(schema: &mut Json, more: Json) {
    if let (Json::Object(schema), Json::Object(more)) = (schema, more) {
        schema.extend(more);
    }
}
