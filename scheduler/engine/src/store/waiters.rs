//! Who waited for a run: tasks of other DAGs, as these are in force, that went on when it had ended.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use nightrun_core::dag::Source;
use nightrun_core::dag::spec::{Dag, Matching, Wait};
use nightrun_core::decide::{RunState, TaskState, Waiter, has_passed};
use nightrun_core::id::{DagId, RunId};
use nightrun_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::column::{dag_id, json, word};
use super::error::{Fault, StoreError};
use super::{connect, load};

/// All tasks that went on because this run, or a task of it, had ended well.
pub fn waiters_of(
    path: &Path,
    run: RunId,
    parse: impl Fn(&Source<'_>) -> Option<Arc<Dag>>,
) -> Result<Vec<Waiter>, StoreError> {
    let mut found = look(path, run, &parse).map_err(|fault| fault.at(path))?;
    for waiter in &mut found {
        let stored = load::load_run(path, waiter.run, &parse)?;
        waiter.row = stored.filter(|row| row.state.is_final()).map(Box::new);
    }
    Ok(found)
}

fn look(
    path: &Path,
    run: RunId,
    parse: &impl Fn(&Source<'_>) -> Option<Arc<Dag>>,
) -> Result<Vec<Waiter>, Fault> {
    let mut conn = connect::open_for_reading(path)?;
    let page = conn.transaction()?;
    let sql = "SELECT dag, logical_date FROM run WHERE id = ?1";
    let asked = page.query_row(sql, [run.0], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)));
    let Some((dag, at)) = asked.optional()? else { return Ok(Vec::new()) };
    let (dag, at) = (DagId::from(dag.as_str()), Timestamp::from_nanos(at));
    let mut rows = page.prepare(
        "SELECT dag.id, v.path, v.text, v.defaults FROM dag JOIN dag_version v ON v.id = dag.version
         WHERE retired = 0 AND dag.id <> ?1 AND instr(v.text, 'wait_for') AND instr(v.text, ?1)",
    )?;
    let mut rows = rows.query([dag.as_str()])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let (other, path, text): (DagId, String, String) = (dag_id(row, 0)?, row.get(1)?, row.get(2)?);
        let Some(spec) = parse(&Source::new(&path, &text).with(&json::<Vec<_>>(row, 3)?)) else { continue };
        for task in &spec.tasks {
            for wait in task.waits.iter().filter(|wait| wait.dag == dag) {
                let (from, to) = dates(&page, wait, &dag, at)?;
                runs(&page, (&other, &task.id, wait), (from, to), &mut found)?;
            }
        }
    }
    Ok(found)
}

/// The logical dates, from the first to just before the second, of the runs whose wait this run is.
fn dates(
    conn: &Connection,
    wait: &Wait,
    dag: &DagId,
    at: Timestamp,
) -> Result<(Timestamp, Option<Timestamp>), Fault> {
    let alone = |at: Timestamp| (at, Some(at.plus(Duration::from_nanos(1))));
    Ok(match wait.matching {
        Matching::SameDate => alone(at),
        Matching::Offset(nanos) => {
            let length = Duration::from_nanos(nanos.unsigned_abs());
            alone(if nanos < 0 { at.plus(length) } else { at.minus(length) })
        }
        Matching::LatestCovering => {
            let sql = "SELECT min(logical_date) FROM run WHERE dag = ?1 AND logical_date > ?2";
            let next: Option<i64> =
                conn.query_row(sql, params![dag.as_str(), at.nanos()], |row| row.get(0))?;
            (at, next.map(Timestamp::from_nanos))
        }
        // The run before is one of the same DAG.
        Matching::Previous => (at, Some(at)),
    })
}

fn runs(
    conn: &Connection,
    (dag, task, wait): (&DagId, &str, &Wait),
    (from, to): (Timestamp, Option<Timestamp>),
    found: &mut Vec<Waiter>,
) -> Result<(), Fault> {
    let mut rows = conn.prepare_cached(
        "SELECT run.id, i.state, run.state FROM run JOIN task_instance i ON i.run = run.id AND i.item = 0
         WHERE dag = ?1 AND i.task_id = ?2 AND logical_date >= ?3 AND logical_date < ?4 ORDER BY run.id",
    )?;
    let to = to.map_or(i64::MAX, Timestamp::nanos);
    let mut rows = rows.query(params![dag.as_str(), task, from.nanos(), to])?;
    while let Some(row) = rows.next()? {
        let state = word(row, 1, TaskState::parse)?;
        let is_ending = word(row, 2, RunState::parse)? == RunState::Stopping;
        if has_passed(state) && !is_ending {
            found.push(Waiter {
                run: RunId(row.get(0)?),
                dag: dag.clone(),
                task: task.to_owned(),
                awaited: wait.task.clone(),
                row: None,
            });
        }
    }
    Ok(())
}
