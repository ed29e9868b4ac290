//! One pool by name: who holds its slots, and who waits for how many.

use axum::Json;
use axum::extract::Path;
use nightrun_core::decide::{Reason, TaskState};
use nightrun_core::id::DagId;
use nightrun_core::time::Timestamp;
use nightrun_engine::store::{Fault, SlotTask};
use schemars::JsonSchema;
use serde::Serialize;

use super::Told;
use super::look::{waits, waits_for};
use crate::app::{Desk, Shared, State};

/// Tasks that are looked at, of those at work and of those that wait.
const LOOKED_AT: u32 = 10_000;

/// What the slots of the server are called, as on the page, unless a pool has this name.
const EXECUTOR: &str = "executor";

/// A pool, who holds its slots and who waits for some.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct PoolWhole {
    /// Its name; `executor` for the slots of the server.
    pool: String,
    /// How many slots it has; 0 where it is not configured.
    slots: u32,
    /// How many are taken.
    taken: u32,
    /// Who holds them, oldest run first.
    holders: Vec<SlotTold>,
    /// Who waits, oldest run first.
    waiters: Vec<SlotTold>,
    /// There are more than these: not all tasks of the server were looked at.
    cut: bool,
}

/// A task, or an item of one, that holds slots or waits for some.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SlotTold {
    /// The number of its run.
    run_id: String,
    /// Of which DAG.
    dag: DagId,
    /// The id of the task.
    task: String,
    /// Which item of it.
    item: Option<u32>,
    /// Where it is.
    state: TaskState,
    /// How many slots it takes.
    slots: u32,
    /// Since when it holds them or waits.
    since: Timestamp,
    /// Why it is where it is.
    reason: String,
}

/// `GET /api/v1/pools/{pool}`
pub(crate) async fn one(State(site): Shared, Path(pool): Path<String>) -> Told<PoolWhole> {
    site.read(move |desk| whole(desk, &pool)).await.map(Json)
}

fn whole(desk: &Desk<'_>, name: &str) -> Result<Option<PoolWhole>, Fault> {
    let app = &desk.site.app;
    let configured = app.pools.get(name).copied();
    let pool = Some(name).filter(|_| configured.is_some() || name != EXECUTOR);
    let (at_work, queued) = (desk.page.slot_holders(LOOKED_AT)?, desk.page.slot_waiters(LOOKED_AT)?);
    let cut = at_work.len().max(queued.len()) == LOOKED_AT as usize;
    // A call that waits for its run holds nothing.
    let held = at_work.into_iter().filter(|task| !matches!(task.reason, Reason::Called { .. }));
    let waits =
        queued.into_iter().filter(|task| waits(&task.reason) && waits_for(&task.reason).as_deref() == pool);
    let (holders, waiters) = (chosen(desk, pool, held)?, chosen(desk, pool, waits)?);
    // One that is not configured is there as long as somebody waits for it, and that for ever.
    if pool.is_some() && configured.is_none() && holders.is_empty() && waiters.is_empty() {
        return Ok(None);
    }
    let slots = if pool.is_none() { app.slots } else { configured.unwrap_or(0) };
    let taken = holders.iter().map(|task| task.slots).sum();
    Ok(Some(PoolWhole { pool: name.to_owned(), slots, taken, holders, waiters, cut }))
}

/// Those that draw from the pool, by the version that each run is pinned to; none: all, for each takes one slot of the
/// server.
fn chosen(
    desk: &Desk<'_>,
    pool: Option<&str>,
    tasks: impl Iterator<Item = SlotTask>,
) -> Result<Vec<SlotTold>, Fault> {
    let mut chosen = Vec::new();
    for task in tasks {
        let spec = desk.spec(task.version)?;
        let said = spec.as_ref().and_then(|dag| dag.tasks.get(task.instance.task.at()));
        // The reason says it too where the file cannot be read any more.
        let named = match &task.reason {
            Reason::Pool { pool } | Reason::PoolTooSmall { pool, .. } => Some(pool),
            _ => None,
        };
        let draws = said.and_then(|said| said.pool.as_ref()).or(named);
        let slots = pool.and(said).map_or(1, |said| said.pool_slots);
        if pool.is_none_or(|pool| draws.is_some_and(|draws| draws == pool)) {
            chosen.push(SlotTold {
                run_id: task.instance.run.to_string(),
                dag: task.dag,
                task: task.id,
                item: task.instance.item_index(),
                state: task.state,
                slots,
                since: task.since,
                reason: task.reason.to_string(),
            });
        }
    }
    Ok(chosen)
}
