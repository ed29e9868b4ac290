//! Maintenance windows and changed ticks as they are stored: for the scheduler and for readers.

use nightrun_core::decide::{ChangedTick, Hold, Resume, TickChange};
use nightrun_core::id::{DagId, HoldId};
use nightrun_core::time::Timestamp;
use rusqlite::{Connection, Row};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::column::{dag_id, instant, maybe_instant, maybe_json, word};
use super::error::Fault;

/// One maintenance window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HoldItem {
    /// Its number.
    pub hold: HoldId,
    /// Which DAGs; `None`: all.
    pub dags: Option<Vec<DagId>>,
    /// When it opens.
    pub from: Timestamp,
    /// When it closes.
    pub to: Timestamp,
    /// What becomes of what it holds up.
    pub resume: Resume,
    /// Why, for people.
    pub why: String,
    /// Who made it.
    pub by: String,
    /// When.
    pub added_at: Timestamp,
    /// Who ended it before its time.
    pub removed_by: Option<String>,
    /// Since when all that it held up is decided.
    pub ended_at: Option<Timestamp>,
}

impl HoldItem {
    /// As the scheduler knows it.
    pub fn as_hold(&self) -> Hold {
        let Self { hold, dags, from, to, resume, why, .. } = self.clone();
        Hold { id: hold, dags, from, to, resume, why }
    }
}

/// One tick that was skipped or moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TickChangeItem {
    /// Of which DAG.
    pub dag: DagId,
    /// The nominal instant.
    pub instant: Timestamp,
    /// When it fires instead; `None`: it is skipped.
    pub moved_to: Option<Timestamp>,
    /// Why, for people.
    pub why: String,
    /// Who.
    pub by: String,
    /// It was moved to before its time, and has fired.
    pub done: bool,
}

/// What people have laid over the schedule of one DAG.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overlay {
    /// Maintenance windows that are not over.
    pub holds: Vec<HoldItem>,
    /// Ticks that were skipped or moved and are not over.
    pub changed: Vec<TickChangeItem>,
}

impl Overlay {
    /// What becomes of a coming instant, where that is not what the schedule says.
    pub fn note(&self, instant: Timestamp) -> Option<String> {
        let changed = self.changed.iter().find(|changed| changed.instant == instant);
        if let Some(changed) = changed {
            return Some(changed.to_string());
        }
        let open = self.holds.iter().map(HoldItem::as_hold).filter(|hold| hold.is_open(instant));
        let hold = open.max_by_key(|hold| (hold.to, hold.id))?;
        let then = match hold.resume {
            Resume::All => "it fires then",
            Resume::Latest => "of those it holds up only the newest fires then",
            Resume::None => "it does not fire",
        };
        Some(format!("{}; {then}", hold.reason()))
    }

    /// The same in a few words, for a table.
    pub fn short_note(&self, instant: Timestamp) -> Option<String> {
        let changed = self.changed.iter().find(|changed| changed.instant == instant);
        if let Some(changed) = changed {
            return Some(changed.moved_to.map_or("skipped", |_| "moved").to_owned());
        }
        let open = self.holds.iter().map(HoldItem::as_hold).filter(|hold| hold.is_open(instant));
        open.max_by_key(|hold| (hold.to, hold.id)).map(|hold| format!("hold {}", hold.id))
    }

    /// Moved ticks whose own time has passed and that are still to fire.
    pub fn late(&self, now: Timestamp) -> impl Iterator<Item = &TickChangeItem> {
        self.changed.iter().filter(move |changed| changed.instant <= now && !changed.done)
    }
}

impl std::fmt::Display for TickChangeItem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.moved_to {
            None => write!(f, "skipped by {}", self.by)?,
            Some(to) => write!(f, "moved to {} by {}", to.to_chrono().format("%FT%TZ"), self.by)?,
        }
        if !self.why.is_empty() {
            write!(f, ": {}", self.why)?;
        }
        if self.done { f.write_str("; it has fired") } else { Ok(()) }
    }
}

/// Columns of a [`HoldItem`].
pub(super) const HOLD: &str =
    "SELECT id, dags, opens_at, closes_at, resume, why, added_by, added_at, removed_by, ended_at FROM hold";

/// Changed ticks that are not decided, or whose instant is still to come.
pub(super) const TICK_CHANGE: &str = "
    SELECT c.dag, c.instant, c.moved_to, c.why, c.changed_by, t.instant IS NOT NULL
    FROM tick_change c JOIN dag d ON d.id = c.dag
         LEFT JOIN tick t ON t.dag = c.dag AND t.instant = c.instant
    WHERE (c.instant > d.cursor OR (c.moved_to IS NOT NULL AND t.instant IS NULL))";

pub(super) fn hold_item(row: &Row<'_>) -> Result<HoldItem, Fault> {
    Ok(HoldItem {
        hold: HoldId(row.get(0)?),
        dags: maybe_json(row, 1)?,
        from: instant(row, 2)?,
        to: instant(row, 3)?,
        resume: word(row, 4, Resume::parse)?,
        why: row.get(5)?,
        by: row.get(6)?,
        added_at: instant(row, 7)?,
        removed_by: row.get(8)?,
        ended_at: maybe_instant(row, 9)?,
    })
}

pub(super) fn tick_change_item(row: &Row<'_>) -> Result<TickChangeItem, Fault> {
    Ok(TickChangeItem {
        dag: dag_id(row, 0)?,
        instant: instant(row, 1)?,
        moved_to: maybe_instant(row, 2)?,
        why: row.get(3)?,
        by: row.get(4)?,
        done: row.get(5)?,
    })
}

/// Windows that are not over.
pub(super) fn load_holds(conn: &Connection) -> Result<Vec<Hold>, Fault> {
    let mut rows = conn.prepare(&format!("{HOLD} WHERE ended_at IS NULL ORDER BY id"))?;
    let mut rows = rows.query([])?;
    let mut holds = Vec::new();
    while let Some(row) = rows.next()? {
        holds.push(hold_item(row)?.as_hold());
    }
    Ok(holds)
}

pub(super) fn load_changed_ticks(conn: &Connection) -> Result<Vec<ChangedTick>, Fault> {
    let mut rows = conn.prepare(TICK_CHANGE)?;
    let mut rows = rows.query([])?;
    let mut changed = Vec::new();
    while let Some(row) = rows.next()? {
        let TickChangeItem { dag, instant, moved_to, why, by, done } = tick_change_item(row)?;
        let change = moved_to.map_or(TickChange::Skip, TickChange::Move);
        changed.push(ChangedTick { dag, instant, change, why, by, done });
    }
    Ok(changed)
}
