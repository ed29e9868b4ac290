//! Projections of what happens to runs.

use nightrun_core::decide::{Reason, RunState};
use nightrun_core::id::RunId;
use rusqlite::{ToSql, params};

use super::{Desk, json};
use crate::store::error::Fault;

/// There is a run, `queued`.
pub(super) fn created(desk: &Desk<'_>, row: &[(&str, &dyn ToSql)]) -> Result<(), Fault> {
    desk.write(
        "INSERT INTO run (id, dag, version, run_type, logical_date, interval_start, interval_end, params,
                          asked_by, state, reason, since, created_at, backfill,
                          parent_run, parent_task, parent_item, parent_number, depth)
         VALUES (:id, :dag, :version, :run_type, :logical_date, :interval_start, :interval_end, :params,
                 :asked_by, 'queued', :reason, :now, :now, :backfill,
                 :parent_run, :parent_task, :parent_item, :parent_number, :depth)",
        row,
    )?;
    Ok(())
}

pub(super) fn moved(
    desk: &Desk<'_>,
    run: RunId,
    (from, to): (RunState, RunState),
    reason: &Reason,
) -> Result<(), Fault> {
    let unlawful = || format!("run {run} cannot move from `{from}` to `{to}`");
    if !RunState::legal(from, to) {
        return Err(Fault::Unlawful(unlawful()));
    }
    desk.move_one(
        "UPDATE run SET state = ?3, reason = ?4, since = ?5, started_at = coalesce(?6, started_at), ended_at = ?7
         WHERE id = ?1 AND state = ?2",
        params![
            run.0,
            from.as_str(),
            to.as_str(),
            json(reason)?,
            desk.now(),
            desk.now_if(to == RunState::Running),
            desk.now_if(to.is_final()),
        ],
        unlawful,
    )
}

pub(super) fn reasoned(desk: &Desk<'_>, run: RunId, reason: &Reason) -> Result<(), Fault> {
    desk.move_one(
        "UPDATE run SET reason = ?2, since = ?3 WHERE id = ?1 AND ended_at IS NULL",
        params![run.0, json(reason)?, desk.now()],
        || format!("run {run} is over or unknown, so it waits for nothing"),
    )
}
