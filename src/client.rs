//! Speaks to a server: over the socket in the data folder, as its owner, or elsewhere with a token.

use std::path::{Path, PathBuf};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde_json::Value as Json;
use tokio::net::UnixStream;

use crate::cli::Remote;
use crate::config::who;
use crate::failure::{Failure, OrFail};

/// Name of the socket in the data folder.
pub(crate) const SOCKET: &str = "nightrun.sock";

/// How long a server elsewhere may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// Posts to the API of the data folder's server; the answer's JSON, or what the server says against it.
pub(crate) fn post(data: &Path, path: &str, body: &Json) -> Result<Json, Failure> {
    Server::Here(data.to_owned()).post(path, body)
}

/// True when a server answers on this data folder.
pub(crate) fn answers(data: &Path) -> bool {
    std::os::unix::net::UnixStream::connect(data.join(SOCKET)).is_ok()
}

/// True when a scheduler works on this data folder: a server answers, or the process that took its lock lives.
pub(crate) fn is_served(data: &Path) -> bool {
    let holder = std::fs::read_to_string(data.join("lock")).unwrap_or_default();
    let holder = holder.trim().parse::<u32>().ok();
    answers(data) || holder.is_some_and(|pid| Path::new("/proc").join(pid.to_string()).exists())
}

/// Which server.
pub(crate) enum Server {
    /// The one of this data folder.
    Here(PathBuf),
    /// One elsewhere.
    There { url: String, token: String },
}

impl Server {
    /// The one that is named, or that of the data folder.
    pub(crate) fn of(remote: &Remote, data: &Path) -> Result<Self, Failure> {
        let Some(url) = &remote.server else { return Ok(Self::Here(data.to_owned())) };
        if !["http://", "https://"].iter().any(|scheme| url.starts_with(scheme)) {
            let help = "it begins with https:// or http://";
            return Err(Failure::usage(format!("`{url}` is no address of a server")).help(help));
        }
        let token = remote.token.clone().unwrap_or_default();
        Ok(Self::There { url: url.trim_end_matches('/').to_owned(), token })
    }

    pub(crate) fn is_remote(&self) -> bool {
        matches!(self, Self::There { .. })
    }

    pub(crate) fn post(&self, path: &str, body: &Json) -> Result<Json, Failure> {
        self.ask(path, Some(body))
    }

    pub(crate) fn get(&self, path: &str) -> Result<Json, Failure> {
        self.ask(path, None)
    }

    /// A name as one part of a path.
    pub(crate) fn segment(name: &str) -> String {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_~".contains(&b);
        let dots = name.bytes().all(|b| b == b'.');
        let quote = |b: u8| {
            if plain(b) || (b == b'.' && !dots) { char::from(b).to_string() } else { format!("%{b:02X}") }
        };
        name.bytes().map(quote).collect()
    }

    fn ask(&self, path: &str, body: Option<&Json>) -> Result<Json, Failure> {
        match self {
            Self::Here(data) => {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                runtime.or_fail("the runtime")?.block_on(exchange(data, path, body))
            }
            Self::There { url, token } => ask_there(url, token, path, body),
        }
    }
}

async fn exchange(data: &Path, path: &str, body: Option<&Json>) -> Result<Json, Failure> {
    let socket = data.join(SOCKET);
    let stream = UnixStream::connect(&socket).await.map_err(|_| {
        Failure::new(format!("no server runs on {}", data.display()))
            .help("start one with `nightrun serve`, or name its data folder with --data DIR")
    })?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.or_fail("the server")?;
    tokio::spawn(connection);
    let request = Request::builder()
        .method(if body.is_some() { Method::POST } else { Method::GET })
        .uri(path)
        .header("host", "localhost")
        .header(nightrun_web::ACTS_AS, who())
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body.map(Json::to_string).unwrap_or_default())))
        .or_fail("the request")?;
    let response = sender.send_request(request).await.or_fail("the server")?;
    let status = response.status();
    let bytes = response.into_body().collect().await.or_fail("the server's answer")?.to_bytes();
    answer(status.is_success(), &bytes)
}

/// Redirects are not followed: the token is for this server alone.
fn ask_there(url: &str, token: &str, path: &str, body: Option<&Json>) -> Result<Json, Failure> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(PATIENCE))
        .max_redirects(0)
        .http_status_as_error(false)
        .build()
        .into();
    let address = format!("{url}{path}");
    let bearer = (!token.is_empty()).then(|| format!("Bearer {token}"));
    let bearer = bearer.iter().map(|bearer| ("authorization", bearer.as_str()));
    let sent = if let Some(body) = body {
        let request = agent.post(&address).header("content-type", "application/json");
        bearer.fold(request, |request, (name, value)| request.header(name, value)).send(body.to_string())
    } else {
        bearer.fold(agent.get(&address), |request, (name, value)| request.header(name, value)).call()
    };
    let mut response = sent.or_fail(url)?;
    let status = response.status();
    let bytes = response.body_mut().read_to_vec().or_fail(url)?;
    if status.as_u16() == 401 {
        let failure = answer(false, &bytes).err().unwrap_or_else(|| Failure::new("who are you?"));
        return Err(failure.help("set NIGHTRUN_TOKEN to a token: `nightrun token create` makes one"));
    }
    answer(status.is_success(), &bytes)
}

fn answer(is_well: bool, bytes: &[u8]) -> Result<Json, Failure> {
    let answer: Json = serde_json::from_slice(bytes).unwrap_or_default();
    if is_well {
        return Ok(answer);
    }
    let detail = answer["detail"].as_str().or(answer["title"].as_str()).unwrap_or("the server refused");
    Err(Failure::new(detail))
}
