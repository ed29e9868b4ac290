//! Every page renders, says what matters, and shows what people wrote as text.

use crate::scenes;
use crate::visit::{Got, Visit};

/// The page is whole, in order, small, and has all of these words.
pub(crate) fn says(got: &Got, words: &[&str]) {
    assert_eq!(got.status, 200, "{}", got.text);
    assert!(got.text.ends_with("</html>"), "{}", got.text);
    assert!(got.text.len() < 100_000, "{} bytes", got.text.len());
    for word in words {
        assert!(got.text.contains(word), "no `{word}` in {}", got.text);
    }
    for bad in [" style=", "<style", "<script>", " onclick=", "javascript:"] {
        assert!(!got.text.contains(bad), "`{bad}` breaks the content policy");
    }
}

#[tokio::test]
async fn every_page_renders_and_says_what_matters() {
    let visit = Visit::usual().await;
    let pages: &[(&str, &[&str])] = &[
        ("/dags", &["nightly_sales", "in 22h42m", "<code>load_orders</code>", "Failing 1", "Paused 1"]),
        ("/dags?show=failing", &["nightly_sales"]),
        ("/dags?q=platform+warehouse", &["warehouse_sync"]),
        ("/dags/nightly_sales", &["Last run failed", "sq failed", "30 1 * * * (UTC)", "check_counts"]),
        (
            "/dags/nightly_sales/graph",
            &["<svg", "load_orders", "run 17", "publish → cleanup: all done", "class=\"rule\""],
        ),
        ("/dags/nightly_sales/schedule", &["22 Nov 01:30:00", "26 Nov 01:30:00", "a run was active already"]),
        ("/dags/nightly_sales/file", &["trigger_rule</span>: all_done", "aria-current=\"true\">2<"]),
        ("/dags/nightly_sales/file?version=1", &["not in force any more"]),
        ("/dags/monthly_report", &["paused", "never run", "America&#x2f;New_York"]),
        ("/dags/monthly_report/trigger", &["Which month", "<option selected>paris</option>", "required"]),
        ("/runs", &["nightly_sales", "5 tasks failed or were blocked"]),
        ("/runs?state=failed&dag=nightly_sales&type=scheduled", &["/runs/17", "/runs/6"]),
        (
            "/runs/17",
            &[
                "UNIQUE constraint failed",
                "Whole log of try 3",
                "behind <code>load_orders</code>",
                "orders.csv",
            ],
        ),
        ("/runs/17/graph", &["<svg", "upstream_failed"]),
        ("/runs/16", &["← run 15", "run 17 →", "aria-label=\"run 17 failed\""]),
        ("/runs/16/tasks/load_orders", &["run 17 →"]),
        ("/runs/17/tasks/load_orders?line=1", &["log lines\""]),
        ("/?hours=72", &["<rect class=\"due\"", "then 287 more"]),
        ("/runs/38", &["Cancel run", "2 tries", "41702"]),
        ("/runs/38", &["The run is late: it had not ended by", "on_late", "answered &lt;503&gt;"]),
        ("/runs?state=running", &["manual, late finish"]),
        (
            "/runs/17/tasks/load_orders?attempt=3",
            &["class=\"ab f1\"", "Try 2", "exit code 1", "log lines tail", "CPU time", "50.3 MB"],
        ),
        ("/runs/38/tasks/copy_stock?attempt=1", &["data-follow=", "12 of 400 pages"]),
        (
            "/",
            &[
                "Failed or late in the last day",
                "At work now",
                "/runs/38",
                "Due in the next 12 hours",
                "<rect",
            ],
        ),
        (
            "/",
            &[
                "48 ticks of 1 DAG, <a href=\"/dags?show=paused\">1 paused",
                "run 17: failed after 5m8s, from 01:30",
            ],
        ),
        ("/?hours=6", &["Due in the next 6 hours"]),
        ("/faults", &["ingest.yaml", "<b>E101</b>", "<mark>retry_policy</mark>", "did you mean"]),
    ];
    for (path, words) in pages {
        says(&visit.page(path).await, words);
    }
}

#[tokio::test]
async fn an_empty_house_teaches() {
    let visit = Visit::empty().await;
    says(&visit.page("/").await, &["The night is empty"]);
    says(&visit.page("/dags").await, &["No DAG yet", "schedule:"]);
    says(&visit.page("/runs").await, &["Nothing has run yet"]);
    says(&visit.page("/faults").await, &["No faults"]);
    says(&visit.page("/dags?q=x").await, &["No DAG fits"]);
}

#[tokio::test]
async fn what_people_wrote_is_text() {
    let visit = Visit::usual().await;
    for path in [
        "/dags",
        "/dags/markup",
        "/dags/markup/file",
        "/dags/markup/trigger",
        "/runs/39",
        "/runs/39/tasks/only",
        "/runs/39/events",
        "/runs/39/compare",
        "/runs/39/tasks/only?find=%3Cscript%3Ealert(7)",
        "/dags?q=%3Cscript%3Ealert(5)%3C/script%3E",
        "/runs?dag=%22%3E%3Cscript%3Ealert(6)%3C/script%3E",
    ] {
        let got = visit.page(path).await;
        assert!(!got.text.contains("<script>alert"), "{path}: {}", got.text);
        assert!(!got.text.contains("<b>nobody") && !got.text.contains("<i>x"), "{path}");
        says(&got, &[]);
    }
}

