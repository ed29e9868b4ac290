//! One task instance of a run, its items a page at a time: runs may have ten thousand, and a page about one of
//! them reads one.

use std::collections::BTreeMap;
use std::path::Path;

use nightrun_core::decide::{Reason, TaskState};
use nightrun_core::id::{InstanceId, RunId, TaskIndex};
use nightrun_core::time::Timestamp;
use rusqlite::params;

use super::Page;
use super::show::{OUTPUT, TASK, output, task};
use crate::store::column::{maybe_instant, reason, word};
use crate::store::error::Fault;
use crate::store::row::TaskShow;
use crate::store::values;

/// One item of a `foreach`, as a list shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemLine {
    /// Which, from 0.
    pub item: u32,
    /// What people see of it beside its number.
    pub key: Option<String>,
    /// Where it is.
    pub state: TaskState,
    /// Why.
    pub reason: Reason,
    /// When the process of its last attempt started.
    pub started_at: Option<Timestamp>,
    /// When its state became final.
    pub ended_at: Option<Timestamp>,
    /// The number of its last attempt; 0 before the first.
    pub attempts: u32,
}

impl Page {
    /// How many task instances a run has, items counted by themselves.
    pub fn instance_count(&self, run: RunId) -> Result<u32, Fault> {
        let sql = "SELECT count(*) FROM task_instance WHERE run = ?1";
        Ok(self.first(sql, [run.0], |row| Ok(row.get(0)?))?.unwrap_or_default())
    }

    /// One task of a run, or one item of it from 0; its items are left out, and so are the lists of their outputs.
    pub fn task(
        &self,
        run: RunId,
        id: &str,
        item: Option<u32>,
        data: Option<&Path>,
    ) -> Result<Option<TaskShow>, Fault> {
        let place = item.map_or(0, |item| item.saturating_add(1));
        let sql = format!("{TASK} WHERE t.run = ?1 AND t.task_id = ?2 AND t.item = ?3");
        let Some(mut found) = self.first(&sql, params![run.0, id, place], task)? else { return Ok(None) };
        found.attempts = self.attempts(found.instance(run))?;
        let sql = format!("{OUTPUT} AND o.task = ?2 AND o.item = ?3");
        let outputs = self.all(&sql, params![run.0, found.task.0, place], output)?;
        found.outputs =
            outputs.into_iter().map(|(_, name, value)| (name, values::show(data, &value))).collect();
        found.late = self.late(run)?.remove(&Some(found.task)).filter(|_| item.is_none()).unwrap_or_default();
        Ok(Some(found))
    }

    /// Items of a task in their order, from this one on; in any state, or in one.
    pub fn item_lines(
        &self,
        of: InstanceId,
        state: Option<TaskState>,
        from: u32,
        limit: u32,
    ) -> Result<Vec<ItemLine>, Fault> {
        self.all(
            "SELECT t.item, key, state, reason, started_at, ended_at, attempts
             FROM task_instance t LEFT JOIN item i ON i.run = t.run AND i.fan = t.fan AND i.item = t.item
             WHERE t.run = ?1 AND t.task = ?2 AND t.item > ?3 AND (?4 IS NULL OR state = ?4)
             ORDER BY t.item LIMIT ?5",
            params![of.run.0, of.task.0, from, state.map(TaskState::as_str), limit],
            |row| {
                Ok(ItemLine {
                    item: row.get::<_, u32>(0)?.saturating_sub(1),
                    key: row.get(1)?,
                    state: word(row, 2, TaskState::parse)?,
                    reason: reason(row, 3)?,
                    started_at: maybe_instant(row, 4)?,
                    ended_at: maybe_instant(row, 5)?,
                    attempts: row.get(6)?,
                })
            },
        )
    }

    /// How many items of a task are in each state.
    pub fn item_counts(&self, run: RunId, task: TaskIndex) -> Result<BTreeMap<TaskState, u32>, Fault> {
        let sql = "SELECT state, count(*) FROM task_instance
                   WHERE run = ?1 AND task = ?2 AND item > 0 GROUP BY state";
        let counts =
            self.all(sql, params![run.0, task.0], |row| Ok((word(row, 0, TaskState::parse)?, row.get(1)?)))?;
        Ok(counts.into_iter().collect())
    }
}
