//! Task instances of all runs, newest run first, a page at a time. A page never looks at more than a bounded part of
//! the past: where little fits it is short, and says from where the next one goes on.

use nightrun_core::decide::{Reason, RunType, TaskState};
use nightrun_core::id::{DagId, InstanceId, RunId, TaskIndex};
use nightrun_core::time::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Row, params, params_from_iter};
use schemars::JsonSchema;
use serde::Serialize;

use super::Page;
use crate::store::column::{dag_id, instant, maybe_instant, reason, word};
use crate::store::error::Fault;
use crate::store::row::as_text;

/// So many task instances are looked through for one page.
const LOOKED_AT: u32 = 10_000;

/// So many where each is looked up by itself.
const LOOKED_UP: u32 = 2_000;

/// Instances that ended in a way that is not a success: an index has them by their states.
const OTHERWISE: &str = "t.ended_at IS NOT NULL AND t.state <> 'success'";

const COLUMNS: &str =
    "t.run, t.task, t.item, t.task_id, t.state, t.reason, t.since, t.attempts, t.started_at, t.ended_at,
     (SELECT key FROM item i WHERE i.run = t.run AND i.fan = t.fan AND i.item = t.item),
     r.dag, r.run_type, r.logical_date";

/// Which task instances a list shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskFilter {
    /// Only of this DAG.
    pub dag: Option<DagId>,
    /// Only of DAGs with this in their ids.
    pub dag_part: Option<String>,
    /// Only of these DAGs: ids, in which `*` stands for any text and `?` for one character.
    pub among: Option<Vec<String>>,
    /// Only in one of these states; empty: in any.
    pub states: Vec<TaskState>,
    /// Only of the task of this id.
    pub task: Option<String>,
    /// Only of runs of this logical date or a later one.
    pub date_from: Option<Timestamp>,
    /// Only of runs of a logical date before this one.
    pub date_until: Option<Timestamp>,
    /// Only those that follow this one in the list: where the page before ended.
    pub before: Option<InstanceId>,
}

/// One task instance as a list shows it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct TaskItem {
    /// The number of its run.
    #[serde(serialize_with = "as_text")]
    #[schemars(with = "String")]
    pub run_id: RunId,
    /// Of which DAG.
    pub dag: DagId,
    /// What made the run.
    pub run_type: RunType,
    /// The logical date of the run.
    pub logical_date: Timestamp,
    /// The id of its task.
    pub id: String,
    /// The place of its task in the run.
    pub task: TaskIndex,
    /// Which item of a `foreach`, from 0; `None`: the task itself.
    pub item: Option<u32>,
    /// What people see of the item beside its number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Where it is.
    pub state: TaskState,
    /// Why.
    #[serde(serialize_with = "as_text")]
    #[schemars(with = "String")]
    pub reason: Reason,
    /// The name of the reason.
    pub reason_kind: &'static str,
    /// Since when.
    pub since: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
    /// When the process of its last attempt started.
    pub started_at: Option<Timestamp>,
    /// When its state became final.
    pub ended_at: Option<Timestamp>,
}

impl TaskItem {
    /// Which instance it is.
    pub fn instance(&self) -> InstanceId {
        InstanceId { run: self.run_id, task: self.task, item: self.item.map_or(0, |item| item + 1) }
    }

    /// Its name for people: `load`, and `load[3]` for an item.
    pub fn name(&self) -> String {
        self.item.map_or_else(|| self.id.clone(), |item| format!("{}[{item}]", self.id))
    }
}

/// One page of task instances.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TaskPage {
    /// Those that fit.
    pub items: Vec<TaskItem>,
    /// From where the next page goes on; `None`: there is nothing more.
    pub next: Option<InstanceId>,
}

/// One way to find instances, each by an index of its own.
#[derive(Clone)]
enum Search {
    /// Whatever state they are in.
    Any,
    /// Those that went well: nearly all.
    Success,
    /// Those that ended in this way.
    Otherwise(TaskState),
    /// Those that have not ended, in one of these states: their runs are not over.
    Active(Vec<TaskState>),
}

impl Search {
    fn all(states: &[TaskState]) -> Vec<Self> {
        if states.is_empty() {
            return vec![Self::Any];
        }
        let mut searches = Vec::new();
        let mut active = Vec::new();
        for state in states {
            match state {
                TaskState::Success => searches.push(Self::Success),
                state if state.is_final() => searches.push(Self::Otherwise(*state)),
                state => active.push(*state),
            }
        }
        searches.extend((!active.is_empty()).then_some(Self::Active(active)));
        searches
    }

    /// The condition on its state.
    fn states(&self) -> String {
        let is = |state: &TaskState| format!("t.state = '{state}'");
        match self {
            Self::Any => "true".to_owned(),
            Self::Success => is(&TaskState::Success),
            Self::Otherwise(state) => format!("{OTHERWISE} AND {}", is(state)),
            Self::Active(states) => format!("({})", states.iter().map(is).collect::<Vec<_>>().join(" OR ")),
        }
    }

