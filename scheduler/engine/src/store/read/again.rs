//! Pages about what people did after the fact: notes, backfills, and who did what.

use nightrun_core::decide::{BackfillState, Reason, RunState, Target};
use nightrun_core::id::{BackfillId, DagId, RunId};
use nightrun_core::time::Timestamp;
use rusqlite::{Row, params};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Page;
use crate::store::column::{dag_id, instant, maybe_instant, maybe_json, word};
use crate::store::error::Fault;

/// Something that somebody wrote down about a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct NoteItem {
    /// The id of the task it is about; none: the run.
    pub task: Option<String>,
    /// What.
    pub text: String,
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// One backfill and how far it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BackfillShow {
    /// Its number.
    pub backfill: BackfillId,
    /// Of which DAG.
    pub dag: DagId,
    /// Where it is.
    pub state: BackfillState,
    /// First instant of its stretch.
    pub from: Timestamp,
    /// Last instant of its stretch.
    pub to: Timestamp,
    /// `missing`, `failed` or `all`.
    pub mode: String,
    /// `oldest` or `newest`.
    pub order: String,
    /// How many of its runs are active at once.
    pub max_active: u32,
    /// Who asked for it.
    pub by: String,
    /// Why, in their words.
    pub why: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Runs that succeeded.
    pub done: u32,
    /// Runs that ended otherwise.
    pub failed: u32,
    /// Runs that go on.
    pub active: u32,
    /// Instants that have no run yet.
    pub left: u32,
    /// Instants that are left out.
    pub skipped: u32,
}

/// One instant of a backfill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct BackfillDate {
    /// The instant.
    pub instant: Timestamp,
    /// `run`, `rerun` or `skip`.
    pub action: &'static str,
    /// Its run, once it has one.
    pub run_id: Option<String>,
    /// Where that run is.
    pub state: Option<RunState>,
    /// Why it is left out.
    pub reason: Option<String>,
}

/// One deed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AuditItem {
    /// The number of its fact in the log.
    pub seq: i64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: String,
    /// What: the verb of the command line.
    pub verb: &'static str,
    /// What it was done to: `DAG sales`, `run 7`, `task load of run 7`, `backfill 2`, `hold 3`, `var url`, `everything`.
    pub target: String,
    /// More about it.
    pub what: String,
    /// Why, in their words.
    pub why: Option<String>,
}

/// Columns of a [`BackfillShow`], in the order in which it is read.
const BACKFILL: &str =
    "SELECT b.id, b.dag, b.state, first, last, mode, take_order, max_active, b.asked_by, why,
       b.created_at, b.ended_at, count(*) FILTER (WHERE run.state = 'success'),
       count(*) FILTER (WHERE run.state IN ('failed', 'canceled')),
       count(*) FILTER (WHERE run.ended_at IS NULL AND run.id IS NOT NULL),
       count(*) FILTER (WHERE i.run IS NULL AND i.skipped IS NULL),
       count(*) FILTER (WHERE i.skipped IS NOT NULL)
FROM backfill b JOIN backfill_item i ON i.backfill = b.id LEFT JOIN run ON run.id = i.run";

impl Page {
    /// What was written down about a run, oldest first.
    pub fn notes(&self, run: RunId) -> Result<Vec<NoteItem>, Fault> {
        self.all(
            "SELECT task_id, text, by, at FROM note LEFT JOIN task_instance i
               ON i.run = note.run AND i.task = note.task AND i.item = 0
             WHERE note.run = ?1 ORDER BY id",
            [run.0],
            |row| {
                let (task, text, by) = (row.get(0)?, row.get(1)?, row.get(2)?);
                Ok(NoteItem { task, text, by, at: instant(row, 3)? })
            },
        )
    }

    /// Backfills, newest first; of one DAG, or all.
    pub fn backfills(&self, dag: Option<&DagId>, limit: u32) -> Result<Vec<BackfillShow>, Fault> {
        self.backfills_before(dag, None, limit)
    }

