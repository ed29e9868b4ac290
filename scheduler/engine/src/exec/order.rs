//! What an executor is told, and what it says.

use std::path::PathBuf;

use nightrun_core::decide::Used;
use nightrun_core::id::AttemptId;

/// All that is needed to run one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptOrder {
    /// Which attempt.
    pub attempt: AttemptId,
    /// The program and its arguments; never empty.
    pub argv: Vec<String>,
    /// The whole environment of the process.
    pub env: Vec<(String, String)>,
    /// Where the process starts.
    pub working_dir: PathBuf,
    /// Where its stderr goes, and its stdout unless `stdout` says otherwise; created or appended to.
    pub log: PathBuf,
    /// Where its stdout goes when it is captured.
    pub stdout: Option<PathBuf>,
}

/// What an executor says of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// Its process lives.
    Started {
        /// Its process id, which is its process group too.
        pid: u32,
    },
    /// Its process is known dead and reaped, and so is its group; and what they used.
    Ended(Ended, Used),
}

/// How the process of an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// It exited with this code.
    Exited(i32),
    /// This signal ended it.
    Signaled(i32),
    /// It could not be started.
    NotStarted(String),
}
