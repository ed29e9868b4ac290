//! Slots of the executor and of pools: who holds them, who waits for them, and which DAGs are at their limits.

use std::collections::BTreeMap;

use axum::extract::Query;
use nightrun_core::decide::{Reason, TaskState};
use nightrun_core::id::{DagId, RunId};
use nightrun_core::time::Timestamp;
use nightrun_engine::store::{Fault, SlotTask};
use serde::{Deserialize, Serialize};

use super::{Did, Sheet, Shown, Watch, show};
use crate::app::{Desk, Shared, State};
use crate::words;

/// Holders and waiters looked at; what is more is not counted.
const LOOKED_AT: u32 = 5_000;

/// Rows of each list.
const ROWS: usize = 100;

/// DAGs with queued runs that are shown.
const DAGS: u32 = 100;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    pool: String,
}

#[derive(Serialize)]
struct Body {
    /// The executor's first.
    bounds: Vec<Bound>,
    own: Vec<Own>,
    pool: Option<String>,
    holders: Vec<Row>,
    more_holders: usize,
    waiters: Vec<Row>,
    more_waiters: usize,
    /// Some that wait were not looked at.
    cut: bool,
    queued: Vec<Queued>,
}

/// One thing of which there is only so much.
#[derive(Serialize)]
struct Bound {
    /// None: the executor.
    name: Option<String>,
    slots: u32,
    used: u32,
    tasks: usize,
    waiting: usize,
    /// How much of a bar of a thousand is full.
    full: u32,
}

/// Tasks that a bound of their own DAG holds up, not the server.
#[derive(Serialize)]
struct Own {
    /// The key of the DAG file.
    key: &'static str,
    waiting: usize,
}

#[derive(Serialize)]
struct Row {
    task: String,
    item: Option<u32>,
    /// What the page of a run calls its row.
    id: String,
    dag: DagId,
    run: RunId,
    state: TaskState,
    pool: Option<String>,
    /// Slots of the pool.
    takes: u32,
    reason: String,
    /// The kind of that reason.
    kind: &'static str,
    since: Timestamp,
    length: String,
}

impl Row {
    /// What it waits for is a pool, not something else that its task is bound by too.
    fn waits_for_pool(&self) -> bool {
        matches!(self.kind, "pool" | "pool_too_small")
    }
}

#[derive(Serialize)]
struct Queued {
    dag: DagId,
    count: u32,
    reason: String,
    first: RunId,
    length: String,
}

/// `GET /pools?pool=`
pub(crate) async fn list(State(site): Shared, Query(asked): Query<Asked>) -> Shown {
    show(&site, "pools.html", "pools", Did::default(), move |desk| {
        let body = body(desk, &asked)?;
        Ok(Some(Sheet {
            title: "Pools and limits".into(),
            watch: Watch { all: true, ..Watch::default() },
            body,
        }))
    })
    .await
}

fn body(desk: &Desk<'_>, asked: &Asked) -> Result<Body, Fault> {
    let rows =
        |tasks: Vec<SlotTask>| tasks.into_iter().map(|task| row(desk, task)).collect::<Result<Vec<_>, _>>();
    let mut holders = rows(desk.page.slot_holders(LOOKED_AT)?)?;
    let waiting = desk.page.slot_waiters(LOOKED_AT)?;
    let cut = waiting.len() == LOOKED_AT as usize;
    let mut waiters = rows(waiting)?;
    let bounds = bounds(desk, &holders, &waiters);
    let own = own(&waiters);
    let pool = bounds.iter().filter_map(|bound| bound.name.clone()).find(|name| *name == asked.pool);
    if pool.is_some() {
        holders.retain(|row| row.pool == pool);
        waiters.retain(|row| row.pool == pool && row.waits_for_pool());
    }
    let queued = desk.page.queued_runs(DAGS)?.into_iter().map(|queued| Queued {
        dag: queued.dag,
        count: queued.count,
        reason: queued.reason.to_string(),
        first: queued.first,
        length: words::length(desk.now.since(queued.since)),
    });
    Ok(Body {
        bounds,
        own,
        pool,
        more_holders: cut_to(&mut holders),
        holders,
        more_waiters: cut_to(&mut waiters),
        waiters,
        cut,
        queued: queued.collect(),
    })
}

/// Leaves as many as are shown, and says how many are not.
fn cut_to(rows: &mut Vec<Row>) -> usize {
    let more = rows.len().saturating_sub(ROWS);
    rows.truncate(ROWS);
    more
}

fn bounds(desk: &Desk<'_>, holders: &[Row], waiters: &[Row]) -> Vec<Bound> {
    let app = &desk.site.app;
    let executor = bound(
        None,
        app.slots,
        u32::try_from(holders.len()).unwrap_or(u32::MAX),
        holders.len(),
        waiters.iter().filter(|row| row.kind == "slots").count(),
    );
    let mut pools: BTreeMap<&str, u32> =
        app.pools.iter().map(|(name, slots)| (name.as_str(), *slots)).collect();
    // A pool that is not configured has no slots, and its tasks wait for ever: it must be seen.
    for name in waiters.iter().filter_map(|row| row.pool.as_deref()) {
        pools.entry(name).or_insert(0);
    }
    let pools = pools.into_iter().map(|(name, slots)| {
        let of = |row: &&Row| row.pool.as_deref() == Some(name);
        let held: Vec<&Row> = holders.iter().filter(of).collect();
        let used = held.iter().map(|row| row.takes).sum();
        let waiting = waiters.iter().filter(of).filter(|row| row.waits_for_pool()).count();
        bound(Some(name.to_owned()), slots, used, held.len(), waiting)
    });
    std::iter::once(executor).chain(pools).collect()
}

/// How many the bounds of their own DAGs hold up.
fn own(waiters: &[Row]) -> Vec<Own> {
    let of = |key| Own { key, waiting: waiters.iter().filter(|row| row.kind == key).count() };
    ["max_parallel", "max_active_tasks"].map(of).into_iter().filter(|own| own.waiting > 0).collect()
}

fn bound(name: Option<String>, slots: u32, used: u32, tasks: usize, waiting: usize) -> Bound {
    let full = u64::from(used.min(slots)) * 1000 / u64::from(slots.max(1));
    Bound { name, slots, used, tasks, waiting, full: u32::try_from(full).unwrap_or(1000) }
}

fn row(desk: &Desk<'_>, task: SlotTask) -> Result<Row, Fault> {
    let spec = desk.spec(task.version)?;
    let said = spec.as_ref().and_then(|dag| dag.tasks.get(task.instance.task.at()));
    // The reason says it too where the file cannot be read any more.
    let named = match &task.reason {
        Reason::Pool { pool } | Reason::PoolTooSmall { pool, .. } => Some(pool.clone()),
        _ => None,
    };
    let item = (task.instance.item > 0).then(|| task.instance.item - 1);
    Ok(Row {
        item,
        task: task.id.clone(),
        id: task.id,
        dag: task.dag,
        run: task.instance.run,
        state: task.state,
        pool: said.and_then(|said| said.pool.clone()).or(named),
        takes: said.map_or(1, |said| said.pool_slots),
        reason: task.reason.to_string(),
        kind: task.reason.kind(),
        since: task.since,
        length: words::length(desk.now.since(task.since)),
    })
}
