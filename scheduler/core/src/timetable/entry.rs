//! One entry of a schedule: its instants, as its calendar lets them pass, leaves them out or moves them.

use std::sync::Arc;
use std::time::Duration;

use chrono::{Days, NaiveDate, NaiveDateTime, NaiveTime};

use super::calendar::{Calendar, DayOff};
use super::source::Source;
use super::zone::Zone;
use crate::time::Timestamp;

/// What becomes of an instant on a day that is no business day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnHoliday {
    /// It fires.
    Run,
    /// It is left out.
    Skip,
    /// It fires at the same time of the next business day.
    NextBusinessDay,
    /// It fires at the same time of the business day before.
    PreviousBusinessDay,
}

/// One instant of a schedule, and what is to be said about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tick {
    /// The nominal instant, after any move.
    pub at: Timestamp,
    /// It fires less than this later, see [`super::jittered`].
    pub jitter: Duration,
    /// Where it was moved from, and why; the earliest, where several moved to it.
    pub moved: Option<(Timestamp, DayOff)>,
    /// It does not fire, for this reason.
    pub skipped: Option<DayOff>,
}

/// Instants, their calendar, and the bounds between which they count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) source: Source,
    pub(super) zone: Zone,
    pub(super) calendar: Option<(Arc<Calendar>, OnHoliday)>,
    pub(super) jitter: Duration,
    pub(super) start: Option<Timestamp>,
    pub(super) end: Option<Timestamp>,
}

/// Which way one looks along the instants.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    On,
    Back,
}

const NANOSECOND: Duration = Duration::from_nanos(1);

/// A search through a calendar ends after so many days that have instants, but no business.
const MOST_DAYS: usize = 50_000;

impl Entry {
    /// The first instant after `instant`, whether it fires or is skipped.
    pub(super) fn next_tick_after(&self, instant: Timestamp) -> Option<Tick> {
        let from = self.start.map_or(instant, |start| instant.max(start.minus(NANOSECOND)));
        self.seek_tick(from, Way::On).filter(|tick| self.end.is_none_or(|end| tick.at <= end))
    }

    /// The first instant after `instant` that fires.
    pub(super) fn next_after(&self, instant: Timestamp) -> Option<Timestamp> {
        let from = self.start.map_or(instant, |start| instant.max(start.minus(NANOSECOND)));
        self.seek(from, Way::On).filter(|at| self.end.is_none_or(|end| *at <= end))
    }

    /// The last instant before `instant` that fires.
    pub(super) fn previous_before(&self, instant: Timestamp) -> Option<Timestamp> {
        let from = self.end.map_or(instant, |end| instant.min(end.plus(NANOSECOND)));
        self.seek(from, Way::Back).filter(|at| self.start.is_none_or(|start| *at >= start))
    }

    /// No instant of it is moved to another day.
    pub(super) fn keeps_days(&self) -> bool {
        matches!(self.calendar, None | Some((_, OnHoliday::Run | OnHoliday::Skip)))
    }

    /// The calendar that the schedule names.
    pub(super) fn named_calendar(&self) -> Option<&Calendar> {
        self.calendar.as_ref().map(|(calendar, _)| &**calendar)
    }

    fn seek_tick(&self, from: Timestamp, way: Way) -> Option<Tick> {
        let tick = |at, moved, skipped| Tick { at, jitter: self.jitter, moved, skipped };
        match &self.calendar {
            None | Some((_, OnHoliday::Run)) => Some(tick(self.nominal(from, way)?, None, None)),
            Some((calendar, OnHoliday::Skip)) => {
                let at = self.nominal(from, way)?;
                Some(tick(at, None, calendar.day_off(self.date(at))))
            }
            Some((calendar, policy)) => {
                let (at, nominal) = self.moved(calendar, *policy, from, way)?;
                Some(tick(at, calendar.day_off(self.date(nominal)).map(|off| (nominal, off)), None))
            }
        }
    }

    fn seek(&self, from: Timestamp, way: Way) -> Option<Timestamp> {
        let Some((calendar, OnHoliday::Skip)) = &self.calendar else {
            return self.seek_tick(from, way).map(|tick| tick.at);
        };
        let mut from = from;
        for _ in 0..MOST_DAYS {
            let at = self.nominal(from, way)?;
            let date = self.date(at);
            if calendar.is_business_day(date) {
                return Some(at);
            }
            from = match way {
                Way::On => self.midnight(calendar.from_on(date)?)?.minus(NANOSECOND),
                Way::Back => self.midnight(calendar.up_to(date)?.checked_add_days(Days::new(1))?)?,
            };
        }
        None
    }

