//! The header `Idempotency-Key`, and how answers are told to programs.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use nightrun_core::decide::Answer;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::answer::hex;
use super::holds::Made;
use crate::once::{Key, Told};
use crate::problem::Problem;

/// Longest key, in bytes.
const LONGEST_KEY: usize = 255;

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// One act as it was sent.
pub(super) struct Act<'a> {
    pub(super) headers: &'a HeaderMap,
    /// What is done to what: `run 7`.
    pub(super) to: String,
    pub(super) body: &'a [u8],
    /// Nothing changes, so nothing is kept.
    pub(super) dry: bool,
}

impl Act<'_> {
    /// Its key, if it has one and changes something.
    pub(super) fn key(&self) -> Result<Option<Key>, Problem> {
        let Some(key) = self.headers.get(KEY) else { return Ok(None) };
        let visible = |key: &&str| {
            (1..=LONGEST_KEY).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic())
        };
        let key = key.to_str().ok().filter(visible);
        let key = key.ok_or_else(|| {
            let sentence = format!("an Idempotency-Key is 1 to {LONGEST_KEY} visible characters of ASCII");
            Problem::bad_request(sentence)
        })?;
        let asked = || {
            hex(&Sha256::new().chain_update(&self.to).chain_update([0]).chain_update(self.body).finalize())
        };
        Ok((!self.dry).then(|| Key { name: key.to_owned(), asked: asked(), waits: Duration::ZERO }))
    }
}

impl IntoResponse for Told {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::OK);
        let mut response = (status, Body::from(self.body)).into_response();
        let headers = response.headers_mut();
        if status != StatusCode::NO_CONTENT {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        if self.replayed {
            headers.insert(REPLAYED, HeaderValue::from_static("true"));
        }
        response
    }
}

/// How a new run is told.
pub(crate) fn run(answer: &Answer) -> Option<(u16, String)> {
    let Answer::Run(run) = answer else { return None };
    Some((201, json!({ "run_id": run.to_string() }).to_string()))
}

/// How a new maintenance window is told.
pub(crate) fn hold(answer: &Answer) -> Option<(u16, String)> {
    let Answer::Hold(hold) = answer else { return None };
    Some((201, serde_json::to_string(&Made { hold: *hold }).ok()?))
}

/// How a backfill is told, or what it would be.
pub(super) fn backfill(answer: &Answer) -> Option<(u16, String)> {
    let Answer::Backfill(plan) = answer else { return None };
    Some((if plan.backfill.is_some() { 201 } else { 200 }, plan.to_json().to_string()))
}

/// How a rerun or a mark is told.
pub(crate) fn cleared(answer: &Answer) -> Option<(u16, String)> {
    let Answer::Cleared(plan) = answer else { return None };
    Some((200, serde_json::to_string(plan).ok()?))
}

/// How a note is told.
pub(crate) fn done(answer: &Answer) -> Option<(u16, String)> {
    matches!(answer, Answer::Done).then(|| (204, String::new()))
}
