//! Projections of what people change after the fact: clears, marks, notes, backfills.

use nightrun_core::decide::{BackfillItem, BackfillState, Reason, RunState, Take, TaskState, Transition};
use nightrun_core::id::{BackfillId, InstanceId, RunId, TaskIndex, VersionId};
use nightrun_core::time::Timestamp;
use rusqlite::{ToSql, params};

use super::{Desk, json};
use crate::store::error::Fault;

/// One of the facts that this file is about.
pub(super) fn project(desk: &Desk<'_>, fact: &Transition) -> Result<(), Fault> {
    match fact {
        Transition::RunCleared { run, from, to, reason, version, backfill, tasks, expanded, .. } => {
            version.map_or(Ok(()), |version| renewed(desk, *run, version))?;
            if from.is_final() {
                reopened(desk, *run, (*from, *to), reason, *backfill)?;
            }
            desk.write("DELETE FROM group_try WHERE run = ?1", [run.0])?;
            wait_again(desk, tasks, expanded)
        }
        Transition::GroupRetried { run, group, number, of, nested, tasks, expanded } => {
            retried(desk, *run, group, (*number, *of))?;
            for inner in nested {
                desk.write("DELETE FROM group_try WHERE run = ?1 AND group_id = ?2", params![run.0, inner])?;
            }
            wait_again(desk, tasks, expanded)
        }
        Transition::TaskMarked { instance, from, to, verdict, by, .. } => {
            marked(desk, *instance, (*from, *to), &Reason::Marked { by: by.clone() })?;
            let verdict = verdict.as_ref();
            verdict.map_or(Ok(()), |(from, to, reason)| judged(desk, instance.run, (*from, *to), reason))
        }
        Transition::Noted { run, task, text, by } => noted(desk, *run, *task, (text, by)),
        Transition::BackfillCreated {
            backfill,
            dag,
            from,
            to,
            mode,
            order,
            max_active,
            params,
            force,
            items,
            by,
            why,
        } => {
            let (mode, order) = (word(mode)?, word(order)?);
            let row = params![
                backfill.0,
                dag.as_str(),
                from.nanos(),
                to.nanos(),
                mode,
                order,
                max_active,
                json(params)?,
                force,
                by,
                why,
                desk.now(),
            ];
            planned(desk, row)?;
            (0_i64..).zip(items).try_for_each(|(place, item)| listed(desk, *backfill, place, item))
        }
        Transition::BackfillTook { backfill, instant, run, skipped } => {
            took(desk, *backfill, *instant, (*run, skipped.as_ref()))
        }
        Transition::BackfillMoved { backfill, from, to, .. } => moved(desk, *backfill, (*from, *to)),
        other => Err(Fault::Unlawful(format!("this is no fact of clears, marks or backfills: {other:?}"))),
    }
}

/// A word of one of the closed sets, without the quotes of its JSON.
fn word<T: serde::Serialize>(value: &T) -> Result<String, Fault> {
    Ok(json(value)?.trim_matches('"').to_owned())
}

/// These task instances wait, and these are expanded again; each from the state beside it.
fn wait_again(
    desk: &Desk<'_>,
    tasks: &[(InstanceId, TaskState)],
    expanded: &[(InstanceId, TaskState)],
) -> Result<(), Fault> {
    tasks.iter().try_for_each(|(instance, from)| cleared(desk, *instance, *from))?;
    expanded.iter().try_for_each(|(instance, from)| expanded_again(desk, *instance, *from))
}

/// A group is at its next try; tries are counted without a gap.
fn retried(desk: &Desk<'_>, run: RunId, group: &str, (number, of): (u32, u32)) -> Result<(), Fault> {
    desk.move_one(
        "INSERT INTO group_try (run, group_id, number, tries, since)
         SELECT id, ?2, ?3, ?4, ?5 FROM run WHERE id = ?1 AND state = 'running'
            AND ?3 = 1 + coalesce((SELECT number FROM group_try WHERE run = ?1 AND group_id = ?2), 1)
         ON CONFLICT (run, group_id) DO UPDATE
         SET number = excluded.number, tries = excluded.tries, since = excluded.since",
        params![run.0, group, number, of, desk.now()],
        || format!("try {number} of group `{group}` of run {run} does not come next"),
    )
}

