//! What a scheduler remembers after its restart.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use nightrun_core::dag::Source;
use nightrun_core::dag::spec::{
    Backoff, Catchup, CatchupPolicy, Dag, Keep, Overlap, Retry, Task, TriggerRule, Work,
};
use nightrun_core::graph::Graph;
use nightrun_core::timetable::Zone;

use super::*;
use crate::store::{Fault, Loaded, Unreadable, load};

fn task(id: &str) -> Task {
    Task {
        id: id.into(),
        description: None,
        work: Work::Argv(vec!["true".into()]),
        trigger_rule: TriggerRule::AllSuccess,
        when: None,
        fan: None,
        waits: Vec::new(),
        chooser: None,
        setup: false,
        teardown: None,
        allow_failure: false,
        env: vec![],
        working_dir: None,
        retry: Retry {
            retries: 0,
            delay: Duration::ZERO,
            backoff: Backoff::Constant,
            max_delay: None,
            jitter: false,
            on_exit: vec![],
        },
        skip_on_exit: vec![],
        timeout: None,
        grace: Duration::ZERO,
        pool: None,
        pool_slots: 1,
        priority: 0,
        outputs: vec![],
        capture: None,
        deadline: None,
        hooks: vec![],
    }
}

pub(super) fn dag(id: &str, tasks: &[&str]) -> Arc<Dag> {
    Arc::new(Dag {
        id: id.into(),
        description: None,
        owner: None,
        tags: vec![],
        doc_md: None,
        enabled: true,
        timetable: None,
        zone: Zone::utc(),
        start: None,
        end: None,
        catchup: Catchup { policy: CatchupPolicy::None, window: None, limit: 1000 },
        max_active_runs: 1,
        overlap: Overlap::Queue,
        max_active_tasks: None,
        timeout: None,
        fail_fast: false,
        keep: Keep::default(),
        params: vec![],
        vars: vec![],
        deadline: None,
        hooks: vec![],
        env: vec![],
        groups: Vec::new(),
        fans: Vec::new(),
        graph: Graph::new(tasks.len(), &[]).unwrap(),
        tasks: tasks.iter().map(|id| task(id)).collect(),
    })
}

/// Reads the texts that [`loaded`] writes: the DAG is named by the path, the tasks by the text.
fn parse(source: &Source<'_>) -> Option<Arc<Dag>> {
    let text = str::from_utf8(source.text).ok()?;
    let tasks: Vec<String> = serde_json::from_str(text.strip_prefix("tasks: ")?).ok()?;
    let tasks: Vec<&str> = tasks.iter().map(String::as_str).collect();
    Some(dag(source.path.strip_suffix(".yaml")?, &tasks))
}

fn loaded_from(place: &Place) -> Loaded {
    load(&place.path, 4, BTreeMap::from([("db".to_owned(), 2)]), parse).unwrap()
}

#[test]
fn a_new_store_remembers_nothing_and_counts_from_one() {
    let loaded = loaded_from(&Place::holding(vec![]));
    assert_eq!((loaded.snapshot.next_run, loaded.snapshot.next_version), (1, 1));
    assert_eq!((loaded.snapshot.slots, loaded.snapshot.pools["db"]), (4, 2));
    assert!(loaded.snapshot.dags.is_empty() && loaded.snapshot.runs.is_empty() && !loaded.snapshot.paused);
}

