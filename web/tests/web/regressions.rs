//! What has befallen others, tried here: each test names the public advisories it stands for.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request};
use futures_util::StreamExt;
use nightrun_web::{Auth, routes};
use tower::ServiceExt;

use crate::guard::filled;
use crate::people::{FORM, PASSWORD, Town, bearer, quoted};

/// Other spellings of a path, each of which some server has taken for another path than its guard did.
fn spellings(path: &str) -> Vec<String> {
    let rest = &path[1..];
    let (first, others) = rest.split_once('/').unwrap_or((rest, ""));
    let spelt: Vec<String> = rest.bytes().map(|b| format!("%{b:02x}")).collect();
    let mut all = vec![
        format!("//{rest}"),
        format!("/./{rest}"),
        format!("/%2e/{rest}"),
        format!("/x/../{rest}"),
        format!("/x/%2e%2e/{rest}"),
        format!("/static/../{rest}"),
        format!("/static/x/..%2f..%2f{rest}"),
        format!("/static/x/%2e%2e/%2e%2e/{rest}"),
        format!("/login/../{rest}"),
        format!("/login/..;/{rest}"),
        format!("/login%2f..%2f{rest}"),
        format!("/health/../{rest}"),
        format!("/;/{rest}"),
        format!("/;x=1/{rest}"),
        format!("/{}", spelt.concat()),
        format!("/{}", rest.to_uppercase()),
        format!("/{first};x/{others}"),
        format!("/{first}//{others}"),
        format!("/{first}%2f{others}"),
        format!("/{first}\u{5c}{others}").replace('\u{5c}', "%5c"),
        format!("{path}?next=/static/x/app.css&/login"),
    ];
    let endings =
        ["/", "//", "/.", "/..", "/%2e%2e", ";", ";/login", ";.css", ".css", ".json", "%00", "%20", "/login"];
    all.extend(endings.iter().map(|end| format!("{path}{end}")));
    all.extend(["/static/x/app.css", "/health", "/configs"].iter().map(|end| format!("{path}{end}")));
    all
}

/// Open by default (Airflow CVE-2020-13927, Dagu GHSA-6qr9-g2xw-cw92); a path that only looks public (Kestra
/// CVE-2026-53576); streams without a check (Dagu CVE-2026-31882).
#[tokio::test(flavor = "multi_thread")]
async fn no_spelling_of_a_path_gets_past_the_guard() {
    let town = Town::usual().await;
    for route in routes().iter().filter(|route| route.auth != Auth::Open) {
        for path in spellings(&filled(route.path)) {
            let got = town.status(route.method.as_str(), &path, &[("accept", "text/html,*/*")]).await;
            let led = got == 303 && route.method == Method::GET;
            let refused = matches!(got.as_u16(), 400 | 401 | 403 | 404 | 405);
            assert!(led || refused, "{} {path}: {got}", route.method);
        }
    }
    for path in ["/events", "/runs/38/tasks/copy_stock/attempts/1/follow"] {
        assert_eq!(town.status("GET", path, &[]).await, 401, "{path}");
        assert_eq!(town.status("HEAD", path, &[]).await, 401, "{path}");
    }
    town.close().await;
}

/// Rights for one DAG that some endpoints forget (Airflow CVE-2023-42663), also by encoded names (Dagu
/// CVE-2026-27598).
#[tokio::test(flavor = "multi_thread")]
async fn no_spelling_of_a_dag_gets_past_its_grant() {
    let town = Town::usual().await;
    let token = bearer("author-heartbeat");
    for name in ["nightly_sales", "nightly%5Fsales", "%6eightly_sales", "heartbeat%2f..%2fnightly_sales"] {
        for path in ["/dags/{dag}", "/dags/{dag}/file", "/api/v1/dags/{dag}", "/api/v1/dags/{dag}/versions/2"]
        {
            let path = path.replace("{dag}", name);
            assert_eq!(town.status("GET", &path, &[("authorization", &token)]).await, 403, "{path}");
        }
    }
    // The version is not of the DAG that the path names.
    let path = "/api/v1/dags/heartbeat/versions/2";
    assert_eq!(town.status("GET", path, &[("authorization", &token)]).await, 404);
    for run in ["17", "017", "+17", "%31%37"] {
        for path in ["/runs/{run}", "/api/v1/runs/{run}", "/runs/{run}/tasks/load_orders/attempts/3/log"] {
            let path = path.replace("{run}", run);
            let got = town.status("GET", &path, &[("authorization", &token)]).await.as_u16();
            assert!(matches!(got, 403 | 404), "{path}: {got}");
        }
    }
    town.close().await;
}

