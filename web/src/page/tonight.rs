//! The page an operator keeps open: what is at work, what is late or failed, what is due until the morning.

use std::time::Duration;

use axum::extract::Query;
use nightrun_core::decide::RunState;
use nightrun_core::id::{DagId, RunId};
use nightrun_core::time::Timestamp;
use nightrun_engine::store::{Fault, HoldItem, RunFilter, RunItem};
use serde::{Deserialize, Serialize};

use super::lanes::{Lanes, Overlays, lanes};
use super::{Did, Sheet, Shown, Watch, show};
use crate::app::{Desk, Shared, State};
use crate::draw::night::Window;
use crate::words;

/// Rows of each list; what is more is counted.
const ROWS: usize = 30;

/// Failed runs looked through for those of the last day.
const FAILED: u32 = 200;

const DAY: Duration = Duration::from_hours(24);

#[derive(Debug, Deserialize)]
pub(crate) struct Asked {
    hours: Option<u32>,
}

#[derive(Serialize)]
struct Body {
    hours: u32,
    active: Vec<Active>,
    queued: u32,
    more_active: u32,
    failed: Vec<Failed>,
    night: Lanes,
    paused: usize,
    holds: Vec<HoldItem>,
    /// No DAG is known at all.
    empty: bool,
}

#[derive(Serialize)]
struct Active {
    run: RunId,
    dag: DagId,
    state: RunState,
    started_at: Option<Timestamp>,
    took: Option<String>,
    ended: u32,
    tasks: u32,
    late: Vec<String>,
    reason: String,
}

#[derive(Serialize)]
struct Failed {
    run: RunId,
    dag: DagId,
    logical_date: Timestamp,
    ended_at: Option<Timestamp>,
    ago: String,
    reason: String,
}

/// `GET /?hours=`
pub(crate) async fn page(State(site): Shared, Query(asked): Query<Asked>, Query(did): Query<Did>) -> Shown {
    let hours = asked.hours.unwrap_or(12).clamp(1, 72);
    show(&site, "tonight.html", "tonight", did, move |desk| {
        let body = body(desk, hours)?;
        Ok(Some(Sheet { title: "Tonight".into(), watch: Watch { all: true, ..Watch::default() }, body }))
    })
    .await
}

fn body(desk: &Desk<'_>, hours: u32) -> Result<Body, Fault> {
    let ahead = Duration::from_hours(u64::from(hours));
    // As much of the past as half of what is to come: what just failed stands beside what is due next.
    let window = Window { from: desk.now.minus(ahead / 2), now: desk.now, until: desk.now.plus(ahead) };
    let overlays = Overlays::read(desk)?;
    let mut in_force = desk.page.dags_in_force()?;
    in_force.retain(|of| desk.site.who.covers(of.dag.as_str()));
    let counts = desk.active_runs()?;
    let active = active(desk)?;
    let at_work = counts.running + counts.stopping;
    Ok(Body {
        hours,
        more_active: at_work.saturating_sub(u32::try_from(active.len()).unwrap_or(u32::MAX)),
        active,
        queued: counts.queued,
        failed: failed(desk)?,
        night: lanes(desk, window, &in_force, &overlays)?,
        paused: in_force.iter().filter(|it| it.paused).count(),
        holds: overlays.holds.into_iter().filter(|hold| hold.from < window.until).collect(),
        empty: in_force.is_empty(),
    })
}

/// Runs at work, those that are late first, then the oldest.
fn active(desk: &Desk<'_>) -> Result<Vec<Active>, Fault> {
    let mut items = Vec::new();
    for state in [RunState::Running, RunState::Stopping] {
        let filter = RunFilter { state: Some(state), ..RunFilter::default() };
        items.extend(desk.runs(&filter, FAILED)?);
    }
    items.sort_by_key(|item| (item.late.is_empty(), item.run_id));
    items.into_iter().take(ROWS).map(|item| one_active(desk, item)).collect()
}

fn one_active(desk: &Desk<'_>, item: RunItem) -> Result<Active, Fault> {
    let (ended, tasks) = desk.page.progress(item.run_id)?;
    Ok(Active {
        run: item.run_id,
        reason: desk.page.run_reason(item.run_id)?.map(|it| it.to_string()).unwrap_or_default(),
        took: words::took(item.started_at, None, desk.now),
        late: item.late.iter().map(|kind| kind.as_str().replace('_', " ")).collect(),
        dag: item.dag,
        state: item.state,
        started_at: item.started_at,
        ended,
        tasks,
    })
}

/// Runs that ended as failed within a day; one that is run again is not among them.
fn failed(desk: &Desk<'_>) -> Result<Vec<Failed>, Fault> {
    let since = desk.now.minus(DAY);
    let filter = RunFilter { state: Some(RunState::Failed), ..RunFilter::default() };
    let recent = desk.runs(&filter, FAILED)?.into_iter();
    let mut failed = Vec::new();
    for item in recent.filter(|item| item.ended_at.is_some_and(|at| at >= since)).take(ROWS) {
        failed.push(Failed {
            run: item.run_id,
            reason: desk.page.run_reason(item.run_id)?.map(|it| it.to_string()).unwrap_or_default(),
            ago: item.ended_at.map(|at| words::from_now(at, desk.now)).unwrap_or_default(),
            dag: item.dag,
            logical_date: item.logical_date,
            ended_at: item.ended_at,
        });
    }
    Ok(failed)
}