fn reopened(
    desk: &Desk<'_>,
    run: RunId,
    (from, to): (RunState, RunState),
    reason: &Reason,
    backfill: Option<BackfillId>,
) -> Result<(), Fault> {
    let unlawful = || format!("run {run} cannot be opened again from `{from}` to `{to}`");
    if !from.reopens() || to != RunState::Queued {
        return Err(Fault::Unlawful(unlawful()));
    }
    desk.move_one(
        "UPDATE run SET state = ?3, reason = ?4, since = ?5, started_at = NULL, ended_at = NULL, backfill = ?6
         WHERE id = ?1 AND state = ?2",
        params![run.0, from.as_str(), to.as_str(), json(reason)?, desk.now(), backfill.map(|it| it.0)],
        unlawful,
    )
}

/// The run is pinned to another version: tasks that this has no more are removed, those that come back or that the
/// run did not have wait; all keep their places.
fn renewed(desk: &Desk<'_>, run: RunId, version: VersionId) -> Result<(), Fault> {
    desk.move_one("UPDATE run SET version = ?2 WHERE id = ?1", params![run.0, version.0], || {
        format!("run {run} is unknown")
    })?;
    let in_dag = "(SELECT value FROM json_each((SELECT tasks FROM dag_version WHERE id = ?2)))";
    let waits = params![run.0, version.0, json(&Reason::Upstream)?, desk.now()];
    desk.write(
        &format!(
            "UPDATE task_instance SET state = 'waiting', reason = ?3, since = ?4, ended_at = NULL,
                                      attempts_before = attempts
             WHERE run = ?1 AND item = 0 AND state = 'removed' AND task_id IN {in_dag}"
        ),
        waits,
    )?;
    desk.write(
        &format!(
            "UPDATE task_instance SET state = 'removed', reason = ?3, since = ?4, ended_at = coalesce(ended_at, ?4)
             WHERE run = ?1 AND item = 0 AND state <> 'removed' AND task_id NOT IN {in_dag}"
        ),
        params![run.0, version.0, json(&Reason::TaskGone)?, desk.now()],
    )?;
    desk.write(
        "INSERT INTO task_instance (run, task, item, task_id, state, reason, since)
         SELECT ?1, (SELECT max(task) FROM task_instance WHERE run = ?1) + row_number() OVER (ORDER BY key), 0,
                value, 'waiting', ?3, ?4
         FROM json_each((SELECT tasks FROM dag_version WHERE id = ?2))
         WHERE value NOT IN (SELECT task_id FROM task_instance WHERE run = ?1 AND item = 0)",
        waits,
    )?;
    Ok(())
}

/// A task whose items wait again.
fn expanded_again(desk: &Desk<'_>, instance: InstanceId, from: TaskState) -> Result<(), Fault> {
    let InstanceId { run, task, .. } = instance;
    let sql =
        "SELECT count(*) FROM task_instance WHERE run = ?1 AND task = ?2 AND item > 0 AND state <> 'removed'";
    let total: u32 = desk.conn.prepare_cached(sql)?.query_row(params![run.0, task.0], |row| row.get(0))?;
    desk.move_one(
        "UPDATE task_instance SET state = 'expanded', reason = ?4, since = ?5, ended_at = NULL
         WHERE run = ?1 AND task = ?2 AND item = 0 AND state = ?3 AND fan IS NOT NULL",
        params![run.0, task.0, from.as_str(), json(&Reason::ItemsAtWork { total })?, desk.now()],
        || format!("task {task} of run {run} cannot be expanded again from `{from}`"),
    )
}

fn cleared(desk: &Desk<'_>, instance: InstanceId, from: TaskState) -> Result<(), Fault> {
    let InstanceId { run, task, item } = instance;
    let unlawful = || format!("task {task}.{item} of run {run} cannot be cleared from `{from}`");
    if !from.clears() {
        return Err(Fault::Unlawful(unlawful()));
    }
    desk.move_one(
        "UPDATE task_instance SET state = 'waiting', reason = ?5, since = ?6, attempts_before = attempts,
                                  retry_at = NULL, started_at = NULL, ended_at = NULL
         WHERE run = ?1 AND task = ?2 AND item = ?3 AND state = ?4",
        params![run.0, task.0, item, from.as_str(), json(&Reason::Upstream)?, desk.now()],
        unlawful,
    )
}