/// Traversal by an encoded slash and by `..` (Dagu CVE-2026-27598, CVE-2026-31886).
#[tokio::test(flavor = "multi_thread")]
async fn names_never_lead_out_of_the_data_folder() {
    let town = Town::usual().await;
    for (run, task, number) in [
        ("..", "x", "1"),
        ("%2e%2e", "x", "1"),
        ("17", "..%2f..%2f..%2fnightrun.db", "1"),
        ("17", "load_orders", "..%2f..%2fnightrun.db"),
        ("17", "%2e%2e", "3"),
        ("17%2f..%2f38", "copy_stock", "1"),
        ("-1", "load_orders", "1"),
        ("99999999999999999999", "load_orders", "1"),
    ] {
        for end in ["", "/log", "/follow"] {
            let path = format!("/runs/{run}/tasks/{task}/attempts/{number}{end}");
            let got = town.get("admin", &path).await;
            assert!(matches!(got.status.as_u16(), 400 | 404), "{path}: {} {}", got.status, got.text);
        }
    }
    for name in ["..%2f..%2f..%2fetc%2fpasswd", "%2e%2e", "app.css%00", "..%5capp.css"] {
        assert_eq!(town.status("GET", &format!("/static/x/{name}"), &[]).await, 404, "{name}");
    }
    town.close().await;
}

/// A key that all installations share (Airflow CVE-2020-17526), and users that come with the product.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_of_one_server_is_worth_nothing_at_another() {
    let (one, two) = (Town::usual().await, Town::usual().await);
    let browser = one.login("ana").await;
    assert_eq!(browser.get("/dags").await.status, 200);
    let cookie = browser.cookie.clone();
    assert_eq!(two.status("GET", "/dags", &[("cookie", &cookie)]).await, 401);
    for (name, password) in [("admin", "admin"), ("nightrun", "nightrun"), ("", ""), ("ana", "")] {
        assert_eq!(two.try_login(name, password, "").await.status, 401, "{name}");
    }
    // A key that somebody planted before the login is not the key after it.
    let form = format!("name=ana&password={}", quoted(PASSWORD));
    let planted = [("content-type", FORM), ("cookie", "nightrun=planted")];
    let got = two.ask("POST", "/login", &planted, &form).await;
    assert!(got.status == 303 && !got.header("set-cookie").contains("planted"));
    assert_eq!(two.status("GET", "/dags", &[("cookie", "nightrun=planted")]).await, 401);
    one.close().await;
    two.close().await;
}

/// A page of elsewhere that makes a browser act (Airflow CVE-2019-0229).
#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_elsewhere_cannot_press_our_buttons() {
    let town = Town::usual().await;
    let browser = town.login("ana").await;
    let token = browser.csrf("/dags").await;
    let other = town.login("vic").await.csrf("/dags").await;
    for route in routes().iter().filter(|route| route.csrf) {
        let path = filled(route.path);
        for (kind, body) in [
            (FORM, String::new()),
            (FORM, "csrf=".to_owned()),
            (FORM, "csrf=undefined".to_owned()),
            (FORM, format!("csrf={other}")),
            ("application/json", format!("{{\"csrf\": \"{token}\"}}")),
            ("text/plain", format!("csrf={token}")),
        ] {
            let got = browser.send(&path, kind, &body).await;
            assert_eq!(got.status, 403, "{path} with {kind} {body}");
        }
        let form = format!("csrf={token}");
        let headers =
            [("cookie", browser.cookie.as_str()), ("content-type", FORM), ("origin", "https://evil.example")];
        assert_eq!(town.ask("POST", &path, &headers, &form).await.status, 403, "{path}");
    }
    let headers = [
        ("cookie", browser.cookie.as_str()),
        ("content-type", "application/json"),
        ("x-csrf-token", token.as_str()),
    ];
    assert_eq!(town.ask("POST", "/api/v1/pause", &headers, "{}").await.status, 204, "a script of ours");
    town.close().await;
}

/// A body of another kind than the handler believes (n8n CVE-2026-21858).
#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_another_kind_is_not_read() {
    let town = Town::usual().await;
    let token = bearer("admin");
    for route in routes().iter().filter(|route| route.csrf && route.path.starts_with("/api/")) {
        let path = filled(route.path);
        for kind in [FORM, "text/plain", "multipart/form-data; boundary=x", "application/jsonx", "x/json"] {
            let headers = [("authorization", token.as_str()), ("content-type", kind)];
            let got = town.ask("POST", &path, &headers, "{}").await;
            assert_eq!(got.status, 415, "{path} with {kind}");
        }
    }
    town.close().await;
}

