//! The JSON Schema of the DAG file, for editors: the tables of keys in another form.

use serde_json::{Map, Value as Json, json};

use super::keys::{Key, Level, Shape, schedule as schedule_keys, task};

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

/// JSON Schema (draft 2020-12) of a folder's `_defaults.yaml`.
pub fn defaults_schema() -> Json {
    let mut root = object(Level::Folder.keys().iter().copied());
    let head = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Nightrun folder defaults",
        "description": "What the DAG files of a folder, and of those below it, take over where they say nothing.",
        "$defs": definitions(),
    });
    extend(&mut root, head);
    root
}

/// JSON Schema (draft 2020-12) of a calendar file.
pub fn calendar_schema() -> Json {
    let mut root = object(Level::Calendar.keys().iter().copied());
    let id = definitions()["id"].clone();
    let head = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Nightrun calendar file",
        "description": "Which days are business days.",
        "$defs": {"id": id, "holiday": object(Level::Holiday.keys().iter().copied())},
    });
    extend(&mut root, head);
    root
}

/// What several keys refer to.
pub(crate) fn definitions() -> Json {
    let mut task_schema = object(Level::Task.keys().iter().copied());
    let ways = [&task::RUN, &task::TYPE, &task::SCRIPT].map(|key| json!({"required": [key.name]}));
    extend(&mut task_schema, json!({"required": ["id"], "anyOf": ways}));
    let may_be_default = |key: &&Key| !task::OWN.contains(&key.name);
    let mut schedule = object(Level::Schedule.keys().iter().copied());
    let times =
        [&schedule_keys::CRON, &schedule_keys::EVERY, &schedule_keys::AT, &schedule_keys::BUSINESS_DAY];
    extend(&mut schedule, json!({"oneOf": times.map(|key| json!({"required": [key.name]}))}));
    json!({
        "task": task_schema,
        "defaults": object(Level::Defaults.keys().iter().copied().filter(may_be_default)),
        "schedule": schedule,
        "param": object(Level::Param.keys().iter().copied()),
        "group": required(Level::Group, &["id"]),
        "foreach": required(Level::Foreach, &["items"]),
        "wait": required(Level::Wait, &["dag"]),
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

/// A map of the keys of a level, of which some must be there.
fn required(level: Level, keys: &[&str]) -> Json {
    let mut map = object(level.keys().iter().copied());
    extend(&mut map, json!({"required": keys}));
    map
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
pub(crate) fn object(keys: impl Iterator<Item = &'static Key>) -> Json {
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
        Shape::Zone | Shape::Cron | Shape::Date | Shape::Weekday | Shape::Holiday => text(),
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
        Shape::Schedule => {
            let entry = json!({"anyOf": [{"type": "string"}, {"$ref": "#/$defs/schedule"}]});
            json!({"anyOf": [{"type": "string"}, {"$ref": "#/$defs/schedule"}, one_or_more(&entry)]})
        }
        Shape::Dates => json!({"anyOf": [text(), one_or_more(&text())]}),
        Shape::BusinessDay => json!({"anyOf": [
            {"enum": ["first", "last"]},
            {"type": "integer", "minimum": -31, "maximum": 31, "not": {"const": 0}},
        ]}),
        Shape::TimesOfDay => {
            let time = json!({"type": "string", "pattern": r"^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?$"});
            json!({"anyOf": [time, one_or_more(&time)]})
        }
        Shape::Holidays => list(json!({"anyOf": [text(), {"$ref": "#/$defs/holiday"}]})),
        Shape::Names => list(json!({"$ref": "#/$defs/id"})),
        Shape::Weekdays | Shape::TextList => list(text()),
        Shape::Deadline => json!({"$ref": "#/$defs/deadline"}),
        Shape::FinishBy => finish_by(),
        Shape::Hooks => json!({"anyOf": [{"$ref": "#/$defs/hook"}, list(json!({"$ref": "#/$defs/hook"}))]}),
        Shape::Notify => json!({"$ref": "#/$defs/notify"}),
        Shape::Recipients => json!({"anyOf": [text(), list(text())]}),
        Shape::Words(words) => list(json!({"enum": words()})),
        Shape::Ids => json!({"anyOf": [{"$ref": "#/$defs/id"}, list(json!({"$ref": "#/$defs/id"}))]}),
        Shape::Identifiers => {
            let mut names = list(json!({"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$"}));
            extend(&mut names, json!({"uniqueItems": true}));
            names
        }
        Shape::ExitCodes => list(json!({"type": "integer", "minimum": 1, "maximum": 255})),
        Shape::Env => json!({"$ref": "#/$defs/env"}),
        Shape::Params => params(),
        Shape::Vars => vars(),
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
        Shape::Waits => list(json!({"$ref": "#/$defs/wait"})),
        Shape::Groups => list(json!({"$ref": "#/$defs/group"})),
        Shape::Foreach => json!({"$ref": "#/$defs/foreach"}),
        Shape::Items => json!({"type": ["array", "object", "string"]}),
        Shape::Identifier => json!({"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$"}),
        Shape::Share => json!({"anyOf": [
            {"type": "integer", "minimum": 0},
            {"type": "string", "pattern": r"^\d+(\.\d+)?%$"},
        ]}),
        Shape::AnyList => list(json!({})),
    }
}

fn one_or_more(items: &Json) -> Json {
    json!({"type": "array", "items": items, "minItems": 1})
}

pub(crate) fn extend(schema: &mut Json, more: Json) {
    if let (Json::Object(schema), Json::Object(more)) = (schema, more) {
        schema.extend(more);
    }
}

fn params() -> Json {
    json!({
        "type": "object",
        "propertyNames": {"pattern": "^[A-Za-z_][A-Za-z0-9_]*$"},
        "additionalProperties": {"anyOf": [
            {"type": ["string", "number", "boolean", "array"]},
            {"$ref": "#/$defs/param"},
        ]},
    })
}

fn vars() -> Json {
    let name = json!({"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]{0,127}$"});
    json!({"anyOf": [
        {"type": "array", "items": name, "uniqueItems": true},
        {"type": "object", "propertyNames": name},
    ]})
}

fn finish_by() -> Json {
    json!({"anyOf": [
        {"type": "string", "pattern": "^([01]?[0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$"},
        {"$ref": "#/$defs/duration"},
    ]})
}

#[cfg(test)]
mod tests;
