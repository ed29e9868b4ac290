//! Files of attempts: where they are, and how logs are read.
//!
//! Tasks write their logs themselves, so a log is whatever they wrote: of any size, in any encoding,
//! with escape sequences for terminals. Nothing here loads a whole one.

mod around;
mod escape;
mod follow;
mod lines;
mod numbers;
mod progress;
mod read;
mod search;

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

pub use around::{Around, Side, around, first_with};
pub use escape::{Span, plain, spans};
pub use follow::{Follow, follow};
pub use lines::LineIndex;
pub use numbers::numbers;
pub use progress::{Progress, progress, progress_of};
pub use read::{LogSlice, last_lines, read, tail};
pub use search::{Hit, Hits, part_before, search};

use nightrun_core::id::{AttemptId, HookId, InstanceId, RunId};

/// Where the files of attempts are: `<data>/runs/<run>/<task>.<item>.<number>.<kind>`. Numbers only, so
/// that no name of a DAG or task becomes part of a path.
#[derive(Debug, Clone)]
pub struct LogPaths {
    runs: PathBuf,
}

impl LogPaths {
    /// The files below a data folder.
    pub fn new(data: &Path) -> Self {
        Self { runs: data.join("runs") }
    }

    /// The folder of a run.
    pub fn run(&self, run: RunId) -> PathBuf {
        self.runs.join(run.to_string())
    }

    /// The log: stderr, and stdout unless that is captured.
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

    /// What a hook's program prints in one of its tries.
    pub fn hook(&self, run: RunId, hook: HookId, number: u32) -> PathBuf {
        self.run(run).join(format!("hook.{hook}.{number}.log"))
    }

    /// Makes the folder of a run, for its owner alone. It may be there already.
    pub fn prepare(&self, run: RunId) -> io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(self.run(run))
    }

    fn file(&self, attempt: AttemptId, kind: &str) -> PathBuf {
        let InstanceId { run, task, item } = attempt.instance;
        self.run(run).join(format!("{task}.{item}.{}.{kind}", attempt.number))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use nightrun_core::id::TaskIndex;

    use super::*;

    #[test]
    fn files_are_named_by_numbers_below_their_run() {
        let paths = LogPaths::new(Path::new("/d"));
        let instance = InstanceId { run: RunId(7), task: TaskIndex(2), item: 3 };
        let attempt = AttemptId { instance, number: 4 };
        let files = [
            (paths.log(attempt), "/d/runs/7/2.3.4.log"),
            (paths.stdout(attempt), "/d/runs/7/2.3.4.out"),
            (paths.output(attempt), "/d/runs/7/2.3.4.output"),
            (paths.context(attempt), "/d/runs/7/2.3.4.context.json"),
            (paths.script(attempt), "/d/runs/7/2.3.4.script"),
        ];
        for (path, text) in files {
            assert_eq!(path, Path::new(text));
        }
    }

    #[test]
    fn a_run_has_a_folder_for_its_owner_alone() {
        let data = tempfile::tempdir().unwrap();
        let paths = LogPaths::new(data.path());
        paths.prepare(RunId(7)).unwrap();
        paths.prepare(RunId(7)).unwrap();
        let mode = fs::metadata(paths.run(RunId(7))).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }
}
