//! The store: one `SQLite` file that remembers every transition.
//!
//! The append-only log is the truth; all other tables are its projections, written in the same
//! transaction and rebuilt from the log by `db check`. One thread owns the only connection that writes;
//! everybody else reads through read-only connections, one transaction a page. No SQL outside this room.
//!
//! ```text
//! <data>/nightrun.db   the database        <data>/lock     held by the one process that writes
//! <data>/values/ab/…   large outputs, by their hash
//! ```

mod backup;
mod check;
mod column;
mod connect;
mod error;
mod hold;
mod kept;
mod load;
mod lock;
mod migrate;
mod past;
mod project;
mod read;
mod row;
mod standstill;
mod values;
mod waiters;
mod writer;

#[cfg(test)]
mod tests;

pub use backup::backup;
pub use check::{Finding, check, rebuild};
pub use error::{Fault, StoreError};
pub use hold::{HoldItem, Overlay, TickChangeItem};
pub use kept::KeptAnswer;
pub use load::{Loaded, Unreadable, load, load_run};
pub use past::past_of;
pub use read::{
    AuditFilter, AuditItem, AuditPage, Awaited, AwaitedDate, BackfillDate, BackfillShow, CalledShow,
    CallerShow, DagStanding, FailingDags, FiredTick, ItemLine, Missed, Neighbour, NoteItem, OldRun, Page,
    PruneItem, QueuedRuns, Reader, RunFilter, RunWeight, SlotTask, StoreFigures, TaskLength, TaskOutputs,
};
pub use read::{Pause, TokenItem, UserItem};
pub use read::{TaskFilter, TaskInRun, TaskItem, TaskPage};
pub use row::{
    ActiveRuns, AttemptShow, DagInForce, DagItem, FileFaults, Grid, GridRun, GroupTry, HookShow, LateShow,
    LogEntry, ReadyTask, RunItem, RunMark, RunShow, TaskEnd, TaskShow, TickItem, VarItem, VersionItem,
    VersionText,
};
pub use standstill::standstill;
pub use values::{INLINE_BYTES, MAX_BYTES, fetch, spill, value_files};
pub use waiters::waiters_of;
pub use writer::{Committed, Writer};

/// Name of the database in the data folder.
pub const DATABASE: &str = "nightrun.db";

/// Name of the folder of large outputs in the data folder.
const VALUES: &str = "values";

/// Bytes as lower-case hexadecimal text.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string never fails");
        text
    })
}
