//! How everything stands: tonight, and the scheduler itself.

use axum::Json;
use axum::extract::Query;
use nightrun_core::dag::spec::Lateness;
use nightrun_core::decide::RunState;
use nightrun_core::id::DagId;
use nightrun_core::time::Timestamp;
use nightrun_engine::store::{ActiveRuns, HoldItem};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Told;
use crate::app::{Shared, State};
use crate::page::schedule::Coming;
use crate::page::{system, tonight};
use crate::problem::Problem;

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
    /// Runs that failed within a day, newest first; not more than thirty.
    failed: Vec<FailedRun>,
    /// The next tick of each DAG that fires until then; not more than thirty.
    due: Vec<Due>,
    /// How many ticks fire until then, and of how many DAGs.
    ticks: usize,
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
    late: Vec<Lateness>,
    reason: String,
}

/// A run that failed.
#[derive(Serialize, JsonSchema)]
pub(crate) struct FailedRun {
    run_id: String,
    dag: DagId,
    logical_date: Timestamp,
    ended_at: Option<Timestamp>,
    reason: String,
}

/// What is due of a DAG.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Due {
    dag: DagId,
    next: Coming,
    /// How many follow until then.
    more: usize,
}

/// `GET /api/v1/tonight?hours=`
pub(crate) async fn tonight(State(site): Shared, Query(asked): Query<Hours>) -> Told<Tonight> {
    if !(1..=72).contains(&asked.hours) {
        return Err(Problem::bad_request("`hours` is 1 to 72"));
    }
    let body = site.read(move |desk| tonight::body(desk, asked.hours).map(Some)).await?;
    let at_work = |it: tonight::Active| AtWork {
        run_id: it.run.to_string(),
        dag: it.dag,
        state: it.state,
        started_at: it.started_at,
        ended: it.ended,
        tasks: it.tasks,
        late: it.kinds,
        reason: it.reason,
    };
    let failed = |it: tonight::Failed| FailedRun {
        run_id: it.run.to_string(),
        dag: it.dag,
        logical_date: it.logical_date,
        ended_at: it.ended_at,
        reason: it.reason,
    };
    let due = |it: tonight::Due| Due { dag: it.dag, next: it.tick, more: it.more };
    Ok(Json(Tonight {
        active: body.active.into_iter().map(at_work).collect(),
        more_active: body.more_active,
        queued: body.queued,
        failed: body.failed.into_iter().map(failed).collect(),
        due: body.due.into_iter().map(due).collect(),
        ticks: body.ticks,
        dags: body.dags,
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
