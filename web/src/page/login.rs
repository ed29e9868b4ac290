//! Logging in and out, and one's own password: plain forms, on a page of their own while nobody is known.

use std::sync::Arc;

use axum::extract::{Form, Query};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use minijinja::context;
use minijinja::value::Serde;
use nightrun_core::decide::AccessChange;
use nightrun_engine::access::MIN_PASSWORD;
use serde::{Deserialize, Serialize};

use super::{Did, Sheet, Shown, Watch, show};
use crate::access::{Refused, Throttled, Who};
use crate::app::{Shared, Site, State};
use crate::problem::Problem;

/// Where people go when nobody says where they were.
const HOME: &str = "/";

#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct Asked {
    #[serde(default)]
    next: String,
    #[serde(default)]
    name: String,
}

/// The address of the login, from which one comes back to `path`.
pub(crate) fn address(path: &str) -> String {
    let quoted: String = path
        .bytes()
        .map(|b| match b {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' => char::from(b).to_string(),
            _ => format!("%{b:02X}"),
        })
        .collect();
    if path == "/" { "/login".to_owned() } else { format!("/login?next={quoted}") }
}

/// The path if it leads to a page of our own, and home otherwise. Browsers take `//host` and `/\host` for
/// other hosts, and leave out line ends and tabs before they look.
fn own_path(path: &str) -> &str {
    let own = path.starts_with('/')
        && !path.starts_with("//")
        && path.bytes().all(|b| b.is_ascii_graphic() && b != b'\\')
        && !["/login", "/logout"].contains(&path.split(['?', '#']).next().unwrap_or_default());
    if own { path } else { HOME }
}

/// A page for those who are not known: the form, what went wrong, or both.
pub(crate) fn outside(
    site: &Site,
    form: Option<&Asked>,
    problem: Option<&Problem>,
) -> Result<Html<String>, Problem> {
    let page = context! { form => Serde(form), problem => Serde(problem) };
    site.templates.render("outside.html", context! { page })
}

/// `GET /login?next=`
pub(crate) async fn form(State(site): Shared, Query(asked): Query<Asked>) -> Result<Response, Problem> {
    if site.who != Who::Nobody {
        return Ok(Redirect::to(own_path(&asked.next)).into_response());
    }
    let asked = Asked { next: own_path(&asked.next).to_owned(), name: String::new() };
    outside(&site, Some(&asked), None).map(IntoResponse::into_response)
}

#[derive(Deserialize)]
pub(crate) struct Login {
    #[serde(flatten)]
    asked: Asked,
    password: String,
}

/// `POST /login`: a new session, whatever the browser had before.
pub(crate) async fn post(State(site): Shared, parts: Parts, Form(login): Form<Login>) -> Response {
    let Login { asked, password } = login;
    let asked = Asked { next: own_path(&asked.next).to_owned(), ..asked };
    match log_in(&site, &parts, &asked.name, password).await {
        Ok(cookie) => went(&asked.next, cookie),
        Err(problem) => refused(&site, &asked, problem),
    }
}

async fn log_in(site: &Arc<Site>, parts: &Parts, name: &str, password: String) -> Result<String, Problem> {
    let from = site.gate.address(parts);
    let Some(sealed) = check(site, parts, name, password).await? else {
        tracing::warn!(%from, "a login was refused");
        return Err(Problem::unauthorized("wrong_password", "name or password is wrong"));
    };
    let user = name.to_owned();
    // The scheduler may be stopping; the session does not need it.
    if let Err(problem) = site.record_login(user).await {
        tracing::warn!(detail = problem.detail, "a login could not be noted");
    }
    tracing::info!(user = name, %from, "logged in");
    site.gate.begin(&parts.headers, (name, sealed), site.now())
}

async fn check(
    site: &Site,
    parts: &Parts,
    name: &str,
    password: String,
) -> Result<Option<nightrun_core::decide::Sealed>, Problem> {
    let from = site.gate.address(parts);
    site.gate.check(&site.app, (name, password), from).await.map_err(|refused| match refused {
        Refused::Broken(problem) => problem,
        Refused::Throttled(Throttled(left)) => {
            tracing::warn!(%from, "logins are throttled");
            Problem::too_many(left)
        }
    })
}

