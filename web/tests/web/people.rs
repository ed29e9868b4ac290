//! A house with people: users, tokens, browsers that log in.

use std::path::Path;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use nightrun_core::decide::{AccessChange, Grant, Role, Transition};
use nightrun_core::time::Timestamp;
use nightrun_engine::access::{seal_password, seal_token};
use nightrun_engine::run::Handle;
use nightrun_engine::store::{DATABASE, Writer};
use tokio::task::JoinHandle;
use tower::ServiceExt;

use crate::scenes::{self, NOW};
use crate::visit::{Got, Visit, send};

/// The password of everybody.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// A house at work in which somebody must log in.
pub(crate) struct Town {
    pub(crate) router: Router,
    pub(crate) handle: Handle,
    work: JoinHandle<()>,
    pub(crate) root: tempfile::TempDir,
}

impl Town {
    /// The usual scene; `ana` is an admin, `olga` an operator of `nightly_sales`, `vic` a viewer. For each role
    /// there is a token for everything, one for `nightly_sales` and one for `heartbeat`.
    pub(crate) async fn usual() -> Self {
        let root = tempfile::tempdir().unwrap();
        scenes::usual(root.path()).await;
        add_people(root.path()).await;
        let Visit { router, scheduler, root } = Visit::over(root);
        let handle = scheduler.handle();
        let work = tokio::spawn(scheduler.run(vec![]));
        handle.begun().await;
        Self { router, handle, work, root }
    }

    pub(crate) async fn close(self) {
        self.handle.stop(false);
        self.work.await.unwrap();
    }

    pub(crate) async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Got {
        send(self.router.clone(), method, path, headers, body).await
    }

    /// Only the status: a stream has no end.
    pub(crate) async fn status(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> StatusCode {
        let mut request = Request::builder().method(method).uri(path).header("host", "localhost:8080");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::empty()).unwrap();
        self.router.clone().oneshot(request).await.unwrap().status()
    }

    /// As a program with a token and JSON.
    pub(crate) async fn post(&self, token: &str, path: &str, body: &str) -> Got {
        let bearer = bearer(token);
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        self.ask("POST", path, &headers, body).await
    }

    pub(crate) async fn get(&self, token: &str, path: &str) -> Got {
        self.ask("GET", path, &[("authorization", &bearer(token))], "").await
    }

    /// Logs in with the form; what came back.
    pub(crate) async fn try_login(&self, name: &str, password: &str, next: &str) -> Got {
        let form = format!("name={}&password={}&next={}", quoted(name), quoted(password), quoted(next));
        self.ask("POST", "/login", &[("content-type", FORM), ("accept", "text/html")], &form).await
    }

    /// A browser that is logged in.
    pub(crate) async fn login(&self, name: &str) -> Browser<'_> {
        let got = self.try_login(name, PASSWORD, "").await;
        assert_eq!(got.status, 303, "{}", got.text);
        Browser { town: self, cookie: cookie_of(&got) }
    }
}

pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

pub(crate) fn cookie_of(got: &Got) -> String {
    got.header("set-cookie").split(';').next().unwrap().to_owned()
}

pub(crate) fn bearer(token: &str) -> String {
    format!("Bearer {}", secret(token))
}

/// The secret of a token of this name.
pub(crate) fn secret(token: &str) -> String {
    format!("nrt_{token}")
}

pub(crate) fn quoted(text: &str) -> String {
    text.bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}

/// A browser with its cookie.
pub(crate) struct Browser<'a> {
    pub(crate) town: &'a Town,
    pub(crate) cookie: String,
}

impl Browser<'_> {
    pub(crate) async fn get(&self, path: &str) -> Got {
        self.town.ask("GET", path, &[("cookie", &self.cookie), ("accept", "text/html")], "").await
    }

    /// What the forms of a page carry.
    pub(crate) async fn csrf(&self, path: &str) -> String {
        let page = self.get(path).await.text;
        let (_, rest) = page.split_once("name=\"csrf\" value=\"").expect("a form");
        rest.split('"').next().unwrap().to_owned()
    }

    /// Presses a button of a page as it is there.
    pub(crate) async fn press(&self, page: &str, path: &str, form: &str) -> Got {
        let form = format!("csrf={}&{form}", self.csrf(page).await);
        self.send(path, FORM, &form).await
    }

    pub(crate) async fn send(&self, path: &str, kind: &str, body: &str) -> Got {
        let headers = [
            ("cookie", self.cookie.as_str()),
            ("content-type", kind),
            ("accept", "text/html"),
            ("sec-fetch-site", "same-origin"),
        ];
        self.town.ask("POST", path, &headers, body).await
    }
}

async fn add_people(root: &Path) {
    let password = seal_password(PASSWORD).unwrap();
    let grant = |role, dags: Option<&str>| Grant { role, dags: dags.map(|dag| vec![dag.to_owned()]) };
    let user =
        |name: &str, grant| AccessChange::UserAdded { user: name.into(), grant, password: password.clone() };
    let mut changes = vec![
        user("ana", Grant::admin()),
        user("olga", grant(Role::Operator, Some("nightly_*"))),
        user("vic", grant(Role::Viewer, None)),
    ];
    for role in Role::ALL {
        for dags in [None, Some("nightly_sales"), Some("heartbeat")] {
            if role == Role::Admin && dags.is_some() {
                continue;
            }
            let token = dags.map_or_else(|| role.to_string(), |dag| format!("{role}-{dag}"));
            changes.push(AccessChange::TokenCreated {
                prefix: "nrt_".into(),
                grant: grant(role, dags),
                expires_at: None,
                secret: seal_token(&secret(&token)),
                token,
            });
        }
    }
    changes.push(AccessChange::TokenCreated {
        token: "old".into(),
        prefix: "nrt_old".into(),
        grant: Grant::admin(),
        expires_at: Some(Timestamp::parse(NOW).unwrap().minus(Duration::from_secs(1))),
        secret: seal_token(&secret("old")),
    });
    let facts = changes.into_iter().map(|change| Transition::AccessChanged { change, by: "cli:test".into() });
    let writer = Writer::open(&root.join("data").join(DATABASE)).unwrap();
    writer.commit(Timestamp::parse(NOW).unwrap(), facts.collect()).await.unwrap();
    writer.close().unwrap();
}
