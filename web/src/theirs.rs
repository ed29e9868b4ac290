//! What happened in a run, for those who are limited to some DAGs.

use nightrun_core::decide::Transition;
use nightrun_engine::store::{Fault, LogEntry, RunShow};

use crate::app::Desk;

/// Who made a run where that is none of the business of whoever asks.
pub(crate) const ANOTHER: &str = "a task of another DAG";

impl Desk<'_> {
    /// The facts of a run after this one, without who called it, where that is none of the business of whoever asks.
    pub(crate) fn log_of(&self, run: &RunShow, after: i64, rows: u32) -> Result<Vec<LogEntry>, Fault> {
        let mut log = self.page.log(after, Some(run.run_id), rows)?;
        let caller = run.parent.as_ref().and_then(|by| by.dag.as_ref());
        if caller.is_some_and(|dag| !self.site.who.covers(dag.as_str())) {
            for entry in &mut log {
                if let Transition::RunCreated { by, parent, .. } = &mut entry.fact {
                    ANOTHER.clone_into(by);
                    *parent = None;
                }
            }
        }
        Ok(log)
    }
}
