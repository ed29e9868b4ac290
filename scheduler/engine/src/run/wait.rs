//! What a task that waits for other DAGs still misses, asked of the store.

use std::time::Duration;

use nightrun_core::dag::spec::{Matching, Wait};
use nightrun_core::time::Timestamp;

use crate::store::{Reader, StoreError};

/// The first wait that is not over, in words; `None`: all are.
pub(super) fn missing(
    reader: &Reader,
    waits: &[Wait],
    logical_date: Timestamp,
) -> Result<Option<String>, StoreError> {
    for wait in waits {
        let at = awaited_at(wait, logical_date);
        let latest = wait.matching == Matching::LatestCovering;
        let found = reader.read_now(|page| page.awaited(&wait.dag, wait.task.as_deref(), at, latest))?;
        if !found.as_ref().is_some_and(|found| found.is_success) {
            let what = task_of(wait);
            return Ok(Some(match found {
                Some(found) => {
                    format!("{what}run {} of DAG `{}`, which is {}", found.run, wait.dag, found.state)
                }
                None => absent(wait, at),
            }));
        }
    }
    Ok(None)
}

/// The logical date of the run that is waited for, seen from ours.
pub(crate) fn awaited_at(wait: &Wait, logical_date: Timestamp) -> Timestamp {
    match wait.matching {
        Matching::SameDate | Matching::LatestCovering => logical_date,
        Matching::Offset(nanos) => moved(logical_date, nanos),
    }
}

/// What is waited for and does not exist, in words.
pub(crate) fn absent(wait: &Wait, at: Timestamp) -> String {
    let (what, dag, date) = (task_of(wait), &wait.dag, at.to_chrono().format("%FT%TZ"));
    match wait.matching {
        Matching::LatestCovering => format!("{what}a run of DAG `{dag}` up to {date}"),
        Matching::SameDate | Matching::Offset(_) => format!("{what}the run of DAG `{dag}` at {date}"),
    }
}

fn task_of(wait: &Wait) -> String {
    wait.task.as_ref().map_or_else(String::new, |task| format!("task `{task}` of "))
}

fn moved(at: Timestamp, nanos: i64) -> Timestamp {
    let length = Duration::from_nanos(nanos.unsigned_abs());
    if nanos < 0 { at.minus(length) } else { at.plus(length) }
}
