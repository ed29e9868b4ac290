//! A run as bars on one time line: for each task when it waited for a slot or a try, and when it was at
//! work.

use nightrun_core::dag::spec::Dag;
use nightrun_core::id::TaskIndex;
use nightrun_core::time::{Timestamp, show_duration};
use nightrun_engine::store::{RunShow, TaskShow};
use serde::Serialize;

/// Width of the time line in units of its own.
const WIDTH: u64 = 1_000;

/// Marks on the time line beside its beginning.
const MARKS: u32 = 4;

/// All bars of a run.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Gantt {
    /// How long after the begin each mark is.
    pub(crate) marks: Vec<String>,
    /// The bars of each task instance.
    pub(crate) rows: Vec<Vec<Bar>>,
}

/// One stretch of time.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Bar {
    pub(crate) x: u64,
    pub(crate) width: u64,
    /// The state of an attempt; `wait` for the time before one.
    pub(crate) class: &'static str,
    pub(crate) text: String,
}

/// Lays out a run that has begun.
pub(crate) fn draw(run: &RunShow, dag: Option<&Dag>, now: Timestamp) -> Option<Gantt> {
    let begin = run.started_at?;
    let last = run.instances().flat_map(|task| &task.attempts).filter_map(|it| it.ended_at).max();
    let end = run.ended_at.unwrap_or(now).max(last.unwrap_or(begin));
    let scale = Scale { begin, nanos: u64::try_from(end.since(begin).as_nanos()).unwrap_or(u64::MAX).max(1) };
    let rows = run.instances().map(|task| scale.row(task, ready(run, dag, task, begin), now)).collect();
    let length = end.since(begin);
    let marks =
        (0..=MARKS).map(|mark| if mark == 0 { "0".into() } else { show_duration(length * mark / MARKS) });
    Some(Gantt { marks: marks.collect(), rows })
}

/// When nothing but a slot kept the task from starting: the end of its last upstream.
fn ready(run: &RunShow, dag: Option<&Dag>, task: &TaskShow, begin: Timestamp) -> Timestamp {
    let Some(dag) = dag.filter(|dag| dag.tasks.len() > task.task.at()) else { return begin };
    let end_of = |up: TaskIndex| {
        let first = run.tasks.partition_point(|other| other.task < up);
        run.tasks[first..]
            .iter()
            .take_while(|other| other.task == up)
            .filter_map(|other| other.ended_at)
            .max()
    };
    let ended = dag.graph.upstream(task.task).filter_map(end_of).max();
    ended.map_or(begin, |ended| ended.max(begin))
}

struct Scale {
    begin: Timestamp,
    nanos: u64,
}

impl Scale {
    fn row(&self, task: &TaskShow, ready: Timestamp, now: Timestamp) -> Vec<Bar> {
        let mut bars = Vec::new();
        let mut from = ready;
        for attempt in &task.attempts {
            let started = attempt.started_at.unwrap_or(attempt.created_at);
            bars.extend(self.bar(from, started, "wait", "waited"));
            let ended = attempt.ended_at.unwrap_or(now);
            let text = format!("attempt {}: {}", attempt.number, attempt.state);
            bars.extend(self.bar(started, ended, attempt.state.as_str(), &text));
            from = ended;
        }
        if matches!(task.state.as_str(), "queued" | "up_for_retry") {
            bars.extend(self.bar(from, now, "wait", "waits"));
        }
        bars
    }

    /// A bar is at least as wide as can be seen; a wait that cannot be seen is left out.
    fn bar(&self, from: Timestamp, to: Timestamp, class: &'static str, text: &str) -> Option<Bar> {
        let (x, end) = (self.place(from), self.place(to));
        let width = end.saturating_sub(x);
        if class == "wait" && width < 2 {
            return None;
        }
        let text = format!("{text}, {}", show_duration(to.since(from)));
        let width = width.max(4);
        Some(Bar { x: x.min(WIDTH - width), width, class, text })
    }

    fn place(&self, at: Timestamp) -> u64 {
        let since = at.since(self.begin).as_nanos() * u128::from(WIDTH) / u128::from(self.nanos);
        u64::try_from(since).unwrap_or(WIDTH).min(WIDTH)
    }
}
