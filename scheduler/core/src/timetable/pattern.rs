//! The search on the wall clock: next and previous times that match, without any zone.
//!
//! The `cron` crate searches. It knows neither `L`, `W` nor `#`, so it is given a wider set of days and
//! a [`DayFilter`] says which of them count; and it only ever sees wall times labelled UTC, so that its
//! own handling of clock changes never acts.

use chrono::{DateTime, Datelike, Days, NaiveDate, Utc};
use cron::Schedule;

use super::values::{FieldKind, Values};
use super::zone::Wall;

/// The years in which the crate searches are 1970 to 2100; later there is no match.
const LAST_WALL: Wall = Wall(4_133_980_800); // 2101-01-01T00:00:00

/// Which days of those that a [`Schedule`] finds count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DayFilter {
    LastDay,
    LastWorkday,
    NearestWorkday(u32),
    /// Less than a week before the end of the month.
    LastWeek,
}

impl DayFilter {
    fn allows(self, date: NaiveDate) -> bool {
        let length = u32::from(date.num_days_in_month());
        match self {
            Self::LastDay => date.day() == length,
            Self::LastWorkday => date.day() == nearest_workday(date, length),
            Self::NearestWorkday(day) => date.day() == nearest_workday(date, day),
            Self::LastWeek => date.day() + 7 > length,
        }
    }
}

/// The day from Monday to Friday nearest to `day`, within the month of `date`. A day that the month
/// does not have means its last one. For the last day of a month this is its last workday.
fn nearest_workday(date: NaiveDate, day: u32) -> u32 {
    let length = u32::from(date.num_days_in_month());
    let day = day.min(length);
    // Days from Monday, of the day in question.
    let weekday = (date.weekday().num_days_from_monday() + 35 + day - date.day()) % 7;
    match weekday {
        5 if day == 1 => 3,
        5 => day - 1,
        6 if day == length => day - 2,
        6 => day + 1,
        _ => day,
    }
}

/// The times of day and months of an expression: all but its days.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    pub(super) second: Values,
    pub(super) minute: Values,
    pub(super) hour: Values,
    pub(super) month: Values,
}

/// Days of the month that are also one of the weekdays and pass all filters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DaySet {
    pub(super) days: Values,
    pub(super) weekdays: Values,
    pub(super) filters: Vec<DayFilter>,
}

/// Times of day on one [`DaySet`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    schedule: Schedule,
    filters: Vec<DayFilter>,
}

impl Pattern {
    /// `None` when it never matches.
    pub(super) fn new(times: Times, days: DaySet) -> Option<Self> {
        // The crate counts weekdays from Sunday as 1.
        let weekdays = days
            .weekdays
            .iter()
            .fold(Values::default(), |set, day| set.or(Values::stepping(day + 1, day + 1, 1)));
        let all_week = days.weekdays == FieldKind::Weekday.all();
        let source = [
            list(FieldKind::Second, times.second),
            list(FieldKind::Minute, times.minute),
            list(FieldKind::Hour, times.hour),
            list(FieldKind::Day, days.days),
            list(FieldKind::Month, times.month),
            if all_week { "*".into() } else { numbers(weekdays) },
        ]
        .join(" ");
        let schedule = source.parse().ok()?;
        let pattern = Self { schedule, filters: days.filters };
        pattern.after(Wall(0)).is_some().then_some(pattern)
    }

    /// The first match later than `wall`.
    pub(super) fn after(&self, wall: Wall) -> Option<Wall> {
        let mut from = wall;
        loop {
            let found = self.schedule.after(&from.to_chrono()?).next()?;
            if self.allows(found) {
                return Some(Wall(found.timestamp()));
            }
            from = Wall(midnight(found.date_naive().checked_add_days(Days::new(1))?)).plus(-1);
        }
    }

    /// The last match earlier than `wall`.
    pub(super) fn before(&self, wall: Wall) -> Option<Wall> {
        let mut from = wall.min(LAST_WALL);
        loop {
            let found = self.schedule.after(&from.to_chrono()?).next_back()?;
            if self.allows(found) {
                return Some(Wall(found.timestamp()));
            }
            from = Wall(midnight(found.date_naive()));
        }
    }

    /// The same text for the same meaning.
    pub(super) fn canonical(&self) -> String {
        let filters = self.filters.iter().map(|filter| match filter {
            DayFilter::LastDay => " last-day".to_owned(),
            DayFilter::LastWorkday => " last-workday".to_owned(),
            DayFilter::NearestWorkday(day) => format!(" workday-nearest-{day}"),
            DayFilter::LastWeek => " last-week".to_owned(),
        });
        std::iter::once(self.schedule.source().to_owned()).chain(filters).collect()
    }

    fn allows(&self, found: DateTime<Utc>) -> bool {
        self.filters.iter().all(|filter| filter.allows(found.date_naive()))
    }
}

fn midnight(date: NaiveDate) -> i64 {
    date.and_time(chrono::NaiveTime::MIN).and_utc().timestamp()
}

fn list(kind: FieldKind, values: Values) -> String {
    if values == kind.all() { "*".into() } else { numbers(values) }
}

fn numbers(values: Values) -> String {
    values.iter().map(|value| value.to_string()).collect::<Vec<_>>().join(",")
}
