//! What forms have in common: reading what was typed, and the form again where it was refused.

use std::future::Future;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use nightrun_core::decide::{Grant, Role};
use nightrun_core::id::DagId;
use nightrun_core::time::{Timestamp, parse_duration};
use nightrun_core::timetable::Zone;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::Shown;
use crate::problem::Problem;

/// The form again with what is wrong with what was typed; where nothing typed could help, the problem.
pub(super) async fn again<F>(problem: Problem, form: impl FnOnce(Problem) -> F) -> Response
where
    F: Future<Output = Shown>,
{
    if !matches!(problem.status, 400 | 404 | 409 | 422) {
        return problem.into_response();
    }
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::BAD_REQUEST);
    match form(problem).await {
        Ok(page) => (status, page).into_response(),
        Err(problem) => problem.into_response(),
    }
}

/// A sentence each.
pub(super) fn sentences(problem: Option<&Problem>) -> Vec<String> {
    problem.iter().flat_map(|it| it.detail.split("; ")).map(ToOwned::to_owned).collect()
}

/// An empty field says nothing.
pub(super) fn said(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// An instant with its offset, a time of the zone's clocks, or a length after `from`.
pub(super) fn instant(text: &str, from: Timestamp, zone: &Zone) -> Result<Timestamp, Problem> {
    let text = text.trim();
    if text == "now" {
        return Ok(from);
    }
    if let Ok(length) = parse_duration(text) {
        return Ok(from.plus(length));
    }
    zone.read_instant(text).ok_or_else(|| {
        let zone = zone.name();
        Problem::unprocessable(format!("`{text}` is no time: write 2026-11-21T01:30 ({zone}), or 2h"))
    })
}

/// Names, with spaces or commas between them.
pub(super) fn words(text: &str) -> Vec<String> {
    let names = text.split([',', ' ', '\n', '\r', '\t']).filter(|name| !name.is_empty());
    names.map(ToOwned::to_owned).collect()
}

/// DAGs, likewise.
pub(super) fn dags(text: &str) -> Vec<DagId> {
    words(text).iter().map(|name| DagId::from(name.as_str())).collect()
}

/// What somebody may do, as it was typed; no DAGs: all of them.
pub(super) fn grant(role: &str, dags: &str) -> Result<Grant, Problem> {
    let role = Role::parse(role).ok_or_else(|| Problem::senseless(format!("there is no role `{role}`")))?;
    let dags = words(dags);
    Ok(Grant { role, dags: (!dags.is_empty()).then_some(dags) })
}

/// Tells one dry run from another, so that nobody confirms what they have not seen.
pub(super) fn seal(plan: &impl Serialize) -> String {
    let text = serde_json::to_string(plan).unwrap_or_default();
    Sha256::digest(text).iter().take(8).fold(String::new(), |seal, byte| format!("{seal}{byte:02x}"))
}

/// Refuses what differs from what was seen.
pub(super) fn compare(seen: &str, plan: &impl Serialize) -> Result<(), Problem> {
    if seal(plan) == seen {
        return Ok(());
    }
    let detail = "nothing was done: things have changed since you looked; this is what would happen now";
    Err(Problem::new(StatusCode::CONFLICT, "changed", "It has changed meanwhile", detail))
}
