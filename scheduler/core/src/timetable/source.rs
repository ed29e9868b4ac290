//! What gives the instants of one entry of a schedule, before any calendar moves them.

use std::sync::Arc;
use std::time::Duration;

use chrono::{Datelike, Months, NaiveDate, NaiveTime};

use super::calendar::{Calendar, YEARS};
use super::cron_times::CronTimes;
use super::zone::Zone;
use crate::time::Timestamp;

/// Where instants come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    Cron(CronTimes),
    /// As much time between any two, counted from an instant.
    Every {
        length: Duration,
        from: Timestamp,
        anchored: bool,
    },
    /// Exactly these, in order.
    At(Vec<Timestamp>),
    /// Times of one business day of each month.
    BusinessDay {
        nth: i32,
        times: Vec<NaiveTime>,
        calendar: Arc<Calendar>,
    },
    /// Once: at this instant, or when it is first loaded.
    Once(Option<Timestamp>),
    /// Whenever the run before has ended.
    Continuous,
}

impl Source {
    pub(super) fn next_after(&self, instant: Timestamp, zone: &Zone) -> Option<Timestamp> {
        match self {
            Self::Cron(cron) => cron.next_after(instant),
            Self::Every { length, from, anchored } => {
                let next = step_from(*from, *length, instant, 1)?;
                if *anchored { Some(next.max(*from)) } else { Some(next) }
            }
            Self::At(instants) => instants.get(instants.partition_point(|at| *at <= instant)).copied(),
            Self::BusinessDay { .. } => months(zone, instant, true)
                .find_map(|month| self.of_month(month, zone).into_iter().find(|at| *at > instant)),
            Self::Once(at) => at.filter(|at| *at > instant),
            Self::Continuous => None,
        }
        .filter(|next| in_range(*next))
    }

    pub(super) fn previous_before(&self, instant: Timestamp, zone: &Zone) -> Option<Timestamp> {
        match self {
            Self::Cron(cron) => cron.previous_before(instant),
            Self::Every { length, from, anchored } => {
                let just_before = instant.minus(Duration::from_nanos(1));
                step_from(*from, *length, just_before, 0).filter(|at| !anchored || at >= from)
            }
            Self::At(instants) => {
                instants.partition_point(|at| *at < instant).checked_sub(1).map(|last| instants[last])
            }
            Self::BusinessDay { .. } => months(zone, instant, false)
                .find_map(|month| self.of_month(month, zone).into_iter().rev().find(|at| *at < instant)),
            Self::Once(at) => at.filter(|at| *at < instant),
            Self::Continuous => None,
        }
        .filter(|previous| in_range(*previous))
    }

    /// The instants of a business-day rule in the month of `date`, in order.
    fn of_month(&self, date: NaiveDate, zone: &Zone) -> Vec<Timestamp> {
        let Self::BusinessDay { nth, times, calendar } = self else { return Vec::new() };
        let Some(day) = calendar.nth_of_month(date, *nth) else { return Vec::new() };
        let mut instants: Vec<_> =
            times.iter().filter_map(|time| zone.instant_of(day.and_time(*time))).collect();
        instants.sort_unstable();
        instants
    }

    /// A text that changes with the meaning.
    pub(super) fn fingerprint(&self, zone: &Zone) -> String {
        match self {
            Self::Cron(cron) => cron.fingerprint(),
            Self::Every { length, from, .. } => format!("every {} from {}", length.as_millis(), from.nanos()),
            Self::At(instants) => {
                format!("at {}", instants.iter().map(ToString::to_string).collect::<Vec<_>>().join(","))
            }
            Self::BusinessDay { nth, times, calendar } => {
                format!("business day {nth} {times:?} {} {}", zone.name(), calendar.fingerprint())
            }
            Self::Once(at) => format!("once {}", at.map_or(0, Timestamp::nanos)),
            Self::Continuous => "continuous".into(),
        }
    }
}

/// Beyond the year 2100 a schedule has no instants.
fn in_range(at: Timestamp) -> bool {
    const END: i64 = 4_133_980_800; // 2101-01-01T00:00:00Z
    (0..END).contains(&at.seconds())
}

/// `from` and a whole number of steps: the last at or before `instant`, and `more` steps on.
fn step_from(from: Timestamp, length: Duration, instant: Timestamp, more: i128) -> Option<Timestamp> {
    let length = i128::try_from(length.as_nanos()).ok().filter(|length| *length > 0)?;
    let distance = i128::from(instant.nanos()) - i128::from(from.nanos());
    let steps = distance.div_euclid(length) + more;
    i64::try_from(i128::from(from.nanos()) + steps * length).ok().map(Timestamp::from_nanos)
}

/// The first days of months in the years of calendars, from the one around `instant` on, or back.
fn months(zone: &Zone, instant: Timestamp, onwards: bool) -> impl Iterator<Item = NaiveDate> {
    let date = zone.civil(instant).date_naive();
    let first = match date.year() {
        year if year < *YEARS.start() && onwards => NaiveDate::from_ymd_opt(*YEARS.start(), 1, 1),
        year if year > *YEARS.end() && !onwards => NaiveDate::from_ymd_opt(*YEARS.end(), 12, 1),
        _ => date.with_day(1),
    };
    std::iter::successors(first, move |month| {
        if onwards {
            month.checked_add_months(Months::new(1))
        } else {
            month.checked_sub_months(Months::new(1))
        }
    })
    .take_while(|month| YEARS.contains(&month.year()))
}
