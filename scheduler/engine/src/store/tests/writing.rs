//! What is committed is in the log and in the tables, or in neither.

use nightrun_core::decide::{AttemptState, Output, Outputs, Reason, RunState, TaskState, Transition};
use nightrun_core::id::RunId;

use super::*;
use crate::store::Fault;

#[test]
fn a_new_run_has_all_tasks_of_its_version_waiting_for_their_upstreams() {
    let place = Place::holding(vec![loaded("etl", 1, &["extract", "load"]), created(1, "etl", 1)]);
    assert_eq!(
        place.rows("SELECT run, task, item, task_id, state, reason, since, attempts FROM task_instance"),
        "1|0|0|extract|waiting|{\"kind\":\"upstream\"}|1000|0\n\
         1|1|0|load|waiting|{\"kind\":\"upstream\"}|1000|0"
    );
    assert_eq!(
        place.rows(
            "SELECT dag, version, run_type, logical_date, params, asked_by, state, created_at FROM run"
        ),
        "etl|1|manual|100|{\"day\":\"monday\"}|ana|queued|1000"
    );
}

#[test]
fn a_task_that_succeeds_leaves_its_attempt_and_its_outputs() {
    let outputs = Outputs::from([
        ("big".to_owned(), Output::Spilled { sha256: "a".repeat(64), bytes: 70_000 }),
        ("rows".to_owned(), Output::Inline(12.into())),
    ]);
    let place = Place::holding([a_run(), task_begins(1, 0), task_succeeds(1, 0, outputs)].concat());
    assert_eq!(
        place.rows("SELECT task_id, state, attempts, started_at, ended_at FROM task_instance"),
        "extract|success|1|2000|1000\nload|waiting|0|-|-"
    );
    assert_eq!(
        place.rows("SELECT task, number, state, pid, started_at, ended_at, exit_code, signal FROM attempt"),
        "0|1|success|42|2000|3000|0|-"
    );
    assert_eq!(
        place.rows("SELECT name, value, substr(sha256, 1, 3), bytes FROM output"),
        "big|-|aaa|70000\nrows|12|-|-"
    );
}

#[test]
fn an_attempt_that_is_told_to_end_stops_together_with_its_task() {
    let stopping =
        Transition::AttemptStopping { attempt: attempt(1, 0, 1), reason: Reason::TimedOut { millis: 9 } };
    let place = Place::holding([a_run(), task_begins(1, 0), vec![stopping]].concat());
    assert_eq!(
        place.rows(
            "SELECT i.state, i.reason = a.reason, a.state, a.reason FROM attempt a JOIN task_instance i USING (run, task)"
        ),
        "stopping|1|stopping|{\"kind\":\"timed_out\",\"millis\":9}"
    );
}

#[test]
fn a_process_that_comes_to_life_while_it_is_being_stopped_is_known_by_its_pid() {
    let it = attempt(1, 0, 1);
    let place = Place::holding(
        [
            a_run(),
            vec![
                task_moved(1, 0, TaskState::Waiting, TaskState::Queued, Reason::Slots),
                Transition::AttemptCreated { attempt: it },
                Transition::AttemptStopping { attempt: it, reason: Reason::Replaced },
                Transition::AttemptStarted { attempt: it, pid: 7, at: at(9), state: AttemptState::Stopping },
            ],
        ]
        .concat(),
    );
    assert_eq!(place.rows("SELECT state, pid, started_at FROM attempt"), "stopping|7|9");
    assert_eq!(place.rows("SELECT state, started_at FROM task_instance LIMIT 1"), "stopping|9");
}

#[test]
fn a_task_that_waits_for_its_next_try_says_when() {
    let retry = Reason::Retry { at: at(60_000), after: "exit code 3".into() };
    let mut facts = [a_run(), task_begins(1, 0), task_fails(1, 0)].concat();
    facts.pop();
    facts.push(task_moved(1, 0, TaskState::Running, TaskState::UpForRetry, retry));
    let place = Place::holding(facts);
    assert_eq!(place.rows("SELECT state, retry_at FROM task_instance LIMIT 1"), "up_for_retry|60000");
    let queued = task_moved(1, 0, TaskState::UpForRetry, TaskState::Queued, Reason::Slots);
    commit(&place.open(), vec![queued, Transition::AttemptCreated { attempt: attempt(1, 0, 2) }]).unwrap();
    assert_eq!(place.rows("SELECT state, retry_at, attempts FROM task_instance LIMIT 1"), "starting|-|2");
}

#[test]
fn an_instant_never_fires_twice() {
    let place = Place::holding(vec![loaded("etl", 1, &["a"])]);
    let writer = place.open();
    let tick = || Transition::Ticked {
        dag: "etl".into(),
        instant: at(60),
        run: None,
        skipped: Some(Reason::Catchup),
    };
    commit(&writer, vec![tick()]).unwrap();
    let error = commit(&writer, vec![tick()]).unwrap_err();
    assert!(
        matches!(&error.fault, Fault::Unlawful(what) if what.contains("tick.dag, tick.instant")),
        "{error}"
    );
    assert_eq!(place.rows("SELECT dag, instant, run, skipped FROM tick"), "etl|60|-|{\"kind\":\"catchup\"}");
    assert_eq!(place.rows("SELECT cursor FROM dag"), "60");
}

#[test]
fn a_tick_and_its_run_may_come_in_either_order() {
    let tick = Transition::Ticked { dag: "etl".into(), instant: at(60), run: Some(RunId(1)), skipped: None };
    let place = Place::holding(vec![loaded("etl", 1, &["a"]), tick, created(1, "etl", 1)]);
    assert_eq!(place.rows("SELECT run FROM tick"), "1");
}

