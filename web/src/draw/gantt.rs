//! A run as bars on one time line: for each task when it waited, what for, and when it was at work.

use std::collections::BTreeSet;
use std::time::Duration;

use nightrun_core::dag::spec::Dag;
use nightrun_core::decide::TaskState;
use nightrun_core::id::TaskIndex;
use nightrun_core::time::{Timestamp, show_duration};
use nightrun_engine::store::{RunShow, TaskShow};
use serde::Serialize;

use super::waits::{WaitKind, Waits};

/// Width of the time line in units of its own.
const WIDTH: u64 = 1_000;

/// Most marks on the time line beside its beginning.
const MARKS: u64 = 5;

/// How far marks may be apart, in milliseconds: what one reads off without reckoning. Beyond, whole days.
const STEPS: [u64; 26] = {
    const SECOND: u64 = 1_000;
    const MINUTE: u64 = 60 * SECOND;
    const HOUR: u64 = 60 * MINUTE;
    [
        1,
        5,
        10,
        50,
        100,
        200,
        500,
        SECOND,
        2 * SECOND,
        5 * SECOND,
        10 * SECOND,
        15 * SECOND,
        30 * SECOND,
        MINUTE,
        2 * MINUTE,
        5 * MINUTE,
        10 * MINUTE,
        15 * MINUTE,
        30 * MINUTE,
        HOUR,
        2 * HOUR,
        3 * HOUR,
        4 * HOUR,
        6 * HOUR,
        12 * HOUR,
        24 * HOUR,
    ]
};

/// The bars of some tasks of a run.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(crate) struct Gantt {
    /// Round lengths after the begin.
    pub(crate) marks: Vec<Mark>,
    /// The bars of each task instance.
    pub(crate) rows: Vec<Vec<Bar>>,
    /// The kinds of waits that occur, each with its words.
    pub(crate) kinds: Vec<(WaitKind, &'static str)>,
}

/// A mark on the time line.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Mark {
    /// Of a thousand.
    pub(crate) x: u64,
    pub(crate) text: String,
}

/// One stretch of time.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Bar {
    pub(crate) x: u64,
    pub(crate) width: u64,
    /// The state of an attempt, or what was waited for.
    pub(crate) class: &'static str,
    /// It is a wait.
    pub(crate) wait: Option<WaitKind>,
    pub(crate) text: String,
}

