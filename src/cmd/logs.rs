//! `nightrun logs`: what a task printed.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use nightrun_core::decide::{AttemptState, TaskState};
use nightrun_core::id::AttemptId;
use nightrun_engine::logs::LogPaths;
use nightrun_engine::store::{RunShow, TaskShow};

use super::look::Looker;
use crate::cli::Logs;
use crate::failure::{Failure, OrFail, Verdict};
use crate::say;

/// How often a growing log is looked at.
const LOOK: Duration = Duration::from_millis(200);

pub(crate) fn logs(args: Logs) -> Verdict {
    let looker = Looker::open(args.data)?;
    let run = looker.run(args.run)?;
    let tasks = chosen(&run, args.task.as_deref())?;
    let paths = LogPaths::new(&looker.data);
    let several = tasks.len() > 1;
    for task in tasks {
        let number = args.number.or(task.attempts.last().map(|attempt| attempt.number));
        let Some(number) = number else {
            if !several {
                return Err(Failure::new(format!(
                    "task `{}` has not been tried: {}",
                    task.name(),
                    task.reason
                )));
            }
            continue;
        };
        let instance = task.instance(run.run_id);
        let attempt = AttemptId { instance, number };
        if task.attempts.iter().all(|it| it.number != number) {
            let tries = task.attempts.len();
            return Err(Failure::usage(format!(
                "task `{}` has {tries} attempts, none of them {number}",
                task.name()
            )));
        }
        if several {
            say::println(&format!("── {} ({})", task.name(), task.state));
        }
        let files = [paths.stdout(attempt), paths.log(attempt)];
        let mut ends = [0; 2];
        for (path, end) in files.iter().zip(&mut ends) {
            *end = copy(path, 0)?;
        }
        if args.follow {
            follow(&looker, attempt, &files, ends)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn chosen<'a>(run: &'a RunShow, task: Option<&str>) -> Result<Vec<&'a TaskShow>, Failure> {
    if let Some(id) = task {
        let task = run.find(id).ok_or_else(|| no_task(run, id))?;
        // A task with a `foreach` has no attempts of its own.
        return Ok(if task.items.is_empty() { vec![task] } else { task.items.iter().collect() });
    }
    let failed: Vec<&TaskShow> = run
        .instances()
        .filter(|task| task.state == TaskState::Failed && !task.attempts.is_empty())
        .take(1)
        .collect();
    Ok(if failed.is_empty() { run.instances().collect() } else { failed })
}

/// A name that no task of the run has.
pub(super) fn no_task(run: &RunShow, name: &str) -> Failure {
    let names: Vec<&str> = run.tasks.iter().map(|task| task.id.as_str()).collect();
    let failure = Failure::usage(format!("run {} has no task `{name}`", run.run_id));
    let items = run.tasks.iter().find(|task| !task.items.is_empty());
    let hint = items.map_or_else(String::new, |task| format!("; an item is written `{}[0]`", task.id));
    failure.help(format!("it has {}{hint}", names.join(", ")))
}

/// Prints a file from an offset on, byte for byte; returns where it ends. No file: nothing to print.
fn copy(path: &Path, from: u64) -> Result<u64, Failure> {
    let Ok(mut file) = File::open(path) else { return Ok(from) };
    file.seek(SeekFrom::Start(from)).or_fail(path.display())?;
    let mut out = std::io::stdout().lock();
    let mut buffer = vec![0; 64 * 1024];
    let mut end = from;
    loop {
        let read = file.read(&mut buffer).or_fail(path.display())?;
        if read == 0 || out.write_all(&buffer[..read]).is_err() {
            let _ = out.flush();
            return Ok(end);
        }
        end += read as u64;
    }
}

/// Goes on printing from where each file ended, until the attempt is over.
fn follow(
    looker: &Looker,
    attempt: AttemptId,
    files: &[PathBuf; 2],
    mut ends: [u64; 2],
) -> Result<(), Failure> {
    loop {
        let attempts = looker.read(|page| page.attempts(attempt.instance))?;
        let state = attempts.iter().find(|it| it.number == attempt.number).map(|it| it.state);
        let over = state.is_none_or(AttemptState::is_final);
        for (path, end) in files.iter().zip(&mut ends) {
            *end = copy(path, *end)?;
        }
        if over {
            return Ok(());
        }
        std::thread::sleep(LOOK);
    }
}
