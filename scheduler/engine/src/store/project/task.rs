//! Projections of what happens to task instances by themselves.

use nightrun_core::dag::spec::FanIndex;
use nightrun_core::decide::{Item, Reason, TaskState};
use nightrun_core::id::{InstanceId, RunId, TaskIndex, VersionId};
use rusqlite::params;

use super::{Desk, json, retry_at};
use crate::store::error::Fault;

/// Each task of the version has an instance, `waiting`; one statement, for a DAG may have 100,000.
pub(super) fn created(desk: &Desk<'_>, run: RunId, version: VersionId) -> Result<(), Fault> {
    desk.write(
        "INSERT INTO task_instance (run, task, item, task_id, state, reason, since)
         SELECT ?1, key, 0, value, 'waiting', ?3, ?4
         FROM json_each((SELECT tasks FROM dag_version WHERE id = ?2))",
        params![run.0, version.0, json(&Reason::Upstream)?, desk.now()],
    )?;
    Ok(())
}

/// These tasks have an instance for each of these items; one statement a task, for a fan may have 100,000 items.
pub(super) fn expanded(
    desk: &Desk<'_>,
    run: RunId,
    fan: FanIndex,
    (tasks, items): (&[TaskIndex], &[Item]),
) -> Result<(), Fault> {
    for (at, Item { key, value }) in (1_u32..).zip(items) {
        desk.write(
            "INSERT INTO item (run, fan, item, key, value) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (run, fan, item) DO UPDATE SET key = excluded.key, value = excluded.value",
            params![run.0, fan.0, at, key, json(value)?],
        )?;
    }
    let total = u32::try_from(items.len()).unwrap_or(u32::MAX);
    let at_work = json(&Reason::ItemsAtWork { total })?;
    for task in tasks {
        desk.move_one(
            "UPDATE task_instance SET state = 'expanded', fan = ?3, reason = ?4, since = ?5
             WHERE run = ?1 AND task = ?2 AND item = 0 AND state = 'waiting'",
            params![run.0, task.0, fan.0, at_work, desk.now()],
            || format!("task {} of run {run} cannot be expanded", task.0),
        )?;
        desk.write(
            "INSERT INTO task_instance (run, task, item, task_id, state, reason, since, fan)
             SELECT w.run, w.task, i.item, w.task_id, 'waiting', ?4, ?5, i.fan
             FROM task_instance w JOIN item i ON i.run = w.run AND i.fan = ?3
             WHERE w.run = ?1 AND w.task = ?2 AND w.item = 0 AND i.item <= ?6
             ON CONFLICT (run, task, item) DO UPDATE
             SET state = 'waiting', reason = excluded.reason, since = excluded.since, attempts_before = attempts,
                 retry_at = NULL, started_at = NULL, ended_at = NULL",
            params![run.0, task.0, fan.0, json(&Reason::Upstream)?, desk.now(), total],
        )?;
        desk.write(
            "UPDATE task_instance
             SET state = 'removed', reason = ?4, since = ?5, ended_at = ?5, attempts_before = attempts, retry_at = NULL
             WHERE run = ?1 AND task = ?2 AND item > ?3",
            params![run.0, task.0, total, json(&Reason::ItemGone)?, desk.now()],
        )?;
    }
    Ok(())
}

pub(super) fn moved(
    desk: &Desk<'_>,
    instance: InstanceId,
    (from, to): (TaskState, TaskState),
    reason: &Reason,
) -> Result<(), Fault> {
    let InstanceId { run, task, item } = instance;
    let unlawful = || format!("task {task}.{item} of run {run} cannot move from `{from}` to `{to}`");
    if !TaskState::legal(from, to) {
        return Err(Fault::Unlawful(unlawful()));
    }
    desk.move_one(
        "UPDATE task_instance SET state = ?5, reason = ?6, since = ?7, retry_at = ?8, ended_at = ?9
         WHERE run = ?1 AND task = ?2 AND item = ?3 AND state = ?4",
        params![
            run.0,
            task.0,
            item,
            from.as_str(),
            to.as_str(),
            json(reason)?,
            desk.now(),
            retry_at(reason),
            desk.now_if(to.is_final()),
        ],
        unlawful,
    )
}

pub(super) fn reasoned(desk: &Desk<'_>, instance: InstanceId, reason: &Reason) -> Result<(), Fault> {
    let InstanceId { run, task, item } = instance;
    desk.move_one(
        "UPDATE task_instance SET reason = ?4, since = ?5, retry_at = ?6
         WHERE run = ?1 AND task = ?2 AND item = ?3 AND ended_at IS NULL",
        params![run.0, task.0, item, json(reason)?, desk.now(), retry_at(reason)],
        || format!("task {task}.{item} of run {run} is over or unknown, so it waits for nothing"),
    )
}
