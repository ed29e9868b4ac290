//! The API tells what the store holds, as objects that programs can rely on.

use serde_json::{Value as Json, json};

use crate::visit::Visit;

#[tokio::test]
async fn lists_are_read_a_page_at_a_time() {
    let visit = Visit::usual().await;
    let mut ids = Vec::new();
    let mut path = "/api/v1/runs?dag=nightly_sales&limit=7".to_owned();
    loop {
        let page = visit.get(&path).await.json();
        ids.extend(page["items"].as_array().unwrap().iter().map(|run| run["run_id"].clone()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/v1/runs?dag=nightly_sales&limit=7&before={next}");
    }
    let all: Vec<Json> = (1..=17).rev().map(|id| json!(id.to_string())).collect();
    assert_eq!(ids, all);
    let dags = visit.get("/api/v1/dags?limit=2").await.json();
    assert_eq!((&dags["items"][1]["dag"], &dags["next"]), (&json!("markup"), &json!("markup")));
    let rest = visit.get("/api/v1/dags?after=monthly_report").await.json();
    assert_eq!((&rest["items"][0]["dag"], &rest["next"]), (&json!("nightly_sales"), &Json::Null));
}

#[tokio::test]
async fn a_run_is_the_object_that_the_command_line_shows() {
    let visit = Visit::usual().await;
    let run = visit.get("/api/v1/runs/39").await.json();
    let at = |text: &str| json!(format!("2026-11-20T{text}.000000000Z"));
    assert_eq!(
        run,
        json!({
            "run_id": "39", "dag": "markup", "state": "success",
            "tasks": [{
                "id": "only", "state": "success", "reason": "done",
                "attempts": [{
                    "number": 1, "state": "success", "started_at": at("21:47:31"), "ended_at": at("21:47:33"),
                    "exit_code": 0, "signal": null, "reason": "done", "reason_kind": "done",
                    "created_at": at("21:47:31"), "pid": 4242, "cpu_us": 500_000, "peak_bytes": 50_331_648,
                }],
                "outputs": { "note": "<script>alert(3)</script>" },
                "reason_kind": "done", "since": at("21:47:33"), "retry_at": null,
                "started_at": at("21:47:31"), "ended_at": at("21:47:33"), "task": 0, "item": null, "late": [],
            }],
            "run_type": "manual", "logical_date": at("21:47:30"),
            "data_interval_start": "2026-11-19T21:47:30.000000000Z", "data_interval_end": at("21:47:30"),
            "created_at": at("21:47:30"), "started_at": at("21:47:30"), "ended_at": at("21:47:33"),
            "reason": "done", "reason_kind": "done", "since": at("21:47:33"),
            "params": { "text": "<script>alert(2)</script>" }, "version": 5, "by": "web",
            "late": [], "hooks": [], "backfill": null, "notes": [], "parent": null, "children": [], "groups": [],
        })
    );
    assert_eq!(visit.get("/api/v1/runs/39/hooks").await.json(), json!([]));
    assert_eq!(visit.get("/api/v1/runs/4711/hooks").await.status, 404);
    let outputs = visit.get("/api/v1/runs/39/outputs").await.json();
    assert_eq!(outputs, json!({ "only": { "note": "<script>alert(3)</script>" } }));
}

#[tokio::test]
async fn a_dag_tells_its_schedule_its_params_and_its_edges() {
    let visit = Visit::usual().await;
    let dag = visit.get("/api/v1/dags/monthly_report").await.json();
    assert_eq!((&dag["paused"], &dag["timezone"]), (&json!(true), &json!("America/New_York")));
    assert_eq!(dag["next_ticks"][0], "2026-12-01T11:00:00.000000000Z");
    assert_eq!(
        dag["tasks"][1],
        json!({ "id": "mail", "depends_on": ["collect"], "trigger_rule": "all_success" })
    );
    assert_eq!(dag["params"][1]["enum"], json!(["berlin", "paris", "madrid"]));
    let ticks = visit.get("/api/v1/dags/nightly_sales/ticks?limit=1").await.json();
    assert_eq!((&ticks["items"][0]["run_id"], &ticks["items"][0]["skipped"]), (&json!("17"), &Json::Null));
    let before = ticks["next"].as_str().unwrap();
    let older = visit.get(&format!("/api/v1/dags/nightly_sales/ticks?before={before}")).await.json();
    assert_eq!(older["items"].as_array().unwrap().len(), 17);
    let faults = visit.get("/api/v1/faults").await.json();
    assert_eq!(faults["items"][0]["path"], "ingest.yaml");
    assert_eq!(visit.get("/api/v1/dags/nope/runs").await.status, 404);
    assert_eq!(visit.get("/api/v1/dags/nightly_sales/ticks?before=noon").await.json()["code"], "bad_request");
}

#[tokio::test]
async fn logs_are_text_whole_or_in_part() {
    let visit = Visit::usual().await;
    let path = "/api/v1/runs/39/tasks/only/attempts/1/log";
    let whole = visit.get(path).await;
    assert_eq!(whole.header("content-type"), "text/plain; charset=utf-8");
    assert!(whole.text.starts_with("<script>alert(4)</script>\n"));
    let rest = visit.get(&format!("{path}?offset=8")).await;
    assert_eq!(rest.text, whole.text[8..]);
    for (range, text, told) in
        [("bytes=1-6", "script", "bytes 1-6/55"), ("bytes=-5", "\x1b[0m\n", "bytes 50-54/55")]
    {
        let part = visit.send("GET", path, &[("range", range)], "").await;
        assert_eq!((part.status.as_u16(), part.text.as_str()), (206, text));
        assert_eq!(part.header("content-range"), told);
    }
    for (range, status) in [("bytes=55-", 416), ("bytes=-0", 416), ("bytes=9-2", 200), ("bytes=0-1,3-4", 200)]
    {
        let got = visit.send("GET", path, &[("range", range)], "").await;
        assert_eq!(got.status, status, "{range}");
        if status == 416 {
            assert_eq!((got.header("content-range"), &got.json()["code"]), ("bytes */55", &json!("range")));
        } else {
            assert_eq!((got.header("content-range"), &got.text), ("", &whole.text), "{range}");
        }
    }
    let download = visit.get("/runs/39/tasks/only/attempts/1/log").await;
    assert_eq!(download.header("content-disposition"), "attachment; filename=\"run-39.0.0.1.log\"");
    // As browsers ask for it.
    let packed = visit.send("GET", path, &[("accept-encoding", "gzip, br")], "").await;
    assert_eq!((packed.status.as_u16(), packed.header("content-encoding")), (200, "gzip"));
}

#[tokio::test]
async fn health_says_whether_the_loop_works() {
    let visit = Visit::usual().await;
    let well = visit.get("/health").await;
    assert_eq!(well.status, 200);
    assert_eq!(well.json()["runs"], json!({ "queued": 0, "running": 1, "stopping": 0 }));
}
