//! Which DAGs wait for which.

use std::time::Duration;

use nightrun_core::dag::spec::{Dag, Matching, Wait};
use nightrun_core::id::DagId;
use nightrun_core::time::show_duration;
use nightrun_engine::store::Fault;
use serde::Serialize;

use crate::app::Desk;

/// Most tasks named in one line.
const NAMED: usize = 3;

/// One wait, seen from either end.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Tie {
    /// The DAG at the other end.
    dag: DagId,
    /// No file defines that DAG.
    missing: bool,
    /// The tasks that wait, the first few of them.
    tasks: Vec<String>,
    /// How many more do.
    more: usize,
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

/// Looks through the DAGs in force that name this one.
pub(super) fn ties(desk: &Desk<'_>, own: &DagId, spec: Option<&Dag>) -> Result<Ties, Fault> {
    let mut ties = Ties::default();
    let theirs = |dag: &DagId| desk.site.who.covers(dag.as_str());
    for (task, wait) in waits(spec).filter(|(_, wait)| theirs(&wait.dag)) {
        let missing = desk.page.dag(&wait.dag, 0)?.is_none_or(|dag| dag.retired);
        add(&mut ties.waits_for, &wait.dag, missing, task, wait);
    }
    let naming = desk.page.in_force_with(own.as_str())?;
    for (dag, version) in naming.iter().filter(|(dag, _)| dag != own && theirs(dag)) {
        let other = desk.spec(*version)?;
        for (task, wait) in waits(other.as_deref()).filter(|(_, wait)| wait.dag == *own) {
            add(&mut ties.waited_for_by, dag, false, task, wait);
        }
    }
    Ok(ties)
}

fn waits(spec: Option<&Dag>) -> impl Iterator<Item = (&str, &Wait)> {
    let tasks = spec.into_iter().flat_map(|dag| &dag.tasks);
    tasks.flat_map(|task| task.waits.iter().map(move |wait| (task.id.as_str(), wait)))
}

/// Tasks that wait for the same are told together.
fn add(ties: &mut Vec<Tie>, dag: &DagId, missing: bool, task: &str, wait: &Wait) {
    let (awaited, which) = (wait.task.clone(), which(wait.matching));
    let same = ties.iter().position(|it| it.dag == *dag && it.awaited == awaited && it.which == which);
    let at = same.unwrap_or_else(|| {
        ties.push(Tie { dag: dag.clone(), missing, tasks: Vec::new(), more: 0, awaited, which });
        ties.len() - 1
    });
    if ties[at].tasks.len() < NAMED {
        ties[at].tasks.push(task.to_owned());
    } else {
        ties[at].more += 1;
    }
}

fn which(matching: Matching) -> String {
    match matching {
        Matching::SameDate => String::new(),
        Matching::Previous => "the run before".into(),
        Matching::LatestCovering => "the newest up to its date".into(),
        Matching::Offset(nanos) => {
            let length = show_duration(Duration::from_nanos(nanos.unsigned_abs()));
            format!("{length} {}", if nanos < 0 { "earlier" } else { "later" })
        }
    }
}
