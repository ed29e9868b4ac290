//! One operation: a method of a path.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::schema::Asked;

/// One method of one path.
#[derive(Serialize)]
pub(super) struct Operation {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    tag: &'static str,
    summary: &'static str,
    #[serde(skip)]
    query: Vec<Value>,
    #[serde(skip)]
    headers: Vec<Value>,
    #[serde(skip)]
    body: Option<Value>,
    #[serde(skip)]
    answers: Map<String, Value>,
}

/// Asks for something.
pub(super) fn get(path: &'static str, tag: &'static str, summary: &'static str) -> Operation {
    Operation::new("get", path, tag, summary)
}

/// Changes something.
pub(super) fn post(path: &'static str, tag: &'static str, summary: &'static str) -> Operation {
    Operation::new("post", path, tag, summary)
}

impl Operation {
    fn new(method: &'static str, path: &'static str, tag: &'static str, summary: &'static str) -> Self {
        let usual: &[u16] = if method == "get" {
            &[401, 403, 500, 503]
        } else {
            &[400, 401, 403, 409, 413, 415, 422, 500, 503]
        };
        let mut it = Self {
            method,
            path,
            tag,
            summary,
            query: Vec::new(),
            headers: Vec::new(),
            body: None,
            answers: Map::new(),
        };
        for status in usual {
            it.fails(*status);
        }
        if path.contains('{') {
            it.fails(404);
        }
        it
    }

    fn fails(&mut self, status: u16) {
        self.answers.insert(status.to_string(), json!({ "$ref": "#/components/responses/Problem" }));
    }

    /// Takes these parameters.
    pub(super) fn asks(mut self, query: Vec<Value>) -> Self {
        self.fails(400);
        self.query.extend(query);
        self
    }

    /// Takes this body.
    pub(super) fn takes(mut self, Asked { schema, example }: Asked) -> Self {
        let needed = example != json!({});
        let media = Map::from_iter([("schema".to_owned(), schema), ("example".to_owned(), example)]);
        let content = json!({ "application/json": media });
        self.body = Some(json!({ "required": needed, "content": content }));
        self
    }

    /// May be left out, though there is something to say.
    pub(super) fn maybe(mut self) -> Self {
        if let Some(body) = &mut self.body {
            body["required"] = json!(false);
        }
        self
    }

    /// May be sent twice.
    pub(super) fn once(mut self) -> Self {
        self.headers.push(json!({
            "name": "Idempotency-Key", "in": "header", "required": false,
            "description": "Sent again with the same key within 24 hours, it changes nothing and is told the same",
            "schema": { "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$" },
        }));
        self
    }

    /// May be refused in a way of its own.
    pub(super) fn has(mut self, status: u16) -> Self {
        self.fails(status);
        self
    }

    /// May wait.
    pub(super) fn waits(mut self) -> Self {
        self.fails(429);
        self
    }

    /// Answers with this object.
    pub(super) fn tells(self, status: u16, what: &str, schema: Value) -> Self {
        let reads = self.method == "get";
        let mut it = self.says(status, what, "application/json", schema);
        if reads {
            it.headers.push(json!({
                "name": "If-None-Match", "in": "header", "required": false,
                "description": "The `ETag` of the answer one has; the same is not sent again",
                "schema": { "type": "string" },
            }));
            it.answers.insert("304".into(), json!({ "description": "Nothing has changed" }));
        }
        it
    }

    /// Answers with something else.
    pub(super) fn says(mut self, status: u16, what: &str, kind: &str, schema: Value) -> Self {
        let media = Map::from_iter([("schema".to_owned(), schema)]);
        let content = json!({ (kind): media });
        self.answers.insert(status.to_string(), json!({ "description": what, "content": content }));
        self
    }

    /// Answers with nothing but its status.
    pub(super) fn done(mut self, status: u16) -> Self {
        self.answers.insert(status.to_string(), json!({ "description": "Done" }));
        self
    }

    /// As the document has it.
    pub(super) fn json(&self) -> Value {
        let words: String =
            self.path.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        let id = format!("{}{}", self.method, words.replace("_api_v1", "").replace("__", "_"));
        let names = self.path.split('{').skip(1).filter_map(|rest| rest.split_once('}'));
        let parameters: Vec<Value> = names
            .map(|(name, _)| named(name))
            .chain(self.query.iter().cloned())
            .chain(self.headers.iter().cloned())
            .collect();
        let mut told = json!({
            "operationId": id.trim_end_matches('_'),
            "tags": [self.tag],
            "summary": self.summary,
            "parameters": parameters,
            "responses": self.answers,
        });
        if let Some(body) = &self.body {
            told["requestBody"] = body.clone();
        }
        told
    }
}

/// A name in a path.
fn named(name: &str) -> Value {
    let (schema, what, example) = match name {
        "run" | "version" | "backfill" | "hold" => {
            let schema = json!({ "type": "integer", "format": "int64", "minimum": 1, "maximum": 9_007_199_254_740_991_i64 });
            (schema, "Its number", json!(1))
        }
        "number" => {
            let schema = json!({ "type": "integer", "format": "uint32", "minimum": 1, "maximum": u32::MAX });
            (schema, "Which try, from 1", json!(1))
        }
        "task" => {
            (json!({ "type": "string", "minLength": 1 }), "Its id, or `load[3]` for an item", json!("load"))
        }
        "var" => {
            let schema = json!({ "type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]{0,127}$" });
            (schema, "Its name", json!("warehouse_url"))
        }
        _ => (json!({ "type": "string", "minLength": 1 }), "Its id", json!("nightly_sales")),
    };
    json!({ "name": name, "in": "path", "required": true, "description": what, "schema": schema, "example": example })
}