fn marked(
    desk: &Desk<'_>,
    instance: InstanceId,
    (from, to): (TaskState, TaskState),
    reason: &Reason,
) -> Result<(), Fault> {
    let InstanceId { run, task, item } = instance;
    let unlawful = || format!("task {task}.{item} of run {run} cannot be marked from `{from}` as `{to}`");
    if !TaskState::marks(from, to) {
        return Err(Fault::Unlawful(unlawful()));
    }
    desk.move_one(
        "UPDATE task_instance SET state = ?5, reason = ?6, since = ?7, retry_at = NULL, ended_at = ?7
         WHERE run = ?1 AND task = ?2 AND item = ?3 AND state = ?4",
        params![run.0, task.0, item, from.as_str(), to.as_str(), json(reason)?, desk.now()],
        unlawful,
    )
}

/// The verdict of a run that stays over.
fn judged(
    desk: &Desk<'_>,
    run: RunId,
    (from, to): (RunState, RunState),
    reason: &Reason,
) -> Result<(), Fault> {
    let unlawful = || format!("the verdict of run {run} cannot move from `{from}` to `{to}`");
    if !RunState::verdict_moves(from, to) {
        return Err(Fault::Unlawful(unlawful()));
    }
    desk.move_one(
        "UPDATE run SET state = ?3, reason = ?4, since = ?5 WHERE id = ?1 AND state = ?2",
        params![run.0, from.as_str(), to.as_str(), json(reason)?, desk.now()],
        unlawful,
    )
}

fn noted(
    desk: &Desk<'_>,
    run: RunId,
    task: Option<TaskIndex>,
    (text, by): (&str, &str),
) -> Result<(), Fault> {
    desk.write(
        "INSERT INTO note (run, task, text, by, at) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![run.0, task.map(|task| task.0), text, by, desk.now()],
    )?;
    Ok(())
}

fn planned(desk: &Desk<'_>, row: &[&dyn ToSql]) -> Result<(), Fault> {
    desk.write(
        "INSERT INTO backfill (id, dag, first, last, mode, take_order, max_active, params, force, asked_by, why,
                               state, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 'running', ?12)",
        row,
    )?;
    Ok(())
}

fn listed(desk: &Desk<'_>, backfill: BackfillId, place: i64, item: &BackfillItem) -> Result<(), Fault> {
    let (again, skipped) = match &item.take {
        Take::Run => (None, None),
        Take::Rerun(run) => (Some(run.0), None),
        Take::Skip(reason) => (None, Some(json(reason)?)),
    };
    desk.write(
        "INSERT INTO backfill_item (backfill, instant, place, again, skipped) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![backfill.0, item.instant.nanos(), place, again, skipped],
    )?;
    Ok(())
}

/// An instant has its run, or a reason. A run that the schedule had not come to gets its tick, so that it
/// never fires.
fn took(
    desk: &Desk<'_>,
    backfill: BackfillId,
    instant: Timestamp,
    (run, skipped): (Option<RunId>, Option<&Reason>),
) -> Result<(), Fault> {
    desk.move_one(
        "UPDATE backfill_item SET run = ?3, skipped = ?4
         WHERE backfill = ?1 AND instant = ?2 AND run IS NULL AND skipped IS NULL",
        params![backfill.0, instant.nanos(), run.map(|run| run.0), skipped.map(json).transpose()?],
        || format!("backfill {backfill} has nothing left to do at {instant}"),
    )?;
    if let Some(run) = run {
        desk.write(
            "INSERT INTO tick (dag, instant, run, at)
             SELECT dag, ?2, ?3, ?4 FROM backfill WHERE id = ?1
             ON CONFLICT (dag, instant) DO NOTHING",
            params![backfill.0, instant.nanos(), run.0, desk.now()],
        )?;
    }
    Ok(())
}

fn moved(
    desk: &Desk<'_>,
    backfill: BackfillId,
    (from, to): (BackfillState, BackfillState),
) -> Result<(), Fault> {
    let unlawful = || format!("backfill {backfill} cannot move from `{from}` to `{to}`");
    if !BackfillState::legal(from, to) {
        return Err(Fault::Unlawful(unlawful()));
    }
    desk.move_one(
        "UPDATE backfill SET state = ?3, ended_at = ?4 WHERE id = ?1 AND state = ?2",
        params![backfill.0, from.as_str(), to.as_str(), desk.now_if(to.is_final())],
        unlawful,
    )
}
