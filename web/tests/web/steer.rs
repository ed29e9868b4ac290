//! Everything that the command line can do is done by pressing on a page, and seen before it is done.

use axum::Router;
use tokio::task::JoinHandle;

use crate::busy;
use crate::visit::{Got, Visit, send};
use nightrun_engine::run::Handle;

/// What a browser says when a button of one of our pages is pressed.
const PRESSED: [(&str, &str); 3] = [
    ("accept", "text/html"),
    ("content-type", "application/x-www-form-urlencoded"),
    ("sec-fetch-site", "same-origin"),
];

/// How often something that is awaited is looked for.
const LOOK: std::time::Duration = std::time::Duration::from_millis(10);

/// How often at most.
const LOOKS: u32 = 1_000;

/// A house with its loop at work.
struct Open {
    router: Router,
    handle: Handle,
    work: JoinHandle<()>,
    _root: tempfile::TempDir,
}

impl Open {
    fn of(visit: Visit) -> Self {
        let Visit { router, scheduler, root } = visit;
        let handle = scheduler.handle();
        Self { router, handle, work: tokio::spawn(scheduler.run(vec![])), _root: root }
    }

    async fn usual() -> Self {
        Self::of(Visit::usual().await)
    }

    async fn busy() -> Self {
        let root = tempfile::tempdir().unwrap();
        busy::files(root.path()).await;
        let open = Self::of(Visit::with(root, true));
        busy::liven(&open.handle).await;
        open
    }

    async fn get(&self, path: &str) -> Got {
        let got = send(self.router.clone(), "GET", path, &[("accept", "text/html")], "").await;
        for bad in [" style=", "<style", "<script>", " onclick=", "javascript:"] {
            assert!(!got.text.contains(bad), "{path}: `{bad}` breaks the content policy");
        }
        got
    }

    async fn post(&self, path: &str, form: &str) -> Got {
        send(self.router.clone(), "POST", path, &PRESSED, form).await
    }

    async fn json(&self, path: &str) -> serde_json::Value {
        send(self.router.clone(), "GET", path, &[], "").await.json()
    }

    /// Presses, and looks where that leads.
    async fn press(&self, path: &str, form: &str) -> Got {
        let went = self.post(path, form).await;
        assert_eq!(went.status, 303, "{path}: {}", went.text);
        let to = went.header("location").to_owned();
        let seen = self.get(&to).await;
        assert!(seen.status == 200 && seen.text.contains("role=\"status\""), "{to}: {}", seen.text);
        seen
    }

    /// The run as it is once it is over.
    async fn over(&self, run: u32) -> serde_json::Value {
        let mut told = serde_json::Value::Null;
        for _ in 0..LOOKS {
            told = self.json(&format!("/api/v1/runs/{run}")).await;
            if ["success", "failed"].iter().any(|state| told["state"] == *state) {
                return told;
            }
            tokio::time::sleep(LOOK).await;
        }
        panic!("run {run} does not end: {told}");
    }

    async fn close(self) {
        self.handle.stop(false);
        self.work.await.unwrap();
    }
}

/// All hidden fields of the form that acts, as a browser sends them.
fn hidden(page: &Got) -> String {
    let form = page.text.rsplit("<form method=\"post\"").find(|form| form.contains("name=\"seen\"")).unwrap();
    let field = |piece: &str| {
        let name = piece.split('"').next().unwrap().to_owned();
        let value = piece.split("value=\"").nth(1).unwrap().split('"').next().unwrap();
        format!("{name}={}", value.replace(':', "%3A"))
    };
    form.split("type=\"hidden\" name=\"").skip(1).map(field).collect::<Vec<_>>().join("&")
}

