//! The API of a data folder: its handlers over the store, read only, in this process; what changes something goes
//! through the socket of the server that has the store.

use std::cell::OnceCell;
use std::path::Path;

use axum::body::Body;
use axum::{Extension, Router};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::header::LINK;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use nightrun_engine::run::Handle;
use nightrun_web::Owner;
use serde_json::Value as Json;
use tokio::net::UnixStream;
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt;

use super::{Answer, SOCKET};
use crate::config::{Config, who};
use crate::failure::{Failure, OrFail};
use crate::wire;

/// A data folder.
pub(crate) struct Here {
    config: Config,
    /// What answers, once somebody asks.
    desk: OnceCell<(Runtime, Router)>,
}

impl Here {
    pub(super) fn new(config: Config) -> Self {
        Self { config, desk: OnceCell::new() }
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    pub(super) fn get(&self, path: &str) -> Result<Answer, Failure> {
        let (runtime, router) = self.desk()?;
        runtime.block_on(async {
            let response = asked(router, path).await?;
            let (status, next) = (response.status().as_u16(), next(&response));
            let body = response.into_body().collect().await.or_fail("the store")?.to_bytes();
            Ok(Answer { status, next, body: body.into() })
        })
    }

    /// Hands the body to `print`, piece by piece, until it does not want more.
    pub(super) fn copy(&self, path: &str, print: &mut dyn FnMut(&[u8]) -> bool) -> Result<Answer, Failure> {
        let (runtime, router) = self.desk()?;
        runtime.block_on(async {
            let response = asked(router, path).await?;
            let status = response.status().as_u16();
            let mut body = response.into_body();
            while let Some(frame) = body.frame().await {
                let piece = frame.or_fail("the log")?.into_data().unwrap_or_default();
                if status == 200 && !print(&piece) {
                    break;
                }
            }
            Ok(Answer { status, next: None, body: Vec::new() })
        })
    }

    pub(super) fn post(&self, path: &str, body: &Json) -> Result<Answer, Failure> {
        let runtime = Builder::new_current_thread().enable_all().build().or_fail("the runtime")?;
        runtime.block_on(exchange(&self.config.data, path, body))
    }

    fn desk(&self) -> Result<&(Runtime, Router), Failure> {
        if let Some(desk) = self.desk.get() {
            return Ok(desk);
        }
        let data = &self.config.data;
        if !wire::database(data).exists() {
            let help = "name the data folder with --data DIR; `nightrun serve` and `nightrun run --data DIR` make one";
            return Err(Failure::new(format!("there is no store in {}", data.display())).help(help));
        }
        let app = wire::app(&self.config, Handle::nowhere())?;
        let router = nightrun_web::router(app).layer(Extension(Owner));
        let runtime = Builder::new_current_thread().enable_all().build().or_fail("the runtime")?;
        Ok(self.desk.get_or_init(|| (runtime, router)))
    }
}

async fn asked(router: &Router, path: &str) -> Result<Response<Body>, Failure> {
    let request = Request::builder().uri(path).header("host", "localhost").body(Body::empty());
    let answer = router.clone().oneshot(request.or_fail("the request")?).await;
    answer.or_fail("the store")
}

async fn exchange(data: &Path, path: &str, body: &Json) -> Result<Answer, Failure> {
    let socket = data.join(SOCKET);
    let stream = UnixStream::connect(&socket).await.map_err(|_| {
        Failure::new(format!("no server runs on {}", data.display()))
            .help("start one with `nightrun serve`, name its data folder with --data DIR, or one elsewhere with --server URL")
    })?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.or_fail("the server")?;
    tokio::spawn(connection);
    let request = Request::post(path)
        .header("host", "localhost")
        .header(nightrun_web::ACTS_AS, who())
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body.to_string())))
        .or_fail("the request")?;
    let response = sender.send_request(request).await.or_fail("the server")?;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.or_fail("the server's answer")?.to_bytes();
    Ok(Answer { status, next: None, body: body.into() })
}

fn next(response: &Response<Body>) -> Option<String> {
    super::there::linked(response.headers().get(LINK)?.to_str().ok()?)
}
