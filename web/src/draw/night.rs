//! The hours to come as one line: how many ticks fire when.

use std::time::Duration;

use nightrun_core::time::Timestamp;
use serde::Serialize;

/// Width of the line in units of its own.
const WIDTH: u64 = 960;

/// Height of the highest bar.
const HEIGHT: u64 = 46;

/// How many bars stand on the line.
const BARS: u64 = 96;

/// The line.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Night {
    pub(crate) width: u64,
    pub(crate) height: u64,
    pub(crate) bars: Vec<Bar>,
    pub(crate) hours: Vec<Hour>,
}

/// The ticks of a few minutes.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Bar {
    pub(crate) x: u64,
    pub(crate) y: u64,
    pub(crate) width: u64,
    pub(crate) height: u64,
    pub(crate) from: Timestamp,
    pub(crate) count: u64,
}

/// The beginning of an hour on the line.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Hour {
    pub(crate) x: u64,
    pub(crate) at: Timestamp,
}

/// Lays out instants between `now` and `until`; each counts as often as it is given.
pub(crate) fn draw(instants: impl Iterator<Item = Timestamp>, now: Timestamp, until: Timestamp) -> Night {
    let length = nanos(until.since(now)).max(BARS);
    let mut counts = vec![0_u64; usize::try_from(BARS).unwrap_or(0)];
    for at in instants.filter(|at| *at >= now && *at < until) {
        let bar = nanos(at.since(now)) / (length / BARS);
        let last = counts.len() - 1;
        counts[usize::try_from(bar).unwrap_or(last).min(last)] += 1;
    }
    let highest = counts.iter().copied().max().unwrap_or(0).max(1);
    let step = WIDTH / BARS;
    let bars = (0..).zip(&counts).filter(|(_, count)| **count > 0).map(|(at, count)| {
        let height = (count * HEIGHT / highest).max(3);
        let from = now.plus(Duration::from_nanos(length / BARS * at));
        Bar { x: at * step, y: HEIGHT - height, width: step - 2, height, from, count: *count }
    });
    Night { width: WIDTH, height: HEIGHT, bars: bars.collect(), hours: hours(now, until, length) }
}

/// Full hours, at most eight of them.
fn hours(now: Timestamp, until: Timestamp, length: u64) -> Vec<Hour> {
    const HOUR: i64 = 3_600_000_000_000;
    let apart = (i64::try_from(length).unwrap_or(i64::MAX) / HOUR / 8).max(1);
    let first = (now.nanos() / HOUR + 1) * HOUR;
    let all = (0..).map(|at| Timestamp::from_nanos(first + at * apart * HOUR));
    all.take_while(|at| *at < until)
        .map(|at| Hour { x: mul_div(nanos(at.since(now)), WIDTH, length), at })
        .collect()
}

fn nanos(length: Duration) -> u64 {
    u64::try_from(length.as_nanos()).unwrap_or(u64::MAX)
}

fn mul_div(value: u64, by: u64, of: u64) -> u64 {
    u64::try_from(u128::from(value) * u128::from(by) / u128::from(of.max(1))).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn ticks_of_a_few_minutes_share_a_bar_and_the_fullest_is_the_highest() {
        let (now, until) = (at("2026-11-21T22:30:00Z"), at("2026-11-22T10:30:00Z"));
        let ticks = ["2026-11-21T22:30:00Z", "2026-11-22T01:30:00Z", "2026-11-22T01:37:00Z"].map(at);
        let outside = ["2026-11-21T22:29:59Z", "2026-11-22T10:30:00Z"].map(at);
        let night = draw(ticks.into_iter().chain(outside), now, until);
        let bars: Vec<_> = night.bars.iter().map(|bar| (bar.x, bar.count, bar.height)).collect();
        assert_eq!(bars, [(0, 1, 23), (240, 2, 46)]);
        assert_eq!(night.hours.first().unwrap().at, at("2026-11-21T23:00:00Z"));
        assert!(night.hours.len() <= 12, "{:?}", night.hours);
    }

    #[test]
    fn a_night_without_ticks_is_an_empty_line() {
        let now = at("2026-11-21T22:30:00Z");
        assert_eq!(draw(std::iter::empty(), now, now.plus(Duration::from_hours(12))).bars, []);
    }
}
