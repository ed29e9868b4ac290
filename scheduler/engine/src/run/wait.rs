//! What a task that waits for other runs still misses, asked of the store.

use std::time::Duration;

use nightrun_core::dag::spec::{Matching, Wait};
use nightrun_core::decide::Missing;
use nightrun_core::time::Timestamp;

use crate::store::{Awaited, AwaitedDate, Reader, StoreError};

/// The first wait that is not over, in words; `None`: all are.
pub(super) fn missing(
    reader: &Reader,
    waits: &[Wait],
    logical_date: Timestamp,
) -> Result<Option<Missing>, StoreError> {
    for wait in waits {
        let at = awaited_at(wait, logical_date);
        let found = reader.read_now(|page| page.awaited(&wait.dag, wait.task.as_deref(), at))?;
        let is_over = match (&found, wait.matching) {
            (None, Matching::Previous) => true,
            (Some(found), Matching::Previous) => found.lets_the_next_go(),
            (found, _) => found.as_ref().is_some_and(Awaited::is_success),
        };
        if !is_over {
            return Ok(Some(said(wait, at, found)));
        }
    }
    Ok(None)
}

/// The logical date of the run that is waited for, seen from ours.
fn awaited_at(wait: &Wait, logical_date: Timestamp) -> AwaitedDate {
    match wait.matching {
        Matching::SameDate => AwaitedDate::At(logical_date),
        Matching::LatestCovering => AwaitedDate::UpTo(logical_date),
        Matching::Offset(nanos) => AwaitedDate::At(moved(logical_date, nanos)),
        Matching::Previous => AwaitedDate::Before(logical_date),
    }
}

/// What is waited for, where there is no such run or nobody knows its number, in words.
pub fn absent(wait: &Wait, logical_date: Timestamp) -> String {
    said(wait, awaited_at(wait, logical_date), None).what
}

fn said(wait: &Wait, at: AwaitedDate, found: Option<Awaited>) -> Missing {
    let task = wait.task.as_ref().map_or_else(String::new, |task| format!("task `{task}` of "));
    let date = |at: Timestamp| at.to_chrono().format("%FT%TZ");
    let run = found.as_ref().map(|found| found.run);
    let what = match (found, at) {
        (Some(Awaited { run, state, .. }), AwaitedDate::Before(_)) => {
            format!("{task}run {run}, the one before, which is {state}")
        }
        (Some(Awaited { run, state, .. }), _) => {
            format!("{task}run {run} of DAG `{}`, which is {state}", wait.dag)
        }
        (None, AwaitedDate::UpTo(at)) => format!("{task}a run of DAG `{}` up to {}", wait.dag, date(at)),
        (None, AwaitedDate::At(at)) => format!("{task}the run of DAG `{}` at {}", wait.dag, date(at)),
        (None, AwaitedDate::Before(at)) => format!("{task}a run before {}", date(at)),
    };
    Missing { what, run }
}

fn moved(at: Timestamp, nanos: i64) -> Timestamp {
    let length = Duration::from_nanos(nanos.unsigned_abs());
    if nanos < 0 { at.minus(length) } else { at.plus(length) }
}
