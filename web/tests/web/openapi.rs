//! The document that the API hands out about itself tells the truth.

use std::collections::{BTreeMap, BTreeSet};

use nightrun_web::routes;
use serde_json::{Value as Json, json};

use crate::visit::Visit;

async fn document() -> Json {
    Visit::empty().await.get("/api/v1/openapi.json").await.json()
}

#[tokio::test]
async fn every_route_is_in_it_and_none_is_invented() {
    let document = document().await;
    let told: BTreeSet<(String, String)> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, it)| {
            it.as_object().unwrap().keys().map(|method| (path.clone(), method.to_uppercase()))
        })
        .collect();
    let real: BTreeSet<(String, String)> = routes()
        .iter()
        .filter(|route| route.path.starts_with("/api/"))
        .map(|route| (route.path.to_owned(), route.method.to_string()))
        .collect();
    assert_eq!(told, real);
}

#[tokio::test]
async fn every_name_it_refers_to_is_there_and_has_one_meaning() {
    let document = document().await;
    assert_eq!(document["openapi"], "3.1.0");
    let mut names = BTreeSet::new();
    references(&document, &mut names);
    for name in &names {
        let place = name.strip_prefix('#').unwrap();
        assert!(document.pointer(place).is_some(), "{name} is not there");
    }
    for name in document["components"]["schemas"].as_object().unwrap().keys() {
        assert!(!name.ends_with(|c: char| c.is_ascii_digit()), "two types are called {name}");
        assert!(names.contains(&format!("#/components/schemas/{name}")), "nothing speaks of {name}");
    }
    let ids = operations(&document).into_values().map(|it| it["operationId"].as_str().unwrap().to_owned());
    let mut seen = BTreeSet::new();
    ids.for_each(|id| assert!(seen.insert(id.clone()), "{id} twice"));
}

fn references(at: &Json, found: &mut BTreeSet<String>) {
    match at {
        Json::Object(fields) => {
            found.extend(fields.get("$ref").and_then(Json::as_str).map(ToOwned::to_owned));
            fields.values().for_each(|value| references(value, found));
        }
        Json::Array(values) => values.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

fn operations(document: &Json) -> BTreeMap<(String, String), Json> {
    let paths = document["paths"].as_object().unwrap();
    let of = |(path, it): (&String, &Json)| {
        let methods = it.as_object().unwrap().clone();
        let path = path.clone();
        methods.into_iter().map(move |(method, operation)| ((method, path.clone()), operation))
    };
    paths.iter().flat_map(of).collect()
}

#[tokio::test]
async fn answers_have_the_fields_it_promises() {
    let visit = Visit::usual().await;
    let document = document().await;
    for (path, of) in [
        ("/api/v1/dags", "/api/v1/dags"),
        ("/api/v1/dags/nightly_sales", "/api/v1/dags/{dag}"),
        ("/api/v1/dags/nightly_sales/next", "/api/v1/dags/{dag}/next"),
        ("/api/v1/dags/nightly_sales/ticks", "/api/v1/dags/{dag}/ticks"),
        ("/api/v1/dags/nightly_sales/versions", "/api/v1/dags/{dag}/versions"),
        ("/api/v1/dags/nightly_sales/versions/2", "/api/v1/dags/{dag}/versions/{version}"),
        ("/api/v1/dags/nightly_sales/versions/2/diff", "/api/v1/dags/{dag}/versions/{version}/diff"),
        ("/api/v1/runs", "/api/v1/runs"),
        ("/api/v1/runs/17", "/api/v1/runs/{run}"),
        ("/api/v1/runs/17/tasks", "/api/v1/runs/{run}/tasks"),
        ("/api/v1/runs/17/tasks/extract", "/api/v1/runs/{run}/tasks/{task}"),
        ("/api/v1/runs/17/tasks/extract/attempts", "/api/v1/runs/{run}/tasks/{task}/attempts"),
        ("/api/v1/tasks?state=failed", "/api/v1/tasks"),
        ("/api/v1/dags/nightly_sales/tasks/extract", "/api/v1/dags/{dag}/tasks/{task}"),
        ("/api/v1/dags/nightly_sales/tasks/extract/history", "/api/v1/dags/{dag}/tasks/{task}/history"),
        ("/api/v1/runs/17/events", "/api/v1/runs/{run}/events"),
        ("/api/v1/runs/17/why", "/api/v1/runs/{run}/why"),
        ("/api/v1/backfills", "/api/v1/backfills"),
        ("/api/v1/backfills/1", "/api/v1/backfills/{backfill}"),
        ("/api/v1/holds", "/api/v1/holds"),
        ("/api/v1/calendars", "/api/v1/calendars"),
        ("/api/v1/pools", "/api/v1/pools"),
        ("/api/v1/vars", "/api/v1/vars"),
        ("/api/v1/audit", "/api/v1/audit"),
        ("/api/v1/faults", "/api/v1/faults"),
    ] {
        let got = visit.get(path).await;
        assert_eq!(got.status, 200, "{path}: {}", got.text);
        let told = &document["paths"][of]["get"]["responses"]["200"]["content"]["application/json"]["schema"];
        let mut wrong = Vec::new();
        check(&document, told, &got.json(), path, &mut wrong);
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}

/// Objects have what is required and nothing that is not told; lists are looked through.
fn check(document: &Json, schema: &Json, value: &Json, at: &str, wrong: &mut Vec<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        return check(document, document.pointer(&name[1..]).unwrap(), value, at, wrong);
    }
    if let Some(one) = schema["anyOf"].as_array() {
        if let Some(one) = one.iter().find(|one| one["type"] != "null").filter(|_| !value.is_null()) {
            check(document, one, value, at, wrong);
        }
        return;
    }
    match value {
        Json::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(n, it)| check(document, &schema["items"], it, &format!("{at}/{n}"), wrong));
        }
        Json::Object(fields) => {
            for name in schema["required"].as_array().into_iter().flatten() {
                if !fields.contains_key(name.as_str().unwrap()) {
                    wrong.push(format!("{at} lacks {name}"));
                }
            }
            let Some(told) = schema["properties"].as_object() else { return };
            for (name, field) in fields {
                match told.get(name) {
                    Some(schema) => check(document, schema, field, &format!("{at}/{name}"), wrong),
                    None => wrong.push(format!("{at}/{name} is not told")),
                }
            }
        }
        _ => {
            let kind = match value {
                Json::Null => "null",
                Json::Bool(_) => "boolean",
                Json::Number(_) => "integer",
                _ => "string",
            };
            let kinds = &schema["type"];
            if !kinds.is_null()
                && kinds != kind
                && !kinds.as_array().is_some_and(|all| all.contains(&json!(kind)))
            {
                wrong.push(format!("{at} is {kind}, not {kinds}"));
            }
        }
    }
}

