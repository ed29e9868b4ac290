//! Pages of the log: what happened, for live updates, audit and bug reports.

use nightrun_core::id::RunId;
use rusqlite::{Row, params};

use super::Page;
use crate::store::column::{instant, json};
use crate::store::error::Fault;
use crate::store::row::LogEntry;

impl Page {
    /// What was logged after `seq`, oldest first, at most `limit`; of one run or of everything.
    pub fn log(&self, seq: i64, run: Option<RunId>, limit: u32) -> Result<Vec<LogEntry>, Fault> {
        match run {
            None => self.all(
                "SELECT seq, at, body FROM transition_log WHERE seq > ?1 ORDER BY seq LIMIT ?2",
                params![seq, limit],
                entry,
            ),
            Some(run) => self.all(
                "SELECT seq, at, body FROM transition_log WHERE run = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3",
                params![run.0, seq, limit],
                entry,
            ),
        }
    }

    /// The identity of this store, drawn at random when it was made.
    pub fn store_id(&self) -> Result<String, Fault> {
        Ok(self.conn.query_row("SELECT store FROM meta", [], |row| row.get(0))?)
    }

    /// The number of the last row of the log; 0 when there is none.
    pub fn last_seq(&self) -> Result<i64, Fault> {
        let sql = "SELECT coalesce(max(seq), 0) FROM transition_log";
        Ok(self.conn.query_row(sql, [], |row| row.get(0))?)
    }
}

fn entry(row: &Row<'_>) -> Result<LogEntry, Fault> {
    Ok(LogEntry { seq: row.get(0)?, at: instant(row, 1)?, fact: json(row, 2)? })
}
