//! How long a DAG's runs took over time, and which of its tasks are slow.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::{Path, Query};
use nightrun_core::decide::RunState;
use nightrun_core::id::{DagId, RunId};
use nightrun_core::time::Timestamp;
use nightrun_engine::store::{Fault, RunItem, TaskLength};
use serde::{Deserialize, Serialize};

use super::dag::view;
use super::{Did, Shown};
use crate::app::{Desk, Shared};
use crate::draw::lengths::{Length, Picture, draw, median, shown};

/// Stretches that can be looked at, in days.
const DAYS: [u64; 4] = [7, 30, 90, 365];

/// Most runs of one picture.
const RUNS: u32 = 5_000;

/// Successful runs whose tasks are compared.
pub(crate) const RECENT: u32 = 20;

/// Tasks in the list of slow ones.
const SLOW: usize = 10;

/// Runs of the last days are compared with runs around a month ago.
const NOW: u64 = 7;
const THEN: (u64, u64) = (37, 23);

/// Fewer runs than this say nothing.
const ENOUGH: usize = 3;

#[derive(Debug, Deserialize)]
pub(crate) struct Asked {
    days: Option<u64>,
}

#[derive(Serialize)]
struct View {
    days: u64,
    choices: [u64; 4],
    picture: Picture,
    runs: usize,
    /// There are more than are shown.
    cut: bool,
    median: Option<String>,
    /// `12 % longer than a month ago`.
    trend: Option<String>,
    slow: Vec<Slow>,
    compared: usize,
}

#[derive(Serialize)]
struct Slow {
    task: String,
    median: String,
    longest: String,
    longest_run: RunId,
    /// How often it was tried in these runs, where that is more than once each.
    retried: u32,
    /// Beside the slowest, of a thousand.
    share: u64,
}

/// `GET /dags/{dag}/durations?days=`
pub(crate) async fn page(site: Shared, Path(dag): Path<String>, Query(asked): Query<Asked>) -> Shown {
    let days = asked.days.filter(|days| DAYS.contains(days)).unwrap_or(30);
    view(site, (dag, Did::default()), "dag_durations.html", move |desk, item, _| {
        let from = before(desk, days);
        let (lengths, cut) = lengths(desk, &item.dag, days)?;
        let tasks = desk.page.task_lengths(&item.dag, RECENT)?;
        let (median, trend) = trend(desk, &item.dag)?;
        Ok(View {
            days,
            choices: DAYS,
            picture: draw(&lengths, from, desk.now),
            runs: lengths.len(),
            cut,
            median,
            trend,
            compared: tasks.iter().map(|task| task.run).collect::<std::collections::BTreeSet<_>>().len(),
            slow: slow(tasks),
        })
    })
    .await
}

/// The runs of the last days that have begun, and whether there are more than are told.
pub(crate) fn lengths(desk: &Desk<'_>, dag: &DagId, days: u64) -> Result<(Vec<Length>, bool), Fault> {
    let items = desk.page.runs_between(dag, before(desk, days), Timestamp::MAX, RUNS)?;
    let lengths = items.iter().filter_map(|run| length(run, desk.now)).collect();
    Ok((lengths, items.len() == RUNS as usize))
}

fn before(desk: &Desk<'_>, days: u64) -> Timestamp {
    desk.now.minus(Duration::from_hours(24 * days))
}

fn length(run: &RunItem, now: Timestamp) -> Option<Length> {
    let took = run.ended_at.unwrap_or(now).since(run.started_at?);
    Some(Length { run: run.run_id, state: run.state, date: run.logical_date, took })
}

/// How long a run takes now, and how that compares with a month ago.
fn trend(desk: &Desk<'_>, dag: &DagId) -> Result<(Option<String>, Option<String>), Fault> {
    let good = |from: u64, until: Timestamp| -> Result<Vec<Duration>, Fault> {
        let runs = desk.page.runs_between(dag, before(desk, from), until, RUNS)?;
        let good = runs.iter().filter(|run| run.state == RunState::Success);
        Ok(good.filter_map(|run| length(run, desk.now)).map(|it| it.took).collect())
    };
    let mut recent = good(NOW, Timestamp::MAX)?;
    if recent.len() < ENOUGH {
        recent = good(THEN.1, Timestamp::MAX)?.into_iter().take(ENOUGH).collect();
    }
    let then = good(THEN.0, before(desk, THEN.1))?;
    let Some(recent) = median(recent.into_iter()) else { return Ok((None, None)) };
    let then = if then.len() < ENOUGH { None } else { median(then.into_iter()) };
    Ok((Some(shown(recent)), then.map(|then| compared(recent, then))))
}

/// `12 % longer than a month ago`.
fn compared(recent: Duration, then: Duration) -> String {
    let (recent, then) = (recent.as_millis(), then.as_millis().max(1));
    let percent = recent.abs_diff(then) * 100 / then;
    match (percent, recent > then) {
        (0..5, _) => "about as long as a month ago".to_owned(),
        (100.., true) => {
            format!("{}.{} times as long as a month ago", recent / then, recent * 10 / then % 10)
        }
        (_, true) => format!("{percent} % longer than a month ago"),
        (_, false) => format!("{percent} % shorter than a month ago"),
    }
}

fn slow(tasks: Vec<TaskLength>) -> Vec<Slow> {
    let mut all: BTreeMap<String, Vec<TaskLength>> = BTreeMap::new();
    for task in tasks {
        all.entry(task.task.clone()).or_default().push(task);
    }
    let took = |task: &TaskLength| task.ended_at.since(task.started_at);
    let mut slow: Vec<(Duration, String, Vec<TaskLength>)> = all
        .into_iter()
        .map(|(id, tasks)| (median(tasks.iter().map(took)).unwrap_or_default(), id, tasks))
        .collect();
    slow.sort_by(|one, other| other.0.cmp(&one.0).then_with(|| one.1.cmp(&other.1)));
    let slowest = slow.first().map_or(1, |it| it.0.as_millis()).max(1);
    let row = |(median, task, tasks): (Duration, String, Vec<TaskLength>)| {
        let longest = tasks.iter().max_by_key(|task| took(task))?;
        Some(Slow {
            task,
            median: shown(median),
            longest: shown(took(longest)),
            longest_run: longest.run,
            retried: tasks.iter().map(|task| task.attempts.saturating_sub(1)).sum(),
            share: u64::try_from(median.as_millis() * 1000 / slowest).unwrap_or(0),
        })
    };
    slow.into_iter().take(SLOW).filter_map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_told_in_words() {
        let seconds = Duration::from_secs;
        for (recent, then, words) in [
            (250, 223, "12 % longer than a month ago"),
            (102, 100, "about as long as a month ago"),
            (50, 100, "50 % shorter than a month ago"),
            (230, 100, "2.3 times as long as a month ago"),
        ] {
            assert_eq!(compared(seconds(recent), seconds(then)), words);
        }
    }
}
