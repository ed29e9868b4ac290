//! Projections of what happens to attempts, and to task instances through them.

use nightrun_core::decide::{AttemptState, Output, Outputs, Reason, Used};
use nightrun_core::id::{AttemptId, InstanceId};
use nightrun_core::time::Timestamp;
use rusqlite::params;

use super::{Desk, json};
use crate::store::error::Fault;

/// There is an attempt; it and its instance are `starting`. Numbers are dense.
pub(super) fn created(desk: &Desk<'_>, attempt: AttemptId) -> Result<(), Fault> {
    let (InstanceId { run, task, item }, number) = (attempt.instance, attempt.number);
    let active = json(&Reason::Active)?;
    desk.move_one(
        "UPDATE task_instance
         SET state = 'starting', reason = ?5, since = ?6, attempts = ?4, retry_at = NULL, started_at = NULL
         WHERE run = ?1 AND task = ?2 AND item = ?3 AND state = 'queued' AND attempts = ?4 - 1",
        params![run.0, task.0, item, number, active, desk.now()],
        || unlawful(attempt, "cannot begin"),
    )?;
    desk.write(
        "INSERT INTO attempt (run, task, item, number, state, reason, created_at)
         VALUES (?1, ?2, ?3, ?4, 'starting', ?5, ?6)",
        params![run.0, task.0, item, number, active, desk.now()],
    )?;
    Ok(())
}

/// Its process lives; both are `running` now, or still `stopping`.
pub(super) fn started(
    desk: &Desk<'_>,
    attempt: AttemptId,
    (pid, at): (u32, Timestamp),
    state: AttemptState,
) -> Result<(), Fault> {
    let (InstanceId { run, task, item }, number) = (attempt.instance, attempt.number);
    let from = if state == AttemptState::Running { AttemptState::Starting } else { AttemptState::Stopping };
    let unlawful = || unlawful(attempt, "cannot start");
    desk.move_one(
        "UPDATE attempt SET state = ?6, pid = ?7, started_at = ?8
         WHERE run = ?1 AND task = ?2 AND item = ?3 AND number = ?4 AND state = ?5 AND pid IS NULL",
        params![run.0, task.0, item, number, from.as_str(), state.as_str(), pid, at.nanos()],
        unlawful,
    )?;
    desk.move_one(
        "UPDATE task_instance SET state = ?6, started_at = ?7
         WHERE run = ?1 AND task = ?2 AND item = ?3 AND attempts = ?4 AND state = ?5",
        params![run.0, task.0, item, number, from.as_str(), state.as_str(), at.nanos()],
        unlawful,
    )
}

/// It was told to end; both are `stopping`.
pub(super) fn stopping(desk: &Desk<'_>, attempt: AttemptId, reason: &Reason) -> Result<(), Fault> {
    let (InstanceId { run, task, item }, number) = (attempt.instance, attempt.number);
    let reason = json(reason)?;
    let unlawful = || unlawful(attempt, "cannot be stopped");
    desk.move_one(
        "UPDATE attempt SET state = 'stopping', reason = ?5
         WHERE run = ?1 AND task = ?2 AND item = ?3 AND number = ?4 AND state IN ('starting', 'running')",
        params![run.0, task.0, item, number, reason],
        unlawful,
    )?;
    desk.move_one(
        "UPDATE task_instance SET state = 'stopping', reason = ?5, since = ?6
         WHERE run = ?1 AND task = ?2 AND item = ?3 AND attempts = ?4 AND state IN ('starting', 'running')",
        params![run.0, task.0, item, number, reason, desk.now()],
        unlawful,
    )
}

/// It is over; its instance follows by a fact of its own.
pub(super) fn ended(
    desk: &Desk<'_>,
    attempt: AttemptId,
    (state, at, reason): (AttemptState, Timestamp, String),
    (exit_code, signal): (Option<i32>, Option<i32>),
    used: Used,
) -> Result<(), Fault> {
    let (InstanceId { run, task, item }, number) = (attempt.instance, attempt.number);
    let [cpu_us, peak_bytes] =
        [used.cpu_us, used.peak_bytes].map(|used| used.and_then(|used| i64::try_from(used).ok()));
    desk.move_one(
        "UPDATE attempt SET state = ?5, ended_at = ?6, exit_code = ?7, signal = ?8, reason = ?9,
                cpu_us = ?10, peak_bytes = ?11
         WHERE run = ?1 AND task = ?2 AND item = ?3 AND number = ?4 AND ended_at IS NULL",
        params![
            run.0,
            task.0,
            item,
            number,
            state.as_str(),
            at.nanos(),
            exit_code,
            signal,
            reason,
            cpu_us,
            peak_bytes
        ],
        || unlawful(attempt, "cannot end"),
    )
}

/// Its outputs become visible; only a success has any.
pub(super) fn put_out(desk: &Desk<'_>, attempt: AttemptId, outputs: &Outputs) -> Result<(), Fault> {
    let (InstanceId { run, task, item }, number) = (attempt.instance, attempt.number);
    for (name, output) in outputs {
        let (value, file, bytes) = match output {
            Output::Inline(value) => (Some(json(value)?), None, None),
            Output::Spilled { sha256, bytes } => (None, Some(sha256), i64::try_from(*bytes).ok()),
        };
        desk.move_one(
            "INSERT INTO output (run, task, item, number, name, value, sha256, bytes)
             SELECT run, task, item, number, ?5, ?6, ?7, ?8 FROM attempt
             WHERE run = ?1 AND task = ?2 AND item = ?3 AND number = ?4 AND state = 'success'",
            params![run.0, task.0, item, number, name, value, file, bytes],
            || unlawful(attempt, "has no outputs, for it is no success"),
        )?;
    }
    Ok(())
}

fn unlawful(attempt: AttemptId, what: &str) -> String {
    format!("attempt {attempt} {what}")
}
