//! Logs of attempts: where they are and how they are read.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use nightrun_core::id::{AttemptId, InstanceId, RunId};

/// Where the files of attempts are, by numbers only.
#[derive(Debug, Clone)]
pub struct LogPaths {
    runs: PathBuf,
}

impl LogPaths {
    /// The files below a data folder.
    pub fn new(data: &Path) -> Self {
        Self { runs: data.join("runs") }
    }

    /// The log.
    pub fn log(&self, attempt: AttemptId) -> PathBuf {
        self.file(attempt, "log")
    }

    /// stdout, where it is captured.
    pub fn stdout(&self, attempt: AttemptId) -> PathBuf {
        self.file(attempt, "out")
    }

    /// Where the process writes its outputs.
    pub fn output(&self, attempt: AttemptId) -> PathBuf {
        self.file(attempt, "output")
    }

    /// What the process may read about its run.
    pub fn context(&self, attempt: AttemptId) -> PathBuf {
        self.file(attempt, "context.json")
    }

    /// The script handed to an interpreter.
    pub fn script(&self, attempt: AttemptId) -> PathBuf {
        self.file(attempt, "script")
    }

    /// Makes the folder of a run.
    pub fn prepare(&self, run: RunId) -> io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(self.runs.join(run.to_string()))
    }

    fn file(&self, attempt: AttemptId, kind: &str) -> PathBuf {
        let InstanceId { run, task, item } = attempt.instance;
        self.runs.join(run.to_string()).join(format!("{task}.{item}.{}.{kind}", attempt.number))
    }
}

/// The last lines of a file.
pub fn tail(path: &Path, lines: usize) -> io::Result<String> {
    let text = String::from_utf8_lossy(&fs::read(path)?).into_owned();
    let all: Vec<&str> = text.lines().collect();
    Ok(all[all.len().saturating_sub(lines)..].join("\n"))
}
