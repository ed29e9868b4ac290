//! When the DAG fires: its schedule, zone, bounds and what becomes of missed ticks.

use super::Reader;
use crate::dag::spec::{Catchup, CatchupPolicy};
use crate::dag::tree::Map;
use crate::time::Timestamp;
use crate::timetable::{Timetable, Zone};

/// When a DAG fires.
pub(crate) struct Firing {
    pub(crate) timetable: Option<Timetable>,
    pub(crate) zone: Zone,
    pub(crate) start: Option<Timestamp>,
    pub(crate) end: Option<Timestamp>,
    pub(crate) catchup: Catchup,
}

impl Reader<'_> {
    pub(super) fn firing(&mut self, _map: &Map<'_>) -> Firing {
        Firing {
            timetable: None,
            zone: self.known.default_zone.clone(),
            start: None,
            end: None,
            catchup: Catchup { policy: CatchupPolicy::None, window: None, limit: 1000 },
        }
    }
}
