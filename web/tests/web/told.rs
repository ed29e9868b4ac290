//! What pages work out, told to programs; and what somebody limited to some DAGs is told of all of them.

use serde_json::{Value as Json, json};

use crate::people::Town;
use crate::visit::Visit;

fn keys(told: &Json) -> Vec<&str> {
    told.as_object().map(|it| it.keys().map(String::as_str).collect()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_are_told_what_pages_work_out() {
    let town = Town::usual().await;
    let get = |path: &'static str| async { town.get("author", path).await.json() };

    let tonight = get("/api/v1/tonight?hours=24").await;
    let run = &tonight["active"][0];
    assert!(run["run_id"].is_string() && run["ended"].is_u64() && run["reason"].is_string(), "{run}");
    assert!(tonight["due"][0]["next"]["at"].is_string() && tonight["holds"].is_array(), "{tonight}");
    let system = get("/api/v1/system").await;
    assert_eq!((&system["slots"], &system["version"]), (&json!(4), &json!("0.1.0")));
    assert!(system["database_bytes"].as_u64() > Some(0) && system["seq"].as_i64() > Some(0), "{system}");

    let durations = get("/api/v1/dags/nightly_sales/durations?days=60").await;
    let (run, task) = (&durations["runs"][0], &durations["tasks"][0]);
    assert!(
        run["took_ms"].is_u64() && task["median_ms"].as_u64() <= task["longest_ms"].as_u64(),
        "{durations}"
    );
    let days = get("/api/v1/dags/nightly_sales/days").await;
    assert!(
        days[0]["date"].as_str().is_some_and(|date| date.len() == 10) && days[0]["runs"].is_object(),
        "{days}"
    );
    assert_eq!(keys(&get("/api/v1/dags/nightly_sales/deadlines").await), ["promises", "missed"]);
    let file = get("/api/v1/dags/nightly_sales/file").await;
    assert_eq!((&file["path"], keys(&file)), (&json!("nightly_sales.yaml"), vec!["path", "text", "faults"]));

    let compared = get("/api/v1/runs/17/compare").await;
    assert!(compared["with"].is_string() && compared["tasks"][0]["after"]["state"].is_string(), "{compared}");
    let pace = get("/api/v1/runs/17/pace").await;
    assert!(
        pace["critical"][0].is_string() && pace["work_ms"].as_u64() >= pace["critical_ms"].as_u64(),
        "{pace}"
    );
    let attempt = "/api/v1/runs/17/tasks/load_orders/attempts/3";
    let command = town.get("viewer", &format!("{attempt}/command")).await;
    assert!(command.json()["command"].as_str().is_some_and(|it| !it.is_empty()), "{}", command.text);
    assert!(!command.text.contains("hunter2"), "vars of the environment are masked");
    let log = town.get("viewer", &format!("{attempt}/log")).await.text;
    let word = log.split_whitespace().find(|word| word.chars().all(char::is_alphanumeric)).unwrap();
    let lines = town.get("viewer", &format!("{attempt}/lines?q={word}")).await.json();
    assert!(lines["lines"][0]["text"].as_str().is_some_and(|line| line.contains(word)), "{lines}");
    assert_eq!(town.get("viewer", &format!("{attempt}/lines")).await.json()["lines"], json!([]));

    let why = get("/api/v1/dags/nightly_sales/why").await;
    assert_eq!(
        (&why[0]["what"], keys(&why[0])),
        (&json!("DAG nightly_sales"), vec!["what", "state", "why", "unblock"])
    );
    for (path, code) in [
        ("/api/v1/runs/17/why?task=nope", "not_found"),
        ("/api/v1/runs/99/why", "not_found"),
        ("/api/v1/dags/nope/why", "not_found"),
        ("/api/v1/dags/nightly_sales/why?tick=soon", "not_found"),
        ("/api/v1/tonight?hours=0", "bad_request"),
        ("/api/v1/dags/nightly_sales/durations?days=0", "bad_request"),
        ("/api/v1/dags/nightly_sales/days?year=1", "bad_request"),
        ("/api/v1/runs/99/pace", "not_found"),
        ("/api/v1/runs/99/compare", "not_found"),
    ] {
        assert_eq!(get(path).await["code"], code, "{path}");
    }
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_limited_is_told_of_their_dags_alone() {
    let town = Town::usual().await;
    for dag in ["nightly_sales", "heartbeat"] {
        assert_eq!(town.post("admin", &format!("/api/v1/dags/{dag}/pause"), "").await.status, 204);
    }
    let hold = r#"{"dags": ["nightly_sales"], "to": "2027-01-01T00:00:00Z", "why": "disks"}"#;
    assert_eq!(town.post("admin", "/api/v1/holds", hold).await.status, 201);
    assert_eq!(town.post("admin", "/api/v1/vars/secret_plan", r#"{"value": 1}"#).await.status, 204);
    let deeds = |told: Json| -> Vec<String> {
        let items = told["items"].as_array().cloned().unwrap_or_default();
        items.iter().map(|it| format!("{} {}", it["verb"], it["target"]).replace('"', "")).collect()
    };
    let seen = deeds(town.get("viewer-heartbeat", "/api/v1/audit").await.json());
    assert!(seen.contains(&"pause DAG heartbeat".to_owned()), "{seen:?}");
    let others = |it: &&String| {
        it.contains("sales") || it.contains("window") || it.contains("var ") || it.contains("user ")
    };
    assert_eq!(seen.iter().find(others), None);
    let theirs = deeds(town.get("viewer-nightly_sales", "/api/v1/audit?verb=hold%20add").await.json());
    assert_eq!(theirs, ["hold add maintenance window 1"]);
    let page = town.get("viewer-heartbeat", "/audit").await.text;
    assert!(page.contains("heartbeat") && !page.contains("secret_plan"), "{page}");

    let files = |told: Json| told["items"].as_array().map_or(0, Vec::len);
    assert!(files(town.get("viewer", "/api/v1/faults").await.json()) > 0);
    assert_eq!(files(town.get("viewer-heartbeat", "/api/v1/faults").await.json()), 0);
    let page = town.get("author-heartbeat", "/faults").await;
    assert!(page.status == 200 && !page.text.contains("ingest.yaml"), "{}", page.text);

    let waits = town.get("viewer-heartbeat", "/api/v1/waiting").await.json();
    assert!(waits.as_array().is_some_and(|all| all.iter().all(|it| it["dag"] == "heartbeat")), "{waits}");
    let hooks = town.get("viewer-heartbeat", "/api/v1/hooks?limit=500").await.json();
    assert!(
        hooks["items"].as_array().is_some_and(|all| all.iter().all(|it| it["dag"] == "heartbeat")),
        "{hooks}"
    );
    town.close().await;
}

#[tokio::test]
async fn an_attempt_at_work_tells_how_far_it_has_come() {
    let visit = Visit::usual().await;
    let get = async |path: &'static str| visit.get(path).await.json();
    let expected = json!({ "percent": 3, "words": "12 of 400" });
    let attempts = get("/api/v1/runs/38/tasks/copy_stock/attempts").await;
    assert_eq!(attempts[0]["progress"], expected, "{attempts}");
    for path in ["/api/v1/runs/38", "/api/v1/runs/38/tasks?limit=50", "/api/v1/runs/38/tasks/copy_stock"] {
        let told = get(path).await.to_string();
        assert_eq!(told.matches("\"progress\"").count(), 1, "those that are over tell none: {path}: {told}");
    }
}