    /// The tables, in the order in which they are read. The plus keeps a bound on runs from being used in the place of
    /// the one run that is looked at.
    fn tables(&self, of_dag: bool) -> &'static str {
        match (self, of_dag) {
            (Self::Otherwise(_), true) => {
                "run r CROSS JOIN task_instance t INDEXED BY task_instance_ended_otherwise ON t.run = +r.id"
            }
            (Self::Otherwise(_), false) => {
                "task_instance t INDEXED BY task_instance_ended_otherwise CROSS JOIN run r ON r.id = t.run"
            }
            (_, true) => "run r CROSS JOIN task_instance t ON t.run = +r.id",
            (_, false) => "task_instance t CROSS JOIN run r ON r.id = t.run",
        }
    }
}

impl TaskFilter {
    fn before(&self) -> InstanceId {
        let last = InstanceId { run: RunId(i64::MAX), task: TaskIndex(u32::MAX), item: u32::MAX };
        self.before.unwrap_or(last)
    }

    /// The place of an instance in the list. Of a DAG its runs come first: the plus keeps an index on instances to one.
    fn place(&self) -> &'static str {
        if self.dag.is_some() { "(+t.run, t.task, t.item)" } else { "(t.run, t.task, t.item)" }
    }

    /// True when not all that a search finds need fit.
    fn sifts(&self, search: &Search) -> bool {
        let asked = self.task.is_some() || self.dag_part.is_some() || self.among.is_some();
        asked || self.date_from.is_some() || self.date_until.is_some() || matches!(search, Search::Success)
    }

    /// The conditions beside those of a search, with their values.
    fn conditions(&self, search: &Search) -> (String, Vec<Value>) {
        let text = |text: &str| Value::from(text.to_owned());
        let before = self.before();
        let mut conditions = vec![search.states(), format!("{} < (?, ?, ?)", self.place())];
        let mut values = vec![before.run.0.into(), before.task.0.into(), before.item.into()];
        if self.dag.is_some() {
            conditions.push("r.id <= ?".to_owned());
            values.push(before.run.0.into());
        }
        if matches!(search, Search::Active(_)) {
            let active = "r.state IN ('queued', 'running', 'stopping')";
            let runs = "t.run IN (SELECT id FROM run WHERE state IN ('queued', 'running', 'stopping'))";
            conditions.push(if self.dag.is_some() { active } else { runs }.to_owned());
        }
        let asked = [
            ("r.dag = ?", self.dag.as_ref().map(|dag| text(dag.as_str()))),
            ("t.task_id = ?", self.task.as_deref().map(text)),
            ("+r.dag IN (SELECT id FROM dag WHERE instr(id, ?))", self.dag_part.as_deref().map(text)),
            ("+r.logical_date >= ?", self.date_from.map(|from| from.nanos().into())),
            ("+r.logical_date < ?", self.date_until.map(|until| until.nanos().into())),
        ];
        for (condition, value) in asked {
            if let Some(value) = value {
                conditions.push(condition.to_owned());
                values.push(value);
            }
        }
        if let Some(globs) = &self.among {
            let any = vec!["r.dag GLOB ?"; globs.len()].join(" OR ");
            conditions.push(format!("({})", if any.is_empty() { "false" } else { &any }));
            values.extend(globs.iter().map(|glob| text(glob)));
        }
        (conditions.join(" AND "), values)
    }

    /// What a search asks the store, with its values.
    fn sql(&self, search: &Search, floor: Option<InstanceId>, limit: u32) -> (String, Vec<Value>) {
        let of_dag = self.dag.is_some();
        let (mut conditions, mut values) = self.conditions(search);
        if let Some(floor) = floor {
            conditions.extend([" AND ", self.place(), " >= (?, ?, ?)"]);
            values.extend([floor.run.0.into(), floor.task.0.into(), floor.item.into()]);
            if of_dag {
                conditions.push_str(" AND r.id >= ?");
                values.push(floor.run.0.into());
            }
        }
        values.push(limit.into());
        let (tables, run) = (search.tables(of_dag), if of_dag { "r.id" } else { "t.run" });
        let sql = format!(
            "SELECT {COLUMNS} FROM {tables} WHERE {conditions}
             ORDER BY {run} DESC, t.task DESC, t.item DESC LIMIT ?"
        );
        (sql, values)
    }
}

impl Page {
    /// Task instances, those of the newest runs first, of one run the last first; at most `limit`.
    pub fn task_items(&self, filter: &TaskFilter, limit: u32) -> Result<TaskPage, Fault> {
        let (mut items, mut floor) = (Vec::new(), None);
        for search in Search::all(&filter.states) {
            let lowest = if filter.dag.is_some() || filter.sifts(&search) {
                self.floor(filter, &search)?
            } else {
                None
            };
            items.extend(self.search(filter, &search, lowest, limit)?);
            floor = floor.max(lowest);
        }
        items.retain(|item| floor.is_none_or(|floor| item.instance() >= floor));
        items.sort_by_key(|item| std::cmp::Reverse(item.instance()));
        items.truncate(limit as usize);
        let full = items.len() == limit as usize;
        let next = if full { items.last().map(TaskItem::instance) } else { floor };
        Ok(TaskPage { items, next })
    }

