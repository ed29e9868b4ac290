//! The gate: finds out who sends a request.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, StatusCode, header, request::Parts};
use nightrun_core::decide::{AccessChange, Event, Sealed};
use nightrun_core::time::Timestamp;
use nightrun_engine::access::{TOKEN_PREFIX, seal_password, seal_token, verify_password};
use nightrun_engine::store::{Reader, TokenItem, UserItem};
use tokio::sync::{Mutex, Semaphore, broadcast};

use super::session::{LIFE, Sessions};
use super::throttle::{Throttle, Throttled};
use super::who::{ACTS_AS, Owner, Who};
use crate::app::App;
use crate::problem::Problem;

/// So many passwords are hashed at once: each takes 19 MiB.
const HASHED_AT_ONCE: usize = 2;

/// A token's use is told again after this time.
const USE_TOLD: std::time::Duration = std::time::Duration::from_hours(1);

/// What the configuration says about logins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Access {
    /// A login is needed even while there is no user.
    pub required: bool,
    /// Cookies go over TLS only.
    pub secure: bool,
    /// A proxy stands before the server, whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.
    pub proxied: bool,
}

/// What is kept to know people by.
pub(crate) struct Gate {
    rules: Access,
    /// A login is needed. Never false again before the next start.
    closed: AtomicBool,
    sessions: Sessions,
    throttle: Throttle,
    hashing: Semaphore,
    /// Who may do what is changed one after the other: nothing comes between a look at it and a change of it.
    pub(crate) changing: Mutex<()>,
    /// Tells streams to look again whether they may go on.
    ended: broadcast::Sender<()>,
}

impl Gate {
    pub(crate) fn new(app: &App) -> Self {
        let users = app.reader.read_now(|page| Ok(!page.access_book()?.users.is_empty()));
        // When nobody can tell whether there are users, there are.
        let closed = AtomicBool::new(app.access.required || users.unwrap_or(true));
        Self {
            rules: app.access,
            closed,
            sessions: Sessions::default(),
            throttle: Throttle::default(),
            hashing: Semaphore::new(HASHED_AT_ONCE),
            changing: Mutex::default(),
            ended: broadcast::channel(16).0,
        }
    }

