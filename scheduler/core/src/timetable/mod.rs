//! When a DAG fires: cron expressions on the wall clock of a zone.
//!
//! [`Cron`] is an expression, [`Zone`] a clock on some wall, [`Timetable`] the two together. Text becomes
//! sets of values in `field`, the two day fields meet in `days`, `pattern` finds matching wall times, and
//! `clock` says which instants they are where the clock is set forward or back.

mod clock;
mod cron;
mod days;
mod field;
mod pattern;
#[cfg(test)]
mod tests;
mod warn;
mod zone;

use std::fmt;

use chrono::NaiveDateTime;

use self::clock::ClockRule;
pub use self::cron::{Cron, CronFault, Dst};
pub use self::warn::CronWarning;
use self::zone::Wall;
pub use self::zone::{Zone, offer_system_rules, rules_version};
use crate::time::Timestamp;

/// A schedule that can be asked for its instants: a cron expression on the clock of a zone.
///
/// Its instants lie between the years 1970 and 2100 and are one ascending sequence, wherever one asks from.
/// The exception is Airflow's: a schedule of every hour, but not of every day, measures the time to its
/// next firing on the clock of the instant it is asked from, and a clock change between shifts that firing.
#[derive(Debug, Clone, PartialEq)]
pub struct Timetable {
    cron: Cron,
    zone: Zone,
}

/// A time of the schedule that the clock jumps over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SkippedTime {
    /// The local time that does not exist.
    pub local: NaiveDateTime,
    /// The instant at which it fires instead.
    pub fires: Timestamp,
}

impl Timetable {
    /// `cron` on the clock of `zone`.
    pub fn new(cron: Cron, zone: Zone) -> Self {
        Self { cron, zone }
    }

    /// The expression.
    pub fn cron(&self) -> &Cron {
        &self.cron
    }

    /// The zone.
    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    /// Whose rules hold where the clock changes.
    pub fn dst(&self) -> Dst {
        self.cron.dst()
    }

    /// The first instant strictly later than `instant`; `None` when there is none up to the year 2100.
    pub fn next_after(&self, instant: Timestamp) -> Option<Timestamp> {
        let next = match self.cron.rule() {
            ClockRule::RealTime | ClockRule::Once | ClockRule::AirflowElapsed => self.step(instant),
            ClockRule::AirflowWall => match self.firing_well_before(instant) {
                Some(firing) => self.steps_from(firing).find(|next| *next > instant),
                None => self.step(instant),
            },
        };
        debug_assert!(next.is_none_or(|next| next > instant), "{self} went back from {instant}");
        next
    }

    /// The last instant strictly earlier than `instant`; `None` when there is none since the year 1970.
    pub fn previous_before(&self, instant: Timestamp) -> Option<Timestamp> {
        let firing = self.firing_well_before(instant)?;
        self.steps_from(firing).take_while(|next| *next < instant).last().or(Some(firing))
    }

    /// One sentence when a clock change acted on `instant`, which is one of this timetable.
    pub fn note(&self, instant: Timestamp) -> Option<String> {
        self.cron.rule().note(&self.cron, &self.zone, instant)
    }

    /// Times of the schedule in the `years` after `from` that the clock jumps over, one for each jump:
    /// what a fixed time meets, not a schedule that follows real time.
    pub fn gaps_ahead(&self, from: Timestamp, years: u16) -> Vec<SkippedTime> {
        const YEAR: u64 = 31_556_952; // seconds, on average
        let until = from.plus(std::time::Duration::from_secs(YEAR * u64::from(years)));
        if !matches!(self.cron.rule(), ClockRule::Once | ClockRule::AirflowWall) {
            return Vec::new();
        }
        let jumps = self.zone.changes_after(from).take_while(|change| change.at <= until);
        jumps
            .filter(zone::Change::is_gap)
            .filter_map(|jump| {
                let lost = self.cron.after(jump.start().plus(-1)).filter(|lost| *lost < jump.end())?;
                let fires = self.cron.rule().firing_of(lost, &self.zone, Timestamp::MAX)?;
                Some(SkippedTime { local: lost.to_chrono()?.naive_utc(), fires })
            })
            .collect()
    }

    /// A text that changes when the meaning changes, and only then: spelling does not count.
    pub fn fingerprint(&self) -> String {
        format!("cron {} {}", self.cron.canonical(), self.zone.name())
    }

    fn step(&self, from: Timestamp) -> Option<Timestamp> {
        self.cron.rule().step(&self.cron, &self.zone, from)
    }

    /// All firings after `firing`.
    fn steps_from(&self, firing: Timestamp) -> impl Iterator<Item = Timestamp> {
        std::iter::successors(self.step(firing), |last| self.step(*last))
    }

    /// A firing so far before `instant` that another one lies between, from which one can therefore
    /// walk to `instant` without having missed how the clock changed; the only one, if it is alone.
    fn firing_well_before(&self, instant: Timestamp) -> Option<Timestamp> {
        let just_before = instant.minus(std::time::Duration::from_nanos(1));
        let walls = |wall: &Wall| self.cron.before(*wall);
        let walls = std::iter::successors(self.cron.before(self.zone.wall(just_before).plus(1)), walls);
        let mut firings = walls.filter_map(|wall| self.cron.rule().firing_of(wall, &self.zone, instant));
        let latest = firings.next()?;
        Some(firings.next().unwrap_or(latest))
    }
}

impl fmt::Display for Timetable {
    /// `30 1 * * * (Europe/Paris)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.cron.text(), self.zone.name())
    }
}
