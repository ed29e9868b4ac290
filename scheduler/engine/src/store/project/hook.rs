//! Projections of deadlines and hooks.

use nightrun_core::decide::{Cause, HookState};
use nightrun_core::id::{HookId, RunId, TaskIndex};
use nightrun_core::time::Timestamp;
use rusqlite::{ToSql, params};

use super::{Desk, json};
use crate::store::error::Fault;

/// A run or a task is late: (run, task, kind, due). The key forbids that it is told twice.
pub(super) fn late(
    desk: &Desk<'_>,
    run: RunId,
    task: Option<TaskIndex>,
    kind: &str,
    due: Timestamp,
) -> Result<(), Fault> {
    let task = task.map_or(-1, |task| i64::from(task.0));
    desk.write(
        "INSERT INTO lateness (run, task, kind, due, at) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![run.0, task, kind, due.nanos(), desk.now()],
    )?;
    Ok(())
}

/// A hook is due, `pending`.
pub(super) fn due(desk: &Desk<'_>, cause: &Cause, row: &[(&str, &dyn ToSql)]) -> Result<(), Fault> {
    let (cause, now) = (json(cause)?, desk.now());
    let own: [(&str, &dyn ToSql); 2] = [(":cause", &cause), (":now", &now)];
    let values: Vec<(&str, &dyn ToSql)> = row.iter().copied().chain(own).collect();
    desk.write(
        "INSERT INTO hook (id, run, task, point, step, action, cause, state, retries, retry_delay, due_at)
         VALUES (:id, :run, :task, :point, :step, :action, :cause, 'pending', :retries, :delay, :now)",
        values.as_slice(),
    )?;
    Ok(())
}

/// A try of a hook is over.
pub(super) fn tried(
    desk: &Desk<'_>,
    (hook, number): (HookId, u32),
    state: HookState,
    error: Option<&str>,
    retry_at: Option<Timestamp>,
) -> Result<(), Fault> {
    desk.move_one(
        "UPDATE hook SET state = ?3, tries = ?2, error = ?4, retry_at = ?5, tried_at = ?6
         WHERE id = ?1 AND state = 'pending' AND tries = ?2 - 1",
        params![hook.0, number, state.as_str(), error, retry_at.map(Timestamp::nanos), desk.now()],
        || format!("try {number} of hook {hook} cannot end"),
    )
}