    /// True when a login is needed.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// From now on a login is needed; streams of those who needed none end.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        // No stream may be open.
        let _ = self.ended.send(());
    }

    /// Who sends this. A token that is not good is refused; a session that is not good is none.
    pub(crate) async fn identify(&self, app: &App, parts: &Parts) -> Result<Who, Problem> {
        if parts.extensions.get::<Owner>().is_some() {
            return Ok(Who::Owner(acts_as(&parts.headers)));
        }
        if let Some(secret) = bearer(&parts.headers)
            && (self.is_closed() || secret.starts_with(TOKEN_PREFIX))
        {
            return self.token(app, secret).await;
        }
        let stranger = if self.is_closed() { Who::Nobody } else { Who::Anyone };
        let Some(key) = self.session_key(&parts.headers) else { return Ok(stranger) };
        let Some(session) = self.sessions.find(key, (app.clock)()) else { return Ok(stranger) };
        let name = session.user.clone();
        let known = read(&app.reader, move |page| Ok((page.user(&name)?, page.password(&name)?))).await?;
        match known {
            (Some(UserItem { user, grant, .. }), Some(password)) if password == session.password => {
                Ok(Who::User { name: user, grant, csrf: session.csrf })
            }
            _ => {
                self.sessions.end(key);
                Ok(stranger)
            }
        }
    }

    async fn token(&self, app: &App, secret: &str) -> Result<Who, Problem> {
        let now = (app.clock)();
        let hash = seal_token(secret);
        let found = read(&app.reader, move |page| page.token_of(&hash)).await?;
        let is_good = |token: &TokenItem| token.expires_at.is_none_or(|at| now < at);
        let Some(TokenItem { token, grant, used_at, .. }) = found.filter(is_good) else {
            return Err(Problem::unauthorized("bad_token", "this token is unknown, revoked or expired"));
        };
        if used_at.is_none_or(|at| now.since(at) >= USE_TOLD) {
            let by = format!("token:{token}");
            let change = AccessChange::TokenUsed { token: token.clone() };
            app.handle.tell(Event::AccessRequested { change, by });
        }
        Ok(Who::Token { name: token, grant })
    }

    /// Checks a name and a password; answers with its hash when it is right. Says when that may be tried again after too many failures.
    pub(crate) async fn check(
        &self,
        app: &App,
        (name, password): (&str, String),
        from: IpAddr,
    ) -> Result<Option<Sealed>, Refused> {
        self.throttle.count(name, from, (app.clock)()).map_err(Refused::Throttled)?;
        let asked = name.to_owned();
        let known = read(&app.reader, move |page| page.password(&asked));
        let hash = known.await.map_err(Refused::Broken)?;
        let kept = hash.clone();
        let right = self.hash(move || verify_password(&password, kept.as_ref())).await;
        if right {
            self.throttle.forgive(name, from);
        }
        Ok(hash.filter(|_| right))
    }

    /// Seals a new password.
    pub(crate) async fn seal(&self, password: String) -> Result<Sealed, Problem> {
        let sealed = self.hash(move || seal_password(&password)).await;
        sealed.map_err(|fault| {
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "bad_password", "This password will not do", fault)
        })
    }

    async fn hash<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let _turn = self.hashing.acquire().await;
        tokio::task::spawn_blocking(work).await.expect("hashing a password does not panic")
    }

    /// Begins a session, in place of the one the browser has: the cookie to set.
    pub(crate) fn begin(
        &self,
        headers: &HeaderMap,
        (user, password): (&str, Sealed),
        now: Timestamp,
    ) -> Result<String, Problem> {
        self.end(headers);
        let key = self.sessions.begin(user, password, now).map_err(Problem::internal)?;
        Ok(self.cookie(headers, &key, LIFE.as_secs()))
    }

    /// Ends the session that the browser has, if any: the cookie to set.
    pub(crate) fn end(&self, headers: &HeaderMap) -> String {
        if let Some(key) = self.session_key(headers) {
            self.sessions.end(key);
            // No stream may be open.
            let _ = self.ended.send(());
        }
        self.cookie(headers, "", 0)
    }

    /// Hears when sessions end, and when a login begins to be needed.
    pub(crate) fn ends(&self) -> broadcast::Receiver<()> {
        self.ended.subscribe()
    }

    fn cookie(&self, headers: &HeaderMap, key: &str, seconds: u64) -> String {
        let over_tls = self.rules.proxied
            && headers.get("x-forwarded-proto").is_some_and(|it| it.as_bytes() == b"https");
        let secure = if self.rules.secure || over_tls { "; Secure" } else { "" };
        let name = self.cookie_name();
        format!("{name}={key}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}")
    }

    /// With its prefix a browser lets no other host of the domain set it.
    fn cookie_name(&self) -> &'static str {
        if self.rules.secure { "__Host-nightrun" } else { "nightrun" }
    }

    fn session_key<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        let cookies = headers.get_all(header::COOKIE).into_iter().filter_map(|it| it.to_str().ok());
        let mut pairs = cookies.flat_map(|it| it.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(name, _)| *name == self.cookie_name()).map(|(_, key)| key)
    }

    /// Where a request comes from.
    pub(crate) fn address(&self, parts: &Parts) -> IpAddr {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|it| it.0.ip());
        let told = parts.headers.get_all("x-forwarded-for").iter().next_back();
        // The last one is the proxy's own word; those before it are the client's.
        let told = told.and_then(|it| it.to_str().ok()?.rsplit(',').next()?.trim().parse().ok());
        let told = told.filter(|_| self.rules.proxied);
        told.or(peer).unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
    }
}

/// Why a login cannot even be tried.
pub(crate) enum Refused {
    Throttled(Throttled),
    Broken(Problem),
}

async fn read<T: Send + 'static>(
    reader: &Reader,
    work: impl FnOnce(&nightrun_engine::store::Page) -> Result<T, nightrun_engine::store::Fault> + Send + 'static,
) -> Result<T, Problem> {
    reader.read(work).await.map_err(|error| {
        tracing::error!(%error, "it cannot be read who may do what");
        Problem::unreadable()
    })
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, secret) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| secret.trim())
}

fn acts_as(headers: &HeaderMap) -> String {
    let named = headers.get(ACTS_AS).and_then(|it| it.to_str().ok()).filter(|it| !it.is_empty());
    named.map_or_else(|| "cli".to_owned(), |it| it.chars().take(80).collect())
}
