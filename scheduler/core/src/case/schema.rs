//! The JSON Schema of files of cases: the tables of keys in another form.

use serde_json::{Value as Json, json};

use super::keys::{awaited, case, ending, expect, mock, notification, suite};
use super::mock::WORDS;
use crate::dag::keys::{Key, words};
use crate::dag::schema::{definitions, extend, object};
use crate::dag::spec::HookOn;
use crate::decide::TaskState;

/// A task, or an item of a task.
const SPOT: &str = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}(\[\d+\])?$";

/// JSON Schema (draft 2020-12) of a file of cases.
pub fn schema() -> Json {
    let shared = definitions();
    let mut root = map(suite::ALL);
    let head = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Nightrun test file",
        "description": "Cases that test a DAG: how its attempts end, and what must come of it.",
        "required": [suite::CASES.name],
        "$defs": {
            "id": shared["id"],
            "duration": shared["duration"],
            "case": one_case(),
            "attempt": {"anyOf": [{"enum": WORDS}, attempt()]},
            "awaited": {"anyOf": [{"enum": ["success", "failed", "never"]}, map(awaited::ALL)]},
            "ending": {"anyOf": [{"enum": words::<TaskState>()}, map(ending::ALL)]},
            "notification": {"anyOf": [{"enum": words::<HookOn>()}, told()]},
        },
    });
    extend(&mut root, head);
    refine(&mut root, &suite::CASES, json!({"items": {"$ref": "#/$defs/case"}, "minItems": 1}));
    root
}

fn one_case() -> Json {
    let mut case = map(case::ALL);
    extend(&mut case, json!({"required": [case::NAME.name, case::EXPECT.name]}));
    refine(&mut case, &case::NAME, json!({"minLength": 1}));
    let attempts = json!({"anyOf": [
        {"$ref": "#/$defs/attempt"},
        {"type": "array", "items": {"$ref": "#/$defs/attempt"}, "minItems": 1},
    ]});
    refine(&mut case, &case::TASKS, by_spot(&attempts));
    refine(&mut case, &case::WAIT_FOR, json!({"additionalProperties": {"$ref": "#/$defs/awaited"}}));
    let mut expected = expected();
    expected["description"] = json!(case::EXPECT.about);
    case["properties"][case::EXPECT.name] = expected;
    case
}

fn expected() -> Json {
    let mut schema = map(expect::ALL);
    extend(&mut schema, json!({"minProperties": 1}));
    refine(&mut schema, &expect::TASKS, by_spot(&json!({"$ref": "#/$defs/ending"})));
    refine(&mut schema, &expect::OUTPUTS, by_spot(&json!({"type": "object"})));
    refine(&mut schema, &expect::COMMANDS, by_spot(&json!({"type": "string"})));
    for key in [&expect::ORDER, &expect::NOT_RUN] {
        let list = json!({
            "description": key.about, "type": "array", "items": {"type": "string", "pattern": SPOT},
        });
        schema["properties"][key.name] = list;
    }
    refine(&mut schema, &expect::NOTIFICATIONS, json!({"items": {"$ref": "#/$defs/notification"}}));
    schema
}

/// An attempt ends in one way.
fn attempt() -> Json {
    let mut schema = map(mock::ALL);
    let ways = [&mock::EXIT, &mock::SIGNAL, &mock::TIMEOUT, &mock::LOST].map(|key| key.name);
    let mut pairs = Vec::new();
    for (at, one) in ways.iter().enumerate() {
        // `timeout: false` is not one of them.
        let is = |way: &str| match way {
            "timeout" | "lost" => json!({"properties": {way: {"const": true}}, "required": [way]}),
            _ => json!({"required": [way]}),
        };
        pairs.extend(ways[at + 1..].iter().map(|other| json!({"not": {"allOf": [is(one), is(other)]}})));
    }
    extend(&mut schema, json!({"allOf": pairs}));
    schema
}

fn told() -> Json {
    let mut schema = map(notification::ALL);
    extend(&mut schema, json!({"required": [notification::EVENT.name]}));
    refine(&mut schema, &notification::TASK, json!({"pattern": SPOT}));
    schema
}

fn by_spot(value: &Json) -> Json {
    json!({"propertyNames": {"pattern": SPOT}, "additionalProperties": value})
}

fn map(keys: &'static [&'static Key]) -> Json {
    object(keys.iter().copied())
}

/// Says more of a key than its shape does.
fn refine(schema: &mut Json, key: &Key, more: Json) {
    extend(&mut schema["properties"][key.name], more);
}
