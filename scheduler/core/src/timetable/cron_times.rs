//! The instants of one cron expression on the wall clock of one zone.

use std::fmt;
use std::time::Duration;

use chrono::NaiveDateTime;

use super::SkippedTime;
use super::clock::ClockRule;
use super::cron::Cron;
use super::zone::{self, Wall, Zone};
use crate::time::Timestamp;

/// A cron expression on the clock of a zone.
///
/// Its instants lie between the years 1970 and 2100 and are one ascending sequence, wherever one asks from.
/// The exception is Airflow's: a schedule of every hour, but not of every day, measures the time to its
/// next firing on the clock of the instant it is asked from, and a clock change between shifts that firing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CronTimes {
    cron: Cron,
    zone: Zone,
}

impl CronTimes {
    /// `cron` on the clock of `zone`.
    pub(super) fn new(cron: Cron, zone: Zone) -> Self {
        Self { cron, zone }
    }

    /// Times on the clock that match, whether or not a clock change leaves them out: from `edge` on, or back.
    pub(super) fn walls(&self, edge: NaiveDateTime, onwards: bool) -> impl Iterator<Item = NaiveDateTime> {
        let edge = Wall(edge.and_utc().timestamp());
        let step = move |wall: Wall| if onwards { self.cron.after(wall) } else { self.cron.before(wall) };
        let first = step(if onwards { edge.plus(-1) } else { edge.plus(1) });
        std::iter::successors(first, move |wall| step(*wall))
            .filter_map(Wall::to_chrono)
            .map(|at| at.naive_utc())
    }

    /// The first instant strictly later than `instant`; `None` when there is none up to the year 2100.
    pub(super) fn next_after(&self, instant: Timestamp) -> Option<Timestamp> {
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
    pub(super) fn previous_before(&self, instant: Timestamp) -> Option<Timestamp> {
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
    pub(super) fn note(&self, instant: Timestamp) -> Option<String> {
        self.cron.rule().note(&self.cron, &self.zone, instant)
    }

    /// Times of the schedule in the `years` after `from` that the clock jumps over, one for each jump:
    /// what a fixed time meets, not a schedule that follows real time.
    pub(super) fn gaps_ahead(&self, from: Timestamp, years: u16) -> Vec<SkippedTime> {
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
    pub(super) fn fingerprint(&self) -> String {
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

impl fmt::Display for CronTimes {
    /// `30 1 * * * (Europe/Paris)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.cron.text(), self.zone.name())
    }
}
