//! The tables of keys, the schema and the reader say the same.

use serde_json::Value as Json;

use super::keys::{Key, Level, Shape, task};
use super::{
    Argument, ArgumentKind, Known, OperatorSignature, Source, defaults_schema, read, read_defaults, schema,
};
use crate::diag::Diagnostic;
use crate::time::Timestamp;
use crate::timetable::Zone;

fn known() -> Known {
    let mut known = Known::new(Zone::utc(), Timestamp::parse("2026-11-21T00:00:00Z").unwrap());
    known.calendars.insert("fr_business".into(), Some(crate::timetable::Calendar::weekdays().into()));
    known.pools.insert("warehouse".into(), 4);
    known.destinations.push(("ops".into(), "slack".into()));
    let connection = Argument { name: "connection".into(), kind: ArgumentKind::Text, required: false };
    known.operators.push(OperatorSignature { name: "noop".into(), args: vec![connection] });
    known
}

/// A file in which `key: value` stands where it belongs, with what it needs beside it.
fn file_with(level: Level, key: &Key, value: &str) -> String {
    let (name, extract) = (key.name, "{id: extract, run: ./extract.sh, outputs: [rows]}");
    match level {
        Level::Dag if name == "tasks" => format!("tasks: {value}\n"),
        Level::Dag if name == "schedule" => format!("schedule: {value}\ntasks: [{extract}]\n"),
        Level::Dag if name == "groups" && value != "[]" => {
            format!("{name}: {value}\ntasks: [{{id: load, run: a, group: warehouse}}]\n")
        }
        Level::Dag => {
            format!("{name}: {value}\nschedule: 30 1 * * *\ntasks: [{extract}]\n")
        }
        Level::Folder => format!("{name}: {value}\n"),
        Level::Task if name == "group" => {
            format!("groups: [{{id: {value}}}]\ntasks: [{{id: a, run: a, {name}: {value}}}]\n")
        }
        Level::Task if name == "id" => format!("tasks: [{{id: {value}, run: a}}]\n"),
        Level::Task => {
            let beside = match name {
                "run" | "type" => "id: b",
                "script" => "id: b\n  interpreter: python",
                "with" => "id: b\n  type: noop",
                "interpreter" => "id: b\n  script: a",
                _ => "id: b\n  run: a",
            };
            format!("params: {{limit: 1}}\ntasks:\n- {extract}\n- {beside}\n  {name}: {value}\n")
        }
        Level::Defaults => {
            format!("params: {{limit: 1}}\ndefaults: {{{name}: {value}}}\ntasks: [{extract}]\n")
        }
        Level::Schedule if ["cron", "every", "at", "business_day"].contains(&name) => {
            format!("schedule: {{{name}: {value}}}\ntasks: [{extract}]\n")
        }
        Level::Schedule if name == "at_time" => {
            format!("schedule: {{business_day: last, {name}: {value}}}\ntasks: [{extract}]\n")
        }
        Level::Calendar | Level::Holiday => unreachable!("calendars are files of their own"),
        Level::Schedule => format!("schedule: {{cron: 30 1 * * *, {name}: {value}}}\ntasks: [{extract}]\n"),
        Level::Group => {
            let id = if name == "id" { value } else { "inner" };
            let own = if name == "id" { String::new() } else { format!(", {name}: {value}") };
            format!(
                "groups: [{{id: {id}{own}}}, {{id: night}}]\ntasks: [{extract}, {{id: a, run: a, group: {id}}}, {{id: b, run: b, group: night}}]\n"
            )
        }
        Level::Foreach if name == "items" => {
            format!("tasks: [{{id: a, run: a, foreach: {{items: {value}}}}}]\n")
        }
        Level::Foreach => {
            format!("tasks: [{{id: a, run: a, foreach: {{items: [{{name: a}}], {name}: {value}}}}}]\n")
        }
        Level::Wait if name == "dag" => format!("tasks: [{{id: a, run: a, wait_for: [{{dag: {value}}}]}}]\n"),
        Level::Wait => {
            let offset = if value == "offset" { ", offset: 1d" } else { "" };
            format!("tasks: [{{id: a, run: a, wait_for: [{{dag: b, {name}: {value}{offset}}}]}}]\n")
        }
        Level::Param => format!("params: {{limit: {{{name}: {value}}}}}\ntasks: [{extract}]\n"),
        Level::Deadline => format!("deadline:\n  {name}: {value}\ntasks: [{extract}]\n"),
        Level::Hook if matches!(name, "run" | "notify") => {
            format!("on_failure:\n- {name}: {value}\ntasks: [{extract}]\n")
        }
        Level::Hook => format!("on_failure:\n- run: a\n  {name}: {value}\ntasks: [{extract}]\n"),
        Level::Notify if matches!(name, "email" | "slack" | "webhook" | "command") => {
            format!("on_failure:\n- notify:\n    {name}: {value}\ntasks: [{extract}]\n")
        }
        Level::Notify => {
            format!("on_failure:\n- notify:\n    slack: ops\n    {name}: {value}\ntasks: [{extract}]\n")
        }
    }
}

