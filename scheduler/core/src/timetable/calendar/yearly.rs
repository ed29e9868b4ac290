//! Holidays that come every year: a fixed day, a weekday of a month, a distance from Easter.

use chrono::{Days, NaiveDate, Weekday};

/// A rule that gives at most one day a year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Yearly {
    /// The same day of the same month; 29 February only in leap years.
    Fixed {
        /// 1 to 12.
        month: u32,
        /// 1 to 31.
        day: u32,
    },
    /// A weekday of a month, such as its last Monday.
    Weekday {
        /// 1 to 12.
        month: u32,
        /// Which day of the week.
        weekday: Weekday,
        /// Which of them.
        nth: Nth,
    },
    /// So many days after Easter Sunday of the western churches.
    Easter(i32),
}

/// Which of the days of one weekday in a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nth {
    /// 1 to 5, from the start of the month.
    First(u8),
    /// 1 to 5, from its end.
    Last(u8),
}

/// When a holiday that falls on a weekend is observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Observed {
    /// On the next business day.
    Next,
    /// On the business day before.
    Previous,
    /// On the nearer of the two; on the later where both are as near.
    Nearest,
}

impl Yearly {
    /// Its day in a year.
    pub fn date(self, year: i32) -> Option<NaiveDate> {
        match self {
            Self::Fixed { month, day } => NaiveDate::from_ymd_opt(year, month, day),
            Self::Weekday { month, weekday, nth: Nth::First(nth) } => {
                NaiveDate::from_weekday_of_month_opt(year, month, weekday, nth)
            }
            Self::Weekday { month, weekday, nth: Nth::Last(nth) } => (1..=5)
                .rev()
                .filter_map(|nth| NaiveDate::from_weekday_of_month_opt(year, month, weekday, nth))
                .nth(usize::from(nth).checked_sub(1)?),
            Self::Easter(days) => shifted(easter(year)?, days),
        }
    }
}

fn shifted(date: NaiveDate, days: i32) -> Option<NaiveDate> {
    let distance = Days::new(u64::from(days.unsigned_abs()));
    if days < 0 { date.checked_sub_days(distance) } else { date.checked_add_days(distance) }
}

/// Easter Sunday by the Gregorian computus (Meeus, Jones and Butcher).
fn easter(year: i32) -> Option<NaiveDate> {
    let (century, of_century) = (year / 100, year % 100);
    let golden = year % 19;
    let corrected = (century - (century + 8) / 25 + 1) / 3;
    let epact = (19 * golden + century - century / 4 - corrected + 15) % 30;
    let weekday = (32 + 2 * (century % 4) + 2 * (of_century / 4) - epact - of_century % 4) % 7;
    let late = (golden + 11 * epact + 22 * weekday) / 451;
    let days = epact + weekday - 7 * late + 114;
    NaiveDate::from_ymd_opt(year, u32::try_from(days / 31).ok()?, u32::try_from(days % 31 + 1).ok()?)
}
