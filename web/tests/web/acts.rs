//! What is asked happens: with the real loop behind the pages.

use serde_json::json;
use tokio::task::JoinHandle;

use crate::visit::{Visit, send};
use nightrun_engine::run::Handle;

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

/// What a browser says when a button of one of our pages is pressed.
const PRESSED: [(&str, &str); 3] = [
    ("accept", "text/html"),
    ("content-type", "application/x-www-form-urlencoded"),
    ("sec-fetch-site", "same-origin"),
];

/// The usual house with its loop at work.
struct Open {
    router: axum::Router,
    handle: Handle,
    work: JoinHandle<()>,
    _root: tempfile::TempDir,
}

async fn open() -> Open {
    let Visit { router, scheduler, root } = Visit::usual().await;
    let handle = scheduler.handle();
    Open { router, handle, work: tokio::spawn(scheduler.run(vec![])), _root: root }
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_start_cancel_and_pause() {
    let open = open().await;
    let post = |path: &'static str, body: &'static str| send(open.router.clone(), "POST", path, &JSON, body);
    let made = post("/api/v1/dags/heartbeat/runs", "{\"logical_date\": \"2026-11-21T02:00:00Z\"}").await;
    assert_eq!((made.status.as_u16(), made.json()), (201, json!({ "run_id": "40" })));
    assert_eq!(made.header("location"), "/api/v1/runs/40");
    for (path, body, status, code) in [
        ("/api/v1/dags/nope/runs", "{}", 404, "not_found"),
        (
            "/api/v1/dags/nightly_sales/runs",
            "{\"params\": {\"region\": \"mars\", \"x\": 1}}",
            422,
            "bad_params",
        ),
        ("/api/v1/runs/17/cancel", "{}", 404, "not_found"),
        ("/api/v1/dags/nope/pause", "", 404, "not_found"),
    ] {
        let got = post(path, body).await;
        assert_eq!((got.status.as_u16(), got.json()["code"].as_str()), (status, Some(code)), "{path}");
    }
    for path in ["/api/v1/runs/38/cancel", "/api/v1/dags/heartbeat/pause", "/api/v1/pause", "/api/v1/unpause"]
    {
        assert_eq!(post(path, "").await.status, 204, "{path}");
    }
    let get = |path: &'static str| send(open.router.clone(), "GET", path, &[], "");
    assert_eq!(get("/api/v1/runs/38").await.json()["reason"], "canceled by api");
    assert_eq!(get("/api/v1/dags/heartbeat").await.json()["paused"], true);

    open.handle.stop(false);
    open.work.await.unwrap();
    let late = post("/api/v1/dags/heartbeat/runs", "").await;
    assert_eq!((late.status.as_u16(), late.json()["code"].as_str()), (503, Some("stopping")));
    assert_eq!(get("/health").await.status, 503);
    assert!(get("/dags").await.text.contains("The scheduler has stopped"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_coming_tick_is_skipped_by_a_button_and_a_window_is_made_by_the_api() {
    let open = open().await;
    let get = |path: &'static str| send(open.router.clone(), "GET", path, &[], "");
    let instant = get("/api/v1/dags/heartbeat").await.json()["next_ticks"][0].as_str().unwrap().to_owned();
    let form = format!("instant={}", instant.replace(':', "%3A"));
    for (verb, shown) in [("skip", "skipped by web"), ("unskip", "Skip</button>")] {
        let path = format!("/dags/heartbeat/{verb}");
        let went = send(open.router.clone(), "POST", &path, &PRESSED, &form).await;
        assert_eq!(went.status, 303, "{}", went.text);
        let page = get("/dags/heartbeat/schedule").await;
        assert!(page.status == 200 && page.text.contains(shown), "{verb}: {}", page.text);
    }
    let post = |path: &'static str, body: &'static str| {
        send(open.router.clone(), "POST", path, &[("content-type", "application/json")], body)
    };
    let window = r#"{"all": true, "to": "2027-01-01T00:00:00Z", "resume": "none", "why": "<b>disks</b>"}"#;
    assert_eq!(post("/api/v1/holds", window).await.json(), json!({ "hold": 1 }));
    for page in ["/dags", "/dags/heartbeat", "/dags/heartbeat/schedule"] {
        let text = get(page).await.text;
        assert!(text.contains("(hold 1): &lt;b&gt;disks"), "{page}: {text}");
    }
    assert_eq!(post("/api/v1/holds", r#"{"to": "2027-01-01T00:00:00Z"}"#).await.status, 422);
    assert_eq!(post("/api/v1/holds", r#"{"all": true, "to": "2001-01-01T00:00:00Z"}"#).await.status, 422);
    assert_eq!(post("/api/v1/holds/1/remove", "").await.status, 204);
    assert_eq!(post("/api/v1/holds/1/remove", "").await.status, 404);
    assert_eq!(post("/api/v1/prune", r#"{"keep_runs": 0}"#).await.status, 400);
    let pruned = post("/api/v1/prune", r#"{"dag": "heartbeat", "keep_runs": 1}"#).await.json();
    assert_eq!(pruned["dags"][0]["dag"], "heartbeat", "{pruned}");
    open.handle.stop(false);
    open.work.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn people_press_buttons_and_see_what_it_did() {
    let open = open().await;
    let get = |path: &'static str| send(open.router.clone(), "GET", path, &[], "");
    let press =
        |path: &'static str, form: &'static str| send(open.router.clone(), "POST", path, &PRESSED, form);
    for (path, form, to) in [
        ("/dags/heartbeat/trigger", "", "/runs/40?did=triggered"),
        (
            "/dags/monthly_report/trigger",
            "param.month=2026-10&param.limit=5&force=true",
            "/runs/41?did=triggered",
        ),
        ("/dags/heartbeat/pause", "", "/dags/heartbeat?did=paused"),
        ("/dags/heartbeat/unpause", "back=list", "/dags?did=unpaused"),
        ("/runs/38/cancel", "", "/runs/38?did=canceled"),
        ("/pause", "", "/dags?did=all-paused"),
    ] {
        let went = press(path, form).await;
        assert_eq!((went.status.as_u16(), went.header("location")), (303, to), "{path}: {}", went.text);
        let seen = get(to).await;
        assert!(seen.status == 200 && seen.text.contains("role=\"status\""), "{to}");
    }
    assert!(get("/runs").await.text.contains("Everything is paused"));
    let params = get("/api/v1/runs/41").await.json();
    assert_eq!(params["params"], json!({ "month": "2026-10", "store": "paris", "limit": 5, "dry": false }));

    let wrong = press("/dags/monthly_report/trigger", "param.month=october&param.limit=many").await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.text.contains("which <code>many</code> is not"), "{}", wrong.text);
    assert!(wrong.text.contains("value=\"october\""), "what was typed stays");
    open.handle.stop(false);
    open.work.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn why_everything_is_paused_stands_wherever_it_is_shown() {
    let open = open().await;
    let get = |path: &'static str| send(open.router.clone(), "GET", path, &[], "");
    let post = |path: &'static str, body: &'static str| send(open.router.clone(), "POST", path, &JSON, body);
    assert_eq!(get("/api/v1/holds").await.json()["pause"], json!(null));
    assert_eq!(post("/api/v1/pause", r#"{"why": "  the <b>disks move "}"#).await.status, 204);
    let told = get("/api/v1/holds").await.json();
    assert_eq!(
        (&told["paused"], &told["pause"]["by"], &told["pause"]["why"]),
        (&json!(true), &json!("api"), &json!("the <b>disks move"))
    );
    for page in ["/", "/dags", "/holds"] {
        let text = get(page).await.text;
        assert!(text.contains("Everything is paused: the &lt;b&gt;disks move</b> By api,"), "{page}");
    }
    let why = get("/api/v1/dags/heartbeat/why").await.text;
    assert!(why.contains("everything was paused by api at") && why.contains("the <b>disks move"), "{why}");
    let audit = get("/api/v1/audit?verb=pause").await.json();
    assert_eq!(audit["items"][0]["why"], "the <b>disks move", "{audit}");
    assert_eq!(post("/api/v1/unpause", "").await.status, 204);
    let form = "why=a+new+roof";
    assert_eq!(send(open.router.clone(), "POST", "/pause", &PRESSED, form).await.status, 303);
    assert!(get("/dags").await.text.contains("Everything is paused: a new roof</b> By web,"));
    assert_eq!(post("/api/v1/dags/heartbeat/pause", r#"{"why": "noisy"}"#).await.status, 204);
    assert_eq!(get("/api/v1/audit?verb=pause").await.json()["items"][0]["why"], "noisy");
    assert_eq!(post("/api/v1/pause", r#"{"reason": "x"}"#).await.status, 400);
    open.handle.stop(false);
    open.work.await.unwrap();
}
