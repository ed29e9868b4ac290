//! The page an operator keeps open: what is at work, what is late or failed, what is due until the morning.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::Query;
use nightrun_core::dag::spec::{Dag, Lateness};
use nightrun_core::decide::RunState;
use nightrun_core::id::{DagId, RunId};
use nightrun_core::time::Timestamp;
use nightrun_engine::store::{Fault, HoldItem, Overlay, RunFilter, RunItem, TickChangeItem};
use serde::{Deserialize, Serialize};

use super::schedule::{Coming, coming, with_overlay};
use super::{Did, Sheet, Shown, Watch, show};
use crate::app::{Desk, Shared, State};
use crate::draw::night::{self, Night};
use crate::words;

/// Rows of each list; what is more is counted.
const ROWS: usize = 30;

/// Failed runs looked through for those of the last day.
const FAILED: u32 = 200;

/// Ticks of one DAG on the line: more than one a minute for three days. One that fires more often fills it anyway.
const TICKS: usize = 5_000;

/// Ticks of all DAGs on the line; beyond that each DAG shows its next one only.
const ALL_TICKS: usize = 50_000;

const DAY: Duration = Duration::from_hours(24);

#[derive(Debug, Deserialize)]
pub(crate) struct Asked {
    hours: Option<u32>,
}

#[derive(Serialize)]
pub(crate) struct Body {
    pub(crate) hours: u32,
    pub(crate) active: Vec<Active>,
    pub(crate) queued: u32,
    pub(crate) more_active: u32,
    pub(crate) failed: Vec<Failed>,
    pub(crate) due: Vec<Due>,
    /// How many ticks fire until then, and of how many DAGs.
    pub(crate) ticks: usize,
    pub(crate) dags: usize,
    pub(crate) paused: usize,
    pub(crate) night: Night,
    pub(crate) holds: Vec<HoldItem>,
    /// No DAG is known at all.
    pub(crate) empty: bool,
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
    #[serde(skip)]
    pub(crate) kinds: Vec<Lateness>,
    pub(crate) reason: String,
}

#[derive(Serialize)]
pub(crate) struct Failed {
    pub(crate) run: RunId,
    pub(crate) dag: DagId,
    pub(crate) logical_date: Timestamp,
    pub(crate) ended_at: Option<Timestamp>,
    pub(crate) ago: String,
    pub(crate) reason: String,
}

#[derive(Serialize)]
pub(crate) struct Due {
    pub(crate) dag: DagId,
    /// The first.
    pub(crate) tick: Coming,
    /// How many follow until then.
    pub(crate) more: usize,
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

pub(crate) fn body(desk: &Desk<'_>, hours: u32) -> Result<Body, Fault> {
    let until = desk.now.plus(Duration::from_hours(u64::from(hours)));
    let overlays = Overlays::read(desk)?;
    let (mut due, mut instants) = (Vec::new(), Vec::new());
    let mut in_force = desk.page.dags_in_force()?;
    in_force.retain(|of| desk.site.who.covers(of.dag.as_str()));
    for of in in_force.iter().filter(|it| !it.paused) {
        let Some(dag) = desk.spec(of.version)? else { continue };
        let Some(tick) = overlays.next(&dag, desk.now, until) else { continue };
        let room = ALL_TICKS.saturating_sub(instants.len()).clamp(1, TICKS);
        let of_dag: Vec<Timestamp> =
            dag.instants_after(desk.now).take_while(|at| *at < until).take(room).collect();
        due.push(Due { dag: of.dag.clone(), tick, more: of_dag.len().saturating_sub(1) });
        instants.extend(of_dag);
    }
    due.sort_by_key(|due| due.tick.at);
    let night = night::draw(instants.iter().copied(), desk.now, until);
    let (ticks, dags) = (instants.len(), due.len());
    due.truncate(ROWS);
    let counts = desk.active_runs()?;
    let active = active(desk)?;
    let at_work = counts.running + counts.stopping;
    Ok(Body {
        hours,
        more_active: at_work.saturating_sub(u32::try_from(active.len()).unwrap_or(u32::MAX)),
        active,
        queued: counts.queued,
        failed: failed(desk)?,
        due,
        ticks,
        dags,
        paused: in_force.iter().filter(|it| it.paused).count(),
        night,
        holds: overlays.holds.into_iter().filter(|hold| hold.from < until).collect(),
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
        kinds: item.late,
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

/// What people have laid over all schedules, read once.
struct Overlays {
    holds: Vec<HoldItem>,
    changed: BTreeMap<DagId, Vec<TickChangeItem>>,
}

impl Overlays {
    fn read(desk: &Desk<'_>) -> Result<Self, Fault> {
        let mut changed: BTreeMap<DagId, Vec<TickChangeItem>> = BTreeMap::new();
        for item in desk.changed_ticks()? {
            changed.entry(item.dag.clone()).or_default().push(item);
        }
        Ok(Self { holds: desk.theirs(desk.page.holds()?), changed })
    }

    /// The next tick of one DAG, if that is before then, with what becomes of it.
    fn next(&self, dag: &Dag, now: Timestamp, until: Timestamp) -> Option<Coming> {
        let next = coming(dag, now, 1).into_iter().filter(|tick| tick.at < until).collect::<Vec<_>>();
        if next.is_empty() {
            return None;
        }
        let of_dag = |hold: &&HoldItem| hold.dags.as_ref().is_none_or(|dags| dags.contains(&dag.id));
        let overlay = Overlay {
            holds: self.holds.iter().filter(of_dag).cloned().collect(),
            changed: self.changed.get(&dag.id).cloned().unwrap_or_default(),
        };
        with_overlay(next, &overlay).pop()
    }
}