    /// The same, of those made before one.
    pub fn backfills_before(
        &self,
        dag: Option<&DagId>,
        before: Option<BackfillId>,
        limit: u32,
    ) -> Result<Vec<BackfillShow>, Fault> {
        self.all(
            &format!(
                "{BACKFILL} WHERE (b.dag = ?1 OR ?1 IS NULL) AND b.id < ?2
                 GROUP BY b.id ORDER BY b.id DESC LIMIT ?3"
            ),
            params![dag.map(DagId::as_str), before.map_or(i64::MAX, |backfill| backfill.0), limit],
            backfill,
        )
    }

    /// One backfill.
    pub fn backfill(&self, id: BackfillId) -> Result<Option<BackfillShow>, Fault> {
        self.first(&format!("{BACKFILL} WHERE b.id = ?1 GROUP BY b.id"), [id.0], backfill)
    }

    /// The instants of a backfill, in the order in which they are taken.
    pub fn backfill_dates(&self, id: BackfillId) -> Result<Vec<BackfillDate>, Fault> {
        self.all(
            "SELECT instant, again, i.run, run.state, skipped
             FROM backfill_item i LEFT JOIN run ON run.id = i.run WHERE i.backfill = ?1 ORDER BY place",
            [id.0],
            |row| {
                let (again, run): (Option<i64>, Option<i64>) = (row.get(1)?, row.get(2)?);
                let skipped: Option<Reason> = maybe_json(row, 4)?;
                let state: Option<String> = row.get(3)?;
                Ok(BackfillDate {
                    instant: instant(row, 0)?,
                    action: match (&skipped, again) {
                        (Some(_), _) => "skip",
                        (None, Some(_)) => "rerun",
                        (None, None) => "run",
                    },
                    run_id: run.or(again).map(|run| run.to_string()),
                    state: state.as_deref().and_then(RunState::parse),
                    reason: skipped.map(|reason| reason.to_string()),
                })
            },
        )
    }

    /// What a deed was done to, in words.
    pub(super) fn target(&self, to: Target<'_>) -> Result<String, Fault> {
        Ok(match to {
            Target::Everything => "everything".to_owned(),
            Target::Dag(dag) => format!("DAG {dag}"),
            Target::Run(run) => format!("run {run}"),
            Target::Backfill(backfill) => format!("backfill {backfill}"),
            Target::Hold(hold) => format!("maintenance window {hold}"),
            Target::Var(var) => format!("var {var}"),
            Target::User(user) => format!("user {user}"),
            Target::Token(token) => format!("token {token}"),
            Target::Task(id) => {
                let sql = "SELECT task_id FROM task_instance WHERE run = ?1 AND task = ?2 AND item = ?3";
                let place = params![id.run.0, id.task.0, id.item];
                let name: Option<String> = self.first(sql, place, |row| Ok(row.get(0)?))?;
                let item = if id.item > 0 { format!("[{}]", id.item) } else { String::new() };
                format!("task {}{item} of run {}", name.unwrap_or_default(), id.run)
            }
        })
    }
}

fn backfill(row: &Row<'_>) -> Result<BackfillShow, Fault> {
    Ok(BackfillShow {
        backfill: BackfillId(row.get(0)?),
        dag: dag_id(row, 1)?,
        state: word(row, 2, BackfillState::parse)?,
        from: instant(row, 3)?,
        to: instant(row, 4)?,
        mode: row.get(5)?,
        order: row.get(6)?,
        max_active: row.get(7)?,
        by: row.get(8)?,
        why: row.get(9)?,
        created_at: instant(row, 10)?,
        ended_at: maybe_instant(row, 11)?,
        done: row.get(12)?,
        failed: row.get(13)?,
        active: row.get(14)?,
        left: row.get(15)?,
        skipped: row.get(16)?,
    })
}
