//! A copy of the database, whole and of one moment, while others read and write it.

use std::path::Path;

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use super::connect::{self, beside, move_into_place};
use super::error::{Fault, StoreError};

/// Copies the store to a file that must not be there yet. A server may go on writing meanwhile.
pub fn backup(path: &Path, target: &Path) -> Result<(), StoreError> {
    let source = connect::open_for_reading(path).map_err(|fault| fault.at(path))?;
    if target.exists() {
        return Err(Fault::Exists.at(target));
    }
    copy(&source, target).map_err(|fault| fault.at(target))
}

/// Copies what a connection sees; replaces the target only when the copy is whole and on disk.
pub(super) fn copy(source: &Connection, target: &Path) -> Result<(), Fault> {
    let draft = beside(target, ".partial");
    connect::remove(&draft)?;
    let mut copy = Connection::open(&draft)?;
    // All pages in one step: one read transaction, so writers are not held up and never force a restart.
    let done = Backup::new(source, &mut copy)?.step(-1)?;
    if done != StepResult::Done {
        return Err(Fault::Other("the database is locked by another program; try again".into()));
    }
    copy.close().map_err(|(_, error)| error)?;
    move_into_place(&draft, target)
}