fn says(got: &Got, words: &[&str]) {
    for word in words {
        assert!(got.text.contains(word), "no `{word}` in {}", got.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rerun_is_shown_before_it_is_done_and_only_what_was_seen_is_done() {
    let open = Open::usual().await;
    let page = open.get("/runs/17/rerun").await;
    says(&page, &["5 tasks change", "becomes <b>queued</b>", "load_orders", "Run these 5 tasks again"]);
    assert_eq!(open.json("/api/v1/runs/17").await["state"], "failed", "looking changes nothing");
    for (query, words) in [
        ("which=tasks&task=load_orders&only=true", "Run this task again"),
        ("which=all&latest=true", "all tasks"),
        ("which=tasks&task=extract&downstream=true", "downstream of what was chosen"),
        ("which=tasks", "choose at least one task"),
        ("which=tasks&task=nope", "nope"),
        ("which=tasks&task=extract&item=x", "is no item"),
    ] {
        says(&open.get(&format!("/runs/17/rerun?{query}")).await, &[words]);
    }
    let blind = open.post("/runs/17/rerun", "which=failed").await;
    assert_eq!(blind.status, 409);
    says(&blind, &["things have changed since you looked", "Run these 5 tasks again"]);
    assert_eq!(open.json("/api/v1/runs/17").await["state"], "failed");
    open.press("/runs/17/rerun", &format!("{}&why=the+table+is+mended", hidden(&page))).await;
    let audit = open.json("/api/v1/audit?limit=5").await["items"][0].clone();
    assert_eq!((audit["by"].as_str(), audit["why"].as_str()), (Some("web"), Some("the table is mended")));
    let late = open.post("/runs/17/rerun", &hidden(&page)).await;
    assert_eq!(late.status, 409, "it was done already");
    assert_eq!(open.get("/runs/999/rerun").await.status, 404);
    open.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_settled_by_hand_with_a_reason() {
    let open = Open::usual().await;
    says(&open.get("/runs/17/mark").await, &["Choose a task"]);
    let page = open.get("/runs/17/mark?task=load_orders&state=success").await;
    says(&page, &["Mark load_orders as success", "What changes"]);
    says(&open.get("/runs/17/mark?task=load_orders&state=running").await, &["role=\"alert\""]);
    open.press("/runs/17/mark", &format!("{}&why=loaded+by+hand", hidden(&page))).await;
    let audit = open.json("/api/v1/audit?limit=9").await;
    assert!(audit.to_string().contains("loaded by hand"), "{audit}");
    open.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backfill_is_a_table_before_it_is_made_and_a_bar_afterwards() {
    let open = Open::busy().await;
    let listed = open.get("/dags/daily_report/backfills").await;
    says(&listed, &["the report of that week was wrong", "/backfills/1/pause", "class=\"progress\""]);
    says(&open.press("/backfills/1/pause", "").await, &["paused", "/backfills/1/resume"]);
    says(&open.press("/backfills/1/resume", "").await, &["/backfills/1/pause"]);
    says(&open.press("/backfills/1/cancel", "").await, &["canceled", "never made"]);
    let form = "/dags/daily_report/backfills/new";
    says(&open.get(form).await, &["Europe&#x2f;Paris", "Choose a stretch"]);
    let page = open.get(&format!("{form}?from=2026-10-01&to=2026-10-04&mode=missing&order=newest")).await;
    says(&page, &["<b>4 runs</b>", "4 Oct 01:00:00", "new run", "Make these 4 runs"]);
    for (query, words) in [
        ("from=2026-10-04&to=2026-10-01", "reversed"),
        ("from=x&to=2026-10-01", "is no time"),
        ("from=2026-10-01&to=", "from when and to when"),
        ("from=2026-10-01&to=2026-10-01&max_active=many", "whole number"),
    ] {
        says(&open.get(&format!("{form}?{query}")).await, &["role=\"alert\"", words]);
    }
    let before = open.json("/api/v1/backfills").await["items"].as_array().unwrap().len();
    assert_eq!(before, 1, "looking makes nothing");
    says(
        &open.press("/dags/daily_report/backfills", &hidden(&page)).await,
        &["backfill 2", "missing, newest first"],
    );
    says(&open.get("/dags/tangle/backfills").await, &["Nothing to fill in"]);
    open.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn windows_are_made_and_ended_on_their_page() {
    let open = Open::busy().await;
    let page = open.get("/holds").await;
    says(
        &page,
        &["disks are &lt;i&gt;moved", "the data centre is cleaned", "<b>all DAGs</b>", ">open</span>"],
    );
    says(&page, &["skipped by ana", "&lt;b&gt;holiday", "moved to"]);
    for (form, words) in [
        ("which=some&dag=&to=2h", "name a DAG"),
        ("which=all&to=", "say until when"),
        ("which=all&to=soon", "is no time"),
        ("which=some&dag=nope&to=2h&why=kept", "nope"),
        ("which=all&to=2001-01-01", "role=\"alert\""),
    ] {
        let refused = open.post("/holds", form).await;
        assert!(refused.status.is_client_error(), "{form}");
        says(&refused, &["role=\"alert\"", words]);
    }
    let made =
        open.press("/holds", "which=some&dag=regions%2C+daily_report&to=90m&resume=none&why=new+disks").await;
    says(&made, &["new disks", "1h30m", "missed ticks do not fire"]);
    says(&open.press("/holds/3/remove", "").await, &["by web"]);
    let undone = open.press("/dags/daily_report/unskip", "instant=2026-11-22T02%3A00%3A00Z&back=holds").await;
    assert!(!undone.text.contains("holiday"), "{}", undone.text);
    let moved = "instant=2026-11-24T02%3A00%3A00Z&to=2026-11-24T07%3A00&why=late";
    says(
        &open.press("/dags/daily_report/move", moved).await,
        &["moved to 2026-11-24T06:00:00Z by web: late", "Undo"],
    );
    assert_eq!(
        open.post("/dags/daily_report/move", "instant=2026-11-24T02%3A00%3A00Z&to=x").await.status,
        422
    );
    open.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn vars_are_set_and_removed_and_the_environment_is_never_shown() {
    let open = Open::busy().await;
    let page = open.get("/vars").await;
    says(&page, &["postgres:&#x2f;&#x2f;warehouse", "set by ana", "given by the environment", "default"]);
    assert!(!page.text.contains("hunter2"));
    says(&open.press("/vars", "name=depth&value=%5B1%2C+2%5D&json=true").await, &["[1,2]", "set by web"]);
    says(
        &open.get("/vars?edit=depth").await,
        &["Change <code>depth</code>", ">[1,2]</textarea>", " checked"],
    );
    says(&open.press("/vars", "name=shop_token&value=other").await, &["before the value of the store"]);
    for form in ["name=2x&value=1", "name=x&value=%7B&json=true"] {
        let refused = open.post("/vars", form).await;
        assert!(refused.status.is_client_error(), "{form}");
        says(&refused, &["role=\"alert\""]);
    }
    assert!(!open.press("/vars/depth/delete", "").await.text.contains("[1,2]"));
    assert_eq!(open.post("/vars/depth/delete", "").await.status, 404);
    open.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_whom_is_a_way_to_go() {
    let open = Open::busy().await;
    says(
        &open.get("/dags/daily_report").await,
        &[
            "Waits for",
            "<a href=\"/dags/regions\">regions</a>",
            "<b>stock</b>",
            "no file defines it",
            "1d earlier",
        ],
    );
    says(&open.get("/dags/regions").await, &["Is waited for by", "<a href=\"/dags/daily_report\">"]);
    assert!(!open.get("/dags/tangle").await.text.contains("aits for"));
    open.over(1).await;
    let mut waits = open.get("/runs/2").await;
    for _ in 0..LOOKS {
        if waits.text.contains("which is failed") {
            break;
        }
        tokio::time::sleep(LOOK).await;
        waits = open.get("/runs/2").await;
    }
    says(
        &waits,
        &["waits for <a href=\"/runs/1\">run 1</a> of DAG <a href=\"/dags/regions\">", "which is failed"],
    );
    open.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_fold_and_items_are_counted() {
    let open = Open::busy().await;
    open.over(1).await;
    let all = open.get("/runs/1/graph").await;
    says(&all, &["class=\"frame\"", "Before the report", "One region", "✓ 2", "✕ 1", "?folded=night"]);
    let inner = open.get("/runs/1/graph?folded=region").await;
    says(&inner, &["+ One region", "group region, 2 tasks; press to open", "✓ 5", "?folded=night%2Cregion"]);
    assert!(!inner.text.contains(">extract</text>"));
    let outer = open.get("/dags/regions/graph?folded=night,nope").await;
    says(&outer, &["+ Before the report", "open all", "href=\"?folded=#folds\""]);
    says(&open.get("/dags/tangle/graph?folded=outer").await, &["edge", "between"]);
    says(&open.get("/dags/tangle/graph").await, &["class=\"frame\"", "edge back"]);
    open.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_tasks_are_chosen_from_on_a_light_page() {
    let root = tempfile::tempdir().unwrap();
    crate::scenes::huge(root.path()).await;
    let open = Open::of(Visit::over(root));
    for path in [
        "/runs/30/rerun?which=all",
        "/runs/30/mark?task=task_499&state=failed",
        "/dags/huge/backfills/new?from=2020-01-01&to=2026-11-20",
    ] {
        let headers = [("accept-encoding", "gzip"), ("accept", "text/html")];
        let zipped = send(open.router.clone(), "GET", path, &headers, "").await;
        assert_eq!(zipped.status, 200, "{path}");
        assert!(zipped.text.len() < 150_000, "{path}: {} bytes", zipped.text.len());
    }
    open.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_note_is_kept_and_audited() {
    let open = Open::usual().await;
    let seen = open
        .press("/runs/17/note", "text=the+%3Cb%3Edisk%3C%2Fb%3E+was+full%0D%0Amended&task=load_orders")
        .await;
    says(
        &seen,
        &["The note is kept.", "the &lt;b&gt;disk&lt;&#x2f;b&gt; was full\nmended", "on load_orders"],
    );
    let audit = open.json("/api/v1/audit?limit=5").await["items"][0].clone();
    assert_eq!(audit["by"].as_str(), Some("web"), "{audit}");
    for (path, form, status) in [
        ("/runs/17/note", "text=+", 422),
        ("/runs/17/note", "text=x&task=nope", 404),
        ("/runs/999/note", "text=x", 404),
    ] {
        assert_eq!(open.post(path, form).await.status, status, "{path} {form}");
    }
    open.close().await;
}