#[tokio::test]
async fn what_is_not_there_is_said_in_the_visitors_way() {
    let visit = Visit::usual().await;
    for path in [
        "/nope",
        "/dags/nope",
        "/dags/nope/file",
        "/runs/999",
        "/runs/abc",
        "/runs/17/tasks/nope/attempts/1",
        "/runs/17/tasks/nope",
        "/runs/17/tasks/load_orders[0]",
        "/runs/17/tasks/load_orders?attempt=9",
        "/runs/999/events",
        "/runs/999/compare",
        "/runs/17/tasks/load_orders/attempts/9",
        "/runs/17/tasks/..%2F..%2F17/attempts/1/log",
        "/static/x/nope.css",
        "/dags/%2e%2e",
    ] {
        let got = visit.page(path).await;
        assert_eq!(got.status, 404, "{path}");
        assert!(got.text.contains("Not found") && got.text.ends_with("</html>"), "{path}: {}", got.text);
        let told = visit.get(path).await;
        assert_eq!((told.status.as_u16(), told.header("content-type")), (404, "application/problem+json"));
        assert_eq!(told.json()["code"], "not_found", "{path}");
    }
}

#[tokio::test]
async fn five_hundred_tasks_and_thirty_runs_stay_light() {
    let root = tempfile::tempdir().unwrap();
    scenes::huge(root.path()).await;
    let visit = Visit::over(root);
    let night = visit.page("/").await.text;
    for word in ["feed_40", "31 more DAGs", "class=\"began\"", "class=\"due\""] {
        assert!(night.contains(word), "no `{word}` in {night}");
    }
    for path in ["/", "/dags", "/dags/huge", "/dags/huge/graph", "/runs/30", "/runs/30/graph"] {
        let zipped = visit.send("GET", path, &[("accept-encoding", "gzip")], "").await;
        let size = zipped.text.len();
        assert_eq!((zipped.status.as_u16(), zipped.header("content-encoding")), (200, "gzip"), "{path}");
        assert!(size < 150_000, "{path}: {size} bytes");
    }
}

#[tokio::test]
async fn a_graph_of_five_thousand_tasks_shows_a_part_and_says_so() {
    let root = tempfile::tempdir().unwrap();
    scenes::vast(root.path()).await;
    let visit = Visit::over(root);
    for (path, words) in [
        ("/dags/vast/graph", &["5000 tasks are too many for one picture", "nearest to <b>task_0000</b>"][..]),
        ("/dags/vast/graph?near=task_2500", &["nearest to <b>task_2500</b>", "href=\"?near=task_2440\""]),
        ("/dags/vast/graph?near=TASK_49", &["in their names", "href=\"?near=task_4900\""]),
        ("/dags/vast/graph?near=nobody", &["No task has <code>nobody</code> in its name"]),
        ("/dags/vast/graph?near=%3Cscript%3E", &["No task has <code>&lt;script&gt;</code>"]),
        ("/dags/grouped/graph", &["open all", "50 tasks"]),
        ("/dags/grouped/graph?folded=", &["too many for one picture"]),
    ] {
        let begun = std::time::Instant::now();
        let page = visit.page(path).await;
        assert!(begun.elapsed().as_secs() < 10, "{path} took {:?}", begun.elapsed());
        for words in words {
            assert!(page.text.contains(words), "{path}: {words}");
        }
        let zipped = visit.send("GET", path, &[("accept-encoding", "gzip")], "").await;
        assert!(zipped.text.len() < 150_000, "{path}: {} bytes", zipped.text.len());
    }
}

#[tokio::test]
async fn thousands_of_dags_are_listed_by_pages() {
    let root = tempfile::tempdir().unwrap();
    scenes::many(root.path(), 3_000).await;
    let visit = Visit::over(root);
    let first = visit.page("/dags").await;
    assert!(first.text.contains("All 3000") && first.text.contains("href=\"/dags/dag_00049\""));
    assert!(first.text.contains("after=dag_00049") && !first.text.contains("dag_00050"));
    for (path, has, lacks) in [
        ("/dags?after=dag_00049", "dag_00050", "\"/dags/dag_00049\""),
        ("/dags?after=dag_00049_that_is_gone", "dag_00050", "\"/dags/dag_00049\""),
        ("/dags?tag=even&owner=team_3", "owner team_3 ×", "\"/dags/dag_00003\""),
        ("/dags?owner=team_3", "\"/dags/dag_00003\"", "\"/dags/dag_00004\""),
        ("/dags?tag=nope", "No DAG fits", "dag_0"),
        ("/dags?q=dag_02777", "\"/dags/dag_02777\"", "dag_00000"),
        ("/dags?sort=next", "after=", "No DAG fits"),
    ] {
        let begun = std::time::Instant::now();
        let page = visit.page(path).await;
        println!("{path}: {:?}", begun.elapsed());
        assert!(
            page.text.contains(has) && !page.text.contains(lacks),
            "{path}: {has}, {lacks}: {}",
            page.text
        );
    }
    let zipped = visit.send("GET", "/dags", &[("accept-encoding", "gzip")], "").await;
    assert!(zipped.text.len() < 150_000);
}

#[tokio::test]
async fn files_of_the_pages_may_be_kept_for_ever() {
    let visit = Visit::empty().await;
    let page = visit.page("/dags").await.text;
    let address = page.split('"').find(|it| it.ends_with("app.css")).unwrap().to_owned();
    let css = visit.get(&address).await;
    assert_eq!(css.header("content-type"), "text/css; charset=utf-8");
    assert_eq!(css.header("cache-control"), "public, max-age=31536000, immutable");
}
