//! Pages about deadlines and hooks.

use std::collections::BTreeMap;

use nightrun_core::dag::spec::{HookOn, Lateness};
use nightrun_core::decide::{HookState, Item, Subject, TaskState};
use nightrun_core::id::{HookId, InstanceId, RunId, TaskIndex};
use rusqlite::types::Value;
use rusqlite::{Row, params, params_from_iter};

use super::Page;
use crate::store::column::{dag_id, instant, json, maybe_instant, reason, subject, word};
use crate::store::error::Fault;
use crate::store::row::{HookShow, LateShow, TaskEnd};

/// A [`HookShow`], to be narrowed down.
const HOOK: &str = "SELECT hook.id, hook.run, run.dag, i.task_id, hook.point, hook.step, hook.action, hook.state,
                           hook.tries, hook.error, hook.due_at, hook.tried_at, hook.retry_at, hook.cause, hook.task
                    FROM hook JOIN run ON run.id = hook.run
                    LEFT JOIN task_instance i ON i.run = hook.run AND i.task = hook.task AND i.item = 0";

impl Page {
    /// Hooks that became due in a run, in the order in which they did.
    pub fn hooks_of(&self, run: RunId) -> Result<Vec<HookShow>, Fault> {
        self.all(&format!("{HOOK} WHERE hook.run = ?1 ORDER BY hook.id"), [run.0], hook)
    }

    /// Hooks of all runs, newest first, those before `before`; with `failed` only those that were given up. With
    /// `among` only those of DAGs with these patterns.
    pub fn hooks(
        &self,
        failed: bool,
        before: Option<HookId>,
        limit: u32,
        among: Option<&[String]>,
    ) -> Result<Vec<HookShow>, Fault> {
        let only = if failed { "AND hook.state = 'failed'" } else { "" };
        let any = among.map(|globs| vec!["run.dag GLOB ?"; globs.len()].join(" OR "));
        let theirs = any
            .map_or_else(String::new, |any| format!("AND ({})", if any.is_empty() { "false" } else { &any }));
        let sql = format!("{HOOK} WHERE hook.id < ? {only} {theirs} ORDER BY hook.id DESC LIMIT ?");
        let mut values = vec![Value::from(before.map_or(i64::MAX, |id| id.0))];
        values.extend(among.into_iter().flatten().map(|glob| Value::from(glob.clone())));
        values.push(Value::from(i64::from(limit)));
        self.all(&sql, params_from_iter(values), hook)
    }

    /// One hook.
    pub fn hook(&self, id: HookId) -> Result<Option<HookShow>, Fault> {
        self.first(&format!("{HOOK} WHERE hook.id = ?1"), [id.0], hook)
    }

    /// How a task instance stands.
    pub fn task_end(&self, instance: InstanceId) -> Result<Option<TaskEnd>, Fault> {
        self.first(
            "SELECT task_id, state, reason, attempts FROM task_instance
             WHERE run = ?1 AND task = ?2 AND item = ?3",
            params![instance.run.0, instance.task.0, instance.item],
            |row| {
                let (state, reason) = (word(row, 1, TaskState::parse)?, reason(row, 2)?);
                Ok(TaskEnd { instance, id: row.get(0)?, state, reason, attempts: row.get(3)? })
            },
        )
    }

    /// The item that an instance of a `foreach` is for.
    pub fn item(&self, instance: InstanceId) -> Result<Option<Item>, Fault> {
        self.first(
            "SELECT item.key, item.value FROM item JOIN task_instance i ON i.run = item.run AND i.fan = item.fan
             WHERE i.run = ?1 AND i.task = ?2 AND i.item = ?3 AND item.item = ?3",
            params![instance.run.0, instance.task.0, instance.item],
            |row| Ok(Item { key: row.get(0)?, value: json(row, 1)? }),
        )
    }

    /// What was told of the deadlines of a run and its tasks.
    pub(super) fn late(&self, run: RunId) -> Result<BTreeMap<Subject, Vec<LateShow>>, Fault> {
        let rows = self.all(
            "SELECT task, kind, due, at FROM lateness WHERE run = ?1 ORDER BY task, due, kind",
            params![run.0],
            |row| {
                let kind = word(row, 1, Lateness::parse)?;
                Ok((subject(row, 0)?, LateShow { kind, due: instant(row, 2)?, at: instant(row, 3)? }))
            },
        )?;
        let mut late = BTreeMap::<Subject, Vec<LateShow>>::new();
        for (subject, shown) in rows {
            late.entry(subject).or_default().push(shown);
        }
        Ok(late)
    }
}

fn hook(row: &Row<'_>) -> Result<HookShow, Fault> {
    Ok(HookShow {
        hook: HookId(row.get(0)?),
        run_id: RunId(row.get(1)?),
        dag: dag_id(row, 2)?,
        task: row.get(3)?,
        on: word(row, 4, HookOn::parse)?,
        step: row.get(5)?,
        action: row.get(6)?,
        state: word(row, 7, HookState::parse)?,
        tries: row.get(8)?,
        error: row.get(9)?,
        due_at: instant(row, 10)?,
        tried_at: maybe_instant(row, 11)?,
        retry_at: maybe_instant(row, 12)?,
        cause: json(row, 13)?,
        of: row.get::<_, Option<u32>>(14)?.map(TaskIndex),
    })
}
