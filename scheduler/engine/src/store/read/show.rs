//! Pages about one run: all of it, one task's attempts, its outputs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use nightrun_core::dag::spec::FanIndex;
use nightrun_core::decide::{AttemptState, Item, Output, Outputs, RunState, RunType, TaskState, Used};
use nightrun_core::id::{BackfillId, InstanceId, RunId, TaskIndex, VersionId};
use rusqlite::{Row, params};
use serde_json::Value as Json;

use super::Page;
use crate::store::column::{dag_id, instant, json, maybe_instant, maybe_json, reason, word};
use crate::store::error::Fault;
use crate::store::row::{AttemptShow, GroupTry, RunShow, TaskShow};
use crate::store::values;

/// A task instance inside its run.
type Spot = (TaskIndex, u32);

/// Columns of an [`AttemptShow`], in the order in which it is read.
const ATTEMPT: &str =
    "number, state, started_at, ended_at, exit_code, signal, reason, created_at, pid, task, item,
     cpu_us, peak_bytes";

/// Columns of a [`TaskShow`], in the order in which it is read.
pub(super) const TASK: &str =
    "SELECT task, t.item, task_id, state, reason, since, retry_at, started_at, ended_at, key
     FROM task_instance t LEFT JOIN item i ON i.run = t.run AND i.fan = t.fan AND i.item = t.item";

/// Outputs count while the attempt that made them is the last one and its task a success; a clear, a mark
/// or a new attempt hides them.
pub(super) const OUTPUT: &str = "SELECT o.task, o.item, o.name, o.value, o.sha256, o.bytes
                      FROM output o CROSS JOIN task_instance i
                        ON i.run = o.run AND i.task = o.task AND i.item = o.item AND i.attempts = o.number
                       AND i.state = 'success'
                      WHERE o.run = ?1";

impl Page {
    /// One run with all its tasks, attempts and outputs. With the data folder, outputs that are kept in
    /// files are shown too, unless they are very large.
    pub fn run(&self, run: RunId, data: Option<&Path>) -> Result<Option<RunShow>, Fault> {
        let Some(mut shown) = self.run_alone(run)? else { return Ok(None) };
        let mut late = self.late(run)?;
        shown.tasks = self.tasks(run, data)?;
        for task in &mut shown.tasks {
            task.late = late.remove(&Some(task.task)).unwrap_or_default();
        }
        shown.late = late.remove(&None).unwrap_or_default();
        shown.hooks = self.hooks_of(run)?;
        shown.groups = self.group_tries(run)?;
        Ok(Some(shown))
    }

    /// One run without its tasks, deadlines and hooks.
    pub fn run_alone(&self, run: RunId) -> Result<Option<RunShow>, Fault> {
        self.first(
            "SELECT dag, state, run_type, logical_date, interval_start, interval_end, created_at,
                    started_at, ended_at, reason, since, params, version, asked_by, backfill
             FROM run WHERE id = ?1",
            [run.0],
            |row| {
                let reason = reason(row, 9)?;
                Ok(RunShow {
                    run_id: run,
                    dag: dag_id(row, 0)?,
                    state: word(row, 1, RunState::parse)?,
                    tasks: Vec::new(),
                    run_type: word(row, 2, RunType::parse)?,
                    logical_date: instant(row, 3)?,
                    data_interval_start: instant(row, 4)?,
                    data_interval_end: instant(row, 5)?,
                    created_at: instant(row, 6)?,
                    started_at: maybe_instant(row, 7)?,
                    ended_at: maybe_instant(row, 8)?,
                    reason_kind: reason.kind(),
                    reason,
                    since: instant(row, 10)?,
                    params: json(row, 11)?,
                    version: VersionId(row.get(12)?),
                    by: row.get(13)?,
                    late: Vec::new(),
                    hooks: Vec::new(),
                    groups: Vec::new(),
                    backfill: row.get::<_, Option<i64>>(14)?.map(BackfillId),
                    notes: self.notes(run)?,
                    parent: self.caller(run)?,
                    children: self.called(run)?,
                })
            },
        )
    }

    /// The groups of a run that have run again.
    fn group_tries(&self, run: RunId) -> Result<Vec<GroupTry>, Fault> {
        let sql = "SELECT group_id, number, tries FROM group_try WHERE run = ?1 ORDER BY group_id";
        self.all(sql, [run.0], |row| {
            Ok(GroupTry { group: row.get(0)?, number: row.get(1)?, of: row.get(2)? })
        })
    }

    /// The attempts of one task instance, first to last.
    pub fn attempts(&self, instance: InstanceId) -> Result<Vec<AttemptShow>, Fault> {
        self.all(
            &format!(
                "SELECT {ATTEMPT} FROM attempt WHERE run = ?1 AND task = ?2 AND item = ?3 ORDER BY number"
            ),
            params![instance.run.0, instance.task.0, instance.item],
            attempt,
        )
    }

    /// All visible outputs of a run, by task and item.
    pub fn outputs(&self, run: RunId) -> Result<BTreeMap<Spot, Outputs>, Fault> {
        let mut all = BTreeMap::<Spot, Outputs>::new();
        for (spot, name, value) in self.all(OUTPUT, [run.0], output)? {
            all.entry(spot).or_default().insert(name, value);
        }
        Ok(all)
    }

