//! When a DAG fires: cron expressions on the wall clock of a zone.
//!
//! [`Cron`] is an expression, [`Zone`] a clock, [`Timetable`] the two together. Text becomes sets of
//! `values` in `field`, the two day fields meet in `days`, `pattern` finds the wall times that match, and
//! `clock` says which instants these are where the clock is set forward or back.

mod clock;
mod cron;
mod days;
mod field;
mod pattern;
#[cfg(test)]
mod tests;
mod values;
mod warn;
mod zone;

use std::fmt;
use std::time::Duration;

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
#[derive(Debug, Clone, PartialEq, Eq)]
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
        let calm = match self.cron.rule() {
            ClockRule::RealTime | ClockRule::Once | ClockRule::AirflowElapsed => None,
            ClockRule::AirflowWall => self.zone.unrest(instant),
        };
        let next = match calm {
            None => self.step(instant),
            Some(calm) => self.steps_from(calm).find(|next| *next > instant),
        };
        debug_assert!(next.is_none_or(|next| next > instant), "{self} went back from {instant}");
        next
    }

    /// The last instant strictly earlier than `instant`; `None` when there is none since the year 1970.
    pub fn previous_before(&self, instant: Timestamp) -> Option<Timestamp> {
        const NANOSECOND: Duration = Duration::from_nanos(1);
        let wall = self.zone.wall(instant.minus(NANOSECOND)).plus(1);
        let mut walls = std::iter::successors(self.cron.before(wall), |wall| self.cron.before(*wall));
        let firing = walls.find_map(|wall| self.firing_of(wall, instant))?;
        let last_since = |from| self.steps_from(from).take_while(|next| *next < instant).last();
        match self.zone.unrest(firing) {
            None => last_since(firing).or(Some(firing)),
            // Wall times and firings are in different orders here: walk through it, or look before it.
            Some(calm) => last_since(calm).or_else(|| self.previous_before(calm.plus(NANOSECOND))),
        }
    }

    /// One sentence when a clock change acted on `instant`, which is one of this timetable.
    pub fn note(&self, instant: Timestamp) -> Option<String> {
        self.cron.rule().note(&self.cron, &self.zone, instant)
    }

    /// Times of the schedule in the `years` after `from` that the clock jumps over, one for each jump:
    /// what a fixed time meets, not a schedule that follows real time.
    pub fn gaps_ahead(&self, from: Timestamp, years: u16) -> Vec<SkippedTime> {
        const YEAR: u64 = 31_556_952; // seconds, on average
        let until = from.plus(Duration::from_secs(YEAR * u64::from(years)));
        if !matches!(self.cron.rule(), ClockRule::Once | ClockRule::AirflowWall) {
            return Vec::new();
        }
        let jumps = self.zone.changes_after(from).take_while(|change| change.at <= until);
        jumps
            .filter(zone::Change::is_gap)
            .filter_map(|jump| {
                let lost = self.cron.after(jump.start().plus(-1)).filter(|lost| *lost < jump.end())?;
                let fires = self.firing_of(lost, Timestamp::MAX)?;
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

    fn firing_of(&self, wall: Wall, until: Timestamp) -> Option<Timestamp> {
        self.cron.rule().firing_of(&self.zone, wall, until)
    }

    /// All firings after `from`.
    fn steps_from(&self, from: Timestamp) -> impl Iterator<Item = Timestamp> {
        std::iter::successors(self.step(from), |last| self.step(*last))
    }
}

impl fmt::Display for Timetable {
    /// `30 1 * * * (Europe/Paris)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.cron.text(), self.zone.name())
    }
}
