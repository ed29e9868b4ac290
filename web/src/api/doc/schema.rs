//! Schemas of types, as serde reads and writes them.

use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::{JsonSchema, Schema};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

/// Numbers beyond this lose their last digits in JavaScript; ours stay far below.
const MOST: i64 = 9_007_199_254_740_991;

/// All schemas of one document; types with names are defined once, and referred to.
pub(super) struct Schemas {
    asked: SchemaGenerator,
    told: SchemaGenerator,
}

/// A body of a request.
pub(super) struct Asked {
    pub(super) schema: Value,
    pub(super) example: Value,
}

impl Schemas {
    pub(super) fn new() -> Self {
        let settings =
            || SchemaSettings::draft2020_12().with(|it| it.definitions_path = "/components/schemas".into());
        Self {
            asked: settings().for_deserialize().into_generator(),
            told: settings().for_serialize().into_generator(),
        }
    }

    /// What is answered.
    pub(super) fn told<T: JsonSchema>(&mut self) -> Value {
        tidy(self.told.subschema_for::<T>())
    }

    /// A body, with an example that reads.
    pub(super) fn body<T: JsonSchema + DeserializeOwned>(&mut self, example: Value) -> Asked {
        debug_assert!(serde_json::from_value::<T>(example.clone()).is_ok(), "no body: {example}");
        Asked { schema: tidy(self.asked.subschema_for::<T>()), example }
    }

    /// The fields of a query, as parameters.
    pub(super) fn query<T: JsonSchema>(&mut self) -> Vec<Value> {
        let schema = tidy(T::json_schema(&mut self.asked));
        let required =
            |name: &str| schema["required"].as_array().is_some_and(|all| all.contains(&json!(name)));
        let fields = schema["properties"].as_object().cloned().unwrap_or_default();
        let parameter = |(name, mut field): (String, Value)| {
            let description = field.as_object_mut().and_then(|field| field.remove("description"));
            let examples = field.as_object_mut().and_then(|field| field.remove("examples"));
            let mut told =
                json!({ "name": name, "in": "query", "required": required(&name), "schema": given(field) });
            for (key, value) in
                [("description", description), ("example", examples.map(|all| all[0].clone()))]
            {
                if let Some(value) = value {
                    told[key] = value;
                }
            }
            told
        };
        fields.into_iter().map(parameter).collect()
    }

    /// All types with names.
    pub(super) fn all(mut self) -> Map<String, Value> {
        let (asked, told) = (self.asked.take_definitions(true), self.told.take_definitions(true));
        asked.into_iter().chain(told).map(|(name, schema)| (name, tidy_value(schema))).collect()
    }
}

/// A field of a query is there or not; nobody can send `null`.
fn given(mut field: Value) -> Value {
    if let Some(kinds) = field["type"].as_array() {
        field["type"] = kinds.iter().find(|kind| *kind != "null").cloned().unwrap_or_default();
    }
    let rest = |all: &Value| all.as_array()?.iter().find(|it| it["type"] != "null").cloned();
    let Some(fields) = field.as_object_mut() else { return field };
    fields.retain(|key, value| !(key == "default" && value.is_null()));
    match fields.get("anyOf").and_then(rest) {
        Some(only) => only,
        None => field,
    }
}

fn tidy(schema: Schema) -> Value {
    tidy_value(schema.to_value())
}

/// Says what the formats of numbers mean, and drops the dialect: the document has one.
fn tidy_value(mut schema: Value) -> Value {
    match &mut schema {
        Value::Object(fields) => {
            fields.remove("$schema");
            let range = match fields.get("format").and_then(Value::as_str) {
                Some("int64") => Some((-MOST, MOST)),
                Some("uint64" | "uint") => Some((0, MOST)),
                Some("int32") => Some((i64::from(i32::MIN), i64::from(i32::MAX))),
                Some("uint32") => Some((0, i64::from(u32::MAX))),
                Some("uint16") => Some((0, i64::from(u16::MAX))),
                _ => None,
            };
            if let Some((least, most)) = range {
                fields.entry("minimum").or_insert(json!(least));
                fields.entry("maximum").or_insert(json!(most));
            }
            for value in fields.values_mut() {
                *value = tidy_value(std::mem::take(value));
            }
        }
        Value::Array(values) => {
            for value in values {
                *value = tidy_value(std::mem::take(value));
            }
        }
        _ => {}
    }
    schema
}
