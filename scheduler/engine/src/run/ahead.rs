//! A run that is only looked at: the real core decides what it is, and nobody carries its orders out.

use std::collections::BTreeMap;
use std::sync::Arc;

use nightrun_core::dag::spec::Dag;
use nightrun_core::decide::{
    Answer, DagText, Event, Reason, Refusal, RunRequest, State, Step, Transition, step,
};
use nightrun_core::time::Timestamp;

use super::preview::{Preview, preview};
use super::vars::Vars;

/// What a run would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ahead {
    /// Its logical date.
    pub logical_date: Timestamp,
    /// The data it is about: from, to.
    pub interval: (Timestamp, Timestamp),
    /// Its tasks, each after its upstreams, with their commands.
    pub tasks: Vec<Preview>,
    /// Those of them that would not run, by their ids.
    pub left_out: Vec<String>,
}

/// What would come of a request for a run of this DAG, or why it is refused; whether the DAG is paused or full
/// is not asked.
pub fn look_ahead(
    dag: &Arc<Dag>,
    request: RunRequest,
    vars: &Vars,
    now: Timestamp,
) -> Result<Ahead, Refusal> {
    let mut state = State::new(1, &BTreeMap::new());
    let text = DagText {
        dag: Arc::clone(dag),
        path: String::new(),
        text: "".into(),
        defaults: [].into(),
        hash: String::new(),
    };
    let _ = step(&mut state, Event::DagsRead { read: vec![text], gone: vec![], faults: vec![] }, now);
    let request = RunRequest { force: true, ..request };
    let Step { transitions, answer, .. } = step(&mut state, Event::RunRequested(request), now);
    let run = match answer {
        Some(Answer::Run(run)) => state.run(run),
        Some(Answer::Refused(refusal)) => return Err(refusal),
        _ => None,
    };
    let run = run.ok_or_else(|| Refusal::Senseless("the run would end at once".into()))?;
    let left_out = transitions.iter().filter_map(|fact| match fact {
        Transition::TaskMoved { instance, reason: Reason::LeftOut, .. } => Some(instance.task),
        _ => None,
    });
    Ok(Ahead {
        logical_date: run.logical_date,
        interval: run.interval,
        tasks: preview(run, vars),
        left_out: left_out.map(|task| dag.task(task).id.clone()).collect(),
    })
}
