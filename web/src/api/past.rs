//! How a DAG fared: how long its runs took, which days went well, which promises were kept, and its file as it is.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, Query};
use chrono::NaiveDate;
use nightrun_core::dag::spec::Lateness;
use nightrun_core::decide::RunState;
use nightrun_core::id::DagId;
use nightrun_core::time::Timestamp;
use nightrun_engine::store::TaskLength;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Told;
use crate::app::{Shared, State};
use crate::page::{deadlines, durations, year};
use crate::problem::Problem;

/// How far back durations are told.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Days {
    /// So many days.
    #[serde(default = "month")]
    #[schemars(range(min = 1, max = 366))]
    days: u64,
}

fn month() -> u64 {
    30
}

/// How long the runs of a DAG took.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Durations {
    /// Runs of that time that have begun, newest first.
    runs: Vec<RunLength>,
    /// There are more than are told.
    cut: bool,
    /// Its tasks in its last successful runs, the slowest first.
    tasks: Vec<TaskPace>,
}

/// How long a run took.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RunLength {
    run_id: String,
    state: RunState,
    logical_date: Timestamp,
    /// Until now, where it goes on.
    took_ms: u64,
}

/// How long a task takes.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct TaskPace {
    task: String,
    median_ms: u64,
    longest_ms: u64,
    /// The run in which it took longest.
    longest_run_id: String,
    /// How often it was tried again.
    retried: u32,
}

/// `GET /api/v1/dags/{dag}/durations?days=`
pub(crate) async fn durations(
    State(site): Shared,
    Path(dag): Path<String>,
    Query(asked): Query<Days>,
) -> Told<Durations> {
    if !(1..=366).contains(&asked.days) {
        return Err(Problem::bad_request("`days` is 1 to 366"));
    }
    let found = site.read(move |desk| {
        let dag = DagId::from(dag.as_str());
        if !super::dags::is_known(desk, &dag)? {
            return Ok(None);
        }
        let (lengths, cut) = durations::lengths(desk, &dag, asked.days)?;
        let told = |it: crate::draw::lengths::Length| RunLength {
            run_id: it.run.to_string(),
            state: it.state,
            logical_date: it.date,
            took_ms: ms(it.took),
        };
        let runs = lengths.into_iter().map(told).collect();
        let tasks = paces(desk.page.task_lengths(&dag, durations::RECENT)?);
        Ok(Some(Durations { runs, cut, tasks }))
    });
    found.await.map(Json)
}

/// A length in whole milliseconds.
pub(super) fn ms(length: std::time::Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}

fn paces(lengths: Vec<TaskLength>) -> Vec<TaskPace> {
    let took = |it: &TaskLength| ms(it.ended_at.since(it.started_at));
    let mut by_task: BTreeMap<String, Vec<TaskLength>> = BTreeMap::new();
    for it in lengths {
        by_task.entry(it.task.clone()).or_default().push(it);
    }
    let told = |(task, mut lengths): (String, Vec<TaskLength>)| {
        lengths.sort_by_key(took);
        let longest = lengths.last()?;
        Some(TaskPace {
            task,
            median_ms: lengths.get(lengths.len() / 2).map(took)?,
            longest_ms: took(longest),
            longest_run_id: longest.run.to_string(),
            retried: lengths.iter().map(|it| it.attempts.saturating_sub(1)).sum(),
        })
    };
    let mut paces: Vec<TaskPace> = by_task.into_iter().filter_map(told).collect();
    paces.sort_by_key(|pace| std::cmp::Reverse(pace.median_ms));
    paces
}

/// Which days.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct OfYear {
    /// Those of this year; of the last twelve months unless said.
    #[schemars(range(min = 1970, max = 2100))]
    year: Option<i32>,
}

/// One day of a DAG, on its own clock, by the logical dates of its runs.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Day {
    #[schemars(with = "String")]
    date: NaiveDate,
    /// How many of its runs are in each state.
    runs: BTreeMap<&'static str, u32>,
}

/// `GET /api/v1/dags/{dag}/days?year=`: days with runs, first to last.
pub(crate) async fn days(
    State(site): Shared,
    Path(dag): Path<String>,
    Query(asked): Query<OfYear>,
) -> Told<Vec<Day>> {
    if asked.year.is_some_and(|year| !(1970..=2100).contains(&year)) {
        return Err(Problem::bad_request("`year` is 1970 to 2100"));
    }
    let found = site.read(move |desk| {
        let Some(item) = desk.page.dag(&DagId::from(dag.as_str()), 0)? else { return Ok(None) };
        let spec = desk.spec(item.version)?;
        let mut days: BTreeMap<NaiveDate, BTreeMap<&'static str, u32>> = BTreeMap::new();
        for (date, state) in year::states(desk, &item.dag, spec.as_deref(), asked.year)? {
            *days.entry(date).or_default().entry(state.as_str()).or_default() += 1;
        }
        Ok(Some(days.into_iter().map(|(date, runs)| Day { date, runs }).collect::<Vec<_>>()))
    });
    found.await.map(Json)
}

/// The deadlines of a DAG, and how it kept them.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Deadlines {
    promises: Vec<Promise>,
    /// The last that were missed, newest first.
    missed: Vec<MissedDeadline>,
}

/// One promise of the version in force.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Promise {
    /// None: the run.
    pub(crate) task: Option<String>,
    pub(crate) kind: Lateness,
    /// What is promised.
    pub(crate) words: String,
    /// Ended runs whose version promised something of the kind.
    pub(crate) judged: usize,
    /// How many of them kept it.
    pub(crate) kept: usize,
}

/// A promise that was not kept.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct MissedDeadline {
    run_id: String,
    /// None: the run.
    task: Option<String>,
    kind: Lateness,
    due: Timestamp,
}

/// `GET /api/v1/dags/{dag}/deadlines`
pub(crate) async fn deadlines(State(site): Shared, Path(dag): Path<String>) -> Told<Deadlines> {
    let found = site.read(move |desk| {
        let Some(item) = desk.page.dag(&DagId::from(dag.as_str()), 0)? else { return Ok(None) };
        let spec = desk.spec(item.version)?;
        let (promises, missed) = deadlines::kept(desk, &item, spec.as_deref())?;
        let missed = missed.into_iter().take(deadlines::ROWS).map(|it| MissedDeadline {
            run_id: it.run.to_string(),
            task: it.task,
            kind: it.kind,
            due: it.due,
        });
        Ok(Some(Deadlines { promises, missed: missed.collect() }))
    });
    found.await.map(Json)
}

/// The file of a DAG as it is on disk.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct FileTold {
    /// Below the DAG folder.
    path: String,
    /// None: it is not there.
    text: Option<String>,
    /// What is wrong with it, as `validate --format json` says it.
    faults: Value,
}

/// `GET /api/v1/dags/{dag}/file`
pub(crate) async fn file(State(site): Shared, Path(dag): Path<String>) -> Told<FileTold> {
    let found = site.read(move |desk| {
        let Some(item) = desk.page.dag(&DagId::from(dag.as_str()), 0)? else { return Ok(None) };
        let faults = desk.page.faults(Some(&item.path))?.pop().map_or(json!([]), |found| found.faults);
        Ok(Some(FileTold { text: desk.site.dag_file(&item.path), path: item.path, faults }))
    });
    found.await.map(Json)
}
