//! Answers that are kept for a request that is sent again. They are no facts of the log: they are written in the
//! transaction of what they tell, and forgotten a day later.

use std::time::Duration;

use nightrun_core::time::Timestamp;
use rusqlite::{Connection, params};

use super::error::Fault;
use super::read::Page;

/// How long an answer is kept.
const KEPT: Duration = Duration::from_hours(24);

/// What a request was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAnswer {
    /// The key that it was sent with.
    pub key: String,
    /// The hash of all that it asked for.
    pub asked: String,
    /// The status it was told.
    pub status: u16,
    /// The body it was told.
    pub body: String,
}

/// Keeps an answer, in the place of one that is too old, and forgets all that are.
pub(super) fn keep(conn: &Connection, now: Timestamp, answer: &KeptAnswer) -> Result<(), Fault> {
    let KeptAnswer { key, asked, status, body } = answer;
    conn.prepare_cached("DELETE FROM kept_answer WHERE at <= ?1")?.execute([now.minus(KEPT).nanos()])?;
    conn.prepare_cached(
        "INSERT OR REPLACE INTO kept_answer (key, asked, status, body, at) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![key, asked, status, body, now.nanos()])?;
    Ok(())
}

impl Page {
    /// What a request with this key was told within the last day.
    pub fn kept_answer(&self, key: &str, now: Timestamp) -> Result<Option<KeptAnswer>, Fault> {
        self.first(
            "SELECT key, asked, status, body FROM kept_answer WHERE key = ?1 AND at > ?2",
            params![key, now.minus(KEPT).nanos()],
            |row| {
                let (key, asked) = (row.get(0)?, row.get(1)?);
                Ok(KeptAnswer { key, asked, status: row.get(2)?, body: row.get(3)? })
            },
        )
    }
}
