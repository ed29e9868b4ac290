//! Runs that tasks of other runs called.

use std::collections::BTreeMap;

use nightrun_core::dag::spec::Keep;
use nightrun_core::decide::{Output, Parent};
use serde_json::json;

use super::loading::dag;
use super::*;
use crate::store::{Fault, Reader, check, load};

/// Run `run` of DAG `sub`, called by the first try of the first task of run 1.
fn called(run: i64) -> Transition {
    let mut made = created(run, "sub", 2);
    if let Transition::RunCreated { run_type, parent, .. } = &mut made {
        (*run_type, *parent) = (RunType::Call, Some(Parent { attempt: attempt(1, 0, 1), depth: 1 }));
    }
    made
}

/// Run 1, whose first task waits for run 2, which is over.
fn caller_and_called() -> Vec<Transition> {
    let outputs = Outputs::from([("rows".to_owned(), Output::Inline(json!(7)))]);
    [
        a_run(),
        vec![loaded("sub", 2, &["work"])],
        task_begins(1, 0),
        vec![called(2), run_moved(2, RunState::Queued, RunState::Running, Reason::Active)],
        task_begins(2, 0),
        task_succeeds(2, 0, outputs),
        vec![run_moved(2, RunState::Running, RunState::Success, Reason::Done)],
    ]
    .concat()
}

#[test]
fn caller_and_called_know_each_other_and_what_was_handed_on() {
    let place = Place::holding(caller_and_called());
    assert_eq!(check(&place.path).unwrap(), []);
    let reader = Reader::open(&place.path).unwrap();
    let run = |run| reader.read_now(|page| page.run(RunId(run), None)).unwrap().unwrap();
    let parent = run(2).parent.unwrap();
    assert_eq!(
        (parent.run_id, parent.dag, parent.task.as_deref()),
        (RunId(1), Some("etl".into()), Some("extract"))
    );
    let children = run(1).children;
    assert_eq!(
        (children[0].run_id, children[0].task.as_str(), children[0].attempt),
        (RunId(2), "extract", 1)
    );
    let outputs = reader.read_now(|page| page.outputs_by_task(RunId(2))).unwrap();
    assert_eq!((outputs[0].id.as_str(), outputs[0].outputs[0].1.len()), ("work", 1));
}

#[test]
fn an_attempt_calls_once() {
    let place = Place::holding(caller_and_called());
    let refused = commit(&place.open(), vec![called(3)]).unwrap_err();
    assert!(
        refused.to_string().contains("run_by_parent") || matches!(refused.fault, Fault::Unlawful(_)),
        "{refused}"
    );
    assert_eq!(place.rows("SELECT id FROM run"), "1\n2");
}

#[test]
fn a_scheduler_remembers_for_which_run_a_task_waits() {
    let place = Place::holding(caller_and_called());
    let parse = |source: &nightrun_core::dag::Source<'_>| {
        let tasks: &[&str] = if source.path.contains("sub") { &["work"] } else { &["extract", "load"] };
        Some(dag(if tasks.len() == 1 { "sub" } else { "etl" }, tasks))
    };
    let loaded = load(&place.path, 1, BTreeMap::new(), parse).unwrap();
    let run = &loaded.snapshot.runs[0];
    assert_eq!((run.id, run.tasks[0].child, run.tasks[1].child), (RunId(1), Some(RunId(2)), None));
}

#[test]
fn what_was_called_is_kept_until_its_caller_is_over() {
    let place = Place::holding(caller_and_called());
    let reader = Reader::open(&place.path).unwrap();
    let keep = Keep { runs: Some(0), days: None };
    let old = || reader.read_now(|page| page.old_runs(&"sub".into(), keep, at(9_000))).unwrap().len();
    assert_eq!(old(), 0);
    let end = [
        task_succeeds(1, 0, Outputs::new()),
        task_begins(1, 1),
        task_succeeds(1, 1, Outputs::new()),
        vec![run_moved(1, RunState::Running, RunState::Success, Reason::Done)],
    ];
    commit(&place.open(), end.concat()).unwrap();
    assert_eq!(old(), 1);
}
