//! How everything stands: tonight, and the scheduler itself.

use std::time::Duration;

use axum::Json;
use axum::extract::Query;
use nightrun_core::decide::RunState;
use nightrun_core::id::DagId;
use nightrun_core::time::Timestamp;
use nightrun_engine::store::{ActiveRuns, Fault, HoldItem};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Told;
use crate::app::{Desk, Shared, State};
use crate::page::lanes::Overlays;
use crate::page::schedule::{Coming, coming, with_overlay};
use crate::page::{system, tonight};
use crate::problem::Problem;

/// Rows of a list.
const ROWS: usize = 30;

/// How far ahead is looked.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Hours {
    /// So many hours.
    #[serde(default = "night")]
    #[schemars(range(min = 1, max = 72))]
    hours: u32,
}

fn night() -> u32 {
    12
}

/// What runs, what is due, what is late or failed, and what is held up.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Tonight {
    /// Runs at work: those that are late first, then the oldest; not more than thirty.
    active: Vec<AtWork>,
    /// How many more there are.
    more_active: u32,
    /// How many wait to begin.
    queued: u32,
    /// Runs that failed or were late and ended within a day: the newest of each DAG and state; not more than thirty.
    trouble: Vec<RunInTrouble>,
    /// The next tick of each DAG that fires until then; not more than thirty.
    due: Vec<Due>,
    /// How many DAGs fire until then.
    dags: usize,
    /// How many DAGs are paused.
    paused: usize,
    holds: Vec<HoldItem>,
}

/// A run at work.
#[derive(Serialize, JsonSchema)]
pub(crate) struct AtWork {
    run_id: String,
    dag: DagId,
    state: RunState,
    started_at: Option<Timestamp>,
    /// How many of its task instances have ended, and how many it has.
    ended: u32,
    tasks: u32,
    /// In which ways it is late.
    late: Vec<String>,
    reason: String,
}

/// A run that is over and failed, or was late.
#[derive(Serialize, JsonSchema)]
pub(crate) struct RunInTrouble {
    run_id: String,
    dag: DagId,
    state: RunState,
    /// In which ways it was late.
    late: Vec<String>,
    logical_date: Timestamp,
    ended_at: Option<Timestamp>,
    reason: String,
    /// How many more runs of the DAG ended so within a day.
    more: usize,
}

/// What is due of a DAG.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Due {
    dag: DagId,
    next: Coming,
}

/// The next ticks of the DAGs that fire within so many hours, the first first, and how many those DAGs are.
fn due(desk: &Desk<'_>, hours: u32) -> Result<(Vec<Due>, usize), Fault> {
    let until = desk.now.plus(Duration::from_hours(u64::from(hours)));
    let mut firing = Vec::new();
    for of in desk.page.dags_in_force()? {
        if !of.paused && desk.site.who.covers(of.dag.as_str()) {
            let next = desk.next_tick(of.version)?.filter(|at| *at < until);
            firing.extend(next.map(|at| (at, of)));
        }
    }
    firing.sort_by_key(|(at, _)| *at);
    let (overlays, dags) = (Overlays::read(desk)?, firing.len());
    let mut due = Vec::new();
    for (_, of) in firing.into_iter().take(ROWS) {
        let spec = desk.spec(of.version)?;
        let next = spec.map(|dag| coming(&dag, desk.now, 1)).unwrap_or_default();
        let next = with_overlay(next, &overlays.of(&of.dag)).pop();
        due.extend(next.map(|next| Due { dag: of.dag, next }));
    }
    Ok((due, dags))
}

/// `GET /api/v1/tonight?hours=`
pub(crate) async fn tonight(State(site): Shared, Query(asked): Query<Hours>) -> Told<Tonight> {
    if !(1..=72).contains(&asked.hours) {
        return Err(Problem::bad_request("`hours` is 1 to 72"));
    }
    let found =
        site.read(move |desk| Ok(Some((tonight::body(desk, Some(asked.hours))?, due(desk, asked.hours)?))));
    let (body, (due, dags)) = found.await?;
    let at_work = |it: tonight::Active| AtWork {
        run_id: it.run.to_string(),
        dag: it.dag,
        state: it.state,
        started_at: it.started_at,
        ended: it.ended,
        tasks: it.tasks,
        late: it.late,
        reason: it.reason,
    };
    let trouble = |it: tonight::Trouble| RunInTrouble {
        run_id: it.run.to_string(),
        dag: it.dag,
        state: it.state,
        late: it.late,
        logical_date: it.logical_date,
        ended_at: it.ended_at,
        reason: it.reason,
        more: it.more,
    };
    Ok(Json(Tonight {
        active: body.active.into_iter().map(at_work).collect(),
        more_active: body.more_active,
        queued: body.queued,
        trouble: body.trouble.into_iter().map(trouble).collect(),
        dags,
        due,
        paused: body.paused,
        holds: body.holds,
    }))
}

/// How the scheduler itself fares.
#[derive(Serialize, JsonSchema)]
pub(crate) struct System {
    /// `at work`, `beginning`, `the store fails` or `stopped`.
    state: &'static str,
    /// What is wrong.
    trouble: Option<String>,
    version: String,
    runs: ActiveRuns,
    slots: u32,
    /// DAGs in force.
    dags: u32,
    /// The form of the store.
    migration: i64,
    /// When the store was made.
    created_at: Timestamp,
    /// The number of the last fact of its log.
    seq: i64,
    database_bytes: u64,
    /// Written, and not yet moved into the database.
    wal_bytes: u64,
    disk: Option<Disk>,
    /// How many of the last ticks are looked at, and how many of those fired more than a minute late.
    ticks: usize,
    late_ticks: usize,
}

/// The disk of the data folder.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Disk {
    free_bytes: u64,
    total_bytes: u64,
}

/// `GET /api/v1/system`
pub(crate) async fn system(State(site): Shared) -> Told<System> {
    let body = site.read(|desk| system::body(desk).map(Some)).await?;
    Ok(Json(System {
        state: body.state,
        trouble: body.trouble,
        version: body.version,
        runs: body.active,
        slots: body.slots,
        dags: body.dags,
        migration: body.migration,
        created_at: body.created_at,
        seq: body.seq,
        database_bytes: body.database,
        wal_bytes: body.wal,
        disk: body.disk.map(|disk| Disk { free_bytes: disk.free, total_bytes: disk.total }),
        ticks: body.ticks.count,
        late_ticks: body.ticks.late,
    }))
}
