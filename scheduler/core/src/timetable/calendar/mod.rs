//! Business calendars: which days of the years 1970 to 2100 are business days, and why the others are not.

mod ical;
mod yearly;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use chrono::{Datelike, Days, NaiveDate, Weekday};

pub use self::ical::{IcalEvent, IcalFault, read_ical};
pub use self::yearly::{Nth, Observed, Yearly};

/// The years of which a calendar knows its holidays: those in which schedules have instants.
pub const YEARS: std::ops::RangeInclusive<i32> = 1970..=2100;

/// No business day is looked for farther away than this many days.
const LONGEST_PAUSE: u64 = 2 * 366;

/// A calendar, all its yearly rules worked out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    id: Arc<str>,
    weekend: Vec<Weekday>,
    holidays: BTreeMap<NaiveDate, Arc<str>>,
}

/// Why a day is no business day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayOff {
    /// The calendar that says so.
    pub calendar: Arc<str>,
    /// The holiday's name, or the day of the week.
    pub day: Arc<str>,
}

impl fmt::Display for DayOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, calendar `{}`", self.day, self.calendar)
    }
}

impl Calendar {
    /// A calendar with these days of the week off, and no holidays.
    pub fn new(id: &str, weekend: &[Weekday]) -> Self {
        let mut weekend = weekend.to_vec();
        weekend.sort_by_key(Weekday::num_days_from_monday);
        weekend.dedup();
        Self { id: id.into(), weekend, holidays: BTreeMap::new() }
    }

    /// Monday to Friday: the business days of a schedule that names no calendar.
    pub fn weekdays() -> Self {
        Self::new("weekdays", &[Weekday::Sat, Weekday::Sun])
    }

    /// What schedules call it.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The days of the week that are off.
    pub fn weekend(&self) -> &[Weekday] {
        &self.weekend
    }

    /// Its holidays of the years 1970 to 2100 with their names, also those on a weekend.
    pub fn holidays(&self) -> impl Iterator<Item = (NaiveDate, &str)> {
        self.holidays.iter().map(|(date, name)| (*date, &**name))
    }

    /// Adds a holiday; the first name that a day gets stays.
    pub fn add(&mut self, date: NaiveDate, name: &Arc<str>) {
        if YEARS.contains(&date.year()) {
            self.holidays.entry(date).or_insert_with(|| name.clone());
        }
    }

    /// Adds a yearly holiday in all `years`.
    pub fn add_yearly(&mut self, rule: Yearly, years: std::ops::RangeInclusive<i32>, name: &Arc<str>) {
        years.filter_map(|year| rule.date(year)).for_each(|date| self.add(date, name));
    }

    /// Adds the day on which a holiday is observed, if it falls on a weekend: one that is a business day so
    /// far, so that two holidays of one weekend are observed on two days.
    pub fn observe(&mut self, date: NaiveDate, observed: Observed, name: &Arc<str>) {
        if !self.weekend.contains(&date.weekday()) {
            return;
        }
        let (next, previous) = (self.from_on(date), self.up_to(date));
        let day = match observed {
            Observed::Next => next,
            Observed::Previous => previous,
            Observed::Nearest => match (next, previous) {
                (Some(next), Some(previous)) if previous - date > date - next => Some(previous),
                _ => next,
            },
        };
        if let Some(day) = day {
            self.add(day, &format!("{name} (observed)").into());
        }
    }

    /// Why this day is no business day; `None`: it is one.
    pub fn day_off(&self, date: NaiveDate) -> Option<DayOff> {
        let weekday = || self.weekend.contains(&date.weekday()).then(|| long_name(date.weekday()).into());
        let day = self.holidays.get(&date).cloned().or_else(weekday)?;
        Some(DayOff { calendar: self.id.clone(), day })
    }

    /// True for a day on which business is done.
    pub fn is_business_day(&self, date: NaiveDate) -> bool {
        !self.weekend.contains(&date.weekday()) && !self.holidays.contains_key(&date)
    }

    /// This day, or else the next business day; `None` when there is none within two years.
    pub fn from_on(&self, date: NaiveDate) -> Option<NaiveDate> {
        (0..LONGEST_PAUSE)
            .map_while(|days| date.checked_add_days(Days::new(days)))
            .find(|day| self.is_business_day(*day))
    }

    /// This day, or else the business day before it; `None` when there is none within two years.
    pub fn up_to(&self, date: NaiveDate) -> Option<NaiveDate> {
        (0..LONGEST_PAUSE)
            .map_while(|days| date.checked_sub_days(Days::new(days)))
            .find(|day| self.is_business_day(*day))
    }

    /// The `nth` business day of the month of `date`, from its end where `nth` is negative.
    pub fn nth_of_month(&self, date: NaiveDate, nth: i32) -> Option<NaiveDate> {
        let days = (1..=u32::from(date.num_days_in_month())).filter_map(|day| date.with_day(day));
        let business: Vec<_> = days.filter(|day| self.is_business_day(*day)).collect();
        let place = usize::try_from(nth.unsigned_abs()).ok()?.checked_sub(1)?;
        if nth > 0 { business.get(place) } else { business.iter().rev().nth(place) }.copied()
    }

    /// A text that changes when some day's meaning changes; names and spelling do not count.
    pub fn fingerprint(&self) -> String {
        let days = self.holidays.keys().map(|date| u64::from(date.num_days_from_ce().unsigned_abs()));
        let weekend = self.weekend.iter().map(|day| u64::from(day.num_days_from_monday()));
        format!("{:016x}", super::mix(weekend.chain(days)))
    }
}

/// `Saturday`.
fn long_name(day: Weekday) -> &'static str {
    match day {
        Weekday::Mon => "Monday",
        Weekday::Tue => "Tuesday",
        Weekday::Wed => "Wednesday",
        Weekday::Thu => "Thursday",
        Weekday::Fri => "Friday",
        Weekday::Sat => "Saturday",
        Weekday::Sun => "Sunday",
    }
}
