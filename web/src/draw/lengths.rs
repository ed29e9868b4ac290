//! How long runs took, each a mark at its date; many runs share a mark.

use std::time::Duration;

use nightrun_core::decide::RunState;
use nightrun_core::id::RunId;
use nightrun_core::time::{Timestamp, show_duration};
use serde::Serialize;

/// The picture in units of its own.
const WIDTH: u64 = 960;
const HEIGHT: u64 = 220;

/// Left of the marks, for the lengths; below them, for the dates.
const LEFT: u64 = 64;
const BELOW: u64 = 22;

/// More runs than this, and those of the same stretch of time share a mark.
const MARKS: usize = 200;

/// Lengths at which a line may be drawn, in milliseconds; beyond the last, whole days.
const STEPS: [u64; 26] = [
    1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 15_000, 30_000, 60_000, 120_000,
    300_000, 600_000, 900_000, 1_800_000, 3_600_000, 7_200_000, 14_400_000, 28_800_000, 43_200_000,
];

/// One run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Length {
    pub(crate) run: RunId,
    pub(crate) state: RunState,
    pub(crate) date: Timestamp,
    pub(crate) took: Duration,
}

/// The picture.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Picture {
    pub(crate) width: u64,
    pub(crate) height: u64,
    pub(crate) left: u64,
    pub(crate) marks: Vec<Mark>,
    pub(crate) lines: Vec<Line>,
    pub(crate) days: Vec<Line>,
    /// The median's height.
    pub(crate) median: Option<u64>,
    /// The heights at which the trend begins and ends.
    pub(crate) trend: Option<(u64, u64)>,
}

/// One run, or the runs of a short stretch of time.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Mark {
    pub(crate) x: u64,
    pub(crate) y: u64,
    pub(crate) state: RunState,
    pub(crate) runs: usize,
    /// The run, or the newest of them.
    pub(crate) run: RunId,
    pub(crate) from: Timestamp,
    pub(crate) took: String,
    /// Of several: the height of the longest.
    pub(crate) top: u64,
}

/// A line with words beside it.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Line {
    pub(crate) at: u64,
    pub(crate) words: String,
}

/// Draws runs whose dates lie between two instants; newest first.
pub(crate) fn draw(runs: &[Length], from: Timestamp, until: Timestamp) -> Picture {
    let longest = runs.iter().map(|run| run.took).max().unwrap_or_default();
    let scale = Scale { from, until, highest: millis(longest).max(1) };
    let good: Vec<&Length> = runs.iter().filter(|run| run.state == RunState::Success).collect();
    Picture {
        width: WIDTH,
        height: HEIGHT,
        left: LEFT,
        marks: if runs.len() > MARKS { scale.shared(runs) } else { scale.single(runs) },
        lines: scale.lines(),
        days: scale.days(),
        median: median(good.iter().map(|run| run.took)).map(|median| scale.y(millis(median))),
        trend: scale.trend(&good),
    }
}

/// The one in the middle.
pub(crate) fn median(lengths: impl Iterator<Item = Duration>) -> Option<Duration> {
    let mut lengths: Vec<Duration> = lengths.collect();
    lengths.sort_unstable();
    lengths.get(lengths.len() / 2).copied()
}

/// Without what nobody wants to read: parts of a second above ten of them.
pub(crate) fn shown(length: Duration) -> String {
    let whole = if length.as_secs() >= 10 { Duration::from_secs(length.as_secs()) } else { length };
    show_duration(Duration::from_millis(millis(whole)))
}

/// Lengths at which a line is drawn, in milliseconds, and in words.
pub(crate) fn levels(highest: u64) -> impl Iterator<Item = (u64, String)> {
    const DAY: u64 = 86_400_000;
    let step = STEPS.into_iter().find(|step| highest / step <= 4);
    let step = step.unwrap_or_else(|| (highest / 4).div_ceil(DAY) * DAY);
    let words = |at: u64| if at == 0 { "0".into() } else { show_duration(Duration::from_millis(at)) };
    (0..=highest / step).map(move |at| (at * step, words(at * step)))
}

struct Scale {
    from: Timestamp,
    until: Timestamp,
    /// Milliseconds at the top.
    highest: u64,
}

impl Scale {
    fn x(&self, at: Timestamp) -> u64 {
        let (part, whole) = (at.since(self.from).as_millis(), self.until.since(self.from).as_millis().max(1));
        LEFT + u64::try_from(u128::from(WIDTH - LEFT - 8) * part.min(whole) / whole).unwrap_or(0)
    }

    fn y(&self, millis: u64) -> u64 {
        let room = HEIGHT - BELOW - 10;
        HEIGHT - BELOW - millis.min(self.highest) * room / self.highest
    }

    fn single(&self, runs: &[Length]) -> Vec<Mark> {
        let mark = |run: &Length| Mark {
            x: self.x(run.date),
            y: self.y(millis(run.took)),
            top: self.y(millis(run.took)),
            state: run.state,
            runs: 1,
            run: run.run,
            from: run.date,
            took: shown(run.took),
        };
        runs.iter().map(mark).collect()
    }

