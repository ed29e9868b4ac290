//! When a DAG fires next, as people read it.

use std::time::Duration;

use nightrun_core::dag::spec::Dag;
use nightrun_core::time::{Timestamp, show_duration};
use nightrun_core::timetable::{Tick, Timetable, Zone, jittered};
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
    /// The same instant on the DAG's own clock, with its offset.
    pub(crate) clock: String,
    /// Its calendar skips it.
    pub(crate) skipped: bool,
}

/// The next instants at which the DAG would fire.
pub(crate) fn coming(dag: &Dag, now: Timestamp, count: usize) -> Vec<Coming> {
    if dag.enabled { coming_after(dag, now, now, (count, false)) } else { Vec::new() }
}

/// Those after an instant, until `count` fire; with `skipped` also those between that its calendar skips.
pub(crate) fn coming_after(
    dag: &Dag,
    after: Timestamp,
    now: Timestamp,
    (count, skipped): (usize, bool),
) -> Vec<Coming> {
    let Some(timetable) = dag.timetable.as_ref() else { return Vec::new() };
    let (mut found, mut fired) = (Vec::new(), 0);
    for tick in dag.ticks_after(after).take(MOST_SKIPPED) {
        if fired == count {
            break;
        }
        let is_skipped = tick.skipped.is_some();
        fired += usize::from(!is_skipped);
        if !is_skipped || skipped {
            found.push(Coming {
                at: tick.at,
                ahead: words::from_now(tick.at, now),
                local: local(tick.at, &dag.zone),
                note: note(dag, timetable, &tick),
                changed: false,
                clock: timetable.zone().civil(tick.at).format("%a %Y-%m-%d %H:%M:%S %:z").to_string(),
                skipped: is_skipped,
            });
        }
    }
    found
}

/// What a clock change, a calendar and `jitter` do to a tick.
fn note(dag: &Dag, timetable: &Timetable, tick: &Tick) -> Option<String> {
    let jitter = (!tick.jitter.is_zero() && tick.skipped.is_none()).then(|| {
        let late = jittered(dag.id.as_str(), tick.at, tick.jitter).since(tick.at);
        format!("fires {} later (jitter)", show_duration(Duration::from_secs(late.as_secs())))
    });
    timetable.remark(tick).into_iter().chain(jitter).reduce(|all, more| format!("{all}; {more}"))
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