/// The parameter that was fixed five times (Airflow CVE-2022-43982).
#[tokio::test(flavor = "multi_thread")]
async fn a_login_leads_to_own_pages_only() {
    let town = Town::usual().await;
    for next in [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\r\n/evil.example",
        "javascript:alert(1)",
        "///evil.example",
        "/ /evil.example",
        "%2f%2fevil.example",
        "evil.example",
    ] {
        let went = town.try_login("ana", PASSWORD, next).await;
        assert_eq!((went.status.as_u16(), went.header("location")), (303, "/"), "{next:?}");
        let form = town.ask("GET", &format!("/login?next={}", quoted(next)), &[], "").await;
        assert!(form.text.contains("name=\"next\" value=\"&#x2f;\""), "{next:?}: {}", form.text);
    }
    town.close().await;
}

/// A session that survives another password (Airflow CVE-2023-40273), or the end of its user.
#[tokio::test(flavor = "multi_thread")]
async fn another_password_ends_all_sessions_and_streams_at_once() {
    let town = Town::usual().await;
    let browser = town.login("vic").await;
    let listen = |cookie: String| {
        let request = Request::builder().uri("/events").header("host", "localhost").header("cookie", cookie);
        town.router.clone().oneshot(request.body(Body::empty()).unwrap())
    };
    let stream = listen(browser.cookie.clone()).await.unwrap();
    assert_eq!(stream.status(), 200);
    let changed = r#"{"password": "another password"}"#;
    assert_eq!(town.post("admin", "/api/v1/users/vic/password", changed).await.status, 204);
    assert_eq!(browser.get("/dags").await.status, 303);
    let ended = stream.into_body().into_data_stream().for_each(|_| async {});
    tokio::time::timeout(Duration::from_secs(20), ended).await.expect("the stream ends with the session");

    let olga = town.login("olga").await;
    let stream = listen(olga.cookie.clone()).await.unwrap();
    assert_eq!(town.post("admin", "/api/v1/users/olga/remove", "").await.status, 204);
    assert_eq!(olga.get("/dags").await.status, 303);
    let ended = stream.into_body().into_data_stream().for_each(|_| async {});
    tokio::time::timeout(Duration::from_secs(20), ended).await.expect("the stream ends with the user");
    town.close().await;
}

/// Secrets in views, traces and configuration (Airflow CVE-2023-40712, CVE-2023-46288).
#[tokio::test(flavor = "multi_thread")]
async fn no_answer_shows_a_hash_or_a_secret() {
    let town = Town::usual().await;
    let browser = town.login("ana").await;
    let key = browser.cookie.split_once('=').unwrap().1.to_owned();
    let hash = nightrun_engine::access::seal_token(&crate::people::secret("admin")).hash().to_owned();
    for route in routes().iter().filter(|route| route.method == Method::GET) {
        let path = filled(route.path);
        if ["/events", "/follow"].iter().any(|end| path.ends_with(end)) {
            continue;
        }
        let got = browser.get(&path).await;
        for secret in ["argon2", &hash, &crate::people::secret("admin"), &key, PASSWORD] {
            assert!(!got.text.contains(secret), "{path} shows {secret}");
        }
    }
    town.close().await;
}

/// SQL from a query (Kestra CVE-2026-38428).
#[tokio::test(flavor = "multi_thread")]
async fn a_query_is_no_sql() {
    let town = Town::usual().await;
    for text in
        ["' OR '1'='1", "nightly_sales' --", "*", "?ightly_sales", "%", "x') OR (1=1", "\"; DROP TABLE run"]
    {
        let path = format!("/api/v1/runs?dag={}", quoted(text));
        let got = town.get("viewer-heartbeat", &path).await;
        assert_eq!(got.json()["items"], serde_json::json!([]), "{text}");
        for path in
            ["/api/v1/runs?state=", "/api/v1/runs?before=", "/api/v1/dags/nightly_sales/ticks?before="]
        {
            let got = town.get("viewer", &format!("{path}{}", quoted(text))).await;
            assert_eq!(got.status, 400, "{path}{text}");
        }
    }
    town.close().await;
}