#[test]
fn a_tick_of_a_run_that_never_comes_is_refused() {
    let place = Place::new();
    let tick = Transition::Ticked { dag: "etl".into(), instant: at(60), run: Some(RunId(9)), skipped: None };
    commit(&place.open(), vec![loaded("etl", 1, &["a"]), tick]).unwrap_err();
    assert_eq!(place.rows("SELECT count(*) FROM dag"), "0");
}

#[test]
fn a_new_version_takes_a_dag_back_into_force_and_leaves_it_paused() {
    let pause = |dag: Option<&str>| Transition::Paused {
        dag: dag.map(Into::into),
        paused: true,
        by: "ana".into(),
        why: None,
    };
    let place = Place::holding(vec![
        loaded("etl", 1, &["a"]),
        pause(Some("etl")),
        pause(None),
        Transition::DagRetired { dag: "etl".into() },
        loaded("etl", 2, &["a", "b"]),
    ]);
    assert_eq!(place.rows("SELECT id, version, paused, retired FROM dag"), "etl|2|1|0");
    assert_eq!(place.rows("SELECT paused FROM meta"), "1");
    assert_eq!(place.rows("SELECT id, dag, tasks FROM dag_version"), "1|etl|[\"a\"]\n2|etl|[\"a\",\"b\"]");
}

#[test]
fn faults_of_a_file_replace_each_other_until_there_are_none() {
    let found = |faults| Transition::FaultsFound { path: "a.yaml".into(), faults };
    let place = Place::new();
    let writer = place.open();
    for (faults, stored) in [(r#"["x","y"]"#, r#"["x","y"]"#), (r#"["z"]"#, r#"["z"]"#), ("[]", "")] {
        commit(&writer, vec![found(serde_json::from_str(faults).unwrap())]).unwrap();
        assert_eq!(place.rows("SELECT faults FROM file_fault"), stored);
    }
}

#[test]
fn the_log_counts_every_fact_and_names_its_run() {
    let place = Place::new();
    let writer = place.open();
    assert_eq!(commit(&writer, a_run()).unwrap().last_seq, 3);
    assert_eq!(commit(&writer, vec![]).unwrap().last_seq, 3);
    assert_eq!(commit(&writer, task_begins(1, 0)).unwrap().last_seq, 6);
    writer.close().unwrap();
    assert_eq!(commit(&place.open(), task_fails(1, 0)).unwrap().last_seq, 8);
    assert_eq!(
        place.rows("SELECT seq, at, run, body ->> 'fact' FROM transition_log WHERE seq < 5"),
        "1|1000|-|dag_loaded\n2|1000|1|run_created\n3|1000|1|run_moved\n4|1000|1|task_moved"
    );
}

#[test]
fn a_refused_batch_leaves_nothing_and_holds_up_all_after_it_until_the_state_is_loaded_again() {
    let place = Place::holding(a_run());
    let writer = place.open();
    let good = || vec![run_moved(1, RunState::Running, RunState::Success, Reason::Done)];
    let refused = writer.commit(NOW, [task_begins(1, 0), task_begins(1, 0)].concat());
    let after = writer.commit(NOW, good());
    assert!(matches!(wait(refused).unwrap_err().fault, Fault::Unlawful(_)));
    // Whether it shared the transaction of the refused one or came after it, it is not written.
    wait(after).unwrap_err();
    assert!(matches!(commit(&writer, good()).unwrap_err().fault, Fault::Halted(_)));
    assert_eq!(place.rows("SELECT count(*) FROM transition_log"), "3");

    wait(writer.resume()).unwrap();
    assert_eq!(commit(&writer, good()).unwrap().last_seq, 4);
    assert_eq!(place.rows("SELECT state, ended_at FROM run"), "success|1000");
}

#[test]
fn a_complaint_names_what_was_tried() {
    let place = Place::holding(a_run());
    let error =
        commit(&place.open(), vec![task_moved(1, 1, TaskState::Queued, TaskState::Skipped, Reason::Done)]);
    let text = error.unwrap_err().to_string();
    assert!(
        text.contains("task 1.0 of run 1 cannot move from `queued` to `skipped`: {\"fact\":\"task_moved\""),
        "{text}"
    );
}

#[test]
fn batches_that_are_never_awaited_are_written_all_the_same() {
    let place = Place::new();
    let writer = place.open();
    drop(writer.commit(NOW, a_run()));
    writer.close().unwrap();
    assert_eq!(place.rows("SELECT count(*) FROM transition_log"), "3");
}

#[test]
fn a_closed_store_is_one_file() {
    let place = Place::holding(a_run());
    let mut files: Vec<_> =
        std::fs::read_dir(place.data.path()).unwrap().map(|f| f.unwrap().file_name()).collect();
    files.sort();
    assert_eq!(files, ["lock", "nightrun.db"]);
}

#[test]
fn a_long_write_ahead_log_is_folded_in_and_written_anew_from_its_beginning() {
    let place = Place::new();
    let writer = place.open();
    let text = "x".repeat(1 << 20);
    for version in 1..=60 {
        let mut dag = loaded("etl", version, &["a"]);
        if let Transition::DagLoaded { text: stored, .. } = &mut dag {
            *stored = text.as_str().into();
        }
        commit(&writer, vec![dag]).unwrap();
    }
    let log = std::fs::metadata(place.data.path().join("nightrun.db-wal")).unwrap().len();
    assert!(log < 80 << 20, "120 MiB were written, and the log is {} MiB long", log >> 20);
}
