//! Who may do what: the table of routes walked for each role and DAG, logins, tokens, users.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request};
use futures_util::StreamExt;
use nightrun_core::decide::Role;
use nightrun_web::{Auth, Reach, Route, routes};
use serde_json::json;
use tower::ServiceExt;

use crate::guard::filled;
use crate::people::{FORM, PASSWORD, Town, bearer, cookie_of};

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

/// What the table says about somebody: their role, and the one DAG they are limited to.
fn may(route: &Route, role: Role, limit: Option<&str>) -> bool {
    let reaches = match (route.reach, limit) {
        (_, None) | (Reach::Listed | Reach::Hold, _) => true,
        (Reach::Whole, Some(_)) => route.auth == Auth::Open,
        (Reach::Dag | Reach::Run | Reach::Backfill, Some(dag)) => dag == "nightly_sales",
    };
    route.auth.role().is_none_or(|least| role >= least && reaches)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_lets_in_whom_the_table_names() {
    let town = Town::usual().await;
    for route in routes() {
        let (path, method) = (filled(route.path), route.method.as_str());
        let nobody = town.status(method, &path, &[]).await.as_u16();
        assert_eq!(nobody == 401, route.auth != Auth::Open, "{path} for nobody: {nobody}");
        for wrong in ["Bearer nrt_wrong", "Bearer", "Bearer ", &bearer("old"), "Basic YW5hOng="] {
            let got = town.status(method, &path, &[("authorization", wrong)]).await.as_u16();
            assert_eq!(got == 401, route.auth != Auth::Open, "{path} for {wrong}: {got}");
        }
        for role in Role::ALL {
            for limit in [None, Some("nightly_sales"), Some("heartbeat")] {
                if role == Role::Admin && limit.is_some() {
                    continue;
                }
                let token = limit.map_or_else(|| role.to_string(), |dag| format!("{role}-{dag}"));
                let got = town.status(method, &path, &[("authorization", &bearer(&token))]).await.as_u16();
                let allowed = may(&route, role, limit);
                assert_eq!(got == 403, !allowed, "{method} {path} for {token}: {got}");
                assert_ne!(got, 401, "{method} {path} for {token}");
            }
        }
    }
    town.close().await;
}

#[test]
fn the_table_denies_unless_it_says_otherwise() {
    let routes = routes();
    let open: Vec<&str> = routes.iter().filter(|it| it.auth == Auth::Open).map(|it| it.path).collect();
    assert_eq!(open, ["/static/{edition}/{name}", "/login", "/login", "/health"]);
    let texts = ["/dags/{dag}/file", "/faults", "/api/v1/dags/{dag}/versions/{version}"];
    for route in &routes {
        let path = route.path;
        let keeps = ["/api/v1/users", "/api/v1/tokens", "/users", "/tokens"];
        if keeps.iter().any(|it| path.starts_with(it)) || path.ends_with("/prune") {
            assert_eq!((route.auth, route.reach), (Auth::Admin, Reach::Whole), "{path}");
        }
        if texts.contains(&path) || (path.contains("/vars") && route.method == Method::POST) {
            assert_eq!(route.auth, Auth::Author, "{path}");
        }
        for (name, reach) in [("{dag}", Reach::Dag), ("{run}", Reach::Run), ("{backfill}", Reach::Backfill)] {
            assert!(!path.contains(name) || route.reach == reach, "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_show_only_the_dags_granted() {
    let town = Town::usual().await;
    for (path, list) in [
        ("/api/v1/dags", "items"),
        ("/api/v1/runs", "items"),
        ("/api/v1/dags?limit=1", "items"),
        ("/api/v1/runs?limit=2", "items"),
    ] {
        let seen = town.get("viewer-heartbeat", path).await.json();
        let rows = seen[list].as_array().unwrap();
        assert!(!rows.is_empty() && rows.iter().all(|row| row["dag"] == "heartbeat"), "{path}: {seen}");
    }
    let backfills = |token| town.get(token, "/api/v1/backfills");
    assert_eq!(backfills("viewer-heartbeat").await.json()["items"], json!([]));
    assert_eq!(backfills("viewer-nightly_sales").await.json()["items"][0]["dag"], "nightly_sales");
    assert_eq!(
        town.get("viewer-heartbeat", "/api/v1/runs?dag=nightly_sales").await.json()["items"],
        json!([])
    );
    let hold = r#"{"dags": ["nightly_sales"], "to": "2027-01-01T00:00:00Z"}"#;
    assert_eq!(town.post("operator-heartbeat", "/api/v1/holds", hold).await.status, 403);
    let all = r#"{"all": true, "to": "2027-01-01T00:00:00Z"}"#;
    assert_eq!(town.post("operator-heartbeat", "/api/v1/holds", all).await.status, 403);
    assert_eq!(town.post("operator-nightly_sales", "/api/v1/holds", hold).await.json(), json!({ "hold": 1 }));
    assert_eq!(town.get("viewer-heartbeat", "/api/v1/holds").await.json()["holds"], json!([]));
    assert_eq!(town.post("operator-heartbeat", "/api/v1/holds/1/remove", "").await.status, 403);
    let headers = bearer("viewer-heartbeat");
    for path in ["/", "/dags", "/runs", "/holds"] {
        let page = town.ask("GET", path, &[("authorization", &headers), ("accept", "text/html")], "").await;
        assert_eq!(page.status, 200, "{path}");
        assert!(
            !page.text.contains("nightly_sales") && !page.text.contains("monthly"),
            "{path}: {}",
            page.text
        );
    }
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_log_in_press_buttons_and_log_out() {
    let town = Town::usual().await;
    let led = town.ask("GET", "/runs?state=failed", &[("accept", "text/html")], "").await;
    assert_eq!((led.status.as_u16(), led.header("location")), (303, "/login?next=/runs%3Fstate%3Dfailed"));
    let form = town.ask("GET", led.header("location"), &[("accept", "text/html")], "").await;
    assert!(
        form.text.contains("name=\"next\" value=\"&#x2f;runs?state=failed\"")
            && !form.text.contains("<script")
    );
    let wrong = town.try_login("ana", "wrong password", "/runs").await;
    assert_eq!(wrong.status, 401);
    assert!(wrong.text.contains("name or password is wrong") && wrong.text.contains("value=\"ana\""));

    let got = town.try_login("ana", PASSWORD, "/runs?state=failed").await;
    assert_eq!((got.status.as_u16(), got.header("location")), (303, "/runs?state=failed"));
    let set = got.header("set-cookie");
    assert!(
        set.contains("; Path=/; HttpOnly; SameSite=Lax; Max-Age=604800") && !set.contains("Secure"),
        "{set}"
    );
    let browser = town.login("ana").await;
    assert_ne!(cookie_of(&got), browser.cookie, "each login has a key of its own");
    let page = browser.get("/dags").await;
    assert!(page.text.contains(">ana</a>") && page.text.contains("Log out"), "{}", page.text);

    let pressed = browser.press("/dags/heartbeat", "/dags/heartbeat/pause", "").await;
    assert_eq!(pressed.status, 303, "{}", pressed.text);
    let pressed = browser.press("/dags/heartbeat/trigger", "/dags/heartbeat/trigger", "force=true").await;
    assert_eq!(pressed.status, 303, "{}", pressed.text);
    let json = browser.send("/api/v1/pause", "application/json", "{}").await;
    assert_eq!((json.status.as_u16(), json.json()["code"].as_str()), (403, Some("csrf")));
    let deeds = town.get("admin", "/api/v1/audit").await.json();
    let deeds: Vec<String> = deeds["items"]
        .as_array()
        .unwrap()
        .iter()
        .take(4)
        .map(|it| format!("{} {} {}", it["by"], it["verb"], it["target"]).replace('"', ""))
        .collect();
    let expected =
        ["ana trigger run 40", "ana pause DAG heartbeat", "ana login user ana", "ana login user ana"];
    assert_eq!(deeds, expected);

    let out = browser.press("/dags", "/logout", "").await;
    assert_eq!((out.status.as_u16(), out.header("location")), (303, "/login"));
    assert!(
        out.header("set-cookie").contains("nightrun=; ") && out.header("set-cookie").contains("Max-Age=0")
    );
    assert_eq!(browser.get("/dags").await.status, 303, "the key is no good any more");
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_offers_what_the_role_may_do() {
    let town = Town::usual().await;
    let viewer = town.login("vic").await;
    assert!(viewer.get("/dags").await.text.contains("<body class=\"is-viewer\">"));
    let pressed = viewer.press("/dags", "/dags/heartbeat/pause", "").await;
    assert_eq!((pressed.status.as_u16(), pressed.text.contains("takes the role")), (403, true));
    let limited = town.login("olga").await;
    assert!(limited.get("/dags").await.text.contains("<body class=\"is-operator is-limited\">"));
    let refused = limited.get("/dags/heartbeat").await;
    assert_eq!((refused.status.as_u16(), refused.text.contains("not granted to you")), (403, true));
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_logins_must_wait() {
    let town = Town::usual().await;
    for _ in 0..5 {
        assert_eq!(town.try_login("vic", "wrong password", "").await.status, 401);
    }
    let got = town.try_login("vic", PASSWORD, "").await;
    assert_eq!((got.status.as_u16(), got.header("retry-after")), (429, "31"));
    assert!(
        got.text.contains("too many logins have failed; the next one may be tried in 31 s"),
        "{}",
        got.text
    );
    assert_eq!(town.try_login("ana", PASSWORD, "").await.status, 303, "others are not held up");
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn admins_keep_users_and_tokens() {
    let town = Town::usual().await;
    let post = |path: &'static str, body: &'static str| town.post("admin", path, body);
    let bo = r#"{"user": "bo", "password": "a long password", "role": "operator", "dags": ["heart*"]}"#;
    assert_eq!(post("/api/v1/users", bo).await.status, 201);
    assert_eq!(post("/api/v1/users", bo).await.status, 409);
    for (body, status) in [
        (r#"{"user": "Bo", "password": "a long password", "role": "viewer"}"#, 422),
        (r#"{"user": "cy", "password": "short", "role": "viewer"}"#, 422),
        (r#"{"user": "cy", "password": "a long password"}"#, 400),
        (r#"{"user": "cy", "password": "a long password", "role": "admin", "dags": ["a"]}"#, 422),
        (r#"{"user": "cy", "password": "a long password", "role": "god"}"#, 400),
    ] {
        assert_eq!(post("/api/v1/users", body).await.status, status, "{body}");
    }
    assert_eq!(post("/api/v1/users/bo/grant", r#"{"role": "viewer"}"#).await.status, 204);
    let users = town.get("admin", "/api/v1/users").await.json();
    assert_eq!(users["items"][1]["user"], "bo");
    assert_eq!((&users["items"][1]["role"], &users["items"][1]["dags"]), (&json!("viewer"), &json!(null)));
    assert_eq!(post("/api/v1/users/bo/remove", "").await.status, 204);
    assert_eq!(post("/api/v1/users/bo/remove", "").await.status, 404);

    let made =
        post("/api/v1/tokens", r#"{"token": "ci", "role": "operator", "expires_in": "90d"}"#).await.json();
    let secret = made["secret"].as_str().unwrap().to_owned();
    assert!(secret.starts_with("nrt_") && secret.starts_with(made["prefix"].as_str().unwrap()));
    assert_eq!(made["expires_at"], "2027-02-19T02:47:30.000000000Z");
    let used = [("authorization", format!("Bearer {secret}"))];
    let used = [(used[0].0, used[0].1.as_str())];
    assert_eq!(town.ask("POST", "/api/v1/dags/heartbeat/pause", &used, "").await.status, 204);
    let me = town.ask("GET", "/api/v1/me", &used, "").await.json();
    assert_eq!(me, json!({ "by": "token:ci", "kind": "token", "role": "operator", "dags": null }));
    let tokens = town.get("admin", "/api/v1/tokens").await;
    assert!(!tokens.text.contains(&secret), "the secret is told once");
    assert!(tokens.text.contains("\"used_at\":\"2026-11-21T02:47:30"), "{}", tokens.text);
    assert_eq!(post("/api/v1/tokens/ci/revoke", "").await.status, 204);
    assert_eq!(town.ask("GET", "/api/v1/me", &used, "").await.status, 401);
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_change_their_own_password() {
    let town = Town::usual().await;
    let (here, elsewhere) = (town.login("vic").await, town.login("vic").await);
    for (form, status) in
        [("old=wrong+password&new=another+password", 403), ("old=correct+horse+battery&new=short", 422)]
    {
        assert_eq!(here.press("/account", "/account/password", form).await.status, status, "{form}");
    }
    let form = "old=correct+horse+battery&new=another+password";
    let went = here.press("/account", "/account/password", form).await;
    assert_eq!((went.status.as_u16(), went.header("location")), (303, "/account?did=password"));
    assert_eq!(elsewhere.get("/dags").await.status, 303, "logged out elsewhere");
    assert_eq!(here.get("/dags").await.status, 303, "the old key is no good");
    let cookie = cookie_of(&went);
    let page = town.ask("GET", "/account", &[("cookie", &cookie), ("accept", "text/html")], "").await;
    assert_eq!(page.status, 200);
    assert_eq!(town.try_login("vic", PASSWORD, "").await.status, 401);
    assert_eq!(town.try_login("vic", "another password", "").await.status, 303);
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_users_all_is_as_it_was_until_the_first_one() {
    let visit = crate::visit::Visit::usual().await;
    let work = tokio::spawn(visit.scheduler.run(vec![]));
    let send = |method: &'static str, path: &'static str, body: &'static str| {
        crate::visit::send(
            visit.router.clone(),
            method,
            path,
            if body.is_empty() { &[] } else { &JSON },
            body,
        )
    };
    assert_eq!(send("GET", "/dags", "").await.status, 200);
    assert_eq!(send("GET", "/login", "").await.header("location"), "/");
    let stranger =
        crate::visit::send(visit.router.clone(), "GET", "/dags", &[("authorization", "Bearer x")], "");
    assert_eq!(stranger.await.status, 200, "some proxy's own token is none of ours");
    let listen = Request::builder().uri("/events").header("host", "localhost").body(Body::empty()).unwrap();
    let stream = visit.router.clone().oneshot(listen).await.unwrap();
    let ana = r#"{"user": "ana", "password": "a long password", "role": "admin"}"#;
    assert_eq!(send("POST", "/api/v1/users", ana).await.status, 201);
    let ended = stream.into_body().into_data_stream().for_each(|_| async {});
    tokio::time::timeout(Duration::from_secs(20), ended).await.expect("the stream of a stranger ends");
    assert_eq!(send("GET", "/dags", "").await.status, 401);
    assert_eq!(send("POST", "/api/v1/pause", "{}").await.status, 401);
    let health = send("GET", "/health", "").await;
    assert_eq!(health.json(), json!({ "status": "ok" }), "nothing about DAGs for strangers");
    let form = [("content-type", FORM)];
    let login = "name=ana&password=a+long+password";
    let went = crate::visit::send(visit.router.clone(), "POST", "/login", &form, login).await;
    assert_eq!((went.status.as_u16(), went.header("location")), (303, "/"));
    work.abort();
}
