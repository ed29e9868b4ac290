//! The page an operator keeps open: what is at work, what is late or failed, what is due until the morning.

use std::cmp::Reverse;
use std::time::Duration;

use axum::extract::Query;
use chrono::{Days, NaiveTime};
use nightrun_core::decide::RunState;
use nightrun_core::id::{DagId, RunId};
use nightrun_core::time::Timestamp;
use nightrun_core::timetable::Zone;
use nightrun_engine::store::{Fault, HoldItem, RunFilter, RunItem};
use serde::{Deserialize, Serialize};

use super::busy::{At, Busy, Slots};
use super::lanes::{Lanes, Overlays, lanes};
use super::{Did, Sheet, Shown, Watch, show};
use crate::app::{Desk, Shared, State};
use crate::draw::night::Window;
use crate::words;

/// Rows of each list; what is more is counted.
const ROWS: usize = 30;

/// Runs of one state looked through for those to show.
const LOOKED_AT: u32 = 200;

const DAY: Duration = Duration::from_hours(24);

#[derive(Debug, Deserialize)]
pub(crate) struct Asked {
    hours: Option<u32>,
}

#[derive(Serialize)]
pub(crate) struct Body {
    /// What was asked for; none: until the morning.
    asked: Option<u32>,
    /// So many lie ahead, the last one begun.
    hours: u64,
    slots: Option<Slots>,
    pub(crate) active: Vec<Active>,
    pub(crate) queued: u32,
    pub(crate) more_active: u32,
    pub(crate) trouble: Vec<Trouble>,
    more_trouble: MoreTrouble,
    night: Lanes,
    pub(crate) paused: usize,
    pub(crate) holds: Vec<HoldItem>,
    /// No DAG is known at all.
    empty: bool,
}

#[derive(Serialize)]
pub(crate) struct Active {
    pub(crate) run: RunId,
    pub(crate) dag: DagId,
    pub(crate) state: RunState,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) took: Option<String>,
    pub(crate) ended: u32,
    pub(crate) tasks: u32,
    pub(crate) late: Vec<String>,
    pub(crate) reason: String,
    at: Option<At>,
}

/// A run that is over and failed, or was late.
#[derive(Serialize)]
pub(crate) struct Trouble {
    pub(crate) run: RunId,
    pub(crate) dag: DagId,
    /// Whose clocks it goes by.
    pub(crate) zone: Option<String>,
    pub(crate) state: RunState,
    pub(crate) late: Vec<String>,
    pub(crate) logical_date: Timestamp,
    pub(crate) ended_at: Option<Timestamp>,
    pub(crate) ago: String,
    pub(crate) reason: String,
    /// How many more of this DAG ended so.
    pub(crate) more: usize,
}

/// How many DAGs more have ended so than there are rows for.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct MoreTrouble {
    failed: usize,
    late: usize,
    /// There are so many runs that not all of the day were looked at.
    at_least: bool,
}

/// `GET /?hours=`
pub(crate) async fn page(State(site): Shared, Query(asked): Query<Asked>, Query(did): Query<Did>) -> Shown {
    let hours = asked.hours.map(|hours| hours.clamp(1, 72));
    show(&site, "tonight.html", "tonight", did, move |desk| {
        let body = body(desk, hours)?;
        Ok(Some(Sheet { title: "Tonight".into(), watch: Watch { all: true, ..Watch::default() }, body }))
    })
    .await
}

/// The morning until which the page reaches, on the clocks of the server.
const MORNING: NaiveTime = NaiveTime::from_hms_opt(9, 0, 0).expect("nine is an hour");

/// How far it is to the next morning, and never less than half a day.
fn to_the_morning(now: Timestamp, zone: &Zone) -> Duration {
    let here = zone.civil(now).naive_local();
    let days = u64::from(here.time() >= MORNING);
    let morning =
        here.date().checked_add_days(Days::new(days)).and_then(|day| zone.instant_of(day.and_time(MORNING)));
    morning.map_or(Duration::ZERO, |morning| morning.since(now)).max(DAY / 2)
}

pub(crate) fn body(desk: &Desk<'_>, asked: Option<u32>) -> Result<Body, Fault> {
    let ahead = asked.map_or_else(
        || to_the_morning(desk.now, &desk.site.app.zone),
        |hours| Duration::from_hours(u64::from(hours)),
    );
    // As much of the past as half of what is to come: what just failed stands beside what is due next.
    let window = Window { from: desk.now.minus(ahead / 2), now: desk.now, until: desk.now.plus(ahead) };
    let overlays = Overlays::read(desk)?;
    let mut in_force = desk.page.dags_in_force()?;
    in_force.retain(|of| desk.site.who.covers(of.dag.as_str()));
    let counts = desk.active_runs()?;
    let busy = Busy::read(desk)?;
    let active = active(desk, &busy)?;
    let at_work = counts.running + counts.stopping;
    let (trouble, more_trouble) = trouble(desk)?;
    let shown = active.iter().filter(|run| run.state != RunState::Queued).count();
    Ok(Body {
        asked,
        hours: ahead.as_secs().div_ceil(3_600),
        slots: busy.slots,
        more_active: at_work.saturating_sub(u32::try_from(shown).unwrap_or(u32::MAX)),
        active,
        queued: counts.queued,
        trouble,
        more_trouble,
        night: lanes(desk, window, &in_force, &overlays)?,
        paused: in_force.iter().filter(|it| it.paused).count(),
        holds: overlays.holds.into_iter().filter(|hold| hold.from < window.until).collect(),
        empty: in_force.is_empty(),
    })
}

