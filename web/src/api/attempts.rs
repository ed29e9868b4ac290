//! One attempt: the command it was started with, and the lines of its log that have a word.

use axum::Json;
use axum::extract::{Path, Query};
use nightrun_engine::logs::{Hit, Hits, LogPaths, plain, search};
use nightrun_engine::run::Given;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Told, read_number};
use crate::app::{Shared, State};
use crate::page::log::{Named, find};
use crate::page::reading::{HITS, SEARCHED};
use crate::page::task;

/// What an attempt was started with. Secrets and vars of the environment are masked.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct StartedWith {
    /// With its templates where it could not be rendered.
    command: String,
    /// Why it could not.
    unrendered: Option<String>,
    /// Values that reached it by environment.
    values: Vec<NamedValue>,
    /// What its templates name, with what that was.
    read: Vec<NamedValue>,
}

/// A value with its name.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct NamedValue {
    name: String,
    value: Value,
}

/// `GET /api/v1/runs/{run}/tasks/{task}/attempts/{number}/command`
pub(crate) async fn command(State(site): Shared, Path(named): Path<Named>) -> Told<StartedWith> {
    let found = site.read(move |desk| {
        let Some(found) = find(desk, &named)? else { return Ok(None) };
        task::started_with(desk, &named, found.id)
    });
    let Given { command, values, unrendered, read } = found.await?;
    let text = |(name, value): (String, String)| NamedValue { name, value: value.into() };
    let any = |(name, value)| NamedValue { name, value };
    Ok(Json(StartedWith {
        command,
        unrendered,
        values: values.into_iter().map(text).collect(),
        read: read.into_iter().map(any).collect(),
    }))
}

/// What is looked for.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Word {
    /// A part of the line; the case of ASCII letters does not count. Without it no line has it.
    #[serde(default)]
    q: String,
    /// Only before this place in the log, in bytes: the `before` of the answer before.
    #[serde(default, deserialize_with = "read_number")]
    #[schemars(range(min = 0))]
    before: Option<i64>,
}

/// Lines of a log that have a word.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Lines {
    /// In the order of the log, the last that fit into one answer.
    lines: Vec<Line>,
    /// All before this has not been looked at yet; `null`: the search is over.
    before: Option<u64>,
}

/// One line.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Line {
    /// Where it begins, in bytes: an `offset` for the log.
    offset: u64,
    /// Without colours, cut where it is long.
    text: String,
}

/// `GET /api/v1/runs/{run}/tasks/{task}/attempts/{number}/lines?q=&before=`
pub(crate) async fn lines(
    State(site): Shared,
    Path(named): Path<Named>,
    Query(word): Query<Word>,
) -> Told<Lines> {
    let before = word.before.and_then(|before| u64::try_from(before).ok());
    let id = site.read(move |desk| Ok(find(desk, &named)?.map(|found| found.id))).await?;
    let path = LogPaths::new(&site.app.data).log(id);
    let found = site.look_through(path, move |_, path| {
        // An attempt that has written no log has no such lines.
        let none = Hits { lines: Vec::new(), before: 0 };
        search(path, word.q.trim(), before, HITS, SEARCHED).unwrap_or(none)
    });
    let Hits { lines, before } = found.await?;
    let line = |Hit { offset, text }| Line { offset, text: plain(&text).into_owned() };
    Ok(Json(Lines {
        lines: lines.into_iter().map(line).collect(),
        before: Some(before).filter(|before| *before > 0),
    }))
}
