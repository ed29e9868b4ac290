//! Who did what.

use axum::extract::Query;
use nightrun_core::time::Timestamp;
use nightrun_engine::store::{AuditFilter, AuditItem};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Before, Limit, Listed, Paged};
use crate::app::{Shared, State};

/// Which deeds a list has.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(rename = "WhichDeeds")]
pub(crate) struct Which {
    /// By those with this in their names.
    #[serde(default)]
    by: String,
    /// With this verb of the command line.
    #[serde(default)]
    verb: String,
    /// With this in what they were done to, in what is told of them, or in their reason.
    #[serde(default)]
    q: String,
    /// Done at this instant or later.
    since: Option<Timestamp>,
    /// Done before this instant.
    until: Option<Timestamp>,
}

/// `GET /api/v1/audit?by=&verb=&q=&since=&until=&before=&limit=`: newest first; a page that is not full may be
/// followed by another, for a long log is read in steps.
pub(crate) async fn list(
    State(site): Shared,
    Query(which): Query<Which>,
    Query(before): Query<Before>,
    Query(limit): Query<Limit>,
) -> Paged<AuditItem> {
    let rows = limit.rows();
    let Which { by, verb, q: text, since, until } = which;
    let only = site.who.limit();
    let filter = AuditFilter { by, verb, text, since, until, before: before.before, after: None, only };
    let found = site.read(move |desk| desk.page.deeds(&filter, rows).map(Some)).await?;
    let mut told = Listed::new(found.deeds, rows, "before", |item| item.seq.to_string());
    told.next = told.next.or_else(|| found.read_to.map(|seq| seq.to_string()));
    Ok(told)
}
