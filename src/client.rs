//! Speaks to the running server over the socket in its data folder.

use std::path::Path;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde_json::Value as Json;
use tokio::net::UnixStream;

use crate::failure::{Failure, OrFail};

/// Name of the socket in the data folder.
pub(crate) const SOCKET: &str = "nightrun.sock";

/// Posts to the API; the answer's JSON, or what the server says against it.
pub(crate) fn post(data: &Path, path: &str, body: &Json) -> Result<Json, Failure> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().or_fail("the runtime")?;
    runtime.block_on(exchange(data, path, body))
}

/// True when a scheduler works on this data folder: a server answers, or the process that took its lock lives.
pub(crate) fn is_served(data: &Path) -> bool {
    let holder = std::fs::read_to_string(data.join("lock")).unwrap_or_default();
    let holder = holder.trim().parse::<u32>().ok();
    std::os::unix::net::UnixStream::connect(data.join(SOCKET)).is_ok()
        || holder.is_some_and(|pid| Path::new("/proc").join(pid.to_string()).exists())
}

async fn exchange(data: &Path, path: &str, body: &Json) -> Result<Json, Failure> {
    let socket = data.join(SOCKET);
    let stream = UnixStream::connect(&socket).await.map_err(|_| {
        Failure::new(format!("no server runs on {}", data.display()))
            .help("start one with `nightrun serve`, or name its data folder with --data DIR")
    })?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.or_fail("the server")?;
    tokio::spawn(connection);
    let request = Request::builder()
        .method(Method::POST)
        .uri(path)
        .header("host", "localhost")
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body.to_string())))
        .or_fail("the request")?;
    let response = sender.send_request(request).await.or_fail("the server")?;
    let status = response.status();
    let bytes = response.into_body().collect().await.or_fail("the server's answer")?.to_bytes();
    let answer: Json = serde_json::from_slice(&bytes).unwrap_or_default();
    if status.is_success() {
        return Ok(answer);
    }
    let detail = answer["detail"].as_str().or(answer["title"].as_str()).unwrap_or("the server refused");
    Err(Failure::new(detail))
}
