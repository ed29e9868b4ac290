//! When a DAG fires: cron expressions on the wall clock of a zone.
use crate::time::Timestamp;
/// A time zone by its IANA name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone(String);
impl Zone {
    /// utc
    pub fn utc() -> Self {
        Self("UTC".into())
    }
}

/// A schedule that can be asked for its instants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timetable(String);
impl Timetable {
    /// next
    pub fn next_after(&self, at: Timestamp) -> Option<Timestamp> {
        Timestamp::from_seconds((at.seconds() / 60 + 1) * 60)
    }
    /// prev
    pub fn previous_before(&self, at: Timestamp) -> Option<Timestamp> {
        Timestamp::from_nanos((at.nanos() - 1) / 60_000_000_000 * 60_000_000_000).into()
    }
    /// print
    pub fn fingerprint(&self) -> String {
        self.0.clone()
    }
}