fn went(next: &str, cookie: String) -> Response {
    let mut response = Redirect::to(next).into_response();
    let cookie = HeaderValue::try_from(cookie).expect("a cookie of ours is plain text");
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    response
}

fn refused(site: &Site, asked: &Asked, problem: Problem) -> Response {
    let wait = problem.wait;
    let mut response = match outside(site, Some(asked), Some(&problem)) {
        Ok(page) => (problem.status(), page).into_response(),
        Err(_) => problem.into_response(),
    };
    if let Some(wait) = wait {
        response.headers_mut().insert(header::RETRY_AFTER, wait.into());
    }
    response
}

/// `POST /logout`
pub(crate) async fn logout(State(site): Shared, parts: Parts) -> Response {
    went("/login", site.gate.end(&parts.headers))
}

#[derive(Serialize)]
struct Account {
    name: String,
    role: &'static str,
    dags: Option<Vec<String>>,
    shortest: usize,
    refused: Option<String>,
}

/// `GET /account`
pub(crate) async fn account(State(site): Shared, Query(did): Query<Did>) -> Shown {
    page(&site, did, None).await
}

async fn page(site: &Arc<Site>, did: Did, refused: Option<String>) -> Shown {
    let Who::User { name, grant, .. } = site.who.clone() else {
        return Err(Problem::not_found("nobody is logged in here"));
    };
    show(site, "account.html", "", did, move |_| {
        let (role, dags) = (grant.role.as_str(), grant.dags);
        let title = name.clone();
        let body = Account { name, role, dags, shortest: MIN_PASSWORD, refused };
        Ok(Some(Sheet { title, watch: Watch::default(), body }))
    })
    .await
}

#[derive(Deserialize)]
pub(crate) struct Changed {
    old: String,
    new: String,
}

/// `POST /account/password`: ends all sessions of the user and begins a new one here.
pub(crate) async fn password(State(site): Shared, parts: Parts, Form(changed): Form<Changed>) -> Response {
    match change(&site, &parts, changed).await {
        Ok(cookie) => went("/account?did=password", cookie),
        Err(problem) if matches!(problem.status, 401 | 422 | 429) => {
            // 401 would mean that nobody is logged in.
            let status = if problem.status == 401 { StatusCode::FORBIDDEN } else { problem.status() };
            match page(&site, Did::default(), Some(problem.detail)).await {
                Ok(page) => (status, page).into_response(),
                Err(problem) => problem.into_response(),
            }
        }
        Err(problem) => problem.into_response(),
    }
}

async fn change(site: &Arc<Site>, parts: &Parts, Changed { old, new }: Changed) -> Result<String, Problem> {
    let Who::User { name, .. } = &site.who else {
        return Err(Problem::not_found("nobody is logged in here"));
    };
    if check(site, parts, name, old).await?.is_none() {
        return Err(Problem::unauthorized("wrong_password", "that is not your password"));
    }
    let password = site.gate.seal(new).await?;
    let change = AccessChange::PasswordChanged { user: name.clone(), password: password.clone() };
    site.change_access(change, "web").await?;
    site.gate.begin(&parts.headers, (name, password), site.now())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_elsewhere() {
        for (asked, sent) in [
            ("/runs?state=failed", "/runs?state=failed"),
            ("/runs/3#x", "/runs/3#x"),
            ("/%2f/evil.example", "/%2f/evil.example"),
            ("", HOME),
            ("runs", HOME),
            ("//evil.example", HOME),
            ("/\\evil.example", HOME),
            ("/\t/evil.example", HOME),
            ("/\n/evil.example", HOME),
            (" //evil.example", HOME),
            ("https://evil.example", HOME),
            ("javascript:alert(1)", HOME),
            ("/login?next=/x", HOME),
            ("/logout", HOME),
        ] {
            assert_eq!(own_path(asked), sent, "{asked:?}");
        }
    }

    #[test]
    fn one_comes_back_to_where_one_was() {
        assert_eq!(address("/"), "/login");
        assert_eq!(address("/runs?a=b&c=%20"), "/login?next=/runs%3Fa%3Db%26c%3D%2520");
    }
}
