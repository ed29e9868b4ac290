//! Tasks of all runs, and one task through the runs of its DAG: on pages, for programs, for those who see few DAGs.

use serde_json::json;

use crate::pages::says;
use crate::people::Town;
use crate::visit::Visit;

#[tokio::test]
async fn a_task_is_shown_through_its_runs() {
    let visit = Visit::usual().await;
    let page = visit.page("/dags/nightly_sales/tasks/load_orders").await;
    says(
        &page,
        &[
            "/runs/17/tasks/load_orders",
            "class=\"sq failed\"",
            "<rect class=\"ran\"",
            "of the last ",
            "Median",
            "all success",
            "Comes after",
            "/dags/nightly_sales/tasks/extract",
            "exit code 1",
        ],
    );
    let older = visit.page("/dags/nightly_sales/tasks/load_orders?before=17").await;
    says(&older, &["Newest", "/runs/16/tasks/load_orders"]);
    assert!(!older.text.contains("/runs/17/"), "{}", older.text);
    says(
        &visit.page("/dags/nightly_sales/tasks/load_orders?before=1").await,
        &["No older run has this task"],
    );
    for absent in ["/dags/nightly_sales/tasks/nobody", "/dags/nobody/tasks/extract"] {
        assert_eq!(visit.get(absent).await.status, 404, "{absent}");
    }
}

#[tokio::test]
async fn pages_that_name_a_task_lead_to_all_its_runs() {
    let visit = Visit::usual().await;
    for page in
        ["/dags/nightly_sales", "/dags/nightly_sales/durations?days=365", "/runs/17/tasks/load_orders"]
    {
        says(&visit.page(page).await, &["href=\"/dags/nightly_sales/tasks/load_orders\""]);
    }
    says(&visit.page("/runs").await, &["href=\"/tasks\""]);
    says(&visit.page("/").await, &["href=\"/tasks?state=failed,upstream_failed\""]);
}

#[tokio::test]
async fn tasks_of_all_runs_are_chosen_by_what_they_are() {
    let visit = Visit::usual().await;
    let rows = |text: &str| text.matches("<td class=\"fit\"><span class=\"state").count();
    let first = visit.page("/tasks").await;
    says(&first, &["Older", "all its runs"]);
    assert_eq!(rows(&first.text), 50);
    let failed = visit.page("/tasks?state=failed&dag=nightly_sales").await;
    says(&failed, &["/runs/17/tasks/load_orders", "/dags/nightly_sales/tasks/load_orders"]);
    assert!(!failed.text.contains("state success\""), "{}", failed.text);
    let both = visit.page("/tasks?state=failed,upstream_failed&dag=nightly_sales").await.text;
    assert!(rows(&both) > rows(&failed.text));
    for (path, words) in [
        ("/tasks?task=load_orders", "/runs/17/tasks/load_orders"),
        ("/tasks?dag=sales&state=failed", "/runs/17/tasks/load_orders"),
        ("/tasks?task=nobody", "No task fits"),
        ("/tasks?from=tomorrow", "is no date"),
        ("/tasks?from=2026-11-21&to=2026-11-21&state=failed", "load_orders"),
        ("/tasks?state=nonsense&before=nonsense", "all its runs"),
    ] {
        says(&visit.page(path).await, &[words]);
    }
}

#[tokio::test]
async fn programs_are_told_the_same() {
    let visit = Visit::usual().await;
    let own = "/api/v1/dags/nightly_sales/tasks/load_orders";
    let told = visit.get(own).await.json();
    assert_eq!(told["in_force"]["trigger_rule"], "all_success", "{told}");
    assert!(told["failed"].as_u64() > Some(0) && told["median_ms"].is_u64(), "{told}");
    let history = visit.get(&format!("{own}/history?limit=3")).await.json();
    assert_eq!(history["items"].as_array().map(Vec::len), Some(3), "{history}");
    assert_eq!(history["next"], history["items"][2]["run_id"]);
    let before = visit.get(&format!("{own}/history?before=18&limit=1")).await.json();
    assert_eq!(
        (&before["items"][0]["run_id"], &before["items"][0]["state"]),
        (&json!("17"), &json!("failed"))
    );
    let mut path = Some("/api/v1/tasks?state=failed,upstream_failed&limit=2".to_owned());
    let mut seen = Vec::new();
    while let Some(asked) = path {
        let page = visit.get(&asked).await.json();
        let items = page["items"].as_array().unwrap();
        seen.extend(items.iter().map(|it| format!("{} {}", it["run_id"], it["id"])));
        assert!(items.iter().all(|it| it["state"] == "failed" || it["state"] == "upstream_failed"), "{page}");
        path = page["next"]
            .as_str()
            .map(|next| format!("/api/v1/tasks?state=failed,upstream_failed&limit=2&before={next}"));
    }
    let whole = visit.get("/api/v1/tasks?state=failed,upstream_failed&limit=500").await.json();
    assert_eq!(seen.len(), whole["items"].as_array().unwrap().len());
    for wrong in ["state=done", "state=", "before=7", "from=monday", "limit=0"] {
        assert_eq!(visit.get(&format!("/api/v1/tasks?{wrong}")).await.status, 400, "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_limited_sees_the_tasks_of_their_dags_alone() {
    let town = Town::usual().await;
    let told = town.get("viewer-heartbeat", "/api/v1/tasks?limit=500").await.json();
    let items = told["items"].as_array().unwrap();
    assert!(!items.is_empty() && items.iter().all(|it| it["dag"] == "heartbeat"), "{told}");
    let page = town.get("viewer-heartbeat", "/tasks?state=failed").await;
    assert!(page.status == 200 && !page.text.contains("load_orders"), "{}", page.text);
    for path in
        ["/dags/nightly_sales/tasks/load_orders", "/api/v1/dags/nightly_sales/tasks/load_orders/history"]
    {
        assert_eq!(town.get("viewer-heartbeat", path).await.status, 403, "{path}");
    }
    town.close().await;
}
