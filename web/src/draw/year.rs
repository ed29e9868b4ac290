//! A year as a calendar: weeks as columns, days as squares.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use chrono::{Datelike, Days, NaiveDate};
use nightrun_core::decide::RunState;
use serde::Serialize;

use super::lengths::severity;

/// From one day to the next, and the side of a day.
const STEP: u64 = 18;
pub(crate) const SIDE: u64 = 15;

/// Left of the days, for their names; above them, for the months.
const LEFT: u64 = 34;
const ABOVE: u64 = 18;

/// The last day of a month with which a drawing may begin so that its name does not run into the next.
const NAMED_UNTIL: u32 = 15;

/// What the runs of one day came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DaySum {
    pub(crate) runs: u32,
    pub(crate) failed: u32,
    pub(crate) worst: RunState,
}

impl DaySum {
    /// The day with one more run.
    pub(crate) fn add(day: Option<Self>, state: RunState) -> Self {
        let failed = u32::from(state == RunState::Failed);
        let Some(day) = day else { return Self { runs: 1, failed, worst: state } };
        let worst = if severity(state) > severity(day.worst) { state } else { day.worst };
        Self { runs: day.runs + 1, failed: day.failed + failed, worst }
    }
}

/// The year.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Year {
    pub(crate) width: u64,
    pub(crate) height: u64,
    pub(crate) side: u64,
    pub(crate) days: Vec<Day>,
    /// The squares of days without runs, as one path.
    pub(crate) idle: String,
    /// The squares of days on which a tick will fire, as one path.
    pub(crate) planned: String,
    pub(crate) months: Vec<(u64, String)>,
    pub(crate) weekdays: Vec<(u64, &'static str)>,
}

/// A day that has runs.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Day {
    pub(crate) x: u64,
    pub(crate) y: u64,
    pub(crate) worst: RunState,
    pub(crate) date: NaiveDate,
    pub(crate) words: String,
}

/// Draws the days from the first to the last.
pub(crate) fn draw(
    sums: &BTreeMap<NaiveDate, DaySum>,
    planned: &BTreeSet<NaiveDate>,
    first: NaiveDate,
    last: NaiveDate,
) -> Year {
    // Weeks begin on Monday.
    let monday = first - Days::new(u64::from(first.weekday().num_days_from_monday()));
    let place = |date: NaiveDate| {
        let days = u64::try_from((date - monday).num_days()).unwrap_or(0);
        (LEFT + days / 7 * STEP, ABOVE + days % 7 * STEP)
    };
    let (mut days, mut idle, mut months) = (Vec::new(), String::new(), Vec::new());
    let mut outlined = String::new();
    for date in first.iter_days().take_while(|date| *date <= last) {
        let (x, y) = place(date);
        // A month that begins before the drawing is named where its name has room.
        if date.day() == 1 || date == first && date.day() <= NAMED_UNTIL {
            months.push((x, date.format("%b").to_string()));
        }
        match sums.get(&date) {
            Some(sum) => days.push(Day { x, y, worst: sum.worst, date, words: words(date, *sum) }),
            // Writing to a string cannot fail.
            None if planned.contains(&date) => drop(write!(outlined, "M{x} {y}h{SIDE}v{SIDE}h-{SIDE}z")),
            None => drop(write!(idle, "M{x} {y}h{SIDE}v{SIDE}h-{SIDE}z")),
        }
    }
    Year {
        width: place(last).0 + STEP,
        height: ABOVE + 7 * STEP,
        side: SIDE,
        days,
        idle,
        planned: outlined,
        months,
        weekdays: [(0, "Mon"), (2, "Wed"), (4, "Fri"), (6, "Sun")]
            .map(|(at, name)| (ABOVE + at * STEP + 12, name))
            .into(),
    }
}

fn words(date: NaiveDate, sum: DaySum) -> String {
    let plural = if sum.runs == 1 { "" } else { "s" };
    let came_to = match sum.worst {
        RunState::Failed if sum.runs > 1 => format!("{} failed", sum.failed),
        RunState::Success if sum.runs > 1 => "all well".to_owned(),
        worst => worst.to_string(),
    };
    format!("{}: {} run{plural}, {came_to}", date.format("%a %-d %b %Y"), sum.runs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn weeks_are_columns_and_the_worst_run_names_the_day() {
        let mut sums = BTreeMap::new();
        for (date, state) in [
            ("2026-11-16", RunState::Success),
            ("2026-11-22", RunState::Success),
            ("2026-11-22", RunState::Failed),
            ("2026-11-22", RunState::Success),
        ] {
            let sum = DaySum::add(sums.get(&day(date)).copied(), state);
            sums.insert(day(date), sum);
        }
        let planned = [day("2026-11-23"), day("2026-11-16")].into();
        let year = draw(&sums, &planned, day("2026-11-10"), day("2026-11-23"));
        let days: Vec<_> = year.days.iter().map(|day| (day.x, day.y, day.words.as_str())).collect();
        let expected =
            [(52, 18, "Mon 16 Nov 2026: 1 run, success"), (52, 126, "Sun 22 Nov 2026: 3 runs, 1 failed")];
        assert_eq!(days, expected);
        assert_eq!((year.idle.matches('M').count(), year.planned.matches('M').count()), (11, 1));
    }
}
