//! How one entry of a schedule is put together.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::NaiveTime;

use super::Timetable;
use super::calendar::Calendar;
use super::cron::Cron;
use super::cron_times::CronTimes;
use super::entry::{Entry, OnHoliday};
use super::source::Source;
use super::zone::Zone;
use crate::time::{Timestamp, show_duration};

/// What gives the instants of an entry.
#[derive(Debug, Clone)]
pub enum Times {
    /// A cron expression.
    Cron(Cron),
    /// A fixed interval, counted from the entry's start, or from 1970-01-01T00:00:00Z.
    Every(Duration),
    /// Exactly these instants.
    At(Vec<Timestamp>),
    /// Times of the `nth` business day of each month, from its end where `nth` is negative.
    BusinessDay {
        /// Not 0.
        nth: i32,
        /// At least one.
        times: Vec<NaiveTime>,
    },
    /// Once: at the start, or when it is first loaded.
    Once,
    /// Whenever the run before has ended.
    Continuous,
}

/// One entry of a schedule in the making.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What gives its instants.
    pub times: Times,
    /// The clock on which they are read.
    pub zone: Zone,
    /// The business days, and what becomes of instants on other days.
    pub calendar: Option<(Arc<Calendar>, OnHoliday)>,
    /// Each tick fires less than this later.
    pub jitter: Duration,
    /// From where an interval is counted, and when `@once` fires.
    pub anchor: Option<Timestamp>,
    /// No instant of this entry before it.
    pub start: Option<Timestamp>,
    /// No instant of this entry after it.
    pub end: Option<Timestamp>,
}

impl Plan {
    /// These times on this clock, and nothing else.
    pub fn new(times: Times, zone: Zone) -> Self {
        Self { times, zone, calendar: None, jitter: Duration::ZERO, anchor: None, start: None, end: None }
    }
}

impl From<Plan> for Timetable {
    fn from(plan: Plan) -> Self {
        let text = plan.to_string();
        let Plan { times, zone, calendar, jitter, anchor, start, end } = plan;
        let source = match times {
            Times::Cron(cron) => Source::Cron(CronTimes::new(cron, zone.clone())),
            Times::Every(length) => Source::Every {
                length,
                from: anchor.unwrap_or(Timestamp::from_nanos(0)),
                anchored: anchor.is_some(),
            },
            Times::At(mut instants) => {
                instants.sort_unstable();
                instants.dedup();
                Source::At(instants)
            }
            Times::BusinessDay { nth, times } => {
                let calendar = calendar.as_ref().map(|(calendar, _)| calendar.clone());
                Source::BusinessDay {
                    nth,
                    times,
                    calendar: calendar.unwrap_or_else(|| Calendar::weekdays().into()),
                }
            }
            Times::Once => Source::Once(anchor),
            Times::Continuous => Source::Continuous,
        };
        let entry = Entry { source, zone, calendar, jitter, start, end };
        Self { entries: vec![entry], text }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.times {
            Times::Cron(cron) => f.write_str(cron.text())?,
            Times::Every(length) => write!(f, "every {}", show_duration(*length))?,
            Times::At(instants) => match instants[..] {
                [only] => write!(f, "at {only}")?,
                _ => write!(f, "at {} instants", instants.len())?,
            },
            Times::BusinessDay { nth, times } => {
                let times: Vec<_> = times.iter().map(|time| time.format("%H:%M").to_string()).collect();
                write!(f, "{} business day at {}", show_nth(*nth), times.join(", "))?;
            }
            Times::Once => f.write_str("@once")?,
            Times::Continuous => f.write_str("@continuous")?,
        }
        if let Some((calendar, _)) = &self.calendar {
            write!(f, ", calendar {}", calendar.id())?;
        }
        Ok(())
    }
}

fn show_nth(nth: i32) -> String {
    match nth {
        1 => "first".into(),
        2 => "second".into(),
        3 => "third".into(),
        -1 => "last".into(),
        -2 => "last but one".into(),
        nth if nth > 0 => format!("{nth}th"),
        nth => format!("last but {}", -nth - 1),
    }
}
