//! Which DAGs wait for which.

use nightrun_core::dag::spec::{Dag, Matching, Wait};
use nightrun_core::id::DagId;
use nightrun_core::time::show_duration;
use nightrun_engine::store::Fault;
use serde::Serialize;
use std::time::Duration;

use crate::app::Desk;

/// One wait, seen from either end.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Tie {
    /// The DAG at the other end.
    dag: DagId,
    /// No file defines that DAG.
    missing: bool,
    /// The task that waits.
    task: String,
    /// The task that is waited for; none: the whole run.
    awaited: Option<String>,
    /// Which of the runs: nothing for that of the same date.
    which: String,
}

/// What the tasks of a DAG wait for, and which tasks of other DAGs wait for it.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(super) struct Ties {
    waits_for: Vec<Tie>,
    waited_for_by: Vec<Tie>,
}

/// Looks through all DAGs in force.
pub(super) fn ties(desk: &Desk<'_>, own: &DagId, spec: Option<&Dag>) -> Result<Ties, Fault> {
    let mut ties = Ties::default();
    let in_force = desk.page.in_force()?;
    let known = |dag: &DagId| in_force.iter().any(|(id, _)| id == dag);
    for (task, wait) in waits(spec) {
        ties.waits_for.push(tie(wait.dag.clone(), !known(&wait.dag), task, wait));
    }
    for (dag, version) in &in_force {
        let other = desk.spec(*version)?;
        for (task, wait) in waits(other.as_deref()).filter(|(_, wait)| wait.dag == *own) {
            ties.waited_for_by.push(tie(dag.clone(), false, task, wait));
        }
    }
    Ok(ties)
}

fn waits(spec: Option<&Dag>) -> impl Iterator<Item = (&str, &Wait)> {
    let tasks = spec.into_iter().flat_map(|dag| &dag.tasks);
    tasks.flat_map(|task| task.waits.iter().map(move |wait| (task.id.as_str(), wait)))
}

fn tie(dag: DagId, missing: bool, task: &str, wait: &Wait) -> Tie {
    Tie { dag, missing, task: task.to_owned(), awaited: wait.task.clone(), which: which(wait.matching) }
}

fn which(matching: Matching) -> String {
    match matching {
        Matching::SameDate => String::new(),
        Matching::LatestCovering => "the newest up to its date".into(),
        Matching::Offset(nanos) => {
            let length = show_duration(Duration::from_nanos(nanos.unsigned_abs()));
            format!("{length} {}", if nanos < 0 { "earlier" } else { "later" })
        }
    }
}
