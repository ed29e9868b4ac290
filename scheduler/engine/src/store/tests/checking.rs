//! The tables are what the log says, copies are whole, values are what was put out.

use std::fs;

use nightrun_core::decide::{AccessChange, Grant, Output, Role, Sealed};
use serde_json::json;

use super::*;
use crate::store::{Fault, Finding, MAX_BYTES, backup, check, fetch, rebuild, spill};

fn user_added() -> Transition {
    let grant = Grant { role: Role::Viewer, dags: Some(vec!["sales*".into()]) };
    let password = Sealed::new("$argon2id$v=19$sealed");
    let change = AccessChange::UserAdded { user: "bo".into(), grant, password };
    Transition::AccessChanged { change, by: "cli:ana".into() }
}

fn token_created() -> Transition {
    let change = AccessChange::TokenCreated {
        token: "ci".into(),
        prefix: "nrt_abcd".into(),
        grant: Grant::admin(),
        expires_at: Some(at(9)),
        secret: Sealed::new(&"5e".repeat(32)),
    };
    Transition::AccessChanged { change, by: "cli:ana".into() }
}

/// One of everything that can happen.
fn a_full_night() -> Vec<Transition> {
    let outputs = Outputs::from([("rows".to_owned(), Output::Inline(json!([1, "two"])))]);
    [
        a_run(),
        vec![
            Transition::FaultsFound { path: "bad.yaml".into(), faults: json!(["no"]) },
            Transition::Paused { dag: None, paused: true, by: "ana".into(), why: None },
            user_added(),
            token_created(),
            Transition::Ticked { dag: "etl".into(), instant: at(60), run: Some(RunId(1)), skipped: None },
            Transition::Ticked {
                dag: "etl".into(),
                instant: at(90),
                run: None,
                skipped: Some(Reason::Paused),
            },
            Transition::RunReasoned { run: RunId(1), reason: Reason::Active },
            Transition::TaskReasoned { instance: instance(1, 1), reason: Reason::Condition },
        ],
        task_begins(1, 0),
        task_succeeds(1, 0, outputs),
        task_begins(1, 1),
        vec![Transition::AttemptStopping {
            attempt: attempt(1, 1, 1),
            reason: Reason::TimedOut { millis: 5 },
        }],
        task_fails(1, 1).into_iter().take(1).collect(),
        vec![
            task_moved(1, 1, TaskState::Stopping, TaskState::Failed, Reason::TimedOut { millis: 5 }),
            run_moved(1, RunState::Running, RunState::Failed, Reason::Done),
            Transition::DagRetired { dag: "etl".into() },
        ],
    ]
    .concat()
}

fn change(place: &Place, sql: &str) {
    let conn = rusqlite::Connection::open(&place.path).unwrap();
    conn.pragma_update(None, "foreign_keys", false).unwrap();
    assert!(conn.execute(sql, []).unwrap() > 0);
}

#[test]
fn the_tables_are_what_a_replay_of_the_log_makes() {
    assert_eq!(check(&Place::holding(a_full_night()).path).unwrap(), []);
}

#[test]
fn a_store_is_checked_while_it_is_written() {
    let place = Place::new();
    let writer = place.open();
    commit(&writer, a_full_night()).unwrap();
    assert_eq!(check(&place.path).unwrap(), []);
}

#[test]
fn a_table_that_somebody_changed_is_found() {
    let place = Place::holding(a_full_night());
    change(&place, "UPDATE task_instance SET reason = '{}' WHERE task = 1");
    change(&place, "DELETE FROM tick WHERE instant = 90");
    let differs = |table: &str, missing, extra| Finding::Differs { table: table.into(), missing, extra };
    assert_eq!(check(&place.path).unwrap(), [differs("task_instance", 1, 1), differs("tick", 1, 0)]);
}

#[test]
fn hashes_stand_in_their_table_and_nowhere_else() {
    let place = Place::holding(a_full_night());
    let secrets = "SELECT hash FROM user_secret UNION ALL SELECT hash FROM token_secret";
    assert_eq!(place.rows(secrets), format!("$argon2id$v=19$sealed\n{}", "5e".repeat(32)));
    let log = place.rows("SELECT body FROM transition_log WHERE body LIKE '%5e5e%' OR body LIKE '%argon%'");
    assert_eq!(log, "");
    let target = place.data.path().join("again.db");
    rebuild(&place.path, &target).unwrap();
    change(&place, "DELETE FROM token_secret");
    change(&place, "UPDATE user SET role = 'admin'");
    let differs = Finding::Differs { table: "user".into(), missing: 1, extra: 1 };
    assert_eq!(check(&place.path).unwrap(), [differs]);
    let again = rusqlite::Connection::open(&target).unwrap();
    let count = |sql: &str| again.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(count(&format!("SELECT count(*) FROM ({secrets})")), 2, "a rebuilt store knows its users");
}

