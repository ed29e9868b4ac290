//! From facts to tables: each transition is appended to the log, and its projection follows in the same
//! transaction. An update names the state it moves from; when it finds nothing to move, the fact is
//! unlawful and the transaction is given up.

mod access;
mod again;
mod attempt;
mod dag;
mod hold;
mod hook;
mod prune;
mod run;
mod task;

use nightrun_core::decide::{Reason, TickChange, Transition};
use nightrun_core::time::Timestamp;
use rusqlite::{Connection, Params, named_params, params};
use serde::Serialize;

use super::error::Fault;

/// Appends one fact to the log and projects it; returns its number in the log.
pub(super) fn record(conn: &Connection, at: Timestamp, fact: &Transition) -> Result<i64, Fault> {
    let body = json(fact)?;
    write(
        conn,
        "INSERT INTO transition_log (at, run, body) VALUES (?1, ?2, ?3)",
        params![at.nanos(), fact.run().map(|run| run.0), body],
    )?;
    let seq = conn.last_insert_rowid();
    replay(conn, at, fact).map_err(|fault| name_fact(fault, &body))?;
    Ok(seq)
}

/// Changes the tables as a fact of this instant says, without a word in the log.
pub(super) fn replay(conn: &Connection, at: Timestamp, fact: &Transition) -> Result<(), Fault> {
    project(&Desk { conn, at }, fact)
}

/// Where facts of one instant are written.
struct Desk<'a> {
    conn: &'a Connection,
    at: Timestamp,
}

impl Desk<'_> {
    /// Runs one statement; returns how many rows it changed.
    fn write(&self, sql: &str, values: impl Params) -> Result<usize, Fault> {
        write(self.conn, sql, values)
    }

    /// Runs one statement that must change exactly one row; otherwise `unlawful` says what was tried.
    fn move_one(
        &self,
        sql: &str,
        values: impl Params,
        unlawful: impl FnOnce() -> String,
    ) -> Result<(), Fault> {
        match self.write(sql, values)? {
            1 => Ok(()),
            _ => Err(Fault::Unlawful(unlawful())),
        }
    }

    fn now(&self) -> i64 {
        self.at.nanos()
    }

    /// Now, when `really`.
    fn now_if(&self, really: bool) -> Option<i64> {
        really.then_some(self.at.nanos())
    }
}