    fn search(
        &self,
        filter: &TaskFilter,
        search: &Search,
        floor: Option<InstanceId>,
        limit: u32,
    ) -> Result<Vec<TaskItem>, Fault> {
        let (sql, values) = filter.sql(search, floor, limit);
        self.all(&sql, params_from_iter(values), item)
    }

    /// The last instance that one page looks at; `None`: it looks at all there are.
    fn floor(&self, filter: &TaskFilter, search: &Search) -> Result<Option<InstanceId>, Fault> {
        let before = filter.before();
        if let Some(dag) = &filter.dag {
            let runs = self.looked_at(dag, search)?;
            let sql = "SELECT id FROM run WHERE dag = ?1 AND id <= ?2 ORDER BY id DESC LIMIT 1 OFFSET ?3";
            let first = |row: &Row<'_>| Ok(InstanceId::whole(RunId(row.get(0)?), TaskIndex(0)));
            return self.first(sql, params![dag.as_str(), before.run.0, runs], first);
        }
        let (by, looked_at) = match search {
            Search::Active(_) => return Ok(None),
            Search::Otherwise(_) => ("INDEXED BY task_instance_ended_otherwise", LOOKED_UP),
            Search::Any | Search::Success => ("", LOOKED_AT),
        };
        let states = if by.is_empty() { "true".to_owned() } else { search.states() };
        let sql = format!(
            "SELECT run, task, item FROM task_instance t {by}
             WHERE {states} AND (run, task, item) < (?1, ?2, ?3)
             ORDER BY run DESC, task DESC, item DESC LIMIT 1 OFFSET ?4"
        );
        self.first(&sql, params![before.run.0, before.task.0, before.item, looked_at], |row| {
            let (run, task) = (RunId(row.get(0)?), TaskIndex(row.get(1)?));
            Ok(InstanceId { run, task, item: row.get(2)? })
        })
    }

    /// How many runs of a DAG one page looks at: fewer where they have many tasks.
    fn looked_at(&self, dag: &DagId, search: &Search) -> Result<u32, Fault> {
        if matches!(search, Search::Otherwise(_)) {
            return Ok(LOOKED_UP);
        }
        let sql = "SELECT json_array_length(tasks) FROM dag JOIN dag_version v ON v.id = dag.version
                   WHERE dag.id = ?1";
        let tasks: u32 = self.first(sql, [dag.as_str()], |row| Ok(row.get(0)?))?.unwrap_or_default();
        Ok((LOOKED_AT / tasks.max(1)).clamp(1, LOOKED_UP))
    }
}

fn item(row: &Row<'_>) -> Result<TaskItem, Fault> {
    let reason = reason(row, 5)?;
    Ok(TaskItem {
        run_id: RunId(row.get(0)?),
        task: TaskIndex(row.get(1)?),
        item: row.get::<_, u32>(2)?.checked_sub(1),
        id: row.get(3)?,
        state: word(row, 4, TaskState::parse)?,
        reason_kind: reason.kind(),
        reason,
        since: instant(row, 6)?,
        attempts: row.get(7)?,
        started_at: maybe_instant(row, 8)?,
        ended_at: maybe_instant(row, 9)?,
        key: row.get(10)?,
        dag: dag_id(row, 11)?,
        run_type: word(row, 12, RunType::parse)?,
        logical_date: instant(row, 13)?,
    })
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;
    use crate::store::Writer;

    /// Each search reads by an index, a bounded stretch of it, and sorts nothing.
    #[test]
    fn no_search_walks_through_history() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("nightrun.db");
        Writer::open(&path).unwrap().close().unwrap();
        let conn = Connection::open(&path).unwrap();
        let floor = Some(InstanceId::whole(RunId(1), TaskIndex(0)));
        for dag in [None, Some("etl".into())] {
            let by = if dag.is_some() { "(state=? AND run=?)" } else { "(state=? AND (run,task,item)>" };
            for (search, by) in [
                (Search::Any, if dag.is_some() { "(run=?)" } else { "((run,task,item)>" }),
                (Search::Success, if dag.is_some() { "(run=?)" } else { "((run,task,item)>" }),
                (Search::Otherwise(TaskState::Failed), by),
            ] {
                let filter =
                    TaskFilter { dag: dag.clone(), task: Some("load".into()), ..TaskFilter::default() };
                let (sql, values) = filter.sql(&search, floor, 50);
                let mut plan = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
                let rows = plan.query_map(params_from_iter(values), |row| row.get::<_, String>(3));
                let plan = rows.unwrap().collect::<Result<Vec<_>, _>>().unwrap().join("; ");
                assert!(!plan.contains("TEMP B-TREE") && !plan.contains("SCAN"), "{sql}: {plan}");
                assert!(plan.contains(by), "{sql}: {plan}");
            }
        }
    }
}