    /// One mark for each of the stretches that have runs: the median, the longest, and the worst state.
    fn shared(&self, runs: &[Length]) -> Vec<Mark> {
        let width = self.until.since(self.from) / u32::try_from(MARKS).unwrap_or(1);
        let stretch = |run: &Length| run.date.since(self.from).as_nanos() / width.as_nanos().max(1);
        let chunks = runs.chunk_by(|one, other| stretch(one) == stretch(other));
        let mark = |chunk: &[Length]| {
            let middle = median(chunk.iter().map(|run| run.took)).unwrap_or_default();
            let longest = chunk.iter().map(|run| run.took).max().unwrap_or_default();
            let worst = chunk.iter().max_by_key(|run| severity(run.state)).unwrap_or(&chunk[0]);
            Mark {
                x: self.x(chunk[chunk.len() / 2].date),
                y: self.y(millis(middle)),
                top: self.y(millis(longest)),
                state: worst.state,
                runs: chunk.len(),
                run: worst.run,
                from: chunk[chunk.len() - 1].date,
                took: shown(middle),
            }
        };
        chunks.map(mark).collect()
    }

    fn lines(&self) -> Vec<Line> {
        levels(self.highest).map(|(at, words)| Line { at: self.y(at), words }).collect()
    }

    /// Six dates below the marks.
    fn days(&self) -> Vec<Line> {
        let whole = self.until.since(self.from);
        let at = |part: u32| self.from.plus(whole / 6 * part);
        let words = |at: Timestamp| at.to_chrono().format("%-d %b").to_string();
        (0..6).map(|part| Line { at: self.x(at(part)), words: words(at(part)) }).collect()
    }

    /// The straight line that lies nearest to the runs, if they are enough to have a direction.
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    fn trend(&self, runs: &[&Length]) -> Option<(u64, u64)> {
        if runs.len() < 5 {
            return None;
        }
        let points: Vec<(f64, f64)> =
            runs.iter().map(|run| (self.x(run.date) as f64, millis(run.took) as f64)).collect();
        let count = points.len() as f64;
        let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
        let (x, y) = (mean(|point| point.0), mean(|point| point.1));
        let spread: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
        if spread < 1.0 {
            return None;
        }
        let slope = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum::<f64>() / spread;
        let height = |at: u64| self.y((y + slope * (at as f64 - x)).max(0.0) as u64);
        Some((height(LEFT), height(WIDTH - 8)))
    }
}

/// Which of several states is shown: trouble first, then what moves.
pub(crate) fn severity(state: RunState) -> u8 {
    match state {
        RunState::Failed => 5,
        RunState::Stopping => 4,
        RunState::Running => 3,
        RunState::Queued => 2,
        RunState::Canceled => 1,
        RunState::Success => 0,
    }
}

pub(crate) fn millis(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: u64) -> Timestamp {
        Timestamp::from_nanos(0).plus(Duration::from_hours(hours))
    }

    fn run(hours: u64, seconds: u64, state: RunState) -> Length {
        let run = RunId(i64::try_from(hours).unwrap());
        Length { run, state, date: at(hours), took: Duration::from_secs(seconds) }
    }

    #[test]
    fn a_run_stands_at_its_date_and_as_high_as_it_took() {
        let runs = [run(10, 60, RunState::Failed), run(0, 30, RunState::Success)];
        let picture = draw(&runs, at(0), at(10));
        let marks: Vec<_> = picture.marks.iter().map(|mark| (mark.x, mark.y, mark.took.as_str())).collect();
        assert_eq!(marks, [(952, 10, "1m"), (64, 104, "30s")]);
        let lines: Vec<_> = picture.lines.iter().map(|line| line.words.as_str()).collect();
        assert_eq!(lines, ["0", "15s", "30s", "45s", "1m"]);
        assert_eq!((picture.median, picture.trend), (Some(104), None));
    }

    #[test]
    fn many_runs_share_marks_that_show_the_worst() {
        let mut runs: Vec<Length> = (0..1_000).rev().map(|hour| run(hour, 5, RunState::Success)).collect();
        runs[500].state = RunState::Failed;
        let picture = draw(&runs, at(0), at(1_000));
        assert_eq!(picture.marks.len(), MARKS);
        assert_eq!(picture.marks.iter().map(|mark| mark.runs).sum::<usize>(), 1_000);
        assert_eq!(picture.marks.iter().filter(|mark| mark.state == RunState::Failed).count(), 1);
    }

    #[test]
    fn what_grows_has_a_rising_trend() {
        let runs: Vec<Length> = (0..10).rev().map(|hour| run(hour, 10 + hour, RunState::Success)).collect();
        let (begin, end) = draw(&runs, at(0), at(10)).trend.unwrap();
        assert!(end < begin, "{begin} {end}");
    }
}