fn errors(level: Level, text: &str) -> Vec<Diagnostic> {
    let source = Source::new("dags/example.yaml", text);
    let found = match level {
        Level::Folder => read_defaults(&source, &known()),
        _ => read(&source, &known()).diagnostics,
    };
    found.into_iter().filter(Diagnostic::is_error).collect()
}

const LEVELS: [Level; 12] = [
    Level::Dag,
    Level::Folder,
    Level::Task,
    Level::Defaults,
    Level::Schedule,
    Level::Param,
    Level::Group,
    Level::Foreach,
    Level::Wait,
    Level::Deadline,
    Level::Hook,
    Level::Notify,
];

fn keys() -> impl Iterator<Item = (Level, &'static Key)> {
    let may_stand = |level: Level, key: &Key| level != Level::Defaults || !task::OWN.contains(&key.name);
    LEVELS.into_iter().flat_map(move |level| {
        level.keys().iter().filter(move |key| may_stand(level, key)).map(move |key| (level, *key))
    })
}

#[test]
fn the_example_of_every_key_is_right() {
    for (level, key) in keys() {
        let text = file_with(level, key, key.example);
        assert_eq!(errors(level, &text), [], "{level:?} {}\n{text}", key.name);
    }
}

#[test]
fn the_default_of_every_key_is_right() {
    for (level, key) in keys().filter(|(_, key)| !key.default.is_empty()) {
        let text = file_with(level, key, key.default);
        if key.name != "enum" {
            assert_eq!(errors(level, &text), [], "{level:?} {}\n{text}", key.name);
        }
    }
}

#[test]
fn every_key_is_read() {
    // A value that is wrong for each shape is reported: no key is known and then ignored.
    for (level, key) in keys().filter(|(_, key)| !matches!(key.shape, Shape::Any | Shape::Items)) {
        let text = file_with(level, key, "[[{a: [b]}]]");
        assert_ne!(errors(level, &text), [], "{level:?} {}\n{text}", key.name);
    }
}

#[test]
fn the_schema_describes_every_key_and_nothing_else() {
    let schema = schema();
    let properties = |place: &Json| place["properties"].as_object().unwrap().clone();
    let maps = [
        (Level::Dag, schema.clone()),
        (Level::Folder, defaults_schema()),
        (Level::Task, schema["$defs"]["task"].clone()),
        (Level::Defaults, schema["$defs"]["defaults"].clone()),
        (Level::Schedule, schema["$defs"]["schedule"].clone()),
        (Level::Param, schema["$defs"]["param"].clone()),
        (Level::Group, schema["$defs"]["group"].clone()),
        (Level::Foreach, schema["$defs"]["foreach"].clone()),
        (Level::Wait, schema["$defs"]["wait"].clone()),
        (Level::Deadline, schema["$defs"]["deadline"].clone()),
        (Level::Hook, schema["$defs"]["hook"].clone()),
        (Level::Notify, schema["$defs"]["notify"].clone()),
    ];
    for (level, map) in maps {
        assert_eq!(map["additionalProperties"], Json::Bool(false));
        let described: Vec<String> = properties(&map).keys().cloned().collect();
        let known: Vec<_> = keys().filter(|(of, _)| *of == level).map(|(_, key)| key.name).collect();
        assert_eq!(described, known);
        for (name, property) in properties(&map) {
            assert!(property["description"].as_str().is_some_and(|text| text.ends_with('.')), "{name}");
            assert!(property["examples"].as_array().is_some_and(|list| list.len() == 1), "{name}");
        }
    }
}

#[test]
fn every_reference_of_the_schema_leads_somewhere() {
    let schema = schema();
    let text = schema.to_string();
    let targets: Vec<&str> =
        text.split("\"#/$defs/").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert!(targets.len() > 10);
    for target in targets {
        assert!(schema["$defs"][target].is_object(), "{target}");
    }
}