/// What has a line of its own.
pub(crate) enum Line<'a> {
    /// A task, or one of its items.
    Task(&'a TaskShow),
    /// The tasks of a group, and the state that tells it best.
    Group(TaskState, Vec<&'a TaskShow>),
}

/// From when to when some tasks were at work; their items count.
pub(crate) fn span(tasks: &[&TaskShow], now: Timestamp) -> Option<(Timestamp, Timestamp)> {
    let instances = tasks.iter().flat_map(|task| std::iter::once(*task).chain(&task.items));
    let attempts = instances.flat_map(|task| &task.attempts);
    let times = attempts.map(|it| (it.started_at.unwrap_or(it.created_at), it.ended_at.unwrap_or(now)));
    times.reduce(|one, other| (one.0.min(other.0), one.1.max(other.1)))
}

/// Lays out these tasks of a run that has begun.
pub(crate) fn draw(
    run: &RunShow,
    shown: &[&Line<'_>],
    dag: Option<&Dag>,
    waits: &Waits,
    now: Timestamp,
) -> Option<Gantt> {
    let begin = run.started_at?;
    let last = run.instances().flat_map(|task| &task.attempts).filter_map(|it| it.ended_at).max();
    let end = run.ended_at.unwrap_or(now).max(last.unwrap_or(begin));
    let scale = Scale { begin, nanos: u64::try_from(end.since(begin).as_nanos()).unwrap_or(u64::MAX).max(1) };
    let row = |line: &&Line<'_>| match line {
        Line::Task(task) => scale.row(task, waits, ready(run, dag, task, begin), now),
        Line::Group(state, tasks) => scale.whole(*state, tasks, now),
    };
    let rows: Vec<Vec<Bar>> = shown.iter().map(row).collect();
    let kinds: BTreeSet<WaitKind> = rows.iter().flatten().filter_map(|bar| bar.wait).collect();
    let length = end.since(begin);
    let kinds = kinds.into_iter().map(|kind| (kind, kind.words())).collect();
    Some(Gantt { marks: marks(length), rows, kinds })
}

/// The beginning, and a few round lengths up to this one.
fn marks(length: Duration) -> Vec<Mark> {
    let length = u64::try_from(length.as_millis()).unwrap_or(u64::MAX).max(1);
    let [.., day] = STEPS;
    let step = STEPS.into_iter().find(|step| length / step <= MARKS);
    let step = step.unwrap_or_else(|| (length / day).div_ceil(MARKS).saturating_mul(day));
    let text = |at: u64| if at == 0 { "0".into() } else { show_duration(Duration::from_millis(at)) };
    let x = |at: u64| u64::try_from(u128::from(at) * u128::from(WIDTH) / u128::from(length)).unwrap_or(WIDTH);
    (0..=length / step).map(|mark| Mark { x: x(mark * step), text: text(mark * step) }).collect()
}

/// When nothing but a slot kept the task from starting: the end of its last upstream.
fn ready(run: &RunShow, dag: Option<&Dag>, task: &TaskShow, begin: Timestamp) -> Timestamp {
    let Some(dag) = dag.filter(|dag| dag.tasks.len() > task.task.at()) else { return begin };
    let end_of = |up: TaskIndex| run.tasks.get(up.at()).and_then(|other| other.ended_at);
    let ended = dag.graph.upstream(task.task).filter_map(end_of).max();
    ended.map_or(begin, |ended| ended.max(begin))
}

struct Scale {
    begin: Timestamp,
    nanos: u64,
}

impl Scale {
    fn row(&self, task: &TaskShow, waits: &Waits, ready: Timestamp, now: Timestamp) -> Vec<Bar> {
        let over = task.ended_at.unwrap_or(now);
        let waits = waits.of(task, ready).into_iter().filter_map(|wait| {
            self.bar(
                (wait.from, wait.to.unwrap_or(over)),
                wait.kind.class(),
                Some(wait.kind),
                wait.kind.words(),
            )
        });
        // Tries before the run began again are not on its line.
        let here =
            task.attempts.iter().filter(|attempt| attempt.ended_at.is_none_or(|end| end >= self.begin));
        let attempts = here.filter_map(|attempt| {
            let started = attempt.started_at.unwrap_or(attempt.created_at);
            let text = format!("try {}: {}", attempt.number, attempt.state);
            self.bar((started, attempt.ended_at.unwrap_or(now)), attempt.state.as_str(), None, &text)
        });
        waits.chain(attempts).collect()
    }

    /// A group: one bar from its first attempt to its last.
    fn whole(&self, state: TaskState, tasks: &[&TaskShow], now: Timestamp) -> Vec<Bar> {
        let words = format!("{} tasks", tasks.len());
        let bar = span(tasks, now).filter(|(_, end)| *end >= self.begin);
        bar.and_then(|stretch| self.bar(stretch, state.as_str(), None, &words)).into_iter().collect()
    }

    /// A bar is at least as wide as can be seen; a wait that cannot be seen is left out.
    fn bar(
        &self,
        (from, to): (Timestamp, Timestamp),
        class: &'static str,
        wait: Option<WaitKind>,
        text: &str,
    ) -> Option<Bar> {
        let (x, end) = (self.place(from), self.place(to));
        let width = end.saturating_sub(x);
        if wait.is_some() && width < 2 {
            return None;
        }
        let text = format!("{text}, {}", show_duration(to.since(from)));
        let width = width.max(4);
        Some(Bar { x: x.min(WIDTH - width), width, class, wait, text })
    }

    fn place(&self, at: Timestamp) -> u64 {
        let since = at.since(self.begin).as_nanos() * u128::from(WIDTH) / u128::from(self.nanos);
        u64::try_from(since).unwrap_or(WIDTH).min(WIDTH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_line_is_marked_in_round_steps() {
        for (seconds, expected) in [
            (0.0, "0@0 1ms@1000"),
            (0.3, "0@0 100ms@333 200ms@666 300ms@1000"),
            (9.0, "0@0 2s@222 4s@444 6s@666 8s@888"),
            (308.0, "0@0 1m@194 2m@389 3m@584 4m@779 5m@974"),
            (864_000.0, "0@0 2d@200 4d@400 6d@600 8d@800 10d@1000"),
        ] {
            let marks = marks(Duration::from_secs_f64(seconds));
            let told: Vec<String> = marks.iter().map(|mark| format!("{}@{}", mark.text, mark.x)).collect();
            assert_eq!(told.join(" "), expected, "{seconds}");
        }
    }
}