/// Method, path, headers and body; the status and the code of the answer.
type Asked<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], &'a str, u16, &'a str);

#[tokio::test]
async fn every_problem_leads_to_a_line_that_explains_it() {
    let visit = Visit::usual().await;
    let docs = visit.page("/api/v1/docs").await;
    assert_eq!(docs.status, 200, "{}", docs.text);
    assert!(docs.text.contains("{dag}&#x2f;backfills"));
    let json = ("content-type", "application/json");
    let asked: &[Asked] = &[
        ("GET", "/api/v1/nope", &[], "", 404, "not_found"),
        ("GET", "/api/v1/runs/x", &[], "", 404, "not_found"),
        ("GET", "/api/v1/runs/4711", &[], "", 404, "not_found"),
        ("PUT", "/api/v1/runs/17", &[], "", 405, "method"),
        ("GET", "/api/v1/runs?limit=0", &[], "", 400, "bad_request"),
        ("GET", "/api/v1/runs?limit=501", &[], "", 400, "bad_request"),
        ("GET", "/api/v1/runs?state=faild", &[], "", 400, "bad_request"),
        ("GET", "/api/v1/runs?before=x", &[], "", 400, "bad_request"),
        ("GET", "/api/v1/runs/17?wait=1h", &[], "", 400, "bad_request"),
        ("GET", "/api/v1/calendars/x?year=3000", &[], "", 400, "bad_request"),
        ("POST", "/api/v1/holds", &[json], "{", 400, "bad_request"),
        ("POST", "/api/v1/vars/x", &[json], "[1]", 400, "bad_request"),
        ("POST", "/api/v1/holds", &[("content-type", "text/plain")], "{}", 415, "not_json"),
        ("POST", "/api/v1/pause", &[("sec-fetch-site", "cross-site")], "", 403, "cross_site"),
        ("GET", "/api/v1/runs", &[("host", "evil.example")], "", 403, "host"),
        (
            "POST",
            "/api/v1/runs/17/note",
            &[json, ("idempotency-key", "")],
            "{\"text\": \"x\"}",
            400,
            "bad_request",
        ),
    ];
    for (method, path, headers, body, status, code) in asked {
        let got = visit.send(method, path, headers, body).await;
        let problem = got.json();
        assert_eq!(
            (got.status.as_u16(), problem["code"].as_str()),
            (*status, Some(*code)),
            "{method} {path}"
        );
        assert_eq!(got.header("content-type"), "application/problem+json", "{method} {path}");
        assert_eq!(problem["type"], format!("/api/v1/docs#{code}"));
        assert!(docs.text.contains(&format!("<tr id=\"{code}\">")), "nothing explains {code}");
    }
    let long = format!("{{\"text\": \"{}\"}}", "x".repeat(2 << 20));
    let got = visit.send("POST", "/api/v1/runs/17/note", &[json], &long).await;
    assert_eq!((got.status.as_u16(), got.json()["code"].as_str()), (413, Some("too_long")));
}
