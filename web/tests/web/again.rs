//! Requests that are sent twice, that wait, and that ask whether anything has changed.

use std::time::{Duration, Instant};

use axum::Router;
use nightrun_engine::run::Handle;
use serde_json::json;
use tempfile::TempDir;
use tokio::task::JoinHandle;

use crate::visit::{Got, Visit, send};

/// A house at work.
struct Open {
    router: Router,
    handle: Handle,
    work: JoinHandle<()>,
    root: TempDir,
}

impl Open {
    async fn usual() -> Self {
        Self::over(Visit::usual().await)
    }

    fn over(visit: Visit) -> Self {
        let Visit { router, scheduler, root } = visit;
        let handle = scheduler.handle();
        Self { router, handle, work: tokio::spawn(scheduler.run(vec![])), root }
    }

    async fn get(&self, path: &str) -> Got {
        send(self.router.clone(), "GET", path, &[], "").await
    }

    async fn post(&self, path: &str, key: &str, body: &str) -> Got {
        let headers = [("content-type", "application/json"), ("idempotency-key", key)];
        send(self.router.clone(), "POST", path, &headers, body).await
    }

    async fn close(self) -> TempDir {
        self.handle.stop(false);
        self.work.await.unwrap();
        self.root
    }
}

#[tokio::test]
async fn an_act_that_is_sent_twice_is_done_once() {
    let house = Open::usual().await;
    let stretch = json!({ "from": "2026-11-01T00:00:00Z", "to": "2026-11-03T12:00:00Z", "mode": "all" });
    let window = json!({ "all": true, "from": "2026-12-01T00:00:00Z", "to": "2026-12-02T00:00:00Z" });
    for (path, body, status) in [
        ("/api/v1/dags/monthly_report/runs", json!({ "params": { "month": "2026-11" } }), 201),
        ("/api/v1/dags/nightly_sales/backfills", stretch, 201),
        ("/api/v1/holds", window, 201),
        ("/api/v1/runs/17/note", json!({ "text": "seen" }), 204),
        ("/api/v1/runs/17/rerun", json!({}), 200),
    ] {
        let first = house.post(path, path, &body.to_string()).await;
        assert_eq!(first.status, status, "{path}: {}", first.text);
        assert_eq!(first.header("idempotent-replayed"), "");
        let second = house.post(path, path, &body.to_string()).await;
        assert_eq!((second.status, &second.text), (first.status, &first.text), "{path}");
        assert_eq!(second.header("idempotent-replayed"), "true");
        let other = house.post(path, path, "{\"by\": \"bob\"}").await;
        assert!(
            matches!(other.json()["code"].as_str(), Some("key_reused" | "bad_request")),
            "{}",
            other.text
        );
    }
    let notes = house.get("/api/v1/runs/17").await.json()["notes"].as_array().unwrap().len();
    assert_eq!(notes, 1);
    let reused = house.post("/api/v1/runs/17/note", "/api/v1/runs/17/note", "{\"text\": \"other\"}").await;
    assert_eq!((reused.status.as_u16(), reused.json()["code"].as_str()), (422, Some("key_reused")));
    house.close().await;
}

