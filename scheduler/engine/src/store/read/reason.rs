//! Why a run is where it is, without the rest of it: for lists.

use nightrun_core::decide::Reason;
use nightrun_core::id::RunId;

use super::Page;
use crate::store::column::reason;
use crate::store::error::Fault;

impl Page {
    /// Why a run is where it is.
    pub fn run_reason(&self, run: RunId) -> Result<Option<Reason>, Fault> {
        self.first("SELECT reason FROM run WHERE id = ?1", [run.0], |row| reason(row, 0))
    }
}
