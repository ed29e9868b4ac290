//! Nobody gets in by a side door: the table of routes, other sites, other names, other bodies.

use axum::http::Method;
use nightrun_web::{Auth, routes};

use crate::visit::{Visit, send};

/// A path of the table with something that is there in place of each name.
pub(crate) fn filled(path: &str) -> String {
    [
        ("{dag}", "nightly_sales"),
        ("{run}", "17"),
        ("{task}", "load_orders"),
        ("{number}", "3"),
        ("{backfill}", "1"),
        ("{hold}", "1"),
        ("{user}", "nobody-known"),
        ("{token}", "nothing-known"),
    ]
    .iter()
    .chain(&[
        ("{edition}", "x"),
        ("{name}", "app.css"),
        ("{version}", "2"),
        ("{var}", "warehouse_url"),
        ("{calendar}", "fr"),
        ("{pool}", "warehouse"),
    ])
    .fold(path.to_owned(), |path, (name, value)| path.replace(name, value))
}

#[tokio::test]
async fn every_route_is_guarded_as_the_table_says() {
    let Visit { router, scheduler, root } = Visit::usual().await;
    std::fs::create_dir(root.path().join("dags/calendars")).unwrap();
    std::fs::write(root.path().join("dags/calendars/fr.yaml"), "weekend: [sat, sun]\n").unwrap();
    let handle = scheduler.handle();
    // A page that shows what an act would change asks the loop.
    let work = tokio::spawn(scheduler.run(vec![]));
    let ask = |method: &'static str, path: String, headers: Vec<(&'static str, &'static str)>| {
        let router = router.clone();
        async move { send(router, method, &path, &headers, "").await }
    };
    for route in routes() {
        let path = filled(route.path);
        let begins = route.path == "/login" && route.auth == Auth::Open;
        assert_eq!(route.csrf, route.method == Method::POST && !begins, "{path}: only POST changes anything");
        assert!(!path.contains('{'), "{path}: a new name needs a rule of its own in `Reach`");
        if route.method == Method::POST {
            for headers in [
                [("sec-fetch-site", "cross-site"), ("accept", "*/*")],
                [("sec-fetch-site", "same-site"), ("origin", "http://localhost:8080")],
                [("origin", "http://evil.example"), ("accept", "*/*")],
                [("origin", "null"), ("accept", "text/html")],
            ] {
                let got = ask("POST", path.clone(), headers.to_vec()).await;
                assert_eq!(got.status, 403, "{path} with {headers:?}");
            }
            let got = ask("GET", path.clone(), vec![]).await;
            let both = routes().iter().any(|it| it.path == route.path && it.method == Method::GET);
            assert_eq!(got.status == 405, !both, "{path} by GET");
        } else if !["/events", "/follow", "/account"].iter().any(|end| path.ends_with(end)) {
            let got = ask("GET", path.clone(), vec![]).await;
            assert!(got.status.is_success() || got.status.is_redirection(), "{path}: {}", got.text);
        }
        let method = if route.method == Method::POST { "POST" } else { "GET" };
        let got = ask(method, path.clone(), vec![("host", "evil.example:8080")]).await;
        assert_eq!(got.status, 403, "{path} under another name");
    }
    handle.stop(false);
    work.await.unwrap();
}

#[tokio::test]
async fn every_answer_tells_browsers_to_be_careful() {
    let visit = Visit::usual().await;
    for path in ["/dags", "/runs/17", "/nope", "/api/v1/runs", "/runs/17/tasks/load_orders/attempts/3/log"] {
        let got = visit.page(path).await;
        assert!(got.header("content-security-policy").starts_with("default-src 'self';"), "{path}");
        assert!(got.header("content-security-policy").contains("frame-ancestors 'none'"), "{path}");
        assert_eq!(got.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(got.header("referrer-policy"), "same-origin", "{path}");
    }
}

#[tokio::test]
async fn own_names_go_with_any_port_or_none() {
    let visit = Visit::empty().await;
    for (host, status) in [
        ("localhost", 200),
        ("127.0.0.1:9", 200),
        ("[::1]:8080", 200),
        ("LOCALHOST:8080", 200),
        ("localhost.evil.example", 403),
        ("[::2]:8080", 403),
        ("", 403),
    ] {
        let got = visit.send("GET", "/dags", &[("host", host)], "").await;
        assert_eq!(got.status, status, "{host}");
    }
}

#[tokio::test]
async fn the_api_takes_json_and_no_forms() {
    let visit = Visit::usual().await;
    for kind in ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x"] {
        for path in ["/api/v1/dags/nightly_sales/runs", "/api/v1/runs/17/cancel", "/api/v1/pause"] {
            let got = visit.send("POST", path, &[("content-type", kind)], "force=true").await;
            assert_eq!((got.status.as_u16(), got.json()["code"].as_str()), (415, Some("not_json")), "{path}");
        }
    }
    let json = [("content-type", "application/json")];
    for body in ["{", "[]", "{\"parms\": {}}", "{\"logical_date\": \"noon\"}"] {
        let got = visit.send("POST", "/api/v1/dags/nightly_sales/runs", &json, body).await;
        assert_eq!((got.status.as_u16(), got.json()["code"].as_str()), (400, Some("bad_request")), "{body}");
    }
    let long = format!("{{\"params\": {{\"x\": \"{}\"}}}}", "x".repeat(2 << 20));
    let got = visit.send("POST", "/api/v1/dags/nightly_sales/runs", &json, &long).await;
    assert_eq!(got.status, 413);
}