#[test]
fn runs_that_are_not_over_come_back_as_they_were() {
    let waits = Reason::Retry { at: at(60), after: "exit code 3".into() };
    let mut failed = task_fails(1, 0);
    failed.pop();
    failed.push(task_moved(1, 0, TaskState::Running, TaskState::UpForRetry, waits.clone()));
    let place = Place::holding(
        [
            a_run(),
            task_begins(1, 0),
            failed,
            vec![loaded("etl", 2, &["extract"]), created(2, "etl", 2), created(3, "etl", 2)],
            vec![run_moved(3, RunState::Queued, RunState::Canceled, Reason::Replaced)],
        ]
        .concat(),
    );
    let calls = Cell::new(0);
    let loaded = load(&place.path, 4, BTreeMap::new(), |source| {
        calls.set(calls.get() + 1);
        parse(source)
    })
    .unwrap();
    assert_eq!(calls.get(), 2, "each version is read once");
    let snapshot = loaded.snapshot;
    assert_eq!((snapshot.next_run, snapshot.next_version), (4, 3));

    let [etl] = &snapshot.dags[..] else { panic!("one DAG") };
    assert_eq!((etl.version.id, etl.cursor, etl.paused, etl.retired), (VersionId(2), at(5), false, false));

    let [first, second] = &snapshot.runs[..] else { panic!("two runs") };
    assert_eq!((first.id, first.version.id, first.state), (RunId(1), VersionId(1), RunState::Running));
    assert_eq!((first.started_at, first.interval), (Some(NOW), (at(0), at(100))));
    assert_eq!(first.params["day"], "monday");
    let extract = &first.tasks[0];
    assert_eq!((extract.state, &extract.reason), (TaskState::UpForRetry, &waits));
    assert_eq!((extract.attempt, extract.failures, extract.lost), (1, 1, 0));
    assert_eq!((first.tasks[1].state, first.tasks[1].attempt), (TaskState::Waiting, 0));

    assert_eq!((second.id, second.state, second.started_at), (RunId(2), RunState::Queued, None));
    assert!(Arc::ptr_eq(&second.version, &etl.version), "versions are shared");
}

#[test]
fn a_retired_dag_comes_back_while_it_is_paused_or_has_runs_to_end() {
    let retired = |dag: &str| Transition::DagRetired { dag: dag.into() };
    let paused = Transition::Paused { dag: Some("held".into()), paused: true, by: "ana".into(), why: None };
    let place = Place::holding(
        [
            a_run(),
            vec![retired("etl"), loaded("gone", 2, &["a"]), retired("gone")],
            vec![loaded("held", 3, &["a"]), paused, retired("held")],
        ]
        .concat(),
    );
    let snapshot = loaded_from(&place).snapshot;
    let dags: Vec<_> = snapshot.dags.iter().map(|dag| (dag.id.as_str(), dag.retired)).collect();
    assert_eq!(dags, [("etl", true), ("held", true)]);
}

#[test]
fn a_text_that_is_no_longer_understood_is_reported_with_what_needs_it() {
    let place = Place::holding([a_run(), vec![loaded("fine", 2, &["a"])]].concat());
    let all =
        load(&place.path, 1, BTreeMap::new(), |source| parse(source).filter(|dag| dag.id.as_str() != "etl"))
            .unwrap();
    assert_eq!(all.snapshot.dags.len(), 1);
    assert!(all.snapshot.runs.is_empty());
    let etl = |run| Unreadable { dag: "etl".into(), version: VersionId(1), run };
    assert_eq!(all.unreadable, [etl(None), etl(Some(RunId(1)))]);
}

#[test]
fn a_run_of_a_dag_whose_newest_text_is_not_understood_is_reported_too() {
    let place = Place::holding([a_run(), vec![loaded("etl", 2, &["other"])]].concat());
    let all = load(&place.path, 1, BTreeMap::new(), |source| {
        parse(source).filter(|dag| dag.tasks[0].id != "other")
    })
    .unwrap();
    assert!(all.snapshot.dags.is_empty() && all.snapshot.runs.is_empty());
    assert_eq!(all.unreadable.iter().map(|it| it.run).collect::<Vec<_>>(), [None, Some(RunId(1))]);
}

#[test]
fn there_is_nothing_to_load_where_there_is_no_store() {
    let place = Place::new();
    assert_eq!(load(&place.path, 1, BTreeMap::new(), parse).unwrap_err().fault, Fault::Missing);
    assert!(!place.path.exists(), "reading makes no store");
}
