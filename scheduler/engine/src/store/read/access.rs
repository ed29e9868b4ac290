//! Pages about who may do what, and about which DAG a thing belongs to.

use nightrun_core::decide::{AccessBook, Grant, Role, Sealed};
use nightrun_core::id::{BackfillId, DagId, HoldId, RunId};
use nightrun_core::time::Timestamp;
use rusqlite::{Connection, Row};
use schemars::JsonSchema;
use serde::Serialize;

use super::Page;
use crate::store::column::{dag_id, instant, maybe_instant, maybe_json, word};
use crate::store::error::Fault;
use crate::store::hold::{HOLD, HoldItem, hold_item};

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct UserItem {
    /// Their name.
    pub user: String,
    /// What they may do.
    #[serde(flatten)]
    pub grant: Grant,
    /// Since when they are known.
    pub added_at: Timestamp,
    /// Who added them.
    pub added_by: String,
    /// When their password was set.
    pub password_at: Timestamp,
    /// When they last logged in.
    pub login_at: Option<Timestamp>,
}

/// A token, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TokenItem {
    /// Its name.
    pub token: String,
    /// How its secret begins.
    pub prefix: String,
    /// What it may be used for.
    #[serde(flatten)]
    pub grant: Grant,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
    /// When it ceases to be good.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the hour.
    pub used_at: Option<Timestamp>,
}

const USER: &str = "SELECT name, role, dags, added_at, added_by, password_at, login_at FROM user";
const TOKEN: &str =
    "SELECT t.name, role, dags, prefix, created_at, created_by, expires_at, used_at FROM token t";

impl Page {
    /// All users by name.
    pub fn users(&self) -> Result<Vec<UserItem>, Fault> {
        self.all(&format!("{USER} ORDER BY name"), [], user_item)
    }

    /// One user.
    pub fn user(&self, name: &str) -> Result<Option<UserItem>, Fault> {
        self.first(&format!("{USER} WHERE name = ?1"), [name], user_item)
    }

    /// The hash of the password of a user.
    pub fn password(&self, name: &str) -> Result<Option<Sealed>, Fault> {
        let sql = "SELECT hash FROM user_secret WHERE name = ?1";
        self.first(sql, [name], |row| Ok(Sealed::new(&row.get::<_, String>(0)?)))
    }

    /// All tokens by name.
    pub fn tokens(&self) -> Result<Vec<TokenItem>, Fault> {
        self.all(&format!("{TOKEN} ORDER BY t.name"), [], token_item)
    }

    /// The token whose secret has this hash, also one that has expired.
    pub fn token_of(&self, hash: &Sealed) -> Result<Option<TokenItem>, Fault> {
        let sql = format!("{TOKEN} JOIN token_secret s ON s.name = t.name WHERE s.hash = ?1");
        self.first(&sql, [hash.hash()], token_item)
    }

    /// The names that are taken.
    pub fn access_book(&self) -> Result<AccessBook, Fault> {
        access_book(&self.conn)
    }

    /// Of which DAG a run is.
    pub fn dag_of_run(&self, run: RunId) -> Result<Option<DagId>, Fault> {
        self.first("SELECT dag FROM run WHERE id = ?1", [run.0], |row| dag_id(row, 0))
    }

    /// Of which DAG a backfill is.
    pub fn dag_of_backfill(&self, backfill: BackfillId) -> Result<Option<DagId>, Fault> {
        self.first("SELECT dag FROM backfill WHERE id = ?1", [backfill.0], |row| dag_id(row, 0))
    }

    /// One maintenance window, also one that is over.
    pub fn hold(&self, hold: HoldId) -> Result<Option<HoldItem>, Fault> {
        self.first(&format!("{HOLD} WHERE id = ?1"), [hold.0], hold_item)
    }
}

/// The names of users and tokens.
pub(in crate::store) fn access_book(conn: &Connection) -> Result<AccessBook, Fault> {
    let mut book = AccessBook::default();
    let mut rows = conn.prepare_cached("SELECT name, role FROM user")?;
    let mut rows = rows.query([])?;
    while let Some(row) = rows.next()? {
        book.users.insert(row.get(0)?, word(row, 1, Role::parse)?);
    }
    let mut rows = conn.prepare_cached("SELECT name FROM token")?;
    let mut rows = rows.query([])?;
    while let Some(row) = rows.next()? {
        book.tokens.insert(row.get(0)?);
    }
    Ok(book)
}

fn grant(row: &Row<'_>) -> Result<Grant, Fault> {
    Ok(Grant { role: word(row, 1, Role::parse)?, dags: maybe_json(row, 2)? })
}

fn user_item(row: &Row<'_>) -> Result<UserItem, Fault> {
    Ok(UserItem {
        user: row.get(0)?,
        grant: grant(row)?,
        added_at: instant(row, 3)?,
        added_by: row.get(4)?,
        password_at: instant(row, 5)?,
        login_at: maybe_instant(row, 6)?,
    })
}

fn token_item(row: &Row<'_>) -> Result<TokenItem, Fault> {
    Ok(TokenItem {
        token: row.get(0)?,
        grant: grant(row)?,
        prefix: row.get(3)?,
        created_at: instant(row, 4)?,
        created_by: row.get(5)?,
        expires_at: maybe_instant(row, 6)?,
        used_at: maybe_instant(row, 7)?,
    })
}
