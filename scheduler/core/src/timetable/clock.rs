//! From wall times to instants, where the clock changes.

use super::cron::Cron;
use super::zone::{Change, Reading, Wall, Zone};
use crate::time::Timestamp;

/// What becomes of matching wall times that the clock skips or shows twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ClockRule {
    /// Debian cron's for schedules with a wildcard minute or hour: skipped times are lost, and times
    /// that come twice fire twice.
    RealTime,
    /// Debian cron's for fixed times: all that is skipped fires once, at the jump; a time that comes
    /// twice fires at the first.
    Once,
    /// Airflow's `CronMixin` for fixed times: the first of the skipped times fires as much later as the
    /// clock jumps, the others are lost; a time that comes twice fires at the second.
    AirflowWall,
    /// Airflow's `CronMixin` for schedules of every hour: from one firing to the next it lets as much
    /// time pass as the wall times lie apart.
    AirflowElapsed,
}

impl ClockRule {
    /// Its name in fingerprints: never to change.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::RealTime => "real-time",
            Self::Once => "once",
            Self::AirflowWall => "airflow-wall",
            Self::AirflowElapsed => "airflow-elapsed",
        }
    }

    /// The firing that follows `from`; under `AirflowWall` it may miss some when `from` lies in an
    /// [unrest](Zone::unrest).
    pub(super) fn step(self, cron: &Cron, zone: &Zone, from: Timestamp) -> Option<Timestamp> {
        let wall = zone.wall(from);
        match self {
            Self::RealTime => next_in_real_time(cron, zone, from, wall),
            Self::Once => next_once(cron, zone, from, wall),
            Self::AirflowWall => {
                let found = cron.after(wall)?;
                Some(match zone.reading(found) {
                    Reading::Once(instant) => instant,
                    Reading::Skipped(change) => change.first(found),
                    Reading::Twice(change) => change.second(found),
                })
            }
            Self::AirflowElapsed => {
                let seconds = from.seconds() + (cron.after(wall)?.0 - wall.0);
                Timestamp::from_seconds(seconds)
            }
        }
    }

    /// The instant before `until` at which `wall`, that matches, fires. For Airflow's rules that is a
    /// guess where the clock changes: which times fire depends on those before.
    pub(super) fn firing_of(self, zone: &Zone, wall: Wall, until: Timestamp) -> Option<Timestamp> {
        let instant = match (self, zone.reading(wall)) {
            (_, Reading::Once(instant)) => instant,
            (Self::RealTime, Reading::Skipped(_)) => return None,
            (Self::Once, Reading::Skipped(change)) => change.at,
            (Self::AirflowWall | Self::AirflowElapsed, Reading::Skipped(change))
            | (Self::Once, Reading::Twice(change)) => change.first(wall),
            (Self::AirflowWall, Reading::Twice(change)) => change.second(wall),
            (Self::RealTime | Self::AirflowElapsed, Reading::Twice(change)) => match change.second(wall) {
                second if second < until => second,
                _ => change.first(wall),
            },
        };
        (instant < until).then_some(instant)
    }

    /// One sentence on what the rule did to the firing at `instant`.
    pub(super) fn note(self, cron: &Cron, zone: &Zone, instant: Timestamp) -> Option<String> {
        let wall = zone.wall(instant);
        if cron.after(wall.plus(-1)) == Some(wall) {
            let Reading::Twice(change) = zone.reading(wall) else { return None };
            let fires = match self {
                Self::Once => "fires at the first",
                Self::AirflowWall => "fires at the second",
                Self::RealTime | Self::AirflowElapsed => "fires both times",
            };
            return Some(format!(
                "{} comes twice in {}, {}: {fires}",
                show(wall),
                zone.name(),
                back(&change)
            ));
        }
        if self == Self::AirflowElapsed {
            return Some(format!(
                "the clock in {} changed since the last firing: the time between counts",
                zone.name()
            ));
        }
        let Reading::Skipped(change) = zone.reading(cron.before(wall)?) else { return None };
        let lost = cron.after(change.start().plus(-1))?;
        let jump =
            format!("the clock jumps from {} to {}", show_time(change.start()), show_time(change.end()));
        Some(format!(
            "{} does not exist in {}, {jump}: fires at {}",
            show(lost),
            zone.name(),
            show_time(wall)
        ))
    }
}

fn next_in_real_time(cron: &Cron, zone: &Zone, from: Timestamp, wall: Wall) -> Option<Timestamp> {
    let mut found = cron.after(wall)?;
    if let Reading::Twice(change) = zone.reading(wall)
        && from < change.at
        && found >= change.end()
    {
        // Nothing is left of the first time: the repeated span begins anew.
        found = cron.after(change.start().plus(-1))?;
    }
    loop {
        match zone.reading(found) {
            Reading::Once(instant) => return Some(instant),
            Reading::Twice(change) if change.first(found) > from => return Some(change.first(found)),
            Reading::Twice(change) => return Some(change.second(found)),
            Reading::Skipped(change) => found = cron.after(change.end().plus(-1))?,
        }
    }
}

fn next_once(cron: &Cron, zone: &Zone, from: Timestamp, wall: Wall) -> Option<Timestamp> {
    let spent = match zone.reading(wall) {
        Reading::Twice(change) if from >= change.at => change.end().plus(-1),
        _ => wall,
    };
    let found = cron.after(spent)?;
    Some(match zone.reading(found) {
        Reading::Once(instant) => instant,
        Reading::Skipped(change) => change.at,
        Reading::Twice(change) => change.first(found),
    })
}

fn back(change: &Change) -> String {
    format!("the clock goes back from {} to {}", show_time(change.end()), show_time(change.start()))
}

/// `2026-03-29 02:30`.
fn show(wall: Wall) -> String {
    wall.to_chrono().map_or_else(String::new, |at| format!("{} {}", at.format("%Y-%m-%d"), show_time(wall)))
}

/// `02:30`, with seconds only where there are some.
fn show_time(wall: Wall) -> String {
    let format = if wall.0 % 60 == 0 { "%H:%M" } else { "%H:%M:%S" };
    wall.to_chrono().map_or_else(String::new, |at| at.format(format).to_string())
}
