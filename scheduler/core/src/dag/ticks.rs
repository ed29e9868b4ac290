//! The ticks of a DAG: those of its schedule, between its start and its end.

use std::time::Duration;

use super::spec::Dag;
use crate::time::Timestamp;
use crate::timetable::Tick;

impl Dag {
    /// Its first tick after an instant, also one that a calendar leaves out.
    pub fn next_tick_after(&self, instant: Timestamp) -> Option<Tick> {
        let tick = self.timetable.as_ref()?.next_tick_after(self.not_before_start(instant))?;
        self.end.is_none_or(|end| tick.at <= end).then_some(tick)
    }

    /// Its ticks after an instant, in order, also those that a calendar leaves out.
    pub fn ticks_after(&self, instant: Timestamp) -> impl Iterator<Item = Tick> {
        std::iter::successors(self.next_tick_after(instant), |tick| self.next_tick_after(tick.at))
    }

    /// The instants after one at which it fires, in order.
    pub fn instants_after(&self, instant: Timestamp) -> impl Iterator<Item = Timestamp> {
        let next =
            |at| self.timetable.as_ref()?.next_after(at).filter(|at| self.end.is_none_or(|end| *at <= end));
        std::iter::successors(next(self.not_before_start(instant)), move |at| next(*at))
    }

    fn not_before_start(&self, instant: Timestamp) -> Timestamp {
        let before_start = self.start.map(|start| start.minus(Duration::from_nanos(1)));
        before_start.map_or(instant, |start| start.max(instant))
    }
}
