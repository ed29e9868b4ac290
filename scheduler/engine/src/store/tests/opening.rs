//! What may be opened, and what is refused with a word on what to do.

use std::fs::{self, OpenOptions};

use rusqlite::Connection;

use super::*;
use crate::store::migrate::{self, migrate};
use crate::store::{Fault, Page, Reader};

#[track_caller]
fn refused(place: &Place) -> Fault {
    let written = Writer::open(&place.path).unwrap_err();
    assert!(written.to_string().starts_with(&place.path.display().to_string()), "{written}");
    assert_eq!(Reader::open(&place.path).unwrap_err().fault, written.fault, "readers refuse it too");
    written.fault
}

#[test]
fn a_new_store_is_made_with_its_folder_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().join("not/there/yet");
    Writer::open(&folder.join(DATABASE)).unwrap().close().unwrap();
    assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn a_store_has_an_identity_of_its_own() {
    let (one, other) = (Place::holding(vec![]), Place::holding(vec![]));
    let identity = "SELECT store FROM meta";
    assert_eq!(one.rows(identity).len(), 32);
    assert_ne!(one.rows(identity), other.rows(identity));
    let read = Reader::open(&one.path).unwrap().read_now(Page::store_id).unwrap();
    assert_eq!(read, one.rows(identity));
    assert!(one.rows("SELECT created_at FROM meta").parse::<i64>().unwrap() > 1_700_000_000_000_000_000);
}

#[test]
fn only_one_may_write_and_the_second_is_told_who_does() {
    let place = Place::new();
    let first = place.open();
    let error = Writer::open(&place.path).unwrap_err();
    assert_eq!(error.fault, Fault::Locked(Some(std::process::id())));
    assert_eq!(error.place, place.data.path());
    assert!(error.to_string().ends_with("stop it, or choose another folder with --data"), "{error}");
    drop(first);
    place.open();
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let place = Place::new();
    fs::write(&place.path, "dear diary, ".repeat(1_000)).unwrap();
    assert!(matches!(refused(&place), Fault::NotAStore(_)));
    assert!(fs::read_to_string(&place.path).unwrap().starts_with("dear diary"));
}

#[test]
fn a_database_of_another_program_is_refused_and_left_alone() {
    let place = Place::new();
    Connection::open(&place.path).unwrap().execute_batch("CREATE TABLE dag (x)").unwrap();
    assert!(matches!(refused(&place), Fault::NotAStore(_)));
    assert_eq!(place.rows("SELECT name FROM sqlite_schema"), "dag");
}

#[test]
fn an_emptied_database_is_never_taken_for_a_new_one() {
    let place = Place::holding(a_run());
    fs::write(&place.path, "").unwrap();
    assert!(matches!(refused(&place), Fault::Damaged(_)));
}

#[test]
fn a_truncated_database_is_refused() {
    let place = Place::holding(a_run());
    for kept in [2 * 4096, 512, 50] {
        OpenOptions::new().write(true).open(&place.path).unwrap().set_len(kept).unwrap();
        let fault = refused(&place);
        assert!(matches!(fault, Fault::Damaged(_) | Fault::NotAStore(_)), "{kept} bytes: {fault}");
        assert_eq!(fs::metadata(&place.path).unwrap().len(), kept, "left alone");
    }
}

#[test]
fn a_write_ahead_log_without_its_database_is_refused() {
    let place = Place::holding(a_run());
    fs::remove_file(&place.path).unwrap();
    fs::write(place.data.path().join("nightrun.db-wal"), "frames").unwrap();
    assert_eq!(refused(&place), Fault::Headless);
}

#[test]
fn a_store_is_made_whole_or_not_at_all() {
    let place = Place::new();
    fs::write(place.data.path().join("nightrun.db.new"), "what a crash left").unwrap();
    place.open().close().unwrap();
    assert_eq!(place.rows("SELECT count(*) FROM run"), "0");
    assert!(!place.data.path().join("nightrun.db.new").exists());
}

