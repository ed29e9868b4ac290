//! What a DAG file is read against: the names that stand outside of it, and how large it may be.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::time::Timestamp;
use crate::timetable::{Calendar, Zone};

/// What is known beside the file.
#[derive(Debug, Clone)]
pub struct Known {
    /// Pools by name, with their slots.
    pub pools: BTreeMap<String, u32>,
    /// Any name will do for a pool: for texts that were good once.
    pub any_pool: bool,
    /// Calendars by name; `None`: its file has faults.
    pub calendars: BTreeMap<String, Option<Arc<Calendar>>>,
    /// Any name will do for a calendar: for texts that were good once.
    pub any_calendar: bool,
    /// Names that `notify` may send to, each with the key that it is for: `email`, `slack`, `webhook`.
    pub destinations: Vec<(String, String)>,
    /// Any name will do for a destination: for texts that were good once.
    pub any_destination: bool,
    /// What `type:` may name.
    pub operators: Vec<OperatorSignature>,
    /// The zone of a DAG that names none.
    pub default_zone: Zone,
    /// From when on clock changes are warned of.
    pub now: Timestamp,
    /// How large a file may be.
    pub limits: Limits,
}

impl Known {
    /// Nothing but the zone and the moment.
    pub fn new(default_zone: Zone, now: Timestamp) -> Self {
        Self {
            pools: BTreeMap::new(),
            any_pool: false,
            calendars: BTreeMap::new(),
            any_calendar: false,
            destinations: Vec::new(),
            any_destination: false,
            operators: Vec::new(),
            default_zone,
            now,
            limits: Limits::default(),
        }
    }
}

/// What an operator is called and what it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorSignature {
    /// What `type:` names it.
    pub name: String,
    /// What `with:` may hold.
    pub args: Vec<Argument>,
}

/// One argument of an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Argument {
    /// Its key in `with:`.
    pub name: String,
    /// What it takes; text with a template in it is always taken.
    pub kind: ArgumentKind,
    /// Whether it must be given.
    pub required: bool,
}

/// What an argument of an operator takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArgumentKind {
    /// Text.
    Text,
    /// A program's text: a template in it is refused, since a value would become code.
    Code,
    /// A whole number.
    Integer,
    /// Any number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// A duration such as `90s`.
    Duration,
    /// A list.
    List,
    /// A map.
    Map,
    /// Anything.
    Any,
}

/// How large a DAG file may be, so that no file can exhaust the scheduler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the file.
    pub bytes: usize,
    /// Lists and maps inside each other.
    pub depth: usize,
    /// Values of all kinds.
    pub nodes: usize,
    /// Bytes that aliases stand for.
    pub grown: usize,
    /// Bytes that all tasks together take over from `defaults`.
    pub inherited: usize,
}

impl Default for Limits {
    /// 32 MiB, 64 levels, five million values, 4 MiB by aliases, 256 MiB by `defaults`.
    fn default() -> Self {
        Self { bytes: 32 << 20, depth: 64, nodes: 5_000_000, grown: 4 << 20, inherited: 256 << 20 }
    }
}
