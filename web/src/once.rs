//! Acts that may be sent twice: by the same key the second one changes nothing, and is told what the first one was.
//! The answer is kept in the commit of its facts, so no crash can come between.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use nightrun_core::decide::{Answer, Event};
use nightrun_core::id::RunId;
use nightrun_engine::run::Keep;
use nightrun_engine::store::KeptAnswer;
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use crate::acts::PATIENCE;
use crate::api::hex;
use crate::app::Site;
use crate::problem::Problem;

/// What an act was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) status: u16,
    pub(crate) body: String,
    /// It was told before.
    pub(crate) replayed: bool,
}

impl Told {
    /// The number of the run that it tells of.
    pub(crate) fn run(&self) -> Result<RunId, Problem> {
        let body: Json = serde_json::from_str(&self.body).unwrap_or_default();
        let run = body["run_id"].as_str().and_then(|run| run.parse().ok()).map(RunId);
        run.ok_or_else(|| Problem::internal("the scheduler did not say which run it made"))
    }
}

/// How an answer is told: status and body.
pub(crate) type How = fn(&Answer) -> Option<(u16, String)>;

/// By what an act is known when it comes again.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    /// What whoever sent it calls it.
    pub(crate) name: String,
    /// A hash of what is asked.
    pub(crate) asked: String,
    /// How long it waits for the same one to be answered that came before it.
    pub(crate) waits: Duration,
}

impl Key {
    /// The key that a form about something has, if it has one. Whoever goes back to a form and types something else
    /// means something else, so what was typed is a part of the key; who presses twice waits. The session is none: it
    /// may be another one after a restart.
    pub(crate) fn of_form<'a>(
        about: &str,
        typed: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Option<Self> {
        let (mut once, mut hash) = ("", Sha256::new());
        for (name, text) in typed {
            match name {
                "once" => once = text,
                "csrf" => {}
                _ => [name, text].iter().for_each(|text| {
                    hash.update(text.len().to_be_bytes());
                    hash.update(text);
                }),
            }
        }
        let typed = hex(&hash.finalize());
        let name = (!once.is_empty()).then(|| format!("form {once} {about} {typed}"))?;
        Some(Self { name, asked: String::new(), waits: PATIENCE })
    }
}

impl Site {
    /// Does what is asked, once for each key; without a key, each time.
    pub(crate) async fn once(
        self: &Arc<Self>,
        key: Option<Key>,
        event: Event,
        how: How,
    ) -> Result<Told, Problem> {
        let Some(Key { name, asked, waits }) = key else {
            return tokio::select! {
                told = self.told(event, None, how) => told,
                () = self.app.handle.refuses(PATIENCE) => Err(Problem::not_stored()),
            };
        };
        // Whose key it is counts too: two people who think of the same one do not meet.
        let key = hex(&Sha256::new()
            .chain_update(self.who.sign(""))
            .chain_update([0])
            .chain_update(name)
            .finalize());
        let turn = Turn::take_within(waits, self, &key).await?;
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

/// How often a key in use is asked for again.
const LOOK: Duration = Duration::from_millis(10);

impl Turn {
    async fn take_within(waits: Duration, site: &Arc<Site>, key: &str) -> Result<Self, Problem> {
        let begin = tokio::time::Instant::now();
        loop {
            match Self::take(site, key) {
                Err(_) if begin.elapsed() < waits => tokio::time::sleep(LOOK).await,
                taken => return taken,
            }
        }
    }

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
