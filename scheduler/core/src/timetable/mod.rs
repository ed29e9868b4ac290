//! When a DAG fires: cron expressions on the wall clock of a zone.

/// A time zone by its IANA name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone(String);

/// A schedule that can be asked for its instants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timetable(String);
