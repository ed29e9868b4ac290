//! Columns as the core's types. Stored words that the core does not know are damage.

use nightrun_core::decide::{Parent, Reason, Subject};
use nightrun_core::id::{AttemptId, DagId, InstanceId, RunId, TaskIndex};
use nightrun_core::time::Timestamp;
use rusqlite::Row;
use serde::de::DeserializeOwned;

use super::error::Fault;

pub(super) fn text<'a>(row: &'a Row<'_>, at: usize) -> Result<&'a str, Fault> {
    Ok(row.get_ref(at)?.as_str().map_err(rusqlite::Error::from)?)
}

pub(super) fn dag_id(row: &Row<'_>, at: usize) -> Result<DagId, Fault> {
    Ok(DagId::from(text(row, at)?))
}

pub(super) fn instant(row: &Row<'_>, at: usize) -> Result<Timestamp, Fault> {
    Ok(Timestamp::from_nanos(row.get(at)?))
}

pub(super) fn maybe_instant(row: &Row<'_>, at: usize) -> Result<Option<Timestamp>, Fault> {
    Ok(row.get::<_, Option<i64>>(at)?.map(Timestamp::from_nanos))
}

/// One of the closed sets of words: a state, a run type.
pub(super) fn word<T>(row: &Row<'_>, at: usize, parse: impl Fn(&str) -> Option<T>) -> Result<T, Fault> {
    let text = text(row, at)?;
    parse(text).ok_or_else(|| Fault::Damaged(format!("`{text}` is no word for this column")))
}

pub(super) fn json<T: DeserializeOwned>(row: &Row<'_>, at: usize) -> Result<T, Fault> {
    Ok(serde_json::from_str(text(row, at)?)?)
}

pub(super) fn maybe_json<T: DeserializeOwned>(row: &Row<'_>, at: usize) -> Result<Option<T>, Fault> {
    let text = row.get_ref(at)?.as_str_or_null().map_err(rusqlite::Error::from)?;
    Ok(text.map(serde_json::from_str).transpose()?)
}

/// A task, or -1 for the run itself.
pub(super) fn subject(row: &Row<'_>, at: usize) -> Result<Subject, Fault> {
    Ok(u32::try_from(row.get::<_, i64>(at)?).ok().map(TaskIndex))
}

/// Who called a run: run, task, item, number and depth, or nothing in all of them.
pub(super) fn parent(row: &Row<'_>, at: usize) -> Result<Option<Parent>, Fault> {
    let Some(run) = row.get::<_, Option<i64>>(at)? else { return Ok(None) };
    let instance = InstanceId { run: RunId(run), task: TaskIndex(row.get(at + 1)?), item: row.get(at + 2)? };
    let attempt = AttemptId { instance, number: row.get(at + 3)? };
    Ok(Some(Parent { attempt, depth: row.get(at + 4)? }))
}

pub(super) fn reason(row: &Row<'_>, at: usize) -> Result<Reason, Fault> {
    json(row, at)
}
