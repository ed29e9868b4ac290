//! The end of an attempt's process becomes an outcome: its outputs are read, checked and put away.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use nightrun_core::dag::spec::Dag;
use nightrun_core::decide::{Choice, Event, Outcome, Output, Outputs, Used, choice_of};
use nightrun_core::id::{AttemptId, TaskIndex};
use nightrun_core::time::Timestamp;
use nightrun_core::value;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use serde_json::{Map, Value as Json};

use super::handle::Handle;
use crate::exec::Ended;
use crate::logs::LogPaths;
use crate::store;

/// Files up to this size are read on the loop's own thread.
const QUICK: u64 = 64 * 1024;

/// The end of the processes of an attempt, as the executor told it.
pub(super) struct End {
    pub(super) attempt: AttemptId,
    pub(super) at: Timestamp,
    pub(super) ended: Ended,
    pub(super) used: Used,
}

/// What the end of a process comes to. `None`: there is much to read; the outcome comes as an event.
pub(super) fn outcome(
    dag: &Arc<Dag>,
    paths: &LogPaths,
    data: &Path,
    end: End,
    loop_: &Handle,
) -> Option<Outcome> {
    let End { attempt, at, ended, used } = end;
    match ended {
        Ended::Exited(0) => {}
        Ended::Exited(code) => return Some(Outcome::Exited(code)),
        Ended::Signaled(number) => return Some(Outcome::Signaled(number)),
        Ended::NotStarted(message) => return Some(Outcome::NotStarted(message)),
    }
    let at_task = attempt.instance.task;
    let (file, stdout) = (paths.output(attempt), paths.stdout(attempt));
    let size = |path: &Path| fs::symlink_metadata(path).map_or(0, |meta| meta.len());
    if size(&file) + dag.task(at_task).capture.map_or(0, |_| size(&stdout)) <= QUICK {
        return Some(succeeded(dag, at_task, (&file, &stdout), data));
    }
    let (dag, data, loop_) = (dag.clone(), data.to_owned(), loop_.clone());
    tokio::task::spawn_blocking(move || {
        let outcome = succeeded(&dag, at_task, (&file, &stdout), &data);
        loop_.tell(Event::AttemptFinished { attempt, at, outcome, used });
    });
    None
}

/// Values that were never in a file.
pub(crate) fn inline(values: Map<String, Json>) -> Outputs {
    values.into_iter().map(|(key, value)| (key, Output::Inline(value))).collect()
}

fn succeeded(dag: &Dag, task: TaskIndex, files: (&Path, &Path), data: &Path) -> Outcome {
    match read_outputs(dag, task, files, data) {
        Ok((outputs, choice)) => Outcome::Succeeded { outputs, choice },
        Err(message) => Outcome::OutputsRefused(message),
    }
}

fn read_outputs(
    dag: &Dag,
    at: TaskIndex,
    (file, stdout): (&Path, &Path),
    data: &Path,
) -> Result<(Outputs, Choice), String> {
    let bytes = read_file(file)?;
    let values = value::parse_outputs(&bytes).map_err(|fault| fault.to_string())?;
    let (values, choice) = accept(dag, at, values, || read_file(stdout))?;
    let mut outputs = Outputs::new();
    for (key, value) in values {
        let output = store::spill(data, &value).map_err(|fault| format!("output `{key}`: {fault}"))?;
        outputs.insert(key, output);
    }
    // What was taken over is not needed twice.
    if !bytes.is_empty() {
        let _ = fs::remove_file(file);
    }
    Ok((outputs, choice))
}

/// What a task wrote and printed, as its outputs and its choice; the error says why they cannot be taken.
pub(crate) fn accept(
    dag: &Dag,
    at: TaskIndex,
    mut values: Map<String, Json>,
    stdout: impl FnOnce() -> Result<Vec<u8>, String>,
) -> Result<(Map<String, Json>, Choice), String> {
    let task = dag.task(at);
    value::check_declared(&task.outputs, &values)?;
    if let Some(kind) = task.capture {
        values.insert("return_value".into(), value::capture(kind, &stdout()?)?);
    }
    let choice = choice_of(dag, at, &values)?;
    Ok((values, choice))
}

/// A file's bytes; none when there is no file. What a task puts in its place (a link, a pipe, a device) is
/// refused: it could be read for ever.
fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(Errno::NOENT) => return Ok(Vec::new()),
        Err(Errno::LOOP) => return Err(format!("{} is a link", path.display())),
        Err(fault) => return Err(format!("{} cannot be read: {fault}", path.display())),
    };
    let fault = |fault: io::Error| format!("{} cannot be read: {fault}", path.display());
    if !file.metadata().map_err(fault)?.is_file() {
        return Err(format!("{} is no regular file", path.display()));
    }
    let limit = value::MAX_OUTPUTS as u64;
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(fault)?;
    if bytes.len() as u64 > limit {
        return Err(format!("more than the {limit} bytes allowed; hand on a path instead"));
    }
    Ok(bytes)
}
