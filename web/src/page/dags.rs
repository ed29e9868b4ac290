//! The list of DAGs: what ran, what failed, what comes next.

use std::collections::{BTreeSet, HashMap};

use axum::extract::Query;
use nightrun_core::dag::spec::Dag;
use nightrun_core::decide::RunState;
use nightrun_core::id::{DagId, RunId};
use nightrun_core::time::Timestamp;
use nightrun_engine::store::{DagItem, DagStanding, Fault, RunFilter};
use serde::{Deserialize, Serialize};

use super::schedule::{Coming, coming, with_overlay};
use super::{Did, Sheet, Shown, Watch, show};
use crate::app::{Desk, Shared, State};
use crate::words;

/// Runs shown of each DAG.
const RECENT: usize = 14;

/// DAGs on one page.
const ROWS: usize = 50;

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    q: String,
    #[serde(default)]
    show: Which,
    #[serde(default)]
    sort: Sort,
    /// Only those with this tag.
    #[serde(default)]
    tag: String,
    /// Only those of this owner.
    #[serde(default)]
    owner: String,
    after: Option<String>,
}

/// By what the list is sorted.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Sort {
    #[default]
    Name,
    /// The next tick, the soonest first.
    Next,
    /// The last failure, the latest first.
    Failure,
}

/// Which DAGs.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Which {
    #[default]
    All,
    Failing,
    Running,
    Paused,
    Retired,
}

#[derive(Serialize)]
struct Body {
    rows: Vec<Row>,
    q: String,
    show: Which,
    sort: Sort,
    tag: String,
    owner: String,
    /// How many DAGs each choice has.
    counts: Counts,
    next: Option<DagId>,
    first: bool,
}

#[derive(Default, Serialize)]
struct Counts {
    all: usize,
    failing: usize,
    running: usize,
    paused: usize,
    retired: usize,
}

#[derive(Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is one mark on the page")]
struct Row {
    dag: DagId,
    description: Option<String>,
    owner: Option<String>,
    tags: Vec<String>,
    schedule: Option<String>,
    next: Option<Coming>,
    enabled: bool,
    paused: bool,
    retired: bool,
    faulty: bool,
    asks: bool,
    /// Whose clocks it goes by.
    zone: Option<String>,
    /// The last runs, oldest first, `None` where there were fewer.
    runs: Vec<Option<Square>>,
    last: Option<Last>,
}

#[derive(Serialize)]
struct Square {
    run: RunId,
    state: RunState,
}

#[derive(Serialize)]
struct Last {
    run: RunId,
    state: RunState,
    reason: String,
    /// How long ago it ended, or since when it is at work.
    age: Option<String>,
}

/// `GET /dags`
pub(crate) async fn list(State(site): Shared, Query(asked): Query<Asked>, Query(did): Query<Did>) -> Shown {
    show(&site, "dags.html", "dags", did, move |desk| {
        let body = body(desk, asked)?;
        Ok(Some(Sheet { title: "DAGs".into(), watch: Watch { all: true, ..Watch::default() }, body }))
    })
    .await
}

fn body(desk: &Desk<'_>, asked: Asked) -> Result<Body, Fault> {
    let faulty: BTreeSet<String> = desk.page.faults(None)?.into_iter().map(|file| file.path).collect();
    let mut all = desk.standings()?;
    let mut counts = Counts::default();
    for dag in &all {
        counts.add(dag);
    }
    all.retain(|dag| asked.show.has(dag));
    let all = sorted(desk, asked.sort, found(desk, &asked.q, owned(desk, &asked, all)?)?)?;
    let begin = asked.after.as_deref().map_or(0, |after| behind(&all, asked.sort, after));
    let mut rest = all.into_iter().skip(begin).peekable();
    let mut rows = Vec::new();
    for dag in rest.by_ref().take(ROWS) {
        if let Some(item) = desk.page.dag(&dag, u32::try_from(RECENT).unwrap_or(14))? {
            rows.push(row(desk, item, &faulty)?);
        }
    }
    let next = rest.peek().and_then(|_| rows.last()).map(|row| row.dag.clone());
    let Asked { q, show, sort, tag, owner, .. } = asked;
    Ok(Body { rows, q, show, sort, tag, owner, counts, next, first: begin == 0 })
}

/// Where the page after a DAG begins; by name also when that DAG is gone meanwhile.
fn behind(all: &[DagId], sort: Sort, after: &str) -> usize {
    match sort {
        Sort::Name => all.partition_point(|dag| dag.as_str() <= after),
        Sort::Next | Sort::Failure => all.iter().position(|dag| dag.as_str() == after).map_or(0, |at| at + 1),
    }
}

/// Those with the tag and of the owner that were asked for.
fn owned(desk: &Desk<'_>, asked: &Asked, all: Vec<DagStanding>) -> Result<Vec<DagStanding>, Fault> {
    if asked.tag.is_empty() && asked.owner.is_empty() {
        return Ok(all);
    }
    let mut found = Vec::new();
    for dag in all {
        let Some(spec) = desk.spec(dag.version)? else { continue };
        let tagged = asked.tag.is_empty() || spec.tags.contains(&asked.tag);
        if tagged && (asked.owner.is_empty() || spec.owner.as_ref() == Some(&asked.owner)) {
            found.push(dag);
        }
    }
    Ok(found)
}

