//! When a DAG fires: cron expressions, intervals, dates and business days, on the wall clock of a zone.
//!
//! A [`Timetable`] is the union of its entries. An `entry` takes instants from a `source` and lets a
//! [`Calendar`] leave out or move those on holidays. For cron: [`Cron`] is an expression, [`Zone`] a clock.
//! Text becomes sets of `values` in `field`, the two day fields meet in `days`, `pattern` finds the wall
//! times that match, and `clock` says which instants these are where the clock is set forward or back.

mod calendar;
mod clock;
mod cron;
mod cron_times;
mod days;
mod entry;
mod field;
mod pattern;
mod plan;
mod source;
#[cfg(test)]
mod tests;
mod values;
mod warn;
mod zone;

use std::fmt;
use std::time::Duration;

use chrono::NaiveDateTime;

pub use self::calendar::{Calendar, DayOff, IcalEvent, IcalFault, Nth, Observed, YEARS, Yearly, read_ical};
pub use self::cron::{Cron, CronFault, Dst};
use self::entry::Entry;
pub use self::entry::{OnHoliday, Tick};
pub use self::plan::{Plan, Times};
use self::source::Source;
pub use self::warn::CronWarning;
pub use self::zone::{Zone, offer_system_rules, rules_version};
use crate::time::Timestamp;

/// A schedule that can be asked for its instants: the union of one or more entries.
///
/// Its instants lie between the years 1970 and 2100 and are one ascending sequence, wherever one asks from,
/// but for the exception of Airflow's rules that [`Dst::Airflow`] has for schedules of every hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timetable {
    /// At least one.
    entries: Vec<Entry>,
    /// As the file has it, on one line.
    text: String,
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
        Plan::new(Times::Cron(cron), zone).into()
    }

    /// The union of several; `None` of none.
    pub fn union(timetables: impl IntoIterator<Item = Self>) -> Option<Self> {
        let (mut entries, mut texts) = (Vec::new(), Vec::new());
        for timetable in timetables {
            entries.extend(timetable.entries);
            texts.push(timetable.text);
        }
        (!entries.is_empty()).then(|| Self { entries, text: texts.join(", ") })
    }

    /// As people wrote it, zones apart: `30 1 * * *`.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The zone of its first entry.
    pub fn zone(&self) -> &Zone {
        &self.entries[0].zone
    }

    /// The first instant strictly later than `instant` that fires; `None` when there is none up to the year
    /// 2100.
    pub fn next_after(&self, instant: Timestamp) -> Option<Timestamp> {
        let next = self.entries.iter().filter_map(|entry| entry.next_after(instant)).min();
        debug_assert!(next.is_none_or(|next| next > instant), "{self} went back from {instant}");
        next
    }

    /// The last instant strictly earlier than `instant` that fires; `None` when there is none since 1970.
    pub fn previous_before(&self, instant: Timestamp) -> Option<Timestamp> {
        self.entries.iter().filter_map(|entry| entry.previous_before(instant)).max()
    }

    /// The first instant strictly later than `instant`, also one that a calendar leaves out. Where
    /// entries meet in one instant it fires if any of them does, with the least jitter.
    pub fn next_tick_after(&self, instant: Timestamp) -> Option<Tick> {
        let ticks = self.entries.iter().filter_map(|entry| entry.next_tick_after(instant));
        ticks.min_by_key(|tick| (tick.at, tick.skipped.is_some(), tick.moved.is_some(), tick.jitter))
    }

    /// True for `@once`: it fires one time, and [`Timetable::once_at`] says when.
    pub fn is_once(&self) -> bool {
        matches!(self.entries[..], [Entry { source: Source::Once(_), .. }])
    }

    /// When `@once` fires; `None`: when it is first loaded.
    pub fn once_at(&self) -> Option<Timestamp> {
        let Source::Once(at) = self.entries[0].source else { return None };
        at
    }

    /// True for `@continuous`: a run begins when the one before has ended.
    pub fn is_continuous(&self) -> bool {
        matches!(self.entries[..], [Entry { source: Source::Continuous, .. }])
    }

    /// From when on all of its entries have instants, where each says so.
    pub fn start(&self) -> Option<Timestamp> {
        self.entries.iter().map(|entry| entry.start).min().flatten()
    }

    /// The calendars that it was read with, by their names.
    pub fn calendars(&self) -> impl Iterator<Item = &Calendar> {
        self.entries.iter().filter_map(Entry::named_calendar)
    }

    /// One sentence when a clock change acted on `instant`, which is one of this timetable.
    pub fn note(&self, instant: Timestamp) -> Option<String> {
        let alone = self.entries.len() == 1;
        let at = instant.minus(Duration::from_nanos(1));
        self.entries.iter().find_map(|entry| match &entry.source {
            Source::Cron(cron) if entry.keeps_days() && (alone || cron.next_after(at) == Some(instant)) => {
                cron.note(instant)
            }
            _ => None,
        })
    }

    /// One sentence when a calendar or a clock change acted on a tick of this timetable.
    pub fn remark(&self, tick: &Tick) -> Option<String> {
        match (&tick.skipped, &tick.moved) {
            (Some(off), _) => Some(format!("skipped: {off}")),
            (None, Some((from, off))) => {
                let from = self.zone().civil(*from).format("%a %Y-%m-%d");
                Some(format!("moved from {from}: {off}"))
            }
            (None, None) => self.note(tick.at),
        }
    }

    /// Times of the schedule in the `years` after `from` that the clock jumps over, one for each jump:
    /// what a fixed time meets, not a schedule that follows real time.
    pub fn gaps_ahead(&self, from: Timestamp, years: u16) -> Vec<SkippedTime> {
        let crons = self.entries.iter().filter_map(|entry| match &entry.source {
            Source::Cron(cron) => Some(cron.gaps_ahead(from, years)),
            _ => None,
        });
        crons.flatten().collect()
    }

    /// A text that changes when the meaning changes, and only then: spelling and order do not count.
    pub fn fingerprint(&self) -> String {
        let mut texts: Vec<_> = self.entries.iter().map(Entry::fingerprint).collect();
        texts.sort_unstable();
        texts.dedup();
        texts.join("; ")
    }
}

/// When a tick of `dag` fires: its instant, later by an amount below `jitter` that is always the same for it.
pub fn jittered(dag: &str, at: Timestamp, jitter: Duration) -> Timestamp {
    if jitter.is_zero() {
        return at;
    }
    let millis = u64::try_from(jitter.as_millis()).unwrap_or(u64::MAX);
    let mixed = mix(dag.bytes().map(u64::from).chain([at.nanos().cast_unsigned()]));
    let part = (u128::from(mixed) * u128::from(millis)) >> 64;
    at.plus(Duration::from_millis(u64::try_from(part).unwrap_or(0)))
}

/// A number that looks random, but is always the same for the same parts.
fn mix(parts: impl Iterator<Item = u64>) -> u64 {
    parts.fold(0, |mixed: u64, part| {
        let mut mixed = (mixed ^ part).wrapping_add(0x9E37_79B9_7F4A_7C15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    })
}

impl fmt::Display for Timetable {
    /// `30 1 * * * (Europe/Paris)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.entries[..] {
            [Entry { source: Source::Once(_) | Source::Continuous, .. }] => f.write_str(&self.text),
            [first, rest @ ..] if rest.iter().all(|entry| entry.zone == first.zone) => {
                write!(f, "{} ({})", self.text, first.zone.name())
            }
            _ => f.write_str(&self.text),
        }
    }
}
