//! Task instances of a run, and what happened in it.

use std::path::Path as FilePath;

use axum::Json;
use axum::extract::{Path, Query};
use nightrun_core::decide::TaskState;
use nightrun_core::id::{AttemptId, InstanceId, RunId};
use nightrun_core::time::Timestamp;
use nightrun_engine::logs::{LogPaths, progress_of};
use nightrun_engine::store::{AttemptShow, LogEntry, TaskShow};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Limit, Listed, Paged, Told, read_number};
use crate::app::{Shared, State};

/// Which task instances a list has.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Which {
    /// In this state.
    state: Option<TaskState>,
    /// Where the page before ended: its `next`.
    #[serde(default, deserialize_with = "read_number")]
    #[schemars(range(min = 0))]
    after: Option<i64>,
}

/// `GET /api/v1/runs/{run}/tasks?state=&after=&limit=`: each task is followed by its items.
pub(crate) async fn list(
    State(site): Shared,
    Path(run): Path<i64>,
    Query(which): Query<Which>,
    Query(limit): Query<Limit>,
) -> Paged<TaskShow> {
    let rows = limit.rows();
    let found = site.read(move |desk| {
        let Some(run) = desk.page.run(RunId(run), Some(&desk.site.app.data))? else { return Ok(None) };
        let from = which.after.map_or(0, |after| usize::try_from(after).unwrap_or(usize::MAX));
        let fits = |task: &TaskShow| which.state.is_none_or(|state| task.state == state);
        let alone = |task: &TaskShow| TaskShow { items: Vec::new(), ..task.clone() };
        let data = &desk.site.app.data;
        let from_here = run.instances().enumerate().skip(from).filter(|(_, task)| fits(task));
        let found =
            from_here.take(rows as usize).map(|(at, task)| (at + 1, told(data, run.run_id, alone(task))));
        Ok(Some(found.collect::<Vec<_>>()))
    });
    let found = found.await?;
    let end = found.last().map_or(0, |(at, _)| *at);
    let items = found.into_iter().map(|(_, task)| task).collect();
    Ok(Listed::new(items, rows, "after", |_| end.to_string()))
}

/// The same with how far its attempts, and those of its items, that are at work have come.
pub(super) fn told(data: &FilePath, run: RunId, mut task: TaskShow) -> TaskShow {
    let paths = LogPaths::new(data);
    let (at, item) = (task.task, task.item.map_or(0, |item| item + 1));
    let instance = InstanceId { run, task: at, item };
    for attempt in task.attempts.iter_mut().filter(|it| it.started_at.is_some() && it.ended_at.is_none()) {
        attempt.progress = progress_of(&paths.log(AttemptId { instance, number: attempt.number }));
    }
    task.items = task.items.into_iter().map(|item| told(data, run, item)).collect();
    task
}

/// `GET /api/v1/runs/{run}/tasks/{task}`: `load`, or `load[3]` for an item.
pub(crate) async fn one(State(site): Shared, Path((run, task)): Path<(i64, String)>) -> Told<TaskShow> {
    let found = site.read(move |desk| {
        let data = &desk.site.app.data;
        let run = desk.page.run(RunId(run), Some(data))?;
        Ok(run.and_then(|run| run.find(&task).map(|task| told(data, run.run_id, task.clone()))))
    });
    found.await.map(Json)
}

/// `GET /api/v1/runs/{run}/tasks/{task}/attempts`: first to last.
pub(crate) async fn attempts(
    State(site): Shared,
    Path((run, task)): Path<(i64, String)>,
) -> Told<Vec<AttemptShow>> {
    let found = site.read(move |desk| {
        let run = desk.page.run(RunId(run), None)?;
        let data = &desk.site.app.data;
        Ok(run.and_then(|run| run.find(&task).map(|task| told(data, run.run_id, task.clone()).attempts)))
    });
    found.await.map(Json)
}

/// From where the events of a run go on.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct After {
    /// Where the page before ended: its `next`.
    #[serde(default, deserialize_with = "read_number")]
    #[schemars(range(min = 0))]
    after: Option<i64>,
}

/// One fact of the log.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Happened {
    /// Its number in the log; those of a run have gaps.
    seq: i64,
    /// When it was decided.
    at: Timestamp,
    /// What: its name in `fact`, beside what that tells.
    #[schemars(with = "Value")]
    fact: nightrun_core::decide::Transition,
}

/// `GET /api/v1/runs/{run}/events?after=&limit=`: all that happened in it, oldest first.
pub(crate) async fn events(
    State(site): Shared,
    Path(run): Path<i64>,
    Query(after): Query<After>,
    Query(limit): Query<Limit>,
) -> Paged<Happened> {
    let rows = limit.rows();
    let found = site.read(move |desk| {
        let run = desk.page.run_alone(RunId(run))?;
        run.map(|run| desk.log_of(&run, after.after.unwrap_or(0), rows)).transpose()
    });
    let told = |LogEntry { seq, at, fact }| Happened { seq, at, fact };
    let items = found.await?.into_iter().map(told).collect();
    Ok(Listed::new(items, rows, "after", |item: &Happened| item.seq.to_string()))
}
