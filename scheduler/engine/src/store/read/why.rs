//! What only `why` asks: who paused, who holds what others wait for.

use nightrun_core::decide::Transition;
use nightrun_core::id::{DagId, RunId, VersionId};
use nightrun_core::time::Timestamp;

use schemars::JsonSchema;
use serde::Serialize;

use super::Page;
use crate::store::column::{instant, json};
use crate::store::error::Fault;

/// How something came to be paused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Pause {
    /// When.
    pub at: Timestamp,
    /// Who did it.
    pub by: String,
    /// Why, in their words.
    pub why: Option<String>,
}

impl Page {
    /// When a DAG, or everything (`None`), was last paused, by whom and why.
    pub fn last_pause(&self, dag: Option<&DagId>) -> Result<Option<Pause>, Fault> {
        let sql = "SELECT at, body FROM transition_log
                   WHERE run IS NULL AND json_extract(body, '$.fact') = 'paused'
                     AND json_extract(body, '$.paused') AND json_extract(body, '$.dag') IS ?1
                   ORDER BY seq DESC LIMIT 1";
        let found = self.first(sql, [dag.map(DagId::as_str)], |row| Ok((instant(row, 0)?, json(row, 1)?)))?;
        Ok(found.and_then(|(at, fact)| match fact {
            Transition::Paused { by, why, .. } => Some(Pause { at, by, why }),
            _ => None,
        }))
    }

    /// The version that a run is pinned to.
    pub fn version_of(&self, run: RunId) -> Result<Option<VersionId>, Fault> {
        self.first("SELECT version FROM run WHERE id = ?1", [run.0], |row| Ok(VersionId(row.get(0)?)))
    }
}
