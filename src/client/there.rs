//! The API of a server elsewhere, by HTTP, with a token.

use std::io::Read;
use std::time::Duration;

use serde_json::Value as Json;
use ureq::http::Response;
use ureq::{Agent, Body, Error};

use super::Answer;
use crate::failure::{Failure, OrFail};
use crate::say;

/// How long a server may take until it begins to answer.
const PATIENCE: Duration = Duration::from_mins(1);

/// How long it may take to be reached.
const REACH: Duration = Duration::from_secs(10);

/// How much of a text is read at once, in bytes.
const BLOCK: usize = 64 * 1024;

/// The longest answer that is no log, in bytes.
const LONGEST: u64 = 1 << 30;

/// A server elsewhere.
pub(crate) struct There {
    agent: Agent,
    url: String,
    token: Option<String>,
}

impl There {
    pub(super) fn new(url: &str, token: Option<String>) -> Result<Self, Failure> {
        let host = ["http://", "https://"].iter().find_map(|scheme| url.strip_prefix(scheme));
        if host.is_none_or(|host| host.is_empty() || host.starts_with('/')) {
            let help = "it is written https://HOST or http://HOST:PORT";
            return Err(Failure::usage(format!("`{url}` is no address of a server")).help(help));
        }
        // Redirects are not followed: the token is for this server alone.
        let agent = Agent::config_builder()
            .timeout_connect(Some(REACH))
            .timeout_recv_response(Some(PATIENCE))
            .timeout_send_body(Some(PATIENCE))
            .max_redirects(0)
            .http_status_as_error(false)
            .build()
            .into();
        let token = token.filter(|token| !token.is_empty());
        Ok(Self { agent, url: url.trim_end_matches('/').to_owned(), token })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn get(&self, path: &str) -> Result<Answer, Failure> {
        let sent = self.signed(self.agent.get(self.address(path))).call();
        self.answer(sent)
    }

    pub(super) fn post(&self, path: &str, body: &Json) -> Result<Answer, Failure> {
        let request = self.agent.post(self.address(path)).header("content-type", "application/json");
        self.answer(self.signed(request).send(body.to_string()))
    }

    /// Hands the body to `print`, piece by piece, until it does not want more.
    pub(super) fn copy(&self, path: &str, print: &mut dyn FnMut(&[u8]) -> bool) -> Result<Answer, Failure> {
        let sent = self.signed(self.agent.get(self.address(path))).call();
        let mut response = sent.map_err(|fault| self.unreached(&fault))?;
        if response.status() != 200 {
            return self.answer(Ok(response));
        }
        let mut body = response.body_mut().with_config().limit(u64::MAX).reader();
        let mut block = vec![0; BLOCK];
        loop {
            let read = body.read(&mut block).or_fail(&self.url)?;
            if read == 0 || !print(&block[..read]) {
                return Ok(Answer { status: 200, next: None, body: Vec::new() });
            }
        }
    }

    fn address(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    fn signed<B>(&self, request: ureq::RequestBuilder<B>) -> ureq::RequestBuilder<B> {
        match &self.token {
            Some(token) => request.header("authorization", format!("Bearer {token}")),
            None => request,
        }
    }

    fn answer(&self, sent: Result<Response<Body>, Error>) -> Result<Answer, Failure> {
        let mut response = sent.map_err(|fault| self.unreached(&fault))?;
        let status = response.status().as_u16();
        if let Some(place) = response.headers().get("location").filter(|_| (300..400).contains(&status)) {
            let place = String::from_utf8_lossy(place.as_bytes());
            let failure = Failure::new(format!("{} sends us on to {place}", self.url));
            return Err(
                failure.help("name that with --server: a token is sent to the server that is named alone")
            );
        }
        let next = response.headers().get("link").and_then(|link| linked(link.to_str().ok()?));
        let body = response.body_mut().with_config().limit(LONGEST).read_to_vec();
        Ok(Answer { status, next, body: body.map_err(|fault| self.unreached(&fault))? })
    }

    /// Who we are is not known there.
    pub(super) fn unknown(&self, failure: Failure, told: &Json) -> Failure {
        if self.token.is_some() && told["code"] == "bad_token" {
            return failure
                .help("`nightrun token list` on the server lists the good ones; NIGHTRUN_TOKEN holds ours");
        }
        failure.help("set NIGHTRUN_TOKEN to a token: `nightrun token create NAME` makes one on the server")
    }

    /// The same failure, with what may be behind it: a server of another version.
    pub(super) fn explained(&self, failure: Failure) -> Failure {
        let health = self.get("/health").ok().filter(|answer| answer.status == 200);
        let told: Json = health.and_then(|it| serde_json::from_slice(&it.body).ok()).unwrap_or_default();
        match told["version"].as_str() {
            Some(version) if version != say::version() => {
                failure.help(format!("that server is {version}, this is {}", say::version()))
            }
            Some(_) => failure,
            None => failure.help(format!("does {} lead to a server of Nightrun?", self.url)),
        }
    }

    fn unreached(&self, fault: &Error) -> Failure {
        let (what, help) = match fault {
            Error::HostNotFound => {
                ("its host is not known".to_owned(), "look at the name, and at the network")
            }
            Error::ConnectionFailed => {
                ("nothing listens there".to_owned(), "is `nightrun serve` running, and its port right?")
            }
            Error::Io(io) if io.kind() == std::io::ErrorKind::ConnectionRefused => {
                ("nothing listens there".to_owned(), "is `nightrun serve` running, and its port right?")
            }
            Error::Timeout(_) => (
                "it does not answer in time".to_owned(),
                "is it reachable from here? a proxy or firewall may be between",
            ),
            Error::Tls(_) | Error::Rustls(_) => (
                format!("its certificate is not trusted: {fault}"),
                "the system's certificates must know who signed it; a server without TLS is named with http://",
            ),
            Error::Io(io) if is_tls(io) => (
                format!("its certificate is not trusted, or it does not speak TLS: {io}"),
                "the system's certificates must know who signed it; a server without TLS is named with http://",
            ),
            other => (other.to_string(), "is it a server of Nightrun?"),
        };
        Failure::new(format!("{} cannot be reached: {what}", self.url)).help(help)
    }
}

/// A fault of TLS arrives wrapped as one of reading or writing.
fn is_tls(fault: &std::io::Error) -> bool {
    let text = fault.to_string();
    fault.kind() == std::io::ErrorKind::InvalidData || text.contains("certificate") || text.contains("TLS")
}

/// The address in `<…>; rel="next"`.
pub(super) fn linked(link: &str) -> Option<String> {
    link.strip_prefix('<')?.split_once('>').map(|(address, _)| address.to_owned())
}