/// Runs at work, and those that should be, late ones first, then the oldest.
fn active(desk: &Desk<'_>, busy: &Busy) -> Result<Vec<Active>, Fault> {
    let mut items = Vec::new();
    for (state, late) in
        [(RunState::Running, None), (RunState::Stopping, None), (RunState::Queued, Some(true))]
    {
        let filter = RunFilter { state: Some(state), late, ..RunFilter::default() };
        items.extend(desk.runs(&filter, LOOKED_AT)?);
    }
    items.sort_by_key(|item| (item.late.is_empty(), item.run_id));
    items.into_iter().take(ROWS).map(|item| one_active(desk, busy, item)).collect()
}

fn one_active(desk: &Desk<'_>, busy: &Busy, item: RunItem) -> Result<Active, Fault> {
    let (ended, tasks) = desk.page.progress(item.run_id)?;
    Ok(Active {
        run: item.run_id,
        at: busy.at(desk, item.run_id),
        reason: desk.page.run_reason(item.run_id)?.map(|it| it.to_string()).unwrap_or_default(),
        took: words::took(item.started_at, None, desk.now),
        late: late_words(&item),
        dag: item.dag,
        state: item.state,
        started_at: item.started_at,
        ended,
        tasks,
    })
}

/// Runs that failed or were late and ended within a day, the last first; one that is run again is not among them. And
/// what there was no place for.
fn trouble(desk: &Desk<'_>) -> Result<(Vec<Trouble>, MoreTrouble), Fault> {
    let since = desk.now.minus(DAY);
    let failed = RunFilter { state: Some(RunState::Failed), ..RunFilter::default() };
    let late = RunFilter { late: Some(true), ..RunFilter::default() };
    let (failed, late) = (desk.runs(&failed, LOOKED_AT)?, desk.runs(&late, LOOKED_AT)?);
    let recent = |item: &RunItem| item.state.is_final() && item.ended_at.is_some_and(|at| at >= since);
    let cut = |items: &[RunItem]| items.len() == LOOKED_AT as usize && items.last().is_some_and(recent);
    let at_least = cut(&failed) || cut(&late);
    let mut items = failed;
    items.extend(late.into_iter().filter(|item| item.state != RunState::Failed));
    items.retain(recent);
    items.sort_by_key(|item| Reverse(item.ended_at));
    // One row for each DAG and state: a DAG that fails every minute must not hide the others.
    let mut rows: Vec<(RunItem, usize)> = Vec::new();
    for item in items {
        match rows.iter_mut().find(|(newest, _)| newest.dag == item.dag && newest.state == item.state) {
            Some((_, more)) => *more += 1,
            None => rows.push((item, 0)),
        }
    }
    let one = |(item, more): (RunItem, usize)| -> Result<Trouble, Fault> {
        Ok(Trouble {
            more,
            run: item.run_id,
            reason: desk.page.run_reason(item.run_id)?.map(|it| it.to_string()).unwrap_or_default(),
            ago: item.ended_at.map(|at| words::from_now(at, desk.now)).unwrap_or_default(),
            zone: desk.zone(&item.dag)?,
            late: late_words(&item),
            dag: item.dag,
            state: item.state,
            logical_date: item.logical_date,
            ended_at: item.ended_at,
        })
    };
    let rest = rows.split_off(rows.len().min(ROWS));
    let failed = rest.iter().filter(|(item, _)| item.state == RunState::Failed).count();
    let more = MoreTrouble { failed, late: rest.len() - failed, at_least: at_least && !rest.is_empty() };
    Ok((rows.into_iter().map(one).collect::<Result<_, _>>()?, more))
}

fn late_words(item: &RunItem) -> Vec<String> {
    item.late.iter().map(|kind| kind.as_str().replace('_', " ")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_night_lasts_until_nine_and_at_least_half_a_day() {
        for (now, zone, hours) in [
            ("2026-11-21T14:00:00Z", "UTC", 19),
            ("2026-11-21T22:00:00Z", "UTC", 12),
            ("2026-11-21T08:00:00Z", "UTC", 12),
            ("2026-11-21T09:00:00Z", "UTC", 24),
            ("2026-11-21T14:00:00Z", "America/New_York", 24),
            // The night in which clocks go back is an hour longer.
            ("2026-10-24T14:00:00Z", "Europe/Paris", 18),
        ] {
            let zone = Zone::parse(zone).unwrap();
            let ahead = to_the_morning(Timestamp::parse(now).unwrap(), &zone);
            assert_eq!(ahead, Duration::from_hours(hours), "{now}");
        }
    }
}