    /// The nearest moved instant, and the earliest nominal one that moves there. The days whose instants
    /// come together on one business day follow each other, so each such group is looked at as a whole.
    fn moved(
        &self,
        calendar: &Calendar,
        policy: OnHoliday,
        from: Timestamp,
        way: Way,
    ) -> Option<(Timestamp, Timestamp)> {
        let home = |date| match policy {
            OnHoliday::PreviousBusinessDay => calendar.up_to(date),
            _ => calendar.from_on(date),
        };
        let mut business = match way {
            Way::On => calendar.from_on(self.date(from))?,
            Way::Back => calendar.up_to(self.date(from))?,
        };
        for _ in 0..MOST_DAYS {
            let (first, last) = group(calendar, policy, business)?;
            if let Some(found) = self.nearest_of(first, last, business, from, way) {
                return Some(found);
            }
            let beyond = match way {
                Way::On => self.midnight(last.checked_add_days(Days::new(1))?)?.minus(NANOSECOND),
                Way::Back => self.midnight(first)?,
            };
            business = home(self.date(self.nominal(beyond, way)?))?;
        }
        None
    }

    /// Of the instants from `first` to `last`, at their times on `business`: the nearest to `from`.
    fn nearest_of(
        &self,
        first: NaiveDate,
        last: NaiveDate,
        business: NaiveDate,
        from: Timestamp,
        way: Way,
    ) -> Option<(Timestamp, Timestamp)> {
        // On another day only instants at or beyond this time of day can count.
        let same_day = self.date(from) == business;
        let time = if same_day { self.zone.civil(from).time() } else { NaiveTime::MIN };
        let days = first.iter_days().take_while(|day| *day <= last);
        let found = days.filter_map(|day| {
            if day == business {
                let edge = if same_day { from } else { self.edge_of(day, way)? };
                return self.nominal(edge, way).filter(|at| self.date(*at) == day).map(|at| (at, at));
            }
            let edge =
                if same_day || way == Way::On { day.and_time(time) } else { day.and_hms_opt(23, 59, 59)? };
            self.walls(day, edge, way).find_map(|wall| {
                let image = self.zone.instant_of(business.and_time(wall.time()))?;
                let beyond = if way == Way::On { image > from } else { image < from };
                beyond.then_some((image, self.zone.instant_of(wall)?))
            })
        });
        match way {
            Way::On => found.min(),
            Way::Back => found.max_by_key(|(image, nominal)| (*image, std::cmp::Reverse(*nominal))),
        }
    }

    /// The times on the clock of one day, from `edge` on or back. A time that the clock jumps over on
    /// this day may well exist on the day to which it moves.
    fn walls(
        &self,
        day: NaiveDate,
        edge: NaiveDateTime,
        way: Way,
    ) -> Box<dyn Iterator<Item = NaiveDateTime> + '_> {
        if let Source::Cron(cron) = &self.source {
            return Box::new(cron.walls(edge, way == Way::On).take_while(move |wall| wall.date() == day));
        }
        let begin = self.zone.instant_of(edge).map(|at| match way {
            Way::On => at.minus(NANOSECOND),
            Way::Back => at.plus(Duration::from_secs(1)),
        });
        let first = begin.and_then(|begin| self.nominal(begin, way));
        let instants = std::iter::successors(first, move |at| self.nominal(*at, way));
        let walls = instants.map(|at| self.zone.civil(at).naive_local());
        Box::new(walls.take_while(move |wall| wall.date() == day))
    }

    /// Just outside of a day, so that the next instant may be one of it.
    fn edge_of(&self, day: NaiveDate, way: Way) -> Option<Timestamp> {
        match way {
            Way::On => Some(self.midnight(day)?.minus(NANOSECOND)),
            Way::Back => self.midnight(day.checked_add_days(Days::new(1))?),
        }
    }

    fn nominal(&self, from: Timestamp, way: Way) -> Option<Timestamp> {
        match way {
            Way::On => self.source.next_after(from, &self.zone),
            Way::Back => self.source.previous_before(from, &self.zone),
        }
    }

    fn date(&self, at: Timestamp) -> NaiveDate {
        self.zone.civil(at).date_naive()
    }

    /// The start of a day.
    fn midnight(&self, date: NaiveDate) -> Option<Timestamp> {
        self.zone.instant_of(date.and_time(NaiveTime::MIN))
    }

    /// A text that changes with the meaning, and only then.
    pub(super) fn fingerprint(&self) -> String {
        let calendar = self.calendar.as_ref().filter(|(_, policy)| *policy != OnHoliday::Run);
        let calendar = calendar
            .map(|(calendar, policy)| format!("{} {policy:?} {}", self.zone.name(), calendar.fingerprint()));
        let bound = |name, at: Option<Timestamp>| at.map(|at| format!("{name} {}", at.nanos()));
        let parts = [calendar, bound("from", self.start), bound("to", self.end)];
        let source = Some(self.source.fingerprint(&self.zone));
        std::iter::once(source).chain(parts).flatten().collect::<Vec<_>>().join(" ")
    }
}

/// The first and last day whose instants fire on this business day.
fn group(calendar: &Calendar, policy: OnHoliday, business: NaiveDate) -> Option<(NaiveDate, NaiveDate)> {
    let one = Days::new(1);
    if policy == OnHoliday::PreviousBusinessDay {
        let next = calendar.from_on(business.checked_add_days(one)?);
        return Some((business, next.and_then(|next| next.checked_sub_days(one)).unwrap_or(business)));
    }
    let before = calendar.up_to(business.checked_sub_days(one)?);
    Some((before.and_then(|before| before.checked_add_days(one)).unwrap_or(business), business))
}