/// An act under another name than one's own (Temporal CVE-2025-14986), and a role that only the page knows
/// (Windmill CVE-2026-22683).
#[tokio::test(flavor = "multi_thread")]
async fn nobody_acts_under_another_name() {
    let town = Town::usual().await;
    let note = r#"{"text": "hello", "by": "ana"}"#;
    assert_eq!(town.post("operator", "/api/v1/runs/17/note", note).await.status, 204);
    let bearer = bearer("operator");
    let claims = [("authorization", bearer.as_str()), ("nightrun-by", "ana")];
    assert_eq!(town.ask("POST", "/api/v1/dags/heartbeat/pause", &claims, "").await.status, 204);
    let deeds = town.get("admin", "/api/v1/audit?limit=2").await.json();
    assert!(deeds["items"].as_array().unwrap().iter().all(|it| it["by"] == "token:operator"), "{deeds}");
    let claims = [("nightrun-by", "cli:root"), ("accept", "*/*")];
    assert_eq!(
        town.status("POST", "/api/v1/pause", &claims).await,
        401,
        "the socket's word is not the network's"
    );
    assert_eq!(town.post("viewer", "/api/v1/runs/17/note", note).await.status, 403);
    let others = r#"{"all": true, "with_waiters": true, "dry_run": true}"#;
    for (token, status) in [("operator", 200), ("operator-nightly_sales", 403)] {
        assert_eq!(town.post(token, "/api/v1/runs/17/rerun", others).await.status, status, "{token}");
    }
    town.close().await;
}

/// What no trace is left of, nobody can be asked about.
#[tokio::test(flavor = "multi_thread")]
async fn every_act_says_who_did_it() {
    let town = Town::usual().await;
    for (path, body) in [
        ("/api/v1/holds", r#"{"dags": ["heartbeat"], "to": "2027-01-01T00:00:00Z", "why": "new disks"}"#),
        ("/api/v1/holds/1/remove", ""),
        ("/api/v1/dags/heartbeat/ticks/skip", ""),
        ("/api/v1/dags/heartbeat/ticks/skip", r#"{"undo": true}"#),
        ("/api/v1/vars/region", r#"{"value": "not for the audit"}"#),
        ("/api/v1/vars/region/delete", ""),
        ("/api/v1/dags/heartbeat/pause", ""),
        ("/api/v1/prune", r#"{"dag": "heartbeat", "keep_runs": 1}"#),
        ("/api/v1/users/vic/grant", r#"{"role": "author", "dags": ["heart*"]}"#),
    ] {
        let got = town.post("admin", path, body).await;
        assert!(got.status.is_success(), "{path}: {}", got.text);
    }
    let deeds = town.get("admin", "/api/v1/audit?limit=9").await.json();
    assert!(!deeds.to_string().contains("not for the audit"));
    let row = |it: &serde_json::Value| {
        assert_eq!(it["by"], "token:admin", "{it}");
        format!("{} {}", it["verb"].as_str().unwrap(), it["target"].as_str().unwrap())
    };
    let mut deeds: Vec<String> = deeds["items"].as_array().unwrap().iter().map(row).collect();
    deeds.reverse();
    let expected = [
        "hold add maintenance window 1",
        "hold remove maintenance window 1",
        "skip DAG heartbeat",
        "restore DAG heartbeat",
        "vars set var region",
        "vars delete var region",
        "pause DAG heartbeat",
        "prune everything",
        "user grant user vic",
    ];
    assert_eq!(deeds, expected);
    town.close().await;
}

/// Markup in what is stored (Airflow CVE-2020-9485, CVE-2023-29247), a template in a log (CVE-2024-56373).
#[tokio::test(flavor = "multi_thread")]
async fn what_people_and_tasks_write_stays_text() {
    let town = Town::usual().await;
    let wrong = town.try_login("\"><script>alert(1)</script>", "x", "").await;
    assert!(!wrong.text.contains("<script"), "{}", wrong.text);
    let note = r#"{"text": "<form method=\"post\" action=\"/pause\">{{ 7 * 7 }}<script>"}"#;
    assert_eq!(town.post("operator", "/api/v1/runs/38/note", note).await.status, 204);
    let log = town.root.path().join("data/runs/38/2.0.1.log");
    std::fs::write(&log, "{{ 7 * 7 }} {% include '/etc/passwd' %} <form method=\"post\">").unwrap();
    let browser = town.login("ana").await;
    for path in ["/runs/38", "/runs/38/tasks/copy_stock?attempt=1"] {
        let page = browser.get(path).await.text;
        assert!(page.contains("{{ 7 * 7 }}") && !page.contains("root:"), "{path}: {page}");
        assert!(!page.contains("}}<script>") && !page.contains("%} <form"), "{path}");
    }
    town.close().await;
}
