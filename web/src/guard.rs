//! Before any handler: is this request for us, and does it come from one of our own pages?

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::app::Site;
use crate::problem::Problem;

/// No inline script or style, nothing from elsewhere, no frame around us.
const CONTENT_POLICY: &str = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; \
                              object-src 'none'";

/// Refuses what is not for us.
pub(crate) async fn watch(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    let checked = check_host(&site.app.hosts, request.headers())
        .and_then(|()| check_origin(request.method(), request.headers()));
    match checked {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

/// Tells browsers to be careful with whatever is answered.
pub(crate) async fn warn(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CONTENT_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
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