#[tokio::test]
async fn the_answer_outlives_the_server_and_a_dry_run_keeps_none() {
    let house = Open::usual().await;
    let runs = "/api/v1/dags/monthly_report/runs";
    let body = "{\"params\": {\"month\": \"2026-11\"}}";
    let first = house.post(runs, "night-7", body).await;
    assert_eq!(first.status, 201, "{}", first.text);
    let stretch = |dry: bool| {
        json!({ "from": "2026-11-01T00:00:00Z", "to": "2026-11-02T12:00:00Z", "mode": "all", "dry_run": dry })
            .to_string()
    };
    let backfills = "/api/v1/dags/nightly_sales/backfills";
    assert_eq!(house.post(backfills, "fill", &stretch(true)).await.status, 200);
    assert_eq!(house.post(backfills, "fill", &stretch(false)).await.status, 201);
    // A refusal changes nothing, so it is not kept.
    assert_eq!(house.post("/api/v1/dags/nope/runs", "nope", "{}").await.status, 404);
    assert_eq!(house.post(runs, "nope", body).await.status, 201);
    let house = Open::over(Visit::over(house.close().await));
    let again = house.post(runs, "night-7", body).await;
    assert_eq!((again.status, &again.text), (first.status, &first.text));
    assert!(again.header("location").starts_with("/api/v1/runs/"));
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_at_once_one_is_told_to_come_back_or_the_same() {
    let house = Open::usual().await;
    let sends = (0..8).map(|_| house.post("/api/v1/runs/17/note", "one", "{\"text\": \"once\"}"));
    for got in futures_util::future::join_all(sends).await {
        assert!(got.status == 204 || got.json()["code"] == "key_in_use", "{}", got.text);
    }
    let notes = house.get("/api/v1/runs/17").await.json()["notes"].as_array().unwrap().len();
    assert_eq!(notes, 1);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_a_run_is_told_when_it_is_over() {
    let house = Open::usual().await;
    let body = "{\"params\": {\"month\": \"2026-11\"}, \"force\": true}";
    let made = house.post("/api/v1/dags/monthly_report/runs?wait=1s", "w", body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let run = made.json()["run_id"].as_str().unwrap().to_owned();
    assert_eq!(made.json()["run"]["run_id"], run);
    let path = format!("/api/v1/runs/{run}?wait=60s");
    let begun = Instant::now();
    let cancel = format!("/api/v1/runs/{run}/cancel");
    let (told, _) = tokio::join!(house.get(&path), house.post(&cancel, "c", ""));
    assert!(matches!(told.json()["state"].as_str(), Some("canceled" | "failed")), "{}", told.text);
    assert!(begun.elapsed() < Duration::from_secs(30), "it waited for the time, not for the run");
    // One that is over is told at once.
    assert_eq!(house.get("/api/v1/runs/17?wait=5m").await.json()["state"], "failed");
    house.close().await;
}

#[tokio::test]
async fn who_waits_in_vain_is_told_how_it_is_and_too_many_are_sent_away() {
    let visit = Visit::usual().await;
    let begun = Instant::now();
    let told = visit.get("/api/v1/runs/38?wait=300ms").await;
    assert_eq!(told.json()["state"], "running");
    assert!(begun.elapsed() >= Duration::from_millis(300));
    let many = (0..201).map(|_| visit.get("/api/v1/runs/38?wait=2s"));
    let many = futures_util::future::join_all(many).await;
    let away: Vec<&Got> = many.iter().filter(|got| got.status == 429).collect();
    assert_eq!(away.len(), 1);
    assert_eq!((away[0].json()["code"].as_str(), away[0].header("retry-after")), (Some("too_many"), "5"));
}

#[tokio::test]
async fn what_has_not_changed_is_not_sent_again() {
    let visit = Visit::usual().await;
    for path in ["/api/v1/runs/17", "/api/v1/dags?limit=3", "/api/v1/openapi.json", "/api/v1/runs/17/outputs"]
    {
        let first = visit.get(path).await;
        let tag = first.header("etag").to_owned();
        assert!(tag.starts_with("W/\"") && first.header("cache-control") == "private, no-cache", "{path}");
        let same = visit.send("GET", path, &[("if-none-match", &format!("\"x\", {tag}"))], "").await;
        assert_eq!((same.status.as_u16(), same.text.as_str()), (304, ""), "{path}");
        assert_eq!(same.header("etag"), tag);
        let other = visit.send("GET", path, &[("if-none-match", "W/\"0\"")], "").await;
        assert_eq!((other.status.as_u16(), &other.text), (200, &first.text));
    }
    assert_eq!(visit.get("/api/v1/runs/4711").await.header("etag"), "");
}

#[tokio::test]
async fn every_list_is_read_to_its_end_by_its_links() {
    let visit = Visit::usual().await;
    let mut wrong = Vec::new();
    for (path, key, count) in [
        ("/api/v1/runs?limit=7", "run_id", 39),
        ("/api/v1/runs?limit=1&late=true", "run_id", 1),
        ("/api/v1/runs?limit=9&tag=nightly", "run_id", 17),
        ("/api/v1/runs?limit=9&owner=platform&type=scheduled", "run_id", 20),
        ("/api/v1/runs?since=2026-11-20T00:00:00Z&until=2026-11-21T00:00:00Z&dag=heartbeat", "run_id", 8),
        ("/api/v1/dags?limit=2", "dag", 5),
        ("/api/v1/dags?limit=1&q=copies%20shop", "dag", 1),
        ("/api/v1/dags?limit=1&tag=probe", "dag", 1),
        ("/api/v1/dags?limit=1&paused=true", "dag", 1),
        ("/api/v1/dags?limit=1&state=failed", "dag", 1),
        ("/api/v1/dags/nightly_sales/ticks?limit=5", "instant", 18),
        ("/api/v1/dags/nightly_sales/versions?limit=1", "version", 2),
        ("/api/v1/runs/17/tasks?limit=2", "id", 9),
        ("/api/v1/runs/17/tasks?limit=1&state=failed", "id", 1),
        ("/api/v1/backfills?limit=1", "backfill", 1),
        ("/api/v1/vars?limit=1", "name", 1),
        ("/api/v1/faults?limit=1", "path", 1),
        ("/api/v1/audit?limit=1", "seq", 0),
        ("/api/v1/runs/17/events?limit=10", "seq", 0),
    ] {
        let mut seen = Vec::new();
        let mut at = path.to_owned();
        loop {
            let got = visit.get(&at).await;
            assert_eq!(got.status, 200, "{at}: {}", got.text);
            seen.extend(got.json()["items"].as_array().unwrap().iter().map(|item| item[key].clone()));
            let Some(next) = got.header("link").strip_prefix('<') else { break };
            assert!(!got.json()["next"].is_null());
            at = next.strip_suffix(">; rel=\"next\"").unwrap().to_owned();
        }
        let all = seen.len();
        seen.dedup();
        assert!(seen.len() == all && all > 0, "{path} tells something twice");
        if count > 0 && all != count {
            wrong.push(format!("{path}: {all} rows"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
