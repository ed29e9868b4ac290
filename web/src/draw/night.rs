//! The night as one picture: for each DAG a line with its runs before now and its ticks after it, and one line for
//! all that have none of their own.

use std::time::Duration;

use nightrun_core::decide::RunState;
use nightrun_core::id::{DagId, RunId};
use nightrun_core::time::{Timestamp, show_duration};
use serde::Serialize;

/// Width of a line in units of its own.
const WIDTH: u64 = 1_000;

/// Bars that are closer than this are one.
const NEAR: u64 = 3;

/// How many bars the line of all other DAGs has.
const BARS: u64 = 50;

/// Height of its highest bar.
const HEIGHT: u64 = 20;

/// Most hours that are named.
const HOURS: u64 = 8;

/// The stretch of time that is shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    pub(crate) from: Timestamp,
    pub(crate) now: Timestamp,
    pub(crate) until: Timestamp,
}

/// The beginning of an hour.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Hour {
    /// Of a thousand.
    pub(crate) x: u64,
    pub(crate) at: Timestamp,
}

/// What goes on in a stretch of a DAG's line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum What {
    /// A run that has begun.
    Run(RunId, RunState),
    /// What is left of a run at work, if it takes as long as others did.
    Likely,
    /// A tick that will fire.
    Due,
    /// A tick that will not fire as the schedule has it, with what becomes of it.
    Changed(String),
}

/// One of them.
#[derive(Debug, Clone)]
pub(crate) struct Stretch {
    pub(crate) what: What,
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
}

/// A bar of a line, for one stretch or for many that lie side by side.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Bar {
    pub(crate) x: u64,
    pub(crate) width: u64,
    pub(crate) class: &'static str,
    /// Where it leads.
    pub(crate) href: String,
    /// What it is; it ends where an instant has to follow.
    pub(crate) text: String,
    /// That instant.
    pub(crate) at: Timestamp,
}

/// A bar of the line of all other DAGs: what began or is due in a few minutes.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Heap {
    pub(crate) x: u64,
    pub(crate) y: u64,
    pub(crate) width: u64,
    pub(crate) height: u64,
    pub(crate) class: &'static str,
    pub(crate) count: u64,
    pub(crate) at: Timestamp,
}

impl Window {
    /// Where an instant lies, of a thousand; what is outside lies at an edge.
    pub(crate) fn x(&self, at: Timestamp) -> u64 {
        let part = u128::from(WIDTH) * at.since(self.from).as_nanos() / self.nanos();
        u64::try_from(part).unwrap_or(WIDTH).min(WIDTH)
    }

    fn nanos(&self) -> u128 {
        self.until.since(self.from).as_nanos().max(1)
    }

    /// Full hours, few enough to be read.
    pub(crate) fn hours(&self) -> Vec<Hour> {
        const HOUR: i64 = 3_600_000_000_000;
        let all = u64::try_from(self.nanos() / u128::from(HOUR.unsigned_abs())).unwrap_or(u64::MAX);
        let apart = i64::try_from(all.div_ceil(HOURS).max(1)).unwrap_or(i64::MAX).saturating_mul(HOUR);
        let first = (self.from.nanos() / apart + 1) * apart;
        let hours = (0..).map(|hour| Timestamp::from_nanos(first + hour * apart));
        hours.take_while(|at| *at < self.until).map(|at| Hour { x: self.x(at), at }).collect()
    }

    /// The line of one DAG.
    pub(crate) fn line(&self, dag: &DagId, mut stretches: Vec<Stretch>) -> Vec<Bar> {
        stretches.retain(|it| it.to >= self.from && it.from < self.until);
        stretches.sort_by_key(|it| it.from);
        let mut groups: Vec<Group> = Vec::new();
        for stretch in stretches {
            let (x, end) = (self.x(stretch.from), self.x(stretch.to));
            match groups.last_mut().filter(|group| group.joins(&stretch, x)) {
                Some(group) => group.add(stretch, end),
                None => groups.push(Group {
                    x,
                    end,
                    count: 1,
                    failed: failed(&stretch).into(),
                    first: stretch.from,
                    worst: stretch,
                }),
            }
        }
        groups.into_iter().map(|group| group.bar(dag)).collect()
    }

    /// The line of all other DAGs: instants at which a run of them began or is due.
    pub(crate) fn heaps(&self, instants: impl Iterator<Item = Timestamp>) -> Vec<Heap> {
        let step = WIDTH / BARS;
        let mut counts = vec![0_u64; usize::try_from(BARS).unwrap_or(0)];
        for at in instants.filter(|at| *at >= self.from && *at < self.until) {
            let bar = usize::try_from(self.x(at) / step).unwrap_or(0).min(counts.len() - 1);
            counts[bar] += 1;
        }
        let highest = counts.iter().copied().max().unwrap_or(0).max(1);
        let heaps = (0..).zip(counts).filter(|(_, count)| *count > 0).map(|(bar, count)| {
            let height = (count * HEIGHT / highest).max(3);
            let nanos = self.nanos() * u128::from(bar * step) / u128::from(WIDTH);
            let at = self.from.plus(Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)));
            let class = if at < self.now { "began" } else { "due" };
            Heap { x: bar * step, y: HEIGHT - height, width: step - 2, height, class, count, at }
        });
        heaps.collect()
    }
}

fn failed(stretch: &Stretch) -> bool {
    matches!(stretch.what, What::Run(_, RunState::Failed))
}

