//! By when a run or a task must have begun and ended.

use std::fmt;
use std::time::Duration;

use chrono::{Days, NaiveTime};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::time::{Timestamp, show_duration};
use crate::timetable::Zone;

/// When somebody wants to hear that a run or a task is late.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Deadline {
    /// A run begins within this of its logical date, a task within this of the begin of its run.
    pub start_within: Option<Duration>,
    /// By when it ends.
    pub finish: Option<Finish>,
    /// A warning this long before `finish`, when it has not ended by then.
    pub warn_before: Option<Duration>,
}

/// By when a run or a task ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// `finish_within`: this long after it began.
    Within(Duration),
    /// `finish_by` as a duration: this long after the logical date.
    After(Duration),
    /// `finish_by` as a time of day: the first such time in the DAG's zone at or after the logical date.
    At(NaiveTime),
}

/// In which way a run or a task is late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Lateness {
    /// It has not begun in time.
    LateStart,
    /// It has not ended, and its deadline is near.
    Warning,
    /// It has not ended in time.
    LateFinish,
}

impl Lateness {
    /// Every way there is.
    pub const ALL: [Self; 3] = [Self::LateStart, Self::Warning, Self::LateFinish];

    /// Its name in SQL, JSON and pages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LateStart => "late_start",
            Self::Warning => "warning",
            Self::LateFinish => "late_finish",
        }
    }

    /// The one of this name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == text)
    }

    /// What it says of a run or a task.
    pub const fn claim(self) -> &'static str {
        match self {
            Self::LateStart | Self::LateFinish => "is late",
            Self::Warning => "may be late",
        }
    }

    /// One sentence about it; `due` is the deadline's instant, of a warning the instant of the warning.
    pub fn sentence(self, due: Timestamp) -> String {
        match self {
            Self::LateStart => format!("it had not begun by {due}"),
            Self::Warning => format!("it had not ended by {due}, and its deadline is near"),
            Self::LateFinish => format!("it had not ended by {due}"),
        }
    }
}

impl fmt::Display for Lateness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Display for Finish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Within(length) | Self::After(length) => f.write_str(&show_duration(*length)),
            Self::At(time) => write!(f, "{}", time.format("%H:%M")),
        }
    }
}

impl Deadline {
    /// What is due when, seen from the instant it was to begin (`start_within`) and from the logical date.
    pub fn from_dates(&self, begin: Timestamp, date: Timestamp, zone: &Zone) -> Vec<(Lateness, Timestamp)> {
        let mut due: Vec<_> =
            self.start_within.iter().map(|length| (Lateness::LateStart, begin.plus(*length))).collect();
        let finish = match self.finish {
            Some(Finish::After(length)) => Some(date.plus(length)),
            Some(Finish::At(time)) => Some(next_at(time, date, zone)),
            Some(Finish::Within(_)) | None => None,
        };
        due.extend(finish.into_iter().flat_map(|at| self.before(at)));
        due
    }

    /// What is due when, seen from the instant it began.
    pub fn from_start(&self, started: Timestamp) -> Vec<(Lateness, Timestamp)> {
        match self.finish {
            Some(Finish::Within(length)) => self.before(started.plus(length)),
            _ => Vec::new(),
        }
    }

    fn before(&self, finish: Timestamp) -> Vec<(Lateness, Timestamp)> {
        let warning = self.warn_before.map(|length| (Lateness::Warning, finish.minus(length)));
        warning.into_iter().chain([(Lateness::LateFinish, finish)]).collect()
    }
}

/// The first instant at or after `from` when the clocks of the zone show `time`. A time that the clocks
/// jump over means the instant of the jump.
fn next_at(time: NaiveTime, from: Timestamp, zone: &Zone) -> Timestamp {
    let today = zone.civil(from).date_naive();
    let at = |days| zone.instant_of(today.checked_add_days(Days::new(days))?.and_time(time));
    (0..=2).filter_map(at).find(|at| *at >= from).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instant(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn finish(finish: Finish, date: &str) -> String {
        let deadline = Deadline { finish: Some(finish), ..Deadline::default() };
        let zone = Zone::parse("Europe/Paris").unwrap();
        deadline.from_dates(instant(date), instant(date), &zone)[0].1.to_string()
    }

    #[test]
    fn a_time_of_day_is_the_first_at_or_after_the_logical_date_on_the_clock_of_the_zone() {
        let at = |text: &str| Finish::At(NaiveTime::parse_from_str(text, "%H:%M").unwrap());
        let cases = [
            ("06:30", "2026-11-21T00:30:00Z", "2026-11-21T05:30:00Z"),
            ("06:30", "2026-11-21T05:30:00Z", "2026-11-21T05:30:00Z"),
            ("06:30", "2026-11-21T05:30:01Z", "2026-11-22T05:30:00Z"),
            ("01:00", "2026-11-21T00:30:00Z", "2026-11-22T00:00:00Z"),
            // The night of the change to summer time: 02:30 does not exist, the jump is at 01:00Z.
            ("02:30", "2026-03-28T23:00:00Z", "2026-03-29T01:00:00Z"),
            ("06:30", "2026-03-28T23:00:00Z", "2026-03-29T04:30:00Z"),
            // The night of the change to winter time: the first 02:30.
            ("02:30", "2026-10-24T22:00:00Z", "2026-10-25T00:30:00Z"),
        ];
        for (time, date, expected) in cases {
            assert_eq!(finish(at(time), date), expected, "{time} from {date}");
        }
    }

    #[test]
    fn a_duration_counts_from_the_logical_date_and_a_warning_comes_before_it() {
        let hours = |n| Duration::from_hours(n);
        assert_eq!(finish(Finish::After(hours(5)), "2026-11-21T00:30:00Z"), "2026-11-21T05:30:00Z");
        let deadline = Deadline {
            start_within: Some(Duration::from_mins(10)),
            finish: Some(Finish::Within(hours(2))),
            warn_before: Some(Duration::from_mins(30)),
        };
        let date = instant("2026-11-21T00:30:00Z");
        assert_eq!(
            deadline.from_dates(date, date, &Zone::utc()),
            [(Lateness::LateStart, instant("2026-11-21T00:40:00Z"))]
        );
        assert_eq!(
            deadline.from_start(instant("2026-11-21T00:31:00Z")),
            [
                (Lateness::Warning, instant("2026-11-21T02:01:00Z")),
                (Lateness::LateFinish, instant("2026-11-21T02:31:00Z"))
            ]
        );
    }
}
