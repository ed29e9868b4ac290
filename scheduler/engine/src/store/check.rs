//! Is the store what its log says? The log is replayed into an empty database by the same projections
//! that wrote the tables, and the two are compared row by row.

use std::fmt;
use std::path::Path;

use nightrun_core::decide::Transition;
use nightrun_core::time::Timestamp;
use rusqlite::Connection;

use super::column::{instant, json, text};
use super::connect::{self, beside, move_into_place};
use super::error::{Fault, StoreError};
use super::project;

/// One thing that is wrong with a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// The file is broken, in the words of the database.
    Integrity(String),
    /// Rows of a table refer to rows that are not there.
    Dangling {
        /// The table with the references.
        table: String,
        /// The table they refer to.
        parent: String,
        /// How many rows.
        rows: u64,
    },
    /// A row of the log cannot be what happened after those before it.
    Unlawful {
        /// Its number.
        seq: i64,
        /// Why not.
        what: String,
    },
    /// A table is not what the log says.
    Differs {
        /// The table.
        table: String,
        /// Rows that the log asks for and that are not there.
        missing: u64,
        /// Rows that are there and that the log does not ask for.
        extra: u64,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integrity(what) => write!(f, "the file is damaged: {what}"),
            Self::Dangling { table, parent, rows } => {
                write!(f, "{rows} rows of `{table}` refer to rows of `{parent}` that are not there")
            }
            Self::Unlawful { seq, what } => write!(f, "entry {seq} of the log cannot have happened: {what}"),
            Self::Differs { table, missing, extra } => write!(
                f,
                "`{table}` is not what the log says: {missing} rows are missing or changed, {extra} should not be there so"
            ),
        }
    }
}

/// Checks a store, also while a server writes to it: the file, its references, its migrations, and each
/// table against a replay of the log. Takes time and temporary space in proportion to the log.
pub fn check(path: &Path) -> Result<Vec<Finding>, StoreError> {
    let look = || {
        let conn = connect::open_for_reading(path)?;
        let mut findings = damage(&conn)?;
        if findings.is_empty() {
            findings = dangling(&conn)?;
            findings.extend(differences(path)?);
        }
        Ok(findings)
    };
    look().map_err(|fault: Fault| fault.at(path))
}

/// Makes a new store at `target`, which must not be there yet, from the log of the one at `path`; returns
/// how many facts it holds.
pub fn rebuild(path: &Path, target: &Path) -> Result<u64, StoreError> {
    let source = connect::open_for_reading(path).map_err(|fault| fault.at(path))?;
    drop(source);
    if target.exists() {
        return Err(Fault::Exists.at(target));
    }
    let make = || {
        let draft = beside(target, ".new");
        connect::remove(&draft)?;
        let mut conn = connect::open_new(&draft)?;
        attach(&conn, path)?;
        let transaction = conn.transaction()?;
        let facts = replay(&transaction)?.map_err(|finding| Fault::Unlawful(finding.to_string()))?;
        transaction.commit()?;
        conn.execute_batch("DETACH source")?;
        conn.close().map_err(|(_, error)| error)?;
        move_into_place(&draft, target)?;
        Ok(facts)
    };
    make().map_err(|fault: Fault| fault.at(target))
}

fn damage(conn: &Connection) -> Result<Vec<Finding>, Fault> {
    let mut rows = conn.prepare("PRAGMA integrity_check")?;
    let rows = rows.query_map([], |row| row.get::<_, String>(0))?;
    // Damage may be such that even the check for it breaks off.
    let words = rows.map(|row| row.unwrap_or_else(|error| error.to_string()));
    Ok(words.filter(|word| word != "ok").map(Finding::Integrity).collect())
}

fn dangling(conn: &Connection) -> Result<Vec<Finding>, Fault> {
    let mut rows = conn.prepare(
        "SELECT \"table\", parent, count(*) FROM pragma_foreign_key_check GROUP BY \"table\", parent",
    )?;
    let rows = rows.query_map([], |row| {
        Ok(Finding::Dangling { table: row.get(0)?, parent: row.get(1)?, rows: count(row, 2)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Replays the log into a temporary database and compares all tables with it, at one moment of the store.
fn differences(path: &Path) -> Result<Vec<Finding>, Fault> {
    // An empty name: a database that SQLite keeps in a temporary file and removes when it is closed.
    let mut conn = connect::open_new(Path::new(""))?;
    attach(&conn, path)?;
    let moment = conn.transaction()?;
    if let Err(finding) = replay(&moment)? {
        return Ok(vec![finding]);
    }
    let mut tables = moment
        .prepare("SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name <> 'schema_migration' ORDER BY name")?;
    let tables = tables.query_map([], |row| row.get(0))?.collect::<Result<Vec<String>, _>>()?;
    let mut findings = Vec::new();
    for table in tables {
        let only_in = |here: &str, there: &str| {
            let rows = format!("SELECT * FROM {here}.{table} EXCEPT SELECT * FROM {there}.{table}");
            moment.query_row(&format!("SELECT count(*) FROM ({rows})"), [], |row| count(row, 0))
        };
        let (missing, extra) = (only_in("main", "source")?, only_in("source", "main")?);
        if missing + extra > 0 {
            findings.push(Finding::Differs { table, missing, extra });
        }
    }
    Ok(findings)
}

/// Lets a connection see the store at `path` as `source`, read-only.
fn attach(conn: &Connection, path: &Path) -> Result<(), Fault> {
    connect::read_only(path, |uri| {
        conn.execute("ATTACH ?1 AS source", [uri])?;
        Ok(())
    })
}

/// Writes all that `source` logged into the empty tables of `main`; returns how many facts there were, or
/// the first that cannot have happened.
fn replay(conn: &Connection) -> Result<Result<u64, Finding>, Fault> {
    conn.execute_batch(
        "UPDATE main.meta SET (store, created_at) = (SELECT store, created_at FROM source.meta)",
    )?;
    let mut log = conn.prepare("SELECT at, body, seq FROM source.transition_log ORDER BY seq")?;
    let mut log = log.query([])?;
    let mut facts = 0;
    while let Some(row) = log.next()? {
        let (at, seq): (Timestamp, i64) = (instant(row, 0)?, row.get(2)?);
        let fact: Result<Transition, Fault> = json(row, 1);
        if let Err(fault) = fact.and_then(|fact| project::replay(conn, at, &fact)) {
            let start: String = text(row, 1)?.chars().take(200).collect();
            return Ok(Err(Finding::Unlawful { seq, what: format!("{fault}: {start}") }));
        }
        facts += 1;
    }
    conn.execute_batch(project::COPY_SECRETS)?;
    conn.execute_batch(
        "INSERT INTO main.transition_log SELECT * FROM source.transition_log;
         INSERT INTO main.kept_answer SELECT * FROM source.kept_answer",
    )?;
    Ok(Ok(facts))
}

fn count(row: &rusqlite::Row<'_>, at: usize) -> rusqlite::Result<u64> {
    Ok(row.get::<_, i64>(at)?.unsigned_abs())
}