/// Stretches that lie too close to be told apart.
struct Group {
    x: u64,
    end: u64,
    count: u64,
    failed: u64,
    first: Timestamp,
    /// The one that matters most.
    worst: Stretch,
}

impl Group {
    fn joins(&self, stretch: &Stretch, x: u64) -> bool {
        let side = |what: &What| match what {
            What::Run(..) => 0,
            What::Likely => 1,
            What::Due => 2,
            What::Changed(_) => 3,
        };
        side(&self.worst.what) == side(&stretch.what) && x <= self.end + NEAR
    }

    fn add(&mut self, stretch: Stretch, end: u64) {
        self.end = self.end.max(end);
        self.count += 1;
        self.failed += u64::from(failed(&stretch));
        // Of two that are as bad, the later one.
        if weight(&stretch.what) >= weight(&self.worst.what) {
            self.worst = stretch;
        }
    }

    fn bar(self, dag: &DagId) -> Bar {
        let Self { x, end, count, failed, first, worst } = self;
        let mut at = if count == 1 { worst.from } else { first };
        let took = show_duration(worst.to.since(worst.from));
        let text = match (&worst.what, count) {
            (What::Run(run, state), 1) if state.is_final() => {
                format!("run {run}: {state} after {took}, from")
            }
            (What::Run(run, state), 1) => format!("run {run}: {state} since"),
            (What::Run(run, state), _) => match failed {
                0 => format!("{count} runs, the last {run}: {state}, from"),
                failed => format!("{count} runs, {failed} failed, the last of those {run}, from"),
            },
            (What::Likely, _) => {
                at = worst.to;
                "likely until".into()
            }
            (What::Due, 1) => "due at".into(),
            (What::Changed(note), 1) => format!("{note}; due at"),
            (What::Due, _) => format!("{count} ticks from"),
            (What::Changed(note), _) => format!("{count} ticks, one is {note}; from"),
        };
        let (class, href) = match &worst.what {
            What::Run(run, state) => (state.as_str(), format!("/runs/{run}")),
            What::Likely => ("likely", format!("/dags/{dag}/durations")),
            What::Due => ("due", format!("/dags/{dag}/schedule")),
            What::Changed(_) => ("held", format!("/dags/{dag}/schedule")),
        };
        Bar { x, width: (end - x).max(2), class, href, text, at }
    }
}

fn weight(what: &What) -> u8 {
    match what {
        What::Run(_, RunState::Failed) => 3,
        What::Run(_, RunState::Running | RunState::Stopping) => 2,
        What::Run(..) | What::Changed(_) => 1,
        What::Likely | What::Due => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(&format!("2026-11-{text}:00Z")).unwrap()
    }

    fn window() -> Window {
        Window { from: at("21T20:00"), now: at("21T22:30"), until: at("22T06:00") }
    }

    fn run(number: i64, state: RunState, from: &str, to: &str) -> Stretch {
        Stretch { what: What::Run(RunId(number), state), from: at(from), to: at(to) }
    }

    fn due(from: &str) -> Stretch {
        Stretch { what: What::Due, from: at(from), to: at(from) }
    }

    fn bars(stretches: Vec<Stretch>) -> Vec<(u64, u64, &'static str, String)> {
        let bars = window().line(&"sales".into(), stretches);
        bars.into_iter().map(|bar| (bar.x, bar.width, bar.class, bar.text)).collect()
    }

    #[test]
    fn a_run_is_as_long_as_it_took_and_a_tick_stands_where_it_is_due() {
        let line = bars(vec![run(7, RunState::Success, "21T21:00", "21T22:00"), due("22T01:00")]);
        assert_eq!(
            line,
            [(100, 100, "success", "run 7: success after 1h, from".into()), (500, 2, "due", "due at".into())]
        );
    }

    #[test]
    fn runs_too_close_to_be_told_apart_are_one_bar_that_shows_the_worst() {
        let line = bars(vec![
            run(1, RunState::Success, "21T21:00", "21T21:01"),
            run(2, RunState::Failed, "21T21:02", "21T21:03"),
            run(3, RunState::Success, "21T21:04", "21T21:05"),
        ]);
        assert_eq!(line, [(100, 8, "failed", "3 runs, 1 failed, the last of those 2, from".into())]);
    }

    #[test]
    fn what_is_outside_is_not_drawn_and_what_reaches_in_begins_at_the_edge() {
        let line = bars(vec![
            run(1, RunState::Success, "21T18:00", "21T19:59"),
            run(2, RunState::Running, "21T19:00", "21T22:30"),
            due("22T06:00"),
        ]);
        assert_eq!(line, [(0, 250, "running", "run 2: running since".into())]);
    }

    #[test]
    fn all_other_dags_share_a_line_whose_fullest_minutes_are_the_highest() {
        let heaps =
            window().heaps([at("21T21:00"), at("22T01:00"), at("22T01:02"), at("22T06:00")].into_iter());
        let shown: Vec<_> = heaps.iter().map(|heap| (heap.class, heap.count, heap.height)).collect();
        assert_eq!(shown, [("began", 1, 10), ("due", 2, 20)]);
    }

    #[test]
    fn hours_are_few_and_full() {
        let hours = window().hours();
        assert_eq!((hours[0].x, hours[0].at), (200, at("21T22:00")));
        assert_eq!(hours.len(), 4);
    }
}
