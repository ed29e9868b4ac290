//! Runs that tasks of other runs called.

use nightrun_core::decide::{Outputs, Parent, RunState, TaskState};
use nightrun_core::id::{AttemptId, DagId, InstanceId, RunId, TaskIndex};
use rusqlite::{Row, params};
use schemars::JsonSchema;
use serde::Serialize;

use super::Page;
use crate::store::column::{dag_id, parent, word};
use crate::store::error::Fault;
use crate::store::row::as_text;

/// The attempt that called a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CallerShow {
    /// Its run, which may be gone.
    #[serde(serialize_with = "as_text")]
    #[schemars(with = "String")]
    pub run_id: RunId,
    /// The DAG of that run; none: it is gone.
    pub dag: Option<DagId>,
    /// The id of its task; none: its run is gone.
    pub task: Option<String>,
    /// The item of its `foreach`, from 0.
    pub item: Option<u32>,
    /// Which try.
    pub attempt: u32,
    /// How many runs stand above the called one.
    pub depth: u32,
}

/// A run that a task called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CalledShow {
    /// Its number.
    #[serde(serialize_with = "as_text")]
    #[schemars(with = "String")]
    pub run_id: RunId,
    /// Of which DAG.
    pub dag: DagId,
    /// Where it is.
    pub state: RunState,
    /// The id of the task that called it.
    pub task: String,
    /// The item of that task's `foreach`, from 0.
    pub item: Option<u32>,
    /// Which try of that task.
    pub attempt: u32,
}

/// What one task of a run handed on.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskOutputs {
    /// The id of the task.
    pub id: String,
    /// How many items it has; 0 without a `foreach`.
    pub items: usize,
    /// Its outputs by item, 0 for the task itself; only of those that have any.
    pub outputs: Vec<(u32, Outputs)>,
}

impl Page {
    /// Who called a run.
    pub fn caller(&self, run: RunId) -> Result<Option<CallerShow>, Fault> {
        let sql = "SELECT parent_run, parent_task, parent_item, parent_number, depth FROM run WHERE id = ?1";
        let Some(Some(Parent { attempt, depth })) = self.first(sql, [run.0], |row| parent(row, 0))? else {
            return Ok(None);
        };
        let AttemptId { instance: InstanceId { run, task, item }, number } = attempt;
        let sql = "SELECT run.dag, i.task_id FROM run JOIN task_instance i ON i.run = run.id
                   WHERE run.id = ?1 AND i.task = ?2 AND i.item = ?3";
        let name = |row: &Row<'_>| Ok((dag_id(row, 0)?, row.get(1)?));
        let (dag, task) = self.first(sql, params![run.0, task.0, item], name)?.unzip();
        Ok(Some(CallerShow { run_id: run, dag, task, item: item.checked_sub(1), attempt: number, depth }))
    }

    /// The runs that the tasks of a run called, in the order of the tasks.
    pub fn called(&self, run: RunId) -> Result<Vec<CalledShow>, Fault> {
        self.all(
            "SELECT run.id, run.dag, run.state, i.task_id, i.item, parent_number
             FROM run JOIN task_instance i
               ON i.run = parent_run AND i.task = parent_task AND i.item = parent_item
             WHERE parent_run = ?1 ORDER BY parent_task, parent_item, parent_number",
            [run.0],
            |row| {
                Ok(CalledShow {
                    run_id: RunId(row.get(0)?),
                    dag: dag_id(row, 1)?,
                    state: word(row, 2, RunState::parse)?,
                    task: row.get(3)?,
                    item: row.get::<_, u32>(4)?.checked_sub(1),
                    attempt: row.get(5)?,
                })
            },
        )
    }

    /// The visible outputs of a run, task by task in the order of the file.
    pub fn outputs_by_task(&self, run: RunId) -> Result<Vec<TaskOutputs>, Fault> {
        let sql = "SELECT task, task_id, item, state FROM task_instance WHERE run = ?1 ORDER BY task, item";
        let mut outputs = self.outputs(run)?;
        let mut tasks: Vec<TaskOutputs> = Vec::new();
        for (task, id, item, state) in self.all(sql, [run.0], |row| {
            let state = word(row, 3, TaskState::parse)?;
            Ok((TaskIndex(row.get(0)?), row.get::<_, String>(1)?, row.get::<_, u32>(2)?, state))
        })? {
            if item == 0 {
                tasks.push(TaskOutputs { id, items: 0, outputs: Vec::new() });
            }
            let Some(last) = tasks.last_mut() else { continue };
            last.items += usize::from(item > 0 && state != TaskState::Removed);
            last.outputs.extend(outputs.remove(&(task, item)).map(|outputs| (item, outputs)));
        }
        Ok(tasks)
    }
}
