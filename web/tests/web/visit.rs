//! Requests without a network, and what came back.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use nightrun_engine::run::Scheduler;
use serde_json::Value as Json;
use tempfile::TempDir;
use tower::ServiceExt;

use crate::{house, scenes};

/// A server over a scene; the loop behind it does not run.
pub(crate) struct Visit {
    pub(crate) router: Router,
    pub(crate) scheduler: Scheduler,
    pub(crate) root: TempDir,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Got {
    pub(crate) fn json(&self) -> Json {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Visit {
    pub(crate) async fn usual() -> Self {
        let root = tempfile::tempdir().unwrap();
        scenes::usual(root.path()).await;
        Self::over(root)
    }

    pub(crate) async fn empty() -> Self {
        let root = tempfile::tempdir().unwrap();
        scenes::empty(root.path()).await;
        Self::over(root)
    }

    pub(crate) fn over(root: TempDir) -> Self {
        Self::with(root, false)
    }

    /// Schedules fire, or not.
    pub(crate) fn with(root: TempDir, schedules: bool) -> Self {
        let (app, scheduler) = house::app(root.path(), schedules);
        Self { router: nightrun_web::router(app), scheduler, root }
    }

    /// As a browser asks for a page.
    pub(crate) async fn page(&self, path: &str) -> Got {
        self.send("GET", path, &[("accept", "text/html,*/*")], "").await
    }

    /// As a program asks.
    pub(crate) async fn get(&self, path: &str) -> Got {
        self.send("GET", path, &[], "").await
    }

    pub(crate) async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Got {
        send(self.router.clone(), method, path, headers, body).await
    }
}

pub(crate) async fn send(
    router: Router,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Got {
    let mut request = Request::builder().method(method).uri(path);
    if !headers.iter().any(|(name, _)| *name == "host") {
        request = request.header("host", "localhost:8080");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = router.oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    Got { status: parts.status, headers: parts.headers, text: String::from_utf8_lossy(&bytes).into_owned() }
}