/// Those of which every word is somewhere in what their row says.
fn found(desk: &Desk<'_>, q: &str, all: Vec<DagStanding>) -> Result<Vec<DagStanding>, Fault> {
    let words: Vec<String> = q.to_lowercase().split_whitespace().map(ToOwned::to_owned).collect();
    if words.is_empty() {
        return Ok(all);
    }
    let mut found = Vec::new();
    for dag in all {
        let name = dag.dag.as_str().to_lowercase();
        let by_name = words.iter().all(|word| name.contains(word.as_str()));
        if by_name || matches(&name, desk.spec(dag.version)?.as_deref(), &words) {
            found.push(dag);
        }
    }
    Ok(found)
}

fn matches(name: &str, spec: Option<&Dag>, words: &[String]) -> bool {
    let Some(dag) = spec else { return false };
    let (owner, about) = (dag.owner.as_deref(), dag.description.as_deref());
    let tags = dag.tags.join(" ");
    let text =
        format!("{name} {} {tags} {}", owner.unwrap_or_default(), about.unwrap_or_default()).to_lowercase();
    words.iter().all(|word| text.contains(word.as_str()))
}

/// The ids in the order that is wanted; those without a next tick or a failure come last, by their names.
fn sorted(desk: &Desk<'_>, sort: Sort, all: Vec<DagStanding>) -> Result<Vec<DagId>, Fault> {
    let mut keyed: Vec<(i64, DagId)> = Vec::with_capacity(all.len());
    let failures: HashMap<DagId, Timestamp> = match sort {
        Sort::Failure => desk.page.last_failures()?.into_iter().collect(),
        Sort::Name | Sort::Next => HashMap::new(),
    };
    for dag in all {
        let key = match sort {
            Sort::Name => 0,
            Sort::Next if dag.paused || dag.retired => i64::MAX,
            Sort::Next => desk.next_tick(dag.version)?.map_or(i64::MAX, Timestamp::nanos),
            Sort::Failure => failures.get(&dag.dag).map_or(i64::MAX, |at| -at.nanos()),
        };
        keyed.push((key, dag.dag));
    }
    if sort != Sort::Name {
        keyed.sort();
    }
    Ok(keyed.into_iter().map(|(_, dag)| dag).collect())
}

/// `5m ago` for a run that is over, `for 5m` for one that is not.
fn age(desk: &Desk<'_>, dag: &DagId) -> Result<Option<String>, Fault> {
    let newest = RunFilter { dag: Some(dag.clone()), ..RunFilter::default() };
    let run = desk.page.runs(&newest, 1)?.pop();
    Ok(run.and_then(|run| match (run.started_at, run.ended_at) {
        (_, Some(ended)) => Some(words::from_now(ended, desk.now)),
        (Some(began), None) => Some(format!("for {}", words::length(desk.now.since(began)))),
        (None, None) => None,
    }))
}

fn row(desk: &Desk<'_>, item: DagItem, faulty: &BTreeSet<String>) -> Result<Row, Fault> {
    let spec = desk.spec(item.version)?;
    let spec = spec.as_deref();
    let last = match item.recent.first() {
        Some(mark) => Some(Last {
            run: mark.run_id,
            state: mark.state,
            reason: desk.page.run_reason(mark.run_id)?.map(|it| it.to_string()).unwrap_or_default(),
            age: age(desk, &item.dag)?,
        }),
        None => None,
    };
    let overlay = desk.page.overlay(&item.dag)?;
    let missing = RECENT.saturating_sub(item.recent.len());
    let marks = item.recent.iter().rev().map(|mark| Some(Square { run: mark.run_id, state: mark.state }));
    Ok(Row {
        description: spec.and_then(|dag| dag.description.clone()),
        owner: spec.and_then(|dag| dag.owner.clone()),
        tags: spec.map(|dag| dag.tags.clone()).unwrap_or_default(),
        schedule: spec.and_then(|dag| dag.timetable.as_ref()).map(ToString::to_string),
        next: spec.and_then(|dag| with_overlay(coming(dag, desk.now, 1), &overlay).pop()),
        enabled: spec.is_some_and(|dag| dag.enabled),
        asks: spec.is_some_and(|dag| !dag.params.is_empty()),
        zone: spec.map(|dag| dag.zone.name().to_owned()),
        faulty: faulty.contains(&item.path),
        runs: std::iter::repeat_with(|| None).take(missing).chain(marks).collect(),
        dag: item.dag,
        paused: item.paused,
        retired: item.retired,
        last,
    })
}

impl Which {
    fn has(self, dag: &DagStanding) -> bool {
        match self {
            Self::All => !dag.retired,
            Self::Retired => dag.retired,
            Self::Paused => dag.paused && !dag.retired,
            Self::Failing => !dag.retired && dag.failing,
            Self::Running => dag.running,
        }
    }
}

impl Counts {
    fn add(&mut self, dag: &DagStanding) {
        for (which, count) in [
            (Which::All, &mut self.all),
            (Which::Failing, &mut self.failing),
            (Which::Running, &mut self.running),
            (Which::Paused, &mut self.paused),
            (Which::Retired, &mut self.retired),
        ] {
            *count += usize::from(which.has(dag));
        }
    }
}