#[test]
fn a_row_that_lost_what_it_refers_to_is_found() {
    let place = Place::holding(a_full_night());
    change(&place, "DELETE FROM attempt WHERE task = 0");
    let findings = check(&place.path).unwrap();
    let dangling = Finding::Dangling { table: "output".into(), parent: "attempt".into(), rows: 1 };
    assert_eq!(findings[0], dangling);
    assert_eq!(dangling.to_string(), "1 rows of `output` refer to rows of `attempt` that are not there");
}

#[test]
fn a_log_that_cannot_have_happened_is_found() {
    let place = Place::holding(a_full_night());
    change(&place, "DELETE FROM transition_log WHERE seq = 2");
    let findings = check(&place.path).unwrap();
    assert!(matches!(&findings[..], [Finding::Unlawful { seq: 3, .. }]), "{findings:?}");
}

#[test]
fn a_page_of_rubbish_is_found() {
    let place = Place::holding(a_full_night());
    let page: i64 = place.rows("SELECT rootpage FROM sqlite_schema WHERE name = 'attempt'").parse().unwrap();
    let mut bytes = fs::read(&place.path).unwrap();
    let begin = usize::try_from((page - 1) * 4096).unwrap();
    bytes[begin..begin + 4096].fill(0xa5);
    fs::write(&place.path, bytes).unwrap();
    let findings = check(&place.path).unwrap();
    assert!(matches!(&findings[..], [Finding::Integrity(_), ..]), "{findings:?}");
}

#[test]
fn a_store_is_rebuilt_from_its_log_alone() {
    let place = Place::holding(a_full_night());
    change(&place, "UPDATE run SET asked_by = 'nobody'");
    let target = Place::new();
    let facts = rebuild(&place.path, &target.path).unwrap();
    assert_eq!(facts, a_full_night().len() as u64);
    assert_eq!(target.rows("SELECT asked_by FROM run"), "ana");
    let meta = "SELECT store, created_at, paused FROM meta";
    assert_eq!(target.rows(meta), place.rows(meta));
    assert_eq!(check(&target.path).unwrap(), []);
    assert_eq!(rebuild(&place.path, &target.path).unwrap_err().fault, Fault::Exists);
    assert_eq!(
        commit(&target.open(), vec![]).unwrap().last_seq.unsigned_abs(),
        facts,
        "it can be gone on with"
    );
}

#[test]
fn a_backup_is_whole_while_the_store_is_written() {
    let place = Place::new();
    let writer = place.open();
    commit(&writer, a_run()).unwrap();
    let copy = Place::new();
    backup(&place.path, &copy.path).unwrap();
    commit(&writer, task_begins(1, 0)).unwrap();
    assert_eq!(copy.rows("SELECT count(*) FROM transition_log"), "3");
    assert_eq!(check(&copy.path).unwrap(), []);
    assert_eq!(commit(&copy.open(), task_begins(1, 0)).unwrap().last_seq, 6, "it can be gone on with");
    assert_eq!(backup(&place.path, &copy.path).unwrap_err().fault, Fault::Exists);
    assert_eq!(backup(&copy.data.path().join("no.db"), &copy.path).unwrap_err().fault, Fault::Missing);
}

#[test]
fn small_values_stay_as_they_are_and_large_ones_become_files() {
    let place = Place::new();
    let (data, values) = (place.data.path(), place.data.path().join("values"));
    let small = json!({ "rows": 12 });
    assert_eq!(spill(data, &small).unwrap(), Output::Inline(small));
    assert!(!values.exists());

    let large = json!(vec!["é"; 50_000]);
    let output = spill(data, &large).unwrap();
    assert_eq!(spill(data, &large).unwrap(), output, "the same value is the same file");
    assert_eq!(fetch(data, &output).unwrap(), large);
    let Output::Spilled { sha256, bytes } = &output else { panic!("it is large") };
    let file = values.join(&sha256[..2]).join(sha256);
    assert_eq!(fs::metadata(&file).unwrap().len(), *bytes);
    assert_eq!(fs::read_dir(file.parent().unwrap()).unwrap().count(), 1, "no draft is left");

    fs::write(&file, "[]").unwrap();
    assert!(matches!(fetch(data, &output).unwrap_err().fault, Fault::BadValue(_)));
    fs::remove_file(&file).unwrap();
    assert!(matches!(fetch(data, &output).unwrap_err().fault, Fault::BadValue(_)));
}

#[test]
fn a_value_beyond_all_limits_is_refused() {
    let place = Place::new();
    let huge = json!("x".repeat(usize::try_from(MAX_BYTES).unwrap()));
    assert_eq!(spill(place.data.path(), &huge).unwrap_err().fault, Fault::TooLarge(MAX_BYTES));
}
