//! What the API says of itself: an `OpenAPI` 3.1 document made from the types that the handlers read and write, and a
//! page for people. A test holds it against the table of routes.

mod codes;
mod more;
mod operation;
mod schema;
mod table;

use axum::Json;
use serde::Serialize;
use serde_json::{Map, Value, json};

use self::codes::{CODES, Code};
use self::operation::Operation;
use self::schema::Schemas;
use crate::app::{Shared, State};
use crate::page::{Did, Sheet, Shown, Watch, show};
use crate::problem::Problem;

/// `GET /api/v1/openapi.json`
pub(crate) async fn openapi(State(site): Shared) -> Json<Value> {
    Json(document(&site.app.version))
}

/// The whole document.
fn document(version: &str) -> Value {
    let mut schemas = Schemas::new();
    let mut paths = Map::new();
    for operation in table::all(&mut schemas) {
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method] = operation.json();
    }
    schemas.told::<Problem>();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Nightrun",
            "version": version,
            "summary": "DAGs, their runs and tasks: everything that the pages show and do",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "security": [{}, { "token": [] }],
        "paths": paths,
        "components": {
            "schemas": schemas.all(),
            "responses": { "Problem": problem() },
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "Not needed while the server is open to its own machine alone",
                },
            },
        },
    })
}

fn problem() -> Value {
    let example = json!({
        "type": "/api/v1/docs#not_found",
        "title": "Not found",
        "status": 404,
        "detail": "there is no such thing here",
        "code": "not_found",
    });
    let schema = json!({ "$ref": "#/components/schemas/Problem" });
    json!({
        "description": "What went wrong, as RFC 9457 has it; `code` is for programs",
        "content": { "application/problem+json": { "schema": schema, "example": example } },
    })
}

#[derive(Serialize)]
struct Body {
    operations: Vec<Operation>,
    codes: &'static [Code],
}

/// `GET /api/v1/docs`
pub(crate) async fn page(State(site): Shared) -> Shown {
    show(&site, "api.html", "api", Did::default(), |_| {
        let body = Body { operations: table::all(&mut Schemas::new()), codes: CODES };
        Ok(Some(Sheet { title: "API".into(), watch: Watch::default(), body }))
    })
    .await
}
