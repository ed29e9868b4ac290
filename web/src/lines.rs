//! Numbers of lines of logs, counted once and kept while the server runs.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use nightrun_core::id::AttemptId;
use nightrun_engine::logs::LineIndex;

/// Most logs whose lines are kept counted; beyond that all are forgotten and counted again by need.
const KEPT: usize = 200;

/// Most of a log that is counted for one page, in bytes; the next page goes on from there.
pub(crate) const COUNTED: u64 = 64 << 20;

/// Lines that were counted.
#[derive(Default)]
pub(crate) struct Lines(Mutex<HashMap<AttemptId, LineIndex>>);

impl Lines {
    /// The number of the line, from 1, in which a place of a log is, once so much has been counted; `budget` bytes
    /// may be counted now.
    pub(crate) fn number(&self, id: AttemptId, path: &Path, offset: u64, budget: u64) -> Option<u64> {
        self.with(id, |index| index.number(path, offset, budget))
    }

    /// Where a line begins, if it is there and so much has been counted.
    pub(crate) fn offset(&self, id: AttemptId, path: &Path, number: u64) -> Option<u64> {
        self.with(id, |index| index.offset(path, number, COUNTED))
    }

    /// Counting takes time, so nobody waits for it: who looks at the same log meanwhile counts too.
    fn with<T>(
        &self,
        id: AttemptId,
        look: impl FnOnce(&mut LineIndex) -> io::Result<Option<T>>,
    ) -> Option<T> {
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut index = lock().get(&id).cloned().unwrap_or_default();
        let found = look(&mut index).ok().flatten();
        let mut known = lock();
        if known.len() >= KEPT && !known.contains_key(&id) {
            known.clear();
        }
        known.insert(id, index);
        found
    }
}
