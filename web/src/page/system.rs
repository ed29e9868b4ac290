//! How the scheduler itself fares.

use std::fs;
use std::path::Path;
use std::time::Duration;

use nightrun_core::id::{DagId, RunId};
use nightrun_core::time::{Timestamp, show_duration};
use nightrun_engine::run::Health;
use nightrun_engine::store::{ActiveRuns, DATABASE, Fault, FiredTick};
use serde::Serialize;

use super::{Did, Sheet, Shown, Watch, show, unwell};
use crate::app::{Desk, Shared, State};
use crate::words;

/// Runs whose ticks are looked at.
const TICKS: u32 = 1_000;

/// A tick that fires later than this is late.
const LATE: Duration = Duration::from_mins(1);

/// Late ticks shown.
const ROWS: usize = 10;

/// Less room than this on the disk is told in red.
const ROOM: u64 = 1_000_000_000;

#[derive(Serialize)]
pub(crate) struct Body {
    pub(crate) state: &'static str,
    pub(crate) trouble: Option<String>,
    pub(crate) active: ActiveRuns,
    pub(crate) slots: u32,
    pub(crate) version: String,
    pub(crate) migration: i64,
    pub(crate) created_at: Timestamp,
    pub(crate) seq: i64,
    pub(crate) last_run: i64,
    pub(crate) dags: u32,
    pub(crate) data: String,
    pub(crate) dags_dir: String,
    pub(crate) database: u64,
    /// Written, and not yet moved into the database.
    pub(crate) wal: u64,
    pub(crate) disk: Option<Disk>,
    prune: Option<Prune>,
    pub(crate) last_pruned: i64,
    pub(crate) ticks: Ticks,
}

#[derive(Serialize)]
pub(crate) struct Disk {
    pub(crate) free: u64,
    pub(crate) total: u64,
    pub(crate) short: bool,
}

#[derive(Serialize)]
struct Prune {
    at: Timestamp,
    runs: usize,
    by: String,
}

/// How punctual the last ticks were.
#[derive(Serialize)]
pub(crate) struct Ticks {
    pub(crate) count: usize,
    pub(crate) median: String,
    pub(crate) late: usize,
    rows: Vec<LateTick>,
}

#[derive(Serialize)]
struct LateTick {
    dag: DagId,
    run: RunId,
    instant: Timestamp,
    at: Timestamp,
    late: String,
}

/// `GET /system`
pub(crate) async fn page(State(site): Shared) -> Shown {
    show(&site, "system.html", "system", Did::default(), |desk| {
        let body = body(desk)?;
        Ok(Some(Sheet { title: "System".into(), watch: Watch { all: true, ..Watch::default() }, body }))
    })
    .await
}

pub(crate) fn body(desk: &Desk<'_>) -> Result<Body, Fault> {
    let app = &desk.site.app;
    let health = app.handle.health();
    let figures = desk.page.figures()?;
    let size = |name: &str| fs::metadata(app.data.join(name)).map_or(0, |file| file.len());
    Ok(Body {
        state: match health {
            Health::Beginning => "beginning",
            Health::Well => "at work",
            Health::StoreFails(_) => "the store fails",
            Health::Stopped => "stopped",
        },
        trouble: unwell(&health),
        active: desk.active_runs()?,
        slots: app.slots,
        version: app.version.clone(),
        migration: figures.migration,
        created_at: figures.created_at,
        seq: figures.seq,
        last_run: figures.last_run,
        dags: figures.dags,
        data: app.data.display().to_string(),
        dags_dir: app.dags.display().to_string(),
        database: size(DATABASE),
        wal: size(&format!("{DATABASE}-wal")),
        disk: disk(&app.data),
        prune: desk.page.last_prune()?.map(|it| Prune { at: it.at, runs: it.runs, by: it.by }),
        last_pruned: figures.last_pruned,
        ticks: ticks(desk.page.fired_ticks(TICKS)?),
    })
}

/// Room on the disk of a folder, for those who are not its administrator.
fn disk(folder: &Path) -> Option<Disk> {
    let found = rustix::fs::statvfs(folder).ok()?;
    let (free, total) = (found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize);
    Some(Disk { free, total, short: free < ROOM })
}

fn ticks(fired: Vec<FiredTick>) -> Ticks {
    let mut lags: Vec<Duration> = fired.iter().map(|tick| tick.at.since(tick.instant)).collect();
    lags.sort_unstable();
    let late: Vec<FiredTick> = fired.into_iter().filter(|tick| tick.at.since(tick.instant) > LATE).collect();
    Ticks {
        count: lags.len(),
        median: lags.get(lags.len() / 2).map(|lag| show_duration(*lag)).unwrap_or_default(),
        late: late.len(),
        rows: late.into_iter().take(ROWS).map(late_tick).collect(),
    }
}

fn late_tick(tick: FiredTick) -> LateTick {
    let late = words::length(tick.at.since(tick.instant));
    LateTick { dag: tick.dag, run: tick.run, instant: tick.instant, at: tick.at, late }
}
