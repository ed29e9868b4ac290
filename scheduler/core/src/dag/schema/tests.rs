use serde_json::Value as Json;

use super::*;
use crate::case;

#[test]
fn every_key_of_a_calendar_is_in_its_schema_with_words_and_an_example() {
    let schema = calendar_schema();
    for (level, way) in [(Level::Calendar, ""), (Level::Holiday, "/$defs/holiday")] {
        let properties = schema.pointer(way).unwrap()["properties"].as_object().unwrap();
        let known: Vec<&str> = level.keys().iter().map(|key| key.name).collect();
        assert_eq!(properties.keys().map(String::as_str).collect::<Vec<_>>(), known, "{level:?}");
    }
}

#[test]
fn every_map_is_closed_and_every_key_has_words_and_an_example() {
    for (schema, least) in
        [(schema(), 100), (defaults_schema(), 90), (calendar_schema(), 17), (case::schema(), 38)]
    {
        let keys = keys_of(&schema);
        assert!(keys.len() >= least, "{} keys of {}", keys.len(), schema["title"]);
        for (name, key) in keys {
            assert!(key["description"].as_str().is_some_and(|text| text.ends_with('.')), "{name}: {key}");
        }
    }
}

/// Every key of every closed map, however deep.
fn keys_of(schema: &Json) -> Vec<(&str, &Json)> {
    let inner = match schema {
        Json::Object(map) => map.values().flat_map(keys_of).collect(),
        Json::Array(items) => items.iter().flat_map(keys_of).collect(),
        _ => Vec::new(),
    };
    let own = schema["properties"].as_object().filter(|_| schema["additionalProperties"] == false);
    own.into_iter().flatten().map(|(name, key)| (name.as_str(), key)).chain(inner).collect()
}

#[test]
fn every_reference_leads_somewhere() {
    for schema in [schema(), defaults_schema(), calendar_schema(), case::schema()] {
        for way in references(&schema) {
            assert!(schema.pointer(way.trim_start_matches('#')).is_some(), "{way} of {}", schema["title"]);
        }
    }
}

fn references(schema: &Json) -> Vec<String> {
    match schema {
        Json::Object(map) => {
            let own = map.get("$ref").and_then(Json::as_str).map(str::to_owned);
            own.into_iter().chain(map.values().flat_map(references)).collect()
        }
        Json::Array(items) => items.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}