#[expect(clippy::too_many_lines, reason = "one arm for each fact")]
fn project(desk: &Desk<'_>, fact: &Transition) -> Result<(), Fault> {
    match fact {
        Transition::DagLoaded { dag, version, hash, path, text, defaults, tasks, schedule, cursor } => {
            dag::loaded(desk, params![dag.as_str(), version.0, schedule, cursor.nanos()])?;
            let (tasks, defaults) = (json(tasks)?, json(defaults)?);
            let row = params![version.0, dag.as_str(), hash, path, tasks, desk.now(), text, defaults];
            dag::versioned(desk, row)
        }
        Transition::FaultsFound { path, faults } => dag::faults_found(desk, path, faults),
        Transition::DagRetired { dag } => dag::retired(desk, dag),
        Transition::Paused { dag, paused, .. } => dag::paused(desk, dag.as_ref(), *paused),
        Transition::HoldAdded { hold, dags, from, to, resume, why, by } => {
            let dags = dags.as_ref().map(json).transpose()?;
            let times = (from.nanos(), to.nanos());
            hold::added(desk, params![hold.0, dags, times.0, times.1, resume.as_str(), why, by, desk.now()])
        }
        Transition::HoldRemoved { hold, by } => hold::removed(desk, *hold, by),
        Transition::HoldEnded { hold } => hold::ended(desk, *hold),
        Transition::TickChanged { dag, instant, change, why, by } => {
            let to = if let TickChange::Move(to) = change { Some(to.nanos()) } else { None };
            hold::changed(desk, params![dag.as_str(), instant.nanos(), to, why, by, desk.now()])
        }
        Transition::TickRestored { dag, instant, by: _ } => hold::restored(desk, dag, *instant),
        Transition::MovedTicked { dag, instant, run, skipped } => {
            dag::put_tick(desk, dag, *instant, (*run, skipped.as_ref()))
        }
        Transition::Pruned { runs, versions, by: _ } => {
            prune::forget_runs(desk, runs)?;
            prune::forget_versions(desk, versions)
        }
        Transition::VarSet { name, value, by } => dag::var_set(desk, name, value.as_ref(), by),
        Transition::AccessChanged { change, by } => access::project(desk, change, by),
        Transition::Ticked { dag, instant, run, skipped } => {
            dag::ticked(desk, dag, *instant, (*run, skipped.as_ref()))
        }
        Transition::RunCreated {
            run,
            dag,
            version,
            run_type,
            logical_date,
            interval_start,
            interval_end,
            params,
            reason,
            by,
            backfill,
            parent,
        } => {
            let caller = parent.map(|it| it.attempt);
            let row = named_params! {
                ":id": run.0, ":dag": dag.as_str(), ":version": version.0, ":run_type": run_type.as_str(),
                ":logical_date": logical_date.nanos(), ":interval_start": interval_start.nanos(),
                ":interval_end": interval_end.nanos(), ":params": json(params)?, ":reason": json(reason)?,
                ":asked_by": by, ":now": desk.now(), ":backfill": backfill.map(|it| it.0),
                ":parent_run": caller.map(|it| it.instance.run.0),
                ":parent_task": caller.map(|it| it.instance.task.0),
                ":parent_item": caller.map(|it| it.instance.item),
                ":parent_number": caller.map(|it| it.number), ":depth": parent.map(|it| it.depth),
            };
            run::created(desk, row)?;
            task::created(desk, *run, *version)
        }
        Transition::RunMoved { run, from, to, reason } => run::moved(desk, *run, (*from, *to), reason),
        Transition::RunReasoned { run, reason } => run::reasoned(desk, *run, reason),
        Transition::TaskMoved { instance, from, to, reason } => {
            task::moved(desk, *instance, (*from, *to), reason)
        }
        Transition::TaskReasoned { instance, reason } => task::reasoned(desk, *instance, reason),
        Transition::Expanded { run, fan, tasks, items } => task::expanded(desk, *run, *fan, (tasks, items)),
        Transition::AttemptCreated { attempt } => attempt::created(desk, *attempt),
        Transition::AttemptStarted { attempt, pid, at, state } => {
            attempt::started(desk, *attempt, (*pid, *at), *state)
        }
        Transition::AttemptStopping { attempt, reason } => attempt::stopping(desk, *attempt, reason),
        Transition::AttemptEnded { attempt, state, at, exit_code, signal, reason, outputs, used } => {
            attempt::ended(desk, *attempt, (*state, *at, json(reason)?), (*exit_code, *signal), *used)?;
            attempt::put_out(desk, *attempt, outputs)
        }
        Transition::Late { run, task, kind, due } => hook::late(desk, *run, *task, kind.as_str(), *due),
        Transition::HookDue { hook, run, of, on, step, action, retry, cause } => {
            let delay = i64::try_from(retry.delay.as_nanos()).unwrap_or(i64::MAX);
            let row = named_params! {
                ":id": hook.0, ":run": run.0, ":task": of.map(|task| task.0), ":point": on.as_str(),
                ":step": step, ":action": action, ":retries": retry.retries, ":delay": delay,
            };
            hook::due(desk, cause, row)
        }
        Transition::HookTried { hook, run: _, number, state, error, retry_at } => {
            hook::tried(desk, (*hook, *number), *state, error.as_deref(), *retry_at)
        }
        Transition::RunCleared { .. }
        | Transition::GroupRetried { .. }
        | Transition::TaskMarked { .. }
        | Transition::Noted { .. }
        | Transition::BackfillCreated { .. }
        | Transition::BackfillTook { .. }
        | Transition::BackfillMoved { .. } => again::project(desk, fact),
    }
}

/// Runs one statement, kept prepared.
fn write(conn: &Connection, sql: &str, values: impl Params) -> Result<usize, Fault> {
    Ok(conn.prepare_cached(sql)?.execute(values)?)
}

pub(super) use access::COPY_SECRETS;
#[cfg(test)]
pub(super) use prune::TABLES_OF_RUNS;

fn json<T: Serialize + ?Sized>(value: &T) -> Result<String, Fault> {
    Ok(serde_json::to_string(value)?)
}

/// When the next try is due, if the reason is a wait for it.
fn retry_at(reason: &Reason) -> Option<i64> {
    if let Reason::Retry { at, .. } = reason { Some(at.nanos()) } else { None }
}

/// Adds the beginning of a fact to the complaint about it.
fn name_fact(fault: Fault, body: &str) -> Fault {
    const SHOWN: usize = 240;
    match fault {
        Fault::Unlawful(what) => {
            Fault::Unlawful(format!("{what}: {}", &body[..body.floor_char_boundary(SHOWN)]))
        }
        other => other,
    }
}
