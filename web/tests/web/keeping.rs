//! The pages on which admins keep users and tokens.

use axum::body::Body;
use axum::http::Request;
use tower::ServiceExt;

use crate::people::{FORM, PASSWORD, Town};
use crate::visit::{Visit, send};

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_adds_changes_and_removes_a_user_on_a_page() {
    let town = Town::usual().await;
    let ana = town.login("ana").await;
    let page = ana.get("/users").await.text;
    assert!(page.contains("<b>olga</b>") && page.contains("<code>nightly_*</code>"), "{page}");
    assert!(!page.contains("argon2id"));
    let bo = "user=bo&password=a+long+password&role=operator&dags=heart*%2C+nightly_sales";
    let went = ana.press("/users", "/users", bo).await;
    assert_eq!((went.status.as_u16(), went.header("location")), (303, "/users?did=user-added"));
    assert_eq!(town.try_login("bo", "a long password", "").await.status, 303);
    let again = ana.press("/users", "/users", bo).await;
    assert_eq!((again.status.as_u16(), again.text.contains("there is a user")), (409, true));
    assert!(again.text.contains("value=\"bo\"") && !again.text.contains("a long password"));
    let short = ana.press("/users", "/users", "user=cy&password=short&role=viewer&dags=").await;
    assert_eq!((short.status.as_u16(), short.text.contains("value=\"cy\"")), (422, true));

    let form = ana.get("/users?change=bo").await.text;
    assert!(form.contains("value=\"heart*, nightly_sales\"") && form.contains("<option selected>operator"));
    let granted = ana.press("/users?change=bo", "/users/bo/grant", "role=viewer&dags=").await;
    assert_eq!(granted.header("location"), "/users?did=user-granted");
    let users = town.get("admin", "/api/v1/users").await.json();
    assert_eq!((&users["items"][1]["role"], users["items"][1]["dags"].is_null()), (&"viewer".into(), true));

    let set = ana.press("/users?change=bo", "/users/bo/password", "password=another+password").await;
    assert_eq!(set.header("location"), "/users?did=user-password");
    assert_eq!(town.try_login("bo", "a long password", "").await.status, 401);
    let unsure = ana.press("/users?change=bo", "/users/bo/remove", "").await;
    assert_eq!((unsure.status.as_u16(), unsure.text.contains("tick the box")), (422, true));
    let gone = ana.press("/users?change=bo", "/users/bo/remove", "sure=true").await;
    assert_eq!(gone.header("location"), "/users?did=user-removed");
    let deeds = ana.get("/audit").await.text;
    for deed in ["user remove", "user password", "user grant", "user add"] {
        assert!(deeds.contains(&format!("<b>{deed}</b>")), "{deed}");
    }
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_admin_stays() {
    let town = Town::usual().await;
    let ana = town.login("ana").await;
    for (path, form) in [("/users/ana/remove", "sure=true"), ("/users/ana/grant", "role=viewer&dags=")] {
        let got = ana.press("/users?change=ana", path, form).await;
        assert_eq!((got.status.as_u16(), got.text.contains("the last admin")), (422, true), "{path}");
    }
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_cannot_remove_the_last_admin_either() {
    let town = Town::usual().await;
    let post = |path: &'static str, body: &'static str| town.post("admin", path, body);
    for (path, body) in
        [("/api/v1/users/ana/remove", ""), ("/api/v1/users/ana/grant", r#"{"role": "viewer"}"#)]
    {
        let got = post(path, body).await;
        assert_eq!((got.status.as_u16(), got.json()["code"].as_str()), (422, Some("no_admin")), "{path}");
    }
    assert_eq!(post("/api/v1/users/ana/grant", r#"{"role": "admin"}"#).await.status, 204);
    assert_eq!(post("/api/v1/users/vic/grant", r#"{"role": "admin"}"#).await.status, 204);
    let (ana, vic) = (town.login("ana").await, town.login("vic").await);
    let by_ana = format!("csrf={}&sure=true", ana.csrf("/users?change=vic").await);
    let by_vic = format!("csrf={}&role=viewer&dags=", vic.csrf("/users?change=ana").await);
    let (by_ana, by_vic) = tokio::join!(
        ana.send("/users/vic/remove", FORM, &by_ana),
        vic.send("/users/ana/grant", FORM, &by_vic),
    );
    let done =
        [&by_ana, &by_vic].iter().filter(|it| it.header("location").starts_with("/users?did=")).count();
    assert_eq!(done, 1, "{} and {}", by_ana.text, by_vic.text);
    let users = town.get("admin", "/api/v1/users").await.json();
    let admins = users["items"].as_array().unwrap().iter().filter(|it| it["role"] == "admin").count();
    assert_eq!(admins, 1, "{users}");
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_of_the_data_folder_may_remove_anybody() {
    let town = Town::usual().await;
    let request = Request::post("/api/v1/users/ana/remove").header("host", "localhost:8080");
    let request = request.extension(nightrun_web::Owner).body(Body::empty()).unwrap();
    let got = town.router.clone().oneshot(request).await.unwrap();
    assert_eq!(got.status(), 204);
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_shows_its_secret_once_and_is_revoked() {
    let town = Town::usual().await;
    let ana = town.login("ana").await;
    let form = "token=ci&role=operator&dags=heartbeat&expires_in=90d";
    let made = ana.press("/tokens", "/tokens", form).await;
    assert_eq!((made.status.as_u16(), made.header("cache-control")), (201, "no-store"));
    let (_, rest) = made.text.split_once("class=\"secret\">").expect("the secret");
    let secret = rest.split('<').next().unwrap().to_owned();
    let bearer = [("authorization", format!("Bearer {secret}"))];
    let bearer = [(bearer[0].0, bearer[0].1.as_str())];
    assert_eq!(town.ask("GET", "/api/v1/me", &bearer, "").await.json()["by"], "token:ci");
    let list = ana.get("/tokens").await.text;
    assert!(list.contains("<b>ci</b>") && !list.contains(&secret), "the secret is shown once");
    for wrong in ["token=Ci&role=viewer", "token=x&role=viewer&expires_in=soon", "token=ci&role=viewer"] {
        let got = ana.press("/tokens", "/tokens", wrong).await;
        assert!(matches!(got.status.as_u16(), 409 | 422), "{wrong}: {}", got.status);
        assert!(!got.text.contains("class=\"secret\""));
    }
    assert_eq!(ana.press("/tokens", "/tokens/ci/revoke", "").await.status, 303);
    assert_eq!(town.ask("GET", "/api/v1/me", &bearer, "").await.status, 401);
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_admins_are_led_there() {
    let town = Town::usual().await;
    let led = |text: &str| text.contains("href=\"/users\"");
    assert!(led(&town.login("ana").await.get("/dags").await.text));
    let vic = town.login("vic").await;
    assert!(!led(&vic.get("/dags").await.text));
    for path in ["/users", "/tokens"] {
        assert_eq!(vic.get(path).await.status, 403, "{path}");
    }
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_user_is_an_admin_and_closes_the_server() {
    let visit = Visit::usual().await;
    let work = tokio::spawn(visit.scheduler.run(vec![]));
    let headers = [("content-type", FORM), ("accept", "text/html")];
    let add = async |form: String| send(visit.router.clone(), "POST", "/users", &headers, &form).await;
    let page = send(visit.router.clone(), "GET", "/users", &headers[1..], "").await;
    assert!(page.text.contains("Nobody has to log in yet") && page.text.contains("<option selected>admin"));
    let password = PASSWORD.replace(' ', "+");
    let viewer = add(format!("user=vic&password={password}&role=viewer")).await;
    assert_eq!(
        (viewer.status.as_u16(), viewer.text.contains("the first user must be an admin")),
        (422, true)
    );
    let json = [("content-type", "application/json")];
    let vic = r#"{"user": "vic", "password": "a long password", "role": "viewer"}"#;
    let viewer = send(visit.router.clone(), "POST", "/api/v1/users", &json, vic).await;
    assert_eq!((viewer.status.as_u16(), viewer.json()["code"].as_str()), (422, Some("no_admin")));
    assert_eq!(send(visit.router.clone(), "GET", "/dags", &headers[1..], "").await.status, 200);
    assert_eq!(add(format!("user=ana&password={password}&role=admin")).await.status, 303);
    let after = send(visit.router.clone(), "GET", "/users", &headers[1..], "").await;
    assert_eq!((after.status.as_u16(), after.header("location")), (303, "/login?next=/users"));
    work.abort();
}
