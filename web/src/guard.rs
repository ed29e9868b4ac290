//! Before any handler: is this request for us, does it come from one of our own pages, and may whoever
//! sends it use that route?

use std::sync::Arc;

use axum::RequestPartsExt;
use axum::body::{Body, to_bytes};
use axum::extract::{Form, FromRequest, RawPathParams, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use nightrun_core::id::{BackfillId, HoldId, RunId};
use serde::Deserialize;

use crate::access::{Who, stream};
use crate::app::{House, Site};
use crate::page::login;
use crate::problem::Problem;
use crate::route::{Auth, MAX_BODY, Reach, Route};

/// No inline script or style, nothing from elsewhere, no frame around us.
const CONTENT_POLICY: &str = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; \
                              object-src 'none'";

/// Refuses what is not for us.
pub(crate) async fn watch(State(house): State<Arc<House>>, request: Request, next: Next) -> Response {
    let checked = check_host(&house.app.hosts, request.headers())
        .and_then(|()| check_origin(request.method(), request.headers()));
    match checked {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

/// One route with the house behind it.
#[derive(Clone)]
pub(crate) struct Door {
    pub(crate) house: Arc<House>,
    pub(crate) route: Arc<Route>,
}

/// Lets in who may use this route; everybody else is told why not.
pub(crate) async fn admit(State(door): State<Door>, request: Request, next: Next) -> Response {
    let Door { house, route } = door;
    let (mut parts, body) = request.into_parts();
    let who = match house.gate.identify(&house.app, &parts).await {
        Ok(who) => who,
        // Whatever is open to everybody is open to those with a bad token.
        Err(_) if route.auth == Auth::Open => Who::Nobody,
        Err(problem) => return problem.into_response(),
    };
    if who == Who::Nobody && route.auth != Auth::Open {
        return ask_to_log_in(&parts);
    }
    let site = Arc::new(Site::new(Arc::clone(&house), who, &parts.method));
    let checked = async {
        check_role(&site, &route)?;
        check_reach(&site, &route, parts.extract().await.ok()).await?;
        check_token(&site, &route, &parts.headers, body).await
    };
    let mut response = match checked.await {
        Ok(body) => {
            parts.extensions.insert(Arc::clone(&site));
            let proof = parts.clone();
            let response = next.run(Request::from_parts(parts, body)).await;
            stream::watched(&site, proof, response)
        }
        Err(problem) => problem.into_response(),
    };
    response.extensions_mut().insert(site);
    response
}

fn check_role(site: &Site, route: &Route) -> Result<(), Problem> {
    match route.auth.role() {
        Some(role) if !site.who.is(role) => {
            let detail = format!("this takes the role `{role}`; an admin can grant it");
            Err(Problem::forbidden("role", detail))
        }
        _ => Ok(()),
    }
}

/// Somebody limited to some DAGs keeps to them. What is not there at all is for the handler to say.
async fn check_reach(site: &Arc<Site>, route: &Route, params: Option<RawPathParams>) -> Result<(), Problem> {
    if !site.who.is_limited() || route.auth == Auth::Open {
        return Ok(());
    }
    let named =
        |name: &str| params.iter().flatten().find(|(it, _)| *it == name).map(|(_, value)| value.to_owned());
    let number = |name: &str| named(name).and_then(|text| text.parse::<i64>().ok());
    let covers = |dag: &str| site.who.covers(dag);
    let granted = match route.reach {
        Reach::Listed => true,
        Reach::Whole => false,
        Reach::Dag => named("dag").is_some_and(|dag| covers(&dag)),
        Reach::Run => match number("run") {
            Some(run) => site.find(move |page| page.dag_of_run(RunId(run))).await?,
            None => None,
        }
        .is_none_or(|dag| covers(dag.as_str())),
        Reach::Backfill => match number("backfill") {
            Some(id) => site.find(move |page| page.dag_of_backfill(BackfillId(id))).await?,
            None => None,
        }
        .is_none_or(|dag| covers(dag.as_str())),
        Reach::Hold => match number("hold") {
            Some(id) => site.find(move |page| page.hold(HoldId(id))).await?,
            None => None,
        }
        .is_none_or(|hold| hold.dags.is_some_and(|dags| dags.iter().all(|dag| covers(dag.as_str())))),
    };
    if granted { Ok(()) } else { Err(Problem::not_granted()) }
}

#[derive(Debug, Deserialize)]
struct Proof {
    csrf: String,
}

/// A browser sends its cookie with whatever a page of anybody makes it send; what only our own pages know
/// must come with it, as a header or in the form.
async fn check_token(site: &Site, route: &Route, headers: &HeaderMap, body: Body) -> Result<Body, Problem> {
    let Who::User { csrf, .. } = &site.who else { return Ok(body) };
    if !route.csrf || headers.get("x-csrf-token").is_some_and(|it| it.as_bytes() == csrf.as_bytes()) {
        return Ok(body);
    }
    let forged = || Problem::forbidden("csrf", "this form is too old; load the page again and send it anew");
    let bytes = to_bytes(body, MAX_BODY).await.map_err(|_| Problem::too_long())?;
    let mut copy = Request::new(Body::from(bytes.clone()));
    *copy.method_mut() = Method::POST;
    if let Some(kind) = headers.get(header::CONTENT_TYPE) {
        copy.headers_mut().insert(header::CONTENT_TYPE, kind.clone());
    }
    let Form(proof) = Form::<Proof>::from_request(copy, &()).await.map_err(|_| forged())?;
    if proof.csrf.as_str() == &**csrf { Ok(Body::from(bytes)) } else { Err(forged()) }
}

/// People are led to the login, and back where they were; programs are told what to send.
fn ask_to_log_in(parts: &axum::http::request::Parts) -> Response {
    let path = parts.uri.path_and_query().map_or("/", |it| it.as_str());
    let accept = text(&parts.headers, header::ACCEPT).unwrap_or_default();
    if parts.method == Method::GET && accept.contains("text/html") && !path.starts_with("/api/") {
        return Redirect::to(&login::address(path)).into_response();
    }
    let mut response = Problem::unauthorized("login", "log in, or send a token").into_response();
    let how = HeaderValue::from_static("Bearer realm=\"nightrun\"");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, how);
    response
}

/// Tells browsers to be careful with whatever is answered.
pub(crate) async fn warn(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CONTENT_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // Without any referrer a browser says `Origin: null` even of our own forms.
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// A page of elsewhere whose name was made to point at us sends its own name as `Host`. Ports do not
/// matter: they differ behind a tunnel, and the socket has none.
fn check_host(hosts: &[String], headers: &HeaderMap) -> Result<(), Problem> {
    let name = without_port(text(headers, header::HOST).unwrap_or_default());
    let known = hosts.iter().any(|own| without_port(own).eq_ignore_ascii_case(name));
    if known || hosts.is_empty() {
        return Ok(());
    }
    Err(Problem::forbidden("host", "this server does not go by that name"))
}

/// Browsers say where a request comes from. What changes something must come from one of our pages;
/// programs, which say nothing of the kind, carry no user's session that could be abused.
fn check_origin(method: &Method, headers: &HeaderMap) -> Result<(), Problem> {
    if method.is_safe() {
        return Ok(());
    }
    let own = match (text(headers, "sec-fetch-site"), text(headers, header::ORIGIN)) {
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        (None, Some(origin)) => {
            let host = origin.split_once("://").map(|(_, host)| host);
            host.is_some() && host == text(headers, header::HOST)
        }
        (None, None) => true,
    };
    if own { Ok(()) } else { Err(Problem::forbidden("cross_site", "this request comes from another site")) }
}

fn text(headers: &HeaderMap, name: impl header::AsHeaderName) -> Option<&str> {
    headers.get(name).map(|value| value.to_str().unwrap_or("?"))
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    }
}