    /// The items of a run's fans, by fan, in their order.
    pub fn items(&self, run: RunId) -> Result<BTreeMap<FanIndex, Vec<Item>>, Fault> {
        let mut all = BTreeMap::<FanIndex, Vec<Item>>::new();
        let sql = "SELECT fan, key, value FROM item WHERE run = ?1 ORDER BY fan, item";
        for (fan, item) in self.all(sql, [run.0], |row| {
            Ok((FanIndex(row.get(0)?), Item { key: row.get(1)?, value: json(row, 2)? }))
        })? {
            all.entry(fan).or_default().push(item);
        }
        Ok(all)
    }

    /// The visible outputs of some tasks of a run, by task and item.
    pub fn outputs_of(&self, run: RunId, tasks: &[TaskIndex]) -> Result<BTreeMap<Spot, Outputs>, Fault> {
        let mut all = BTreeMap::<Spot, Outputs>::new();
        for task in tasks {
            let sql = &format!("{OUTPUT} AND o.task = ?2");
            for (spot, name, value) in self.all(sql, params![run.0, task.0], output)? {
                all.entry(spot).or_default().insert(name, value);
            }
        }
        Ok(all)
    }

    fn tasks(&self, run: RunId, data: Option<&Path>) -> Result<Vec<TaskShow>, Fault> {
        let mut attempts = BTreeMap::<Spot, Vec<AttemptShow>>::new();
        let sql = format!("SELECT {ATTEMPT} FROM attempt WHERE run = ?1 ORDER BY task, item, number");
        for (spot, attempt) in self.all(&sql, [run.0], |row| Ok((spot(row, 9)?, attempt(row)?)))? {
            attempts.entry(spot).or_default().push(attempt);
        }
        let mut outputs = self.outputs(run)?;
        let listed = self.all(&format!("{TASK} WHERE t.run = ?1 ORDER BY task, t.item"), [run.0], task)?;
        let mut tasks: Vec<TaskShow> = Vec::new();
        for mut task in listed {
            let spot = (task.task, task.item.map_or(0, |item| item + 1));
            task.attempts = attempts.remove(&spot).unwrap_or_default();
            let outputs = outputs.remove(&spot).unwrap_or_default().into_iter();
            task.outputs = outputs.map(|(name, output)| (name, values::show(data, &output))).collect();
            match tasks.last_mut().filter(|_| task.item.is_some()) {
                Some(whole) => whole.items.push(task),
                None => tasks.push(task),
            }
        }
        for whole in tasks.iter_mut().filter(|task| !task.items.is_empty()) {
            whole.outputs = lists(&whole.items);
        }
        Ok(tasks)
    }
}

/// What later tasks see of the items' outputs: for each name a list in the order of the items.
fn lists(items: &[TaskShow]) -> BTreeMap<String, Json> {
    let names: BTreeSet<&String> = items.iter().flat_map(|item| item.outputs.keys()).collect();
    let items: Vec<&TaskShow> = items.iter().filter(|item| item.state != TaskState::Removed).collect();
    let value = |item: &TaskShow, name: &String| item.outputs.get(name).cloned().unwrap_or(Json::Null);
    names
        .into_iter()
        .map(|name| (name.clone(), items.iter().map(|item| value(item, name)).collect()))
        .collect()
}

fn spot(row: &Row<'_>, at: usize) -> Result<Spot, Fault> {
    Ok((TaskIndex(row.get(at)?), row.get(at + 1)?))
}

/// A task instance, before its attempts and outputs are put in.
pub(super) fn task(row: &Row<'_>) -> Result<TaskShow, Fault> {
    let ((task, item), reason) = (spot(row, 0)?, reason(row, 4)?);
    let item = item.checked_sub(1);
    Ok(TaskShow {
        id: row.get(2)?,
        state: word(row, 3, TaskState::parse)?,
        reason_kind: reason.kind(),
        reason,
        attempts: Vec::new(),
        outputs: BTreeMap::new(),
        since: instant(row, 5)?,
        retry_at: maybe_instant(row, 6)?,
        started_at: maybe_instant(row, 7)?,
        ended_at: maybe_instant(row, 8)?,
        task,
        item,
        key: row.get(9)?,
        items: Vec::new(),
        late: Vec::new(),
    })
}

/// A number that is not below zero, where there is one.
pub(super) fn amount(row: &Row<'_>, at: usize) -> Result<Option<u64>, Fault> {
    Ok(row.get::<_, Option<i64>>(at)?.and_then(|amount| u64::try_from(amount).ok()))
}

fn attempt(row: &Row<'_>) -> Result<AttemptShow, Fault> {
    let reason = reason(row, 6)?;
    Ok(AttemptShow {
        number: row.get(0)?,
        state: word(row, 1, AttemptState::parse)?,
        started_at: maybe_instant(row, 2)?,
        ended_at: maybe_instant(row, 3)?,
        exit_code: row.get(4)?,
        signal: row.get(5)?,
        reason_kind: reason.kind(),
        reason,
        created_at: instant(row, 7)?,
        pid: row.get(8)?,
        used: Used { cpu_us: amount(row, 11)?, peak_bytes: amount(row, 12)? },
        progress: None,
    })
}

pub(super) fn output(row: &Row<'_>) -> Result<(Spot, String, Output), Fault> {
    let output = match maybe_json(row, 3)? {
        Some(value) => Output::Inline(value),
        None => {
            Output::Spilled { sha256: row.get(4)?, bytes: u64::try_from(row.get::<_, i64>(5)?).unwrap_or(0) }
        }
    };
    Ok((spot(row, 0)?, row.get(2)?, output))
}
