//! The law of `decide/law.rs` and that of the tables are one.

use nightrun_core::decide::{AttemptState, RunState, TaskState};
use rusqlite::Connection;

use super::*;

/// True when the table takes this state of a thing that has, or has not, ended.
fn accepts(conn: &Connection, update: &str, state: &str, ended: bool) -> bool {
    conn.execute(update, rusqlite::params![state, ended.then_some(9)]).is_ok()
}

#[test]
fn each_state_is_known_to_its_table_and_has_ended_exactly_when_it_is_final() {
    let place = Place::holding([a_run(), task_begins(1, 0)].concat());
    let conn = Connection::open(&place.path).unwrap();
    let run = "UPDATE run SET state = ?1, ended_at = ?2, started_at = iif(?1 = 'queued', NULL, 1)";
    for state in RunState::ALL {
        for ended in [false, true] {
            assert_eq!(accepts(&conn, run, state.as_str(), ended), ended == state.is_final(), "run {state}");
        }
    }
    let task = "UPDATE task_instance SET state = ?1, ended_at = ?2, fan = 0 WHERE task = 0";
    for state in TaskState::ALL {
        for ended in [false, true] {
            assert_eq!(
                accepts(&conn, task, state.as_str(), ended),
                ended == state.is_final(),
                "task {state}"
            );
        }
    }
    let attempt = "UPDATE attempt SET state = ?1, ended_at = ?2, pid = iif(?1 = 'starting', NULL, 1),
                                      started_at = iif(?1 = 'starting', NULL, 1)";
    for state in AttemptState::ALL {
        for ended in [false, true] {
            assert_eq!(accepts(&conn, attempt, state.as_str(), ended), ended == state.is_final(), "{state}");
        }
    }
    for (table, update) in [("run", run), ("task_instance", task), ("attempt", attempt)] {
        assert!(!accepts(&conn, update, "asleep", false), "{table}");
    }
}

#[test]
fn only_legal_moves_of_tasks_are_written() {
    let place = Place::holding([a_run(), task_begins(1, 0)].concat());
    let (conn, writer) = (Connection::open(&place.path).unwrap(), place.open());
    conn.pragma_update(None, "synchronous", "OFF").unwrap();
    let put = "UPDATE task_instance SET state = ?1, ended_at = ?2, fan = 0 WHERE task = 0";
    for from in TaskState::ALL {
        for to in TaskState::ALL {
            assert!(accepts(&conn, put, from.as_str(), from.is_final()));
            let moved = commit(&writer, vec![task_moved(1, 0, *from, *to, Reason::Done)]).is_ok();
            assert_eq!(moved, TaskState::legal(*from, *to), "{from} to {to}");
            wait(writer.resume()).unwrap();
        }
    }
}

#[test]
fn the_law_costs_no_temporary_index() {
    let place = Place::holding(vec![]);
    let conn = Connection::open(&place.path).unwrap();
    for sql in [
        "UPDATE run SET state = ?1, ended_at = ?2 WHERE id = ?3",
        "UPDATE task_instance SET state = ?1, ended_at = ?2 WHERE run = ?3 AND task = ?4 AND item = ?5",
        "UPDATE attempt SET state = ?1, ended_at = ?2 WHERE run = ?3 AND task = ?4 AND item = 0 AND number = 1",
    ] {
        let mut steps = conn.prepare(&format!("EXPLAIN {sql}")).unwrap();
        let values = rusqlite::params_from_iter(vec![1; steps.parameter_count()]);
        let steps = steps.query_map(values, |row| row.get::<_, String>("opcode")).unwrap();
        assert!(steps.into_iter().all(|step| step.unwrap() != "OpenEphemeral"), "{sql}");
    }
}

#[test]
fn an_exit_is_only_that_of_an_attempt_that_ended_and_either_code_or_signal() {
    let place = Place::holding([a_run(), task_begins(1, 0)].concat());
    let conn = Connection::open(&place.path).unwrap();
    assert!(conn.execute("UPDATE attempt SET exit_code = 1", []).is_err());
    assert!(
        conn.execute("UPDATE attempt SET state = 'failed', ended_at = 9, exit_code = 1, signal = 9", [])
            .is_err()
    );
    assert!(conn.execute("UPDATE attempt SET state = 'failed', ended_at = 9, signal = 9", []).is_ok());
}

#[test]
fn outputs_of_an_attempt_that_did_not_succeed_are_refused() {
    use nightrun_core::decide::{Output, Outputs};
    let place = Place::holding([a_run(), task_begins(1, 0)].concat());
    let mut facts = task_fails(1, 0);
    if let Transition::AttemptEnded { outputs, .. } = &mut facts[0] {
        *outputs = Outputs::from([("rows".to_owned(), Output::Inline(1.into()))]);
    }
    let error = commit(&place.open(), facts).unwrap_err().to_string();
    assert!(error.contains("attempt 1.0.0.1 has no outputs, for it is no success"), "{error}");
    assert_eq!(place.rows("SELECT state FROM attempt"), "running");
}

#[test]
fn an_attempt_needs_a_queued_task_and_the_next_number() {
    for (task, number) in [(0, 1), (0, 2), (1, 1)] {
        let place = Place::holding([a_run(), task_begins(1, 0)].concat());
        let created = Transition::AttemptCreated { attempt: attempt(1, task, number) };
        commit(&place.open(), vec![created]).unwrap_err();
        assert_eq!(place.rows("SELECT count(*) FROM attempt"), "1");
    }
}
