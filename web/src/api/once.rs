//! Acts that may be sent twice: with the same `Idempotency-Key` the second one changes nothing, and is told what the
//! first one was. The answer is kept in the commit of its facts, so no crash can come between.

use std::sync::{Arc, PoisonError};

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use nightrun_core::decide::{Answer, Event};
use nightrun_core::id::RunId;
use nightrun_engine::run::Keep;
use nightrun_engine::store::KeptAnswer;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use super::answer::hex;
use super::holds::Made;
use crate::acts::PATIENCE;
use crate::app::Site;
use crate::problem::Problem;

/// Longest key, in bytes.
const LONGEST_KEY: usize = 255;

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// What an act was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) status: u16,
    pub(super) body: String,
    /// It was told before.
    replayed: bool,
}

impl Told {
    /// The number of the run that it tells of.
    pub(super) fn run(&self) -> Result<RunId, Problem> {
        let body: Json = serde_json::from_str(&self.body).unwrap_or_default();
        let run = body["run_id"].as_str().and_then(|run| run.parse().ok()).map(RunId);
        run.ok_or_else(|| Problem::internal("the scheduler did not say which run it made"))
    }
}

/// How an answer is told: status and body.
pub(super) type How = fn(&Answer) -> Option<(u16, String)>;

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
    fn key(&self) -> Result<Option<String>, Problem> {
        let Some(key) = self.headers.get(KEY) else { return Ok(None) };
        let visible = |key: &&str| {
            (1..=LONGEST_KEY).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic())
        };
        let key = key.to_str().ok().filter(visible);
        let key = key.ok_or_else(|| {
            let sentence = format!("an Idempotency-Key is 1 to {LONGEST_KEY} visible characters of ASCII");
            Problem::bad_request(sentence)
        })?;
        Ok((!self.dry).then(|| key.to_owned()))
    }

    fn hash(&self) -> String {
        hex(&Sha256::new().chain_update(&self.to).chain_update([0]).chain_update(self.body).finalize())
    }
}

impl Site {
    /// Does what is asked, once for each key.
    pub(super) async fn once(
        self: &Arc<Self>,
        act: Act<'_>,
        event: Event,
        how: How,
    ) -> Result<Told, Problem> {
        let Some(key) = act.key()? else {
            return tokio::select! {
                told = self.told(event, None, how) => told,
                () = self.app.handle.refuses(PATIENCE) => Err(Problem::not_stored()),
            };
        };
        // Whose key it is counts too: two people who think of the same one do not meet.
        let key = hex(&Sha256::new()
            .chain_update(self.who.sign(""))
            .chain_update([0])
            .chain_update(key)
            .finalize());
        let asked = act.hash();
        let turn = Turn::take(self, &key)?;
        let (sought, now) = (key.clone(), self.now());
        let kept = self.read(move |desk| desk.page.kept_answer(&sought, now).map(Some)).await?;
        if let Some(kept) = kept {
            return again(kept, &asked);
        }
        let keep = Keep { key, asked, told: how };
        let site = Arc::clone(self);
        // A client that goes away must not let another one in before the answer is kept.
        let work = tokio::spawn(async move {
            let _turn = turn;
            site.told(event, Some(keep), how).await
        });
        tokio::select! {
            told = work => told.unwrap_or_else(|_| Err(Problem::internal("a request broke off"))),
            // The key stays in use until it is done: who sends it again is not taken for somebody else.
            () = self.app.handle.refuses(PATIENCE) => Err(Problem::not_stored()),
        }
    }

    async fn told(&self, event: Event, keep: Option<Keep>, how: How) -> Result<Told, Problem> {
        let asked = self.app.handle.request_with(event, keep).await;
        let answer = match asked.map_err(|_| Problem::stopping())? {
            Answer::Refused(refusal) => return Err(refusal.into()),
            answer => answer,
        };
        let told = how(&answer).ok_or_else(|| Problem::internal("the scheduler did not say what it did"));
        told.map(|(status, body)| Told { status, body, replayed: false })
    }
}

fn again(kept: KeptAnswer, asked: &str) -> Result<Told, Problem> {
    if kept.asked != asked {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        let detail = "this Idempotency-Key came with another request before; use a new one";
        return Err(Problem::new(status, "key_reused", "The key was used for something else", detail));
    }
    Ok(Told { status: kept.status, body: kept.body, replayed: true })
}

/// One request at a time has a key.
struct Turn {
    site: Arc<Site>,
    key: String,
}

impl Turn {
    fn take(site: &Arc<Site>, key: &str) -> Result<Self, Problem> {
        let mut keys = site.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if !keys.insert(key.to_owned()) {
            let detail = "a request with this Idempotency-Key is being answered; ask again when it is";
            return Err(Problem::new(StatusCode::CONFLICT, "key_in_use", "Not twice at once", detail));
        }
        drop(keys);
        Ok(Self { site: Arc::clone(site), key: key.to_owned() })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.site.keys.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
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
pub(super) fn run(answer: &Answer) -> Option<(u16, String)> {
    let Answer::Run(run) = answer else { return None };
    Some((201, json!({ "run_id": run.to_string() }).to_string()))
}

/// How a new maintenance window is told.
pub(super) fn hold(answer: &Answer) -> Option<(u16, String)> {
    let Answer::Hold(hold) = answer else { return None };
    Some((201, serde_json::to_string(&Made { hold: *hold }).ok()?))
}

/// How a backfill is told, or what it would be.
pub(super) fn backfill(answer: &Answer) -> Option<(u16, String)> {
    let Answer::Backfill(plan) = answer else { return None };
    Some((if plan.backfill.is_some() { 201 } else { 200 }, plan.to_json().to_string()))
}

/// How a rerun or a mark is told.
pub(super) fn cleared(answer: &Answer) -> Option<(u16, String)> {
    let Answer::Cleared(plan) = answer else { return None };
    Some((200, serde_json::to_string(plan).ok()?))
}

/// How a note is told.
pub(super) fn done(answer: &Answer) -> Option<(u16, String)> {
    matches!(answer, Answer::Done).then(|| (204, String::new()))
}
