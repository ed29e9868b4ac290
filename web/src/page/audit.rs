//! Who did what, when and why.

use axum::extract::Query;
use nightrun_engine::store::{AuditFilter, AuditItem};
use serde::{Deserialize, Serialize};

use super::dates::stretch;
use super::{Did, Sheet, Shown, Watch, show};
use crate::app::{Shared, State};

/// Deeds on one page.
const ROWS: u32 = 50;

/// Every verb that a deed can have.
const VERBS: [&str; 24] = [
    "trigger",
    "cancel",
    "rerun",
    "mark",
    "note",
    "backfill",
    "pause",
    "unpause",
    "resume",
    "hold add",
    "hold remove",
    "skip",
    "move",
    "restore",
    "vars set",
    "vars delete",
    "prune",
    "login",
    "user add",
    "user grant",
    "user password",
    "user remove",
    "token create",
    "token revoke",
];

/// What a form of filters sends; empty fields mean nothing.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    by: String,
    verb: String,
    q: String,
    from: String,
    to: String,
    before: Option<i64>,
    after: Option<i64>,
}

#[derive(Serialize)]
struct Body {
    rows: Vec<AuditItem>,
    asked: Asked,
    verbs: [&'static str; 24],
    filtered: bool,
    refused: Vec<String>,
    /// Nothing newer is known to be.
    first: bool,
    older: Option<i64>,
    /// Fewer deeds than a page has, and the log goes on: where.
    read_to: Option<i64>,
}

/// `GET /audit?by=&verb=&q=&from=&to=&before=&after=`
pub(crate) async fn list(State(site): Shared, Query(asked): Query<Asked>) -> Shown {
    show(&site, "audit.html", "audit", Did::default(), move |desk| {
        let dates = stretch(&asked.from, &asked.to);
        let filter = AuditFilter {
            by: asked.by.trim().to_owned(),
            verb: asked.verb.clone(),
            text: asked.q.trim().to_owned(),
            since: dates.from,
            until: dates.until,
            before: asked.before,
            after: asked.after,
            only: desk.site.who.limit(),
        };
        let plain = AuditFilter { only: filter.only.clone(), ..AuditFilter::default() };
        let found = desk.page.deeds(&filter, ROWS)?;
        let full = found.deeds.len() == ROWS as usize;
        let first = asked.before.is_none() && (asked.after.is_none() || !full);
        let body = Body {
            older: found.deeds.last().map(|deed| deed.seq).filter(|_| full || asked.after.is_some()),
            rows: found.deeds,
            filtered: filter != AuditFilter { before: asked.before, after: asked.after, ..plain },
            verbs: VERBS,
            refused: dates.refused,
            first,
            read_to: found.read_to,
            asked,
        };
        let watch = Watch { all: first, ..Watch::default() };
        Ok(Some(Sheet { title: "Audit".into(), watch, body }))
    })
    .await
}
