//! What a trigger would run is told without running it.

use std::time::Duration;

use nightrun_core::time::Timestamp;
use serde_json::{Value as Json, json};

use crate::history::History;
use crate::scenes::NOW;
use crate::visit::Visit;

const GREET: &str = "id: greet
enabled: true
timezone: Europe/Paris
params: {name: world, times: {type: integer, default: 1}}
vars: {shop_token: null}
tasks:
  - id: ask
    run: curl -H {{ vars.shop_token }} {{ params.times }}
  - id: say
    depends_on: [ask]
    trigger_rule: all_done
    run: echo {{ params.name }} {{ tasks.ask.outputs.rows }}
";

async fn house() -> Visit {
    let root = tempfile::tempdir().unwrap();
    let mut past = History::new(root.path());
    let earlier = Timestamp::parse(NOW).unwrap().minus(Duration::from_hours(9));
    past.dag(earlier, "greet.yaml", GREET);
    past.dag(earlier, "off.yaml", &GREET.replace("greet", "off").replace("enabled: true", "enabled: false"));
    past.write().await;
    Visit::over(root)
}

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

#[tokio::test]
async fn a_dry_run_of_a_trigger_tells_the_commands_and_begins_nothing() {
    let visit = house().await;
    let path = "/api/v1/dags/greet/runs";
    let body = r#"{"dry_run": true, "params": {"name": "moon", "times": 3},
        "logical_date": "2026-11-20T00:00:00Z", "part": {"skip": ["say"]}}"#;
    let got = visit.send("POST", path, &JSON, body).await;
    assert_eq!(got.status, 200, "{}", got.text);
    assert!(!got.text.contains("hunter2"), "what the environment gives is never shown: {}", got.text);
    let told = got.json();
    assert_eq!(
        (&told["dag"], &told["dry_run"], &told["logical_date"], &told["left_out"]),
        (&json!("greet"), &json!(true), &json!("2026-11-20T00:00:00.000000000Z"), &json!(["say"]))
    );
    let [ask, say] = &told["tasks"].as_array().unwrap()[..] else { panic!("{told}") };
    let values = ask["values"].as_array().unwrap();
    assert!(values.iter().any(|it| it[1] == "•••") && values.iter().any(|it| it[1] == "3"), "{ask}");
    assert_eq!((&say["depends_on"], &say["trigger_rule"]), (&json!(["ask"]), &json!("all_done")));
    assert!(say["unrendered"].as_str().is_some(), "its value is known only when it runs: {say}");
    assert_eq!(visit.get("/api/v1/runs").await.json()["items"], Json::Array(vec![]));
    // A key is for what is done: nothing is kept of what is only looked at.
    let keyed = [JSON[0], ("idempotency-key", "once")];
    for _ in 0..2 {
        let again = visit.send("POST", path, &keyed, r#"{"dry_run": true}"#).await;
        assert_eq!((again.status.as_u16(), again.header("idempotent-replayed")), (200, ""));
    }
}

#[tokio::test]
async fn a_dry_run_is_refused_as_the_trigger_would_be() {
    let visit = house().await;
    for (dag, body, status, code) in [
        ("nope", json!({}), 404, "not_found"),
        ("off", json!({}), 409, "not_enabled"),
        ("off", json!({ "force": true, "params": { "times": "many" } }), 422, "bad_params"),
        ("greet", json!({ "params": { "times": "many", "x": 1 } }), 422, "bad_params"),
        ("greet", json!({ "part": { "only": ["nope"] } }), 404, "not_found"),
        ("greet", json!({ "dry_run": "yes" }), 400, "bad_request"),
    ] {
        let mut body = body;
        if body["dry_run"].is_null() {
            body["dry_run"] = true.into();
        }
        let got = visit.send("POST", &format!("/api/v1/dags/{dag}/runs"), &JSON, &body.to_string()).await;
        assert_eq!((got.status.as_u16(), &got.json()["code"]), (status, &json!(code)), "{dag} {body}");
    }
}
