//! What made a run as long as it was, and how well it used what ran beside each other.

use std::collections::BTreeSet;
use std::time::Duration;

use nightrun_core::dag::spec::Dag;
use nightrun_core::decide::RunState;
use nightrun_core::id::{DagId, TaskIndex};
use nightrun_core::time::{Timestamp, show_duration};
use nightrun_engine::store::{Fault, RunFilter, RunShow, TaskShow};
use serde::Serialize;

use crate::app::Desk;
use crate::draw::lengths::median;

/// Successful runs that tell how long the next one is likely to take.
const PAST: u32 = 9;

/// How a run spent its time.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Pace {
    /// `3m12s of 3m40s`: how long the critical path was at work.
    critical: String,
    /// Its tasks, first to last, as addresses have them.
    pub(crate) chain: Vec<String>,
    /// In words; nothing where one task ran at a time.
    efficiency: Option<String>,
    /// How long those were at work.
    #[serde(skip)]
    pub(crate) path: Duration,
    /// How long the run took.
    #[serde(skip)]
    pub(crate) makespan: Duration,
    /// How long all its tasks were at work, taken together.
    #[serde(skip)]
    pub(crate) work: Duration,
    /// How many ran at once, at most.
    #[serde(skip)]
    pub(crate) most: u32,
    #[serde(skip)]
    places: BTreeSet<(TaskIndex, Option<u32>)>,
}

impl Pace {
    /// The task instance is on the critical path.
    pub(crate) fn has(&self, task: &TaskShow) -> bool {
        self.places.contains(&(task.task, task.item))
    }

    /// Some instance of the task is.
    pub(crate) fn has_any(&self, task: TaskIndex) -> bool {
        self.places.range((task, None)..=(task, Some(u32::MAX))).next().is_some()
    }
}

/// How long a run of the DAG takes, by its last successes.
pub(crate) fn usual(desk: &Desk<'_>, dag: &DagId) -> Result<Option<Duration>, Fault> {
    let filter = RunFilter { dag: Some(dag.clone()), state: Some(RunState::Success), ..RunFilter::default() };
    let runs = desk.page.runs(&filter, PAST)?;
    Ok(median(runs.iter().filter_map(|run| Some(run.ended_at?.since(run.started_at?)))))
}

/// Looks at a run that has begun; nothing has run: nothing to say.
pub(crate) fn pace(run: &RunShow, dag: &Dag, now: Timestamp) -> Option<Pace> {
    let begin = run.started_at?;
    let chain = critical(run, dag, now);
    // What holds up a run in which nothing is at work is told by its reasons.
    let is_at_work =
        chain.last().is_some_and(|task| task.attempts.last().is_some_and(|it| it.ended_at.is_none()));
    if run.ended_at.is_none() && !is_at_work {
        return None;
    }
    let end = run.ended_at.or_else(|| chain.last().map(|task| end_of(task, now)))?;
    let makespan = end.since(begin);
    let path = chain.iter().map(|task| at_work(task, begin, now)).sum::<Duration>();
    let (work, most) = load(run, begin, now);
    (!chain.is_empty() && !makespan.is_zero()).then(|| Pace {
        critical: format!("{} of {}", show_duration(path), show_duration(makespan)),
        chain: chain.iter().map(|task| task.name()).collect(),
        places: chain.iter().map(|task| (task.task, task.item)).collect(),
        efficiency: efficiency(makespan, work, most),
        path,
        makespan,
        work,
        most,
    })
}

fn end_of(task: &TaskShow, now: Timestamp) -> Timestamp {
    let last = task.attempts.last().map(|attempt| attempt.ended_at.unwrap_or(now));
    task.ended_at.or(last).unwrap_or(now)
}

fn at_work(task: &TaskShow, begin: Timestamp, now: Timestamp) -> Duration {
    stretches(task, begin, now).map(|(from, to)| to.since(from)).sum()
}

/// When it was at work; tries before the run began again do not count.
fn stretches(
    task: &TaskShow,
    begin: Timestamp,
    now: Timestamp,
) -> impl Iterator<Item = (Timestamp, Timestamp)> {
    let tries = task.attempts.iter().filter_map(move |it| Some((it.started_at?, it.ended_at.unwrap_or(now))));
    tries.filter(move |(from, _)| *from >= begin)
}

/// The chain of tasks that ends last: each after the upstream that ended last before it.
fn critical<'a>(run: &'a RunShow, dag: &Dag, now: Timestamp) -> Vec<&'a TaskShow> {
    let has_run = |task: &&TaskShow| task.items.is_empty() && !task.attempts.is_empty();
    let mut at = run.instances().filter(has_run).max_by_key(|task| end_of(task, now));
    let mut chain = Vec::new();
    while let Some(task) = at.filter(|task| task.task.at() < dag.tasks.len()) {
        if has_run(&task) {
            chain.push(task);
        }
        let above = dag.graph.upstream(task.task).filter_map(|up| {
            let whole = run.tasks.get(up.at())?;
            let same = task.item.filter(|_| dag.share_fan(task.task, up));
            match same {
                Some(item) => whole.items.get(item as usize),
                None => whole.items.iter().max_by_key(|item| item.ended_at).or(Some(whole)),
            }
        });
        at = above.filter(|task| task.ended_at.is_some()).max_by_key(|task| task.ended_at);
    }
    chain.reverse();
    chain
}

/// How long all tasks were at work, and how many of them at once.
fn load(run: &RunShow, begin: Timestamp, now: Timestamp) -> (Duration, u32) {
    let mut work = Duration::ZERO;
    let mut steps: Vec<(Timestamp, i32)> = Vec::new();
    for (from, to) in run.instances().flat_map(|task| stretches(task, begin, now)) {
        work += to.since(from);
        steps.extend([(from, 1), (to, -1)]);
    }
    // At one instant ends come before begins.
    steps.sort_unstable();
    let mut alive = 0;
    let most = steps.iter().fold(0, |most, (_, step)| {
        alive += step;
        most.max(alive)
    });
    (work, u32::try_from(most).unwrap_or(0))
}

fn efficiency(makespan: Duration, work: Duration, most: u32) -> Option<String> {
    if most < 2 {
        return None;
    }
    let percent = work.as_nanos() * 100 / (makespan.as_nanos() * u128::from(most)).max(1);
    let (work, makespan) = (show_duration(work), show_duration(makespan));
    Some(format!("{percent} %: {work} of work in {makespan}, at most {most} tasks at once"))
}
