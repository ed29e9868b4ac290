//! When a DAG fires next, as people read it.

use nightrun_core::dag::spec::Dag;
use nightrun_core::time::Timestamp;
use nightrun_core::timetable::Zone;
use nightrun_engine::store::Overlay;
use serde::Serialize;
use std::time::Duration;

use crate::words;

/// A coming instant of a schedule.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Coming {
    pub(crate) at: Timestamp,
    /// `in 3h12m`.
    pub(crate) ahead: String,
    /// The time on the DAG's own clock, where that is not UTC.
    pub(crate) local: Option<String>,
    /// What a clock change does to it.
    pub(crate) note: Option<String>,
    /// Somebody skipped or moved it.
    pub(crate) changed: bool,
}

/// The next instants at which the DAG would fire.
pub(crate) fn coming(dag: &Dag, now: Timestamp, count: usize) -> Vec<Coming> {
    let Some(timetable) = dag.timetable.as_ref().filter(|_| dag.enabled) else { return Vec::new() };
    let just_before = |at: Timestamp| at.minus(Duration::from_nanos(1));
    let from = dag.start.map_or(now, |start| just_before(start).max(now));
    std::iter::successors(timetable.next_after(from), |at| timetable.next_after(*at))
        .take_while(|at| dag.end.is_none_or(|end| *at <= end))
        .take(count)
        .map(|at| Coming {
            at,
            ahead: words::from_now(at, now),
            local: local(at, &dag.zone),
            note: timetable.note(at),
            changed: false,
        })
        .collect()
}

/// Adds what people have laid over the schedule to what a clock change does.
pub(crate) fn with_overlay(mut coming: Vec<Coming>, overlay: &Overlay) -> Vec<Coming> {
    for tick in &mut coming {
        let notes = tick.note.take().into_iter().chain(overlay.note(tick.at));
        tick.changed = overlay.changed.iter().any(|changed| changed.instant == tick.at && !changed.done);
        tick.note = notes.reduce(|all, more| format!("{all}; {more}"));
    }
    coming
}

/// `Sat 21 Nov 03:30 Europe/Paris`; nothing for UTC, which is shown anyway.
pub(crate) fn local(at: Timestamp, zone: &Zone) -> Option<String> {
    let name = zone.name();
    (name != "UTC").then(|| format!("{} {name}", zone.civil(at).format("%a %-d %b %H:%M")))
}
