//! How long one task waited and then ran, in each of its runs: bars beside each other, the oldest first.

use std::time::Duration;

use nightrun_core::decide::TaskState;
use nightrun_core::id::RunId;
use nightrun_core::time::Timestamp;
use serde::Serialize;

use super::lengths::{Line, levels, millis, shown};

/// The picture in units of its own.
const WIDTH: u64 = 960;
const HEIGHT: u64 = 200;

/// Left of the bars, for the lengths; below them, for the dates; above them.
const LEFT: u64 = 64;
const BELOW: u64 = 22;
const ABOVE: u64 = 18;

/// The widest a bar may be, and the room between two, of a thousand.
const WIDEST: u64 = 48;
const GAP: u64 = 250;

/// Most dates below the bars.
const DATES: usize = 6;

/// One run of the task.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stack {
    pub(crate) run: RunId,
    pub(crate) state: TaskState,
    pub(crate) date: Timestamp,
    /// Between the end of what it comes after and its first try.
    pub(crate) waited: Option<Duration>,
    pub(crate) took: Option<Duration>,
}

/// The picture.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Picture {
    pub(crate) width: u64,
    pub(crate) height: u64,
    pub(crate) left: u64,
    pub(crate) bars: Vec<Bar>,
    pub(crate) lines: Vec<Line>,
    pub(crate) days: Vec<Line>,
}

/// One bar: what it ran, upon what it waited.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Bar {
    pub(crate) x: u64,
    pub(crate) width: u64,
    /// Its top, and how high it is.
    pub(crate) ran: (u64, u64),
    pub(crate) waited: (u64, u64),
    pub(crate) state: TaskState,
    pub(crate) run: RunId,
    pub(crate) words: String,
}

/// Draws the runs of a task, newest first as they are given.
pub(crate) fn draw(stacks: &[Stack]) -> Picture {
    let height = |stack: &Stack| millis(stack.waited.unwrap_or_default() + stack.took.unwrap_or_default());
    let highest = stacks.iter().map(height).max().unwrap_or_default().max(1);
    let floor = HEIGHT - BELOW;
    let high = |millis: u64| {
        let room = u128::from(floor - ABOVE);
        u64::try_from(u128::from(millis.min(highest)) * room / u128::from(highest)).unwrap_or(0)
    };
    let count = u64::try_from(stacks.len()).unwrap_or(u64::MAX).max(1);
    let step = ((WIDTH - LEFT - 8) / count).clamp(1, WIDEST);
    let place = |at: usize| LEFT + u64::try_from(at).unwrap_or(0) * step + step * GAP / 2_000;
    let bar = |(at, stack): (usize, &Stack)| {
        let waited = high(stack.waited.map_or(0, millis));
        let top = high(height(stack));
        // What ran at all is seen, however short it was.
        let ran = if stack.took.is_some() { (top - waited).max(1) } else { 0 };
        Bar {
            x: place(at),
            width: (step - step * GAP / 1_000).max(1),
            ran: (floor - waited - ran, ran),
            waited: (floor - waited, waited),
            state: stack.state,
            run: stack.run,
            words: words(stack),
        }
    };
    let every = stacks.len().div_ceil(DATES).max(1);
    let oldest_first = || stacks.iter().rev().enumerate();
    let day = |(at, stack): (usize, &Stack)| Line {
        at: place(at),
        words: stack.date.to_chrono().format("%-d %b").to_string(),
    };
    Picture {
        width: WIDTH,
        height: HEIGHT,
        left: LEFT,
        bars: oldest_first().map(bar).collect(),
        lines: levels(highest).map(|(at, words)| Line { at: floor - high(at), words }).collect(),
        days: oldest_first().step_by(every).map(day).collect(),
    }
}

fn words(stack: &Stack) -> String {
    let state = stack.state.as_str().replace('_', " ");
    let waited = stack.waited.map(|waited| format!("waited {}", shown(waited)));
    let took = stack.took.map(|took| format!("took {}", shown(took)));
    let parts = [Some(state), waited, took].into_iter().flatten().collect::<Vec<_>>().join(", ");
    format!("run {}: {parts}", stack.run)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stack(run: i64, waited: u64, took: Option<u64>) -> Stack {
        Stack {
            run: RunId(run),
            state: if took.is_some() { TaskState::Success } else { TaskState::UpstreamFailed },
            date: Timestamp::from_nanos(0).plus(Duration::from_hours(24 * u64::try_from(run).unwrap())),
            waited: Some(Duration::from_secs(waited)).filter(|_| took.is_some()),
            took: took.map(Duration::from_secs),
        }
    }

    #[test]
    fn what_ran_stands_upon_what_was_waited_and_the_oldest_is_left() {
        let picture = draw(&[stack(3, 20, Some(40)), stack(2, 0, None), stack(1, 0, Some(30))]);
        let bars: Vec<_> = picture.bars.iter().map(|bar| (bar.run.0, bar.x, bar.ran, bar.waited)).collect();
        assert_eq!(
            bars,
            [(1, 70, (98, 80), (178, 0)), (2, 118, (178, 0), (178, 0)), (3, 166, (18, 107), (125, 53))]
        );
        assert_eq!(picture.bars[2].words, "run 3: success, waited 20s, took 40s");
        assert_eq!(picture.bars[1].words, "run 2: upstream failed");
        let lines: Vec<_> = picture.lines.iter().map(|line| line.words.as_str()).collect();
        assert_eq!(lines, ["0", "15s", "30s", "45s", "1m"]);
        assert_eq!(picture.days.len(), 3);
    }

    #[test]
    fn any_number_of_runs_has_room() {
        for count in [0, 1, 2, 50, 500] {
            let stacks: Vec<Stack> = (0..count).map(|run| stack(run, 1, Some(0))).collect();
            let picture = draw(&stacks);
            assert!(picture.bars.iter().all(|bar| bar.x + bar.width <= WIDTH), "{count}");
            assert!(picture.days.len() <= DATES, "{count}");
        }
    }
}