#[test]
fn a_store_of_a_newer_version_is_refused() {
    let place = Place::holding(a_run());
    let newer = "INSERT INTO schema_migration (number, checksum) VALUES (99, 'x')";
    Connection::open(&place.path).unwrap().execute_batch(newer).unwrap();
    assert_eq!(refused(&place), Fault::Newer(99));
}

#[test]
fn a_migration_that_was_edited_after_it_was_applied_is_noticed() {
    let place = Place::holding(a_run());
    Connection::open(&place.path)
        .unwrap()
        .execute_batch("UPDATE schema_migration SET checksum = 'x'")
        .unwrap();
    assert_eq!(refused(&place), Fault::Foreign(1));
}

#[test]
fn a_migration_runs_once_after_a_copy_was_made() {
    let place = Place::holding(a_run());
    let next =
        [migrate::ALL, &["ALTER TABLE run ADD COLUMN note TEXT; UPDATE run SET note = 'new'"]].concat();
    let mut conn = Connection::open(&place.path).unwrap();
    for _ in 0..2 {
        migrate(&mut conn, &place.path, &next).unwrap();
    }
    assert_eq!(place.rows("SELECT note FROM run"), "new");
    let (known, last) = (migrate::ALL.len(), next.len());
    assert_eq!(place.rows("SELECT max(number) FROM schema_migration"), last.to_string());
    let copy = place.data.path().join(format!("nightrun.db.before-{last:04}"));
    let copy = Connection::open(copy).unwrap();
    let migrations: i64 =
        copy.query_row("SELECT count(*) FROM schema_migration", [], |row| row.get(0)).unwrap();
    let runs: i64 = copy.query_row("SELECT count(*) FROM run", [], |row| row.get(0)).unwrap();
    assert_eq!((usize::try_from(migrations).unwrap(), runs), (known, 1));
}

#[test]
fn a_store_of_the_first_version_keeps_its_rows() {
    let data = tempfile::tempdir().unwrap();
    let path = data.path().join("nightrun.db");
    let mut conn = Connection::open(&path).unwrap();
    migrate(&mut conn, &path, &migrate::ALL[..1]).unwrap();
    conn.execute_batch(
        "BEGIN;
         INSERT INTO dag (id, version, schedule, cursor) VALUES ('etl', 1, '', 0);
         INSERT INTO dag_version VALUES (1, 'etl', 'h', 'etl.yaml', '[\"a\"]', 0, 'text');
         INSERT INTO run VALUES (1, 'etl', 1, 'manual', 0, 0, 0, '{}', 'ana', 'success', '{}', 0, 0, 0, 0);
         INSERT INTO task_instance (run, task, item, task_id, state, reason, since, ended_at)
           VALUES (1, 0, 0, 'a', 'success', '{}', 0, 0);
         INSERT INTO tick (dag, instant, run, at) VALUES ('etl', 0, 1, 0);
         COMMIT;",
    )
    .unwrap();
    migrate(&mut conn, &path, migrate::ALL).unwrap();
    let count = |sql: &str| conn.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(count("SELECT count(*) FROM run JOIN task_instance i ON i.run = run.id"), 1);
    assert_eq!(count("SELECT count(*) FROM pragma_foreign_key_check"), 0);
    assert_eq!(count("SELECT count(*) FROM pragma_index_list('run')"), 6);
    assert_eq!(count("PRAGMA foreign_keys"), 1);
}

#[test]
fn a_migration_that_fails_changes_nothing() {
    let place = Place::holding(a_run());
    let next = [migrate::ALL, &["ALTER TABLE run ADD COLUMN note TEXT; SELECT nonsense"]].concat();
    migrate(&mut Connection::open(&place.path).unwrap(), &place.path, &next).unwrap_err();
    assert_eq!(place.rows("SELECT count(*) FROM pragma_table_info('run') WHERE name = 'note'"), "0");
    place.open();
}

#[test]
fn readers_leave_an_older_store_to_the_writer() {
    let place = Place::holding(a_run());
    Connection::open(&place.path).unwrap().execute_batch("DELETE FROM schema_migration").unwrap();
    assert_eq!(Reader::open(&place.path).unwrap_err().fault, Fault::Older(0));
}
