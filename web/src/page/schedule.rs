//! When a DAG fires next, as people read it.

use nightrun_core::dag::spec::Dag;
use nightrun_core::time::Timestamp;
use nightrun_core::timetable::Zone;
use nightrun_engine::store::Overlay;
use schemars::JsonSchema;
use serde::Serialize;

use crate::words;

/// So many ticks are looked through for those that fire.
const MOST_SKIPPED: usize = 10_000;

/// A coming instant of a schedule.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
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
    let ticks = dag.ticks_after(now).take(MOST_SKIPPED).filter(|tick| tick.skipped.is_none());
    ticks
        .take(count)
        .map(|tick| Coming {
            at: tick.at,
            ahead: words::from_now(tick.at, now),
            local: local(tick.at, &dag.zone),
            note: timetable.remark(&tick),
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
