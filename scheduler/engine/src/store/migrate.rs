//! Migrations: numbered SQL files, embedded, each applied once in one transaction and never edited after.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use sha2::{Digest, Sha256};

use super::backup;
use super::connect::beside;
use super::error::Fault;
use super::hex;

/// All migrations; the first has number 1.
pub(super) const ALL: &[&str] = &[
    include_str!("../../../../migrations/0001_store.sql"),
    include_str!("../../../../migrations/0002_foreach.sql"),
    include_str!("../../../../migrations/0003_files.sql"),
    include_str!("../../../../migrations/0004_hooks.sql"),
    include_str!("../../../../migrations/0005_rerun.sql"),
    include_str!("../../../../migrations/0006_retention.sql"),
    include_str!("../../../../migrations/0007_holds.sql"),
    include_str!("../../../../migrations/0008_calls.sql"),
    include_str!("../../../../migrations/0009_group_tries.sql"),
    include_str!("../../../../migrations/0010_access.sql"),
    include_str!("../../../../migrations/0011_kept_answers.sql"),
    include_str!("../../../../migrations/0012_used.sql"),
    include_str!("../../../../migrations/0013_ended_otherwise.sql"),
];

/// The number of the last of these migrations.
pub(super) fn known(migrations: &[&str]) -> u32 {
    u32::try_from(migrations.len()).expect("there are few migrations")
}

/// Applies what is missing, after a copy of what is there. A newer or a foreign store is refused.
pub(super) fn migrate(conn: &mut Connection, path: &Path, migrations: &[&str]) -> Result<(), Fault> {
    let found = applied(conn, migrations)?;
    if found > 0 && found < known(migrations) {
        let copy = beside(path, &format!(".before-{:04}", found + 1));
        backup::copy(conn, &copy)?;
    }
    // A table that others refer to can be made anew only while references are not looked at.
    conn.pragma_update(None, "foreign_keys", false)?;
    for (number, sql) in (1..).zip(migrations).skip(found as usize) {
        apply(conn, number, sql)?;
    }
    conn.pragma_update(None, "foreign_keys", true)?;
    Ok(())
}

/// The number of the last migration that was applied; 0 for an empty database.
pub(super) fn applied(conn: &Connection, migrations: &[&str]) -> Result<u32, Fault> {
    let table = "SELECT 1 FROM sqlite_schema WHERE name = 'schema_migration'";
    if conn.query_row(table, [], |_| Ok(())).optional()?.is_none() {
        return Ok(0);
    }
    let mut rows = conn.prepare("SELECT number, checksum FROM schema_migration ORDER BY number")?;
    let rows = rows.query_map([], |row| Ok((row.get::<_, u32>(0)?, row.get::<_, String>(1)?)))?;
    let mut last = 0;
    for row in rows {
        let (number, sum) = row?;
        last = number;
        match migrations.get(number as usize - 1) {
            Some(sql) if checksum(sql) != sum => return Err(Fault::Foreign(number)),
            _ => {}
        }
    }
    if last > known(migrations) { Err(Fault::Newer(last)) } else { Ok(last) }
}

/// References are looked at once all of it is done, for a table that is made anew is gone for a moment.
fn apply(conn: &mut Connection, number: u32, sql: &str) -> Result<(), Fault> {
    conn.pragma_update(None, "foreign_keys", false)?;
    let applied = apply_unchecked(conn, number, sql);
    conn.pragma_update(None, "foreign_keys", true)?;
    applied
}

fn apply_unchecked(conn: &mut Connection, number: u32, sql: &str) -> Result<(), Fault> {
    let transaction = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(
        "CREATE TABLE IF NOT EXISTS schema_migration (
             number     INTEGER PRIMARY KEY,
             checksum   TEXT    NOT NULL,
             applied_at TEXT    NOT NULL DEFAULT CURRENT_TIMESTAMP
         ) STRICT",
    )?;
    transaction.execute_batch(sql)?;
    transaction.execute(
        "INSERT INTO schema_migration (number, checksum) VALUES (?1, ?2)",
        params![number, checksum(sql)],
    )?;
    let broken: u32 =
        transaction.query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| row.get(0))?;
    if broken > 0 {
        return Err(Fault::Unlawful(format!(
            "migration {number} would leave {broken} rows without what they refer to"
        )));
    }
    Ok(transaction.commit()?)
}

fn checksum(sql: &str) -> String {
    hex(&Sha256::digest(sql))
}
