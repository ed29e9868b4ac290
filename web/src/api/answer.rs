//! What all answers of the API have in common: a tag by which an unchanged one is known again, and the link to the
//! next page of a list.

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use crate::problem::Problem;

/// Bytes of the hash in a tag.
const TAG_BYTES: usize = 16;

/// Who asks whether an answer is still good must ask each time.
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("private, no-cache");

/// The part of a query that leads to the next page.
#[derive(Debug, Clone)]
pub(super) struct NextPage {
    pub(super) by: &'static str,
    pub(super) value: String,
}

/// Puts tag and link to answers of the API; one that the client has already becomes 304. The tag is made from the
/// answer: what it tells (the next tick, a value in a file) may change without a fact in the log.
pub(crate) async fn polish(request: Request, next: Next) -> Response {
    let asked = request.uri().clone();
    if request.method() != Method::GET || !asked.path().starts_with("/api/v1/") {
        return next.run(request).await;
    }
    let known = request.headers().get(header::IF_NONE_MATCH).cloned();
    let (mut parts, body) = next.run(request).await.into_parts();
    let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if parts.status != StatusCode::OK || kind != Some("application/json") {
        return Response::from_parts(parts, body);
    }
    if let Some(page) = parts.extensions.remove::<NextPage>() {
        link(&mut parts.headers, &asked, &page);
    }
    let Ok(bytes) = to_bytes(body, usize::MAX).await else {
        return Problem::internal("an answer broke off").into_response();
    };
    let tag = tag(&bytes);
    let same =
        known.as_ref().and_then(|known| known.to_str().ok()).is_some_and(|known| is_among(&tag, known));
    parts.headers.insert(header::CACHE_CONTROL, ASK_AGAIN);
    parts.headers.insert(header::ETAG, HeaderValue::from_str(&tag).expect("hexadecimal is header text"));
    if same {
        parts.status = StatusCode::NOT_MODIFIED;
        parts.headers.remove(header::CONTENT_TYPE);
        parts.headers.remove(header::CONTENT_LENGTH);
        return Response::from_parts(parts, Body::empty());
    }
    Response::from_parts(parts, Body::from(bytes))
}

/// A weak tag: the same answer may come compressed or not.
fn tag(bytes: &[u8]) -> String {
    format!("W/\"{}\"", hex(&Sha256::digest(bytes)[..TAG_BYTES]))
}

/// Bytes as lower-case hexadecimal text.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// True when `If-None-Match` names the tag, by the weak comparison of RFC 9110.
fn is_among(tag: &str, known: &str) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    known.trim() == "*" || known.split(',').any(|known| opaque(known) == opaque(tag))
}

/// The address that was asked for, from where this page ends.
fn link(headers: &mut HeaderMap, asked: &Uri, page: &NextPage) {
    let by = format!("{}=", page.by);
    let kept = asked.query().unwrap_or_default().split('&');
    let kept = kept.filter(|pair| !pair.is_empty() && !pair.starts_with(&by)).map(ToOwned::to_owned);
    let query: Vec<String> = kept.chain([format!("{by}{}", escaped(&page.value))]).collect();
    let link = format!("<{}?{}>; rel=\"next\"", asked.path(), query.join("&"));
    if let Ok(link) = HeaderValue::from_str(&link) {
        headers.insert(header::LINK, link);
    }
}

fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let one = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_compared_weakly() {
        for (known, same) in [
            ("W/\"a\"", true),
            ("\"a\"", true),
            ("\"b\", W/\"a\"", true),
            ("*", true),
            ("\"b\"", false),
            ("", false),
        ] {
            assert_eq!(is_among("W/\"a\"", known), same, "{known}");
        }
    }

    #[test]
    fn the_next_page_keeps_what_was_asked() {
        let mut headers = HeaderMap::new();
        let asked = "/api/v1/runs?dag=a%20b&before=9&limit=2".parse().unwrap();
        link(&mut headers, &asked, &NextPage { by: "before", value: "2026-01-01T00:00:00Z".into() });
        let expected = "</api/v1/runs?dag=a%20b&limit=2&before=2026-01-01T00%3A00%3A00Z>; rel=\"next\"";
        assert_eq!(headers[header::LINK], expected);
    }
}
