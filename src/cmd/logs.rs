//! `nightrun logs`: what a task printed.

use std::process::ExitCode;
use std::time::Duration;

use nightrun_core::decide::{AttemptState, TaskState};

use super::told::{self, Attempt, RunTold, Task};
use crate::cli::Logs;
use crate::client::Server;
use crate::failure::{Failure, Verdict};
use crate::say;

/// How often a growing log is looked at, here and elsewhere.
const LOOK: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(1)];

pub(crate) fn logs(args: Logs) -> Verdict {
    let server = Server::of(args.place)?;
    let run = told::run(&server, args.run)?;
    let tasks = chosen(&run, args.task.as_deref())?;
    let several = tasks.len() > 1;
    for task in tasks {
        let number = args.number.or(task.attempts.last().map(|attempt| attempt.number));
        let Some(number) = number else {
            if several {
                continue;
            }
            let sentence = format!("task `{}` has not been tried: {}", task.name(), task.reason);
            return Err(Failure::new(sentence));
        };
        if task.attempts.iter().all(|it| it.number != number) {
            let (name, tries) = (task.name(), task.attempts.len());
            return Err(Failure::usage(format!("task `{name}` has {tries} attempts, none of them {number}")));
        }
        if several {
            say::println(&format!("── {} ({})", task.name(), task.state));
        }
        let attempts = format!("/runs/{}/tasks/{}/attempts", args.run, Server::segment(&task.name()));
        print(&server, &attempts, number, args.follow)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn chosen<'a>(run: &'a RunTold, task: Option<&str>) -> Result<Vec<&'a Task>, Failure> {
    if let Some(id) = task {
        let task = run.find(id)?;
        // A task with a `foreach` has no attempts of its own.
        return Ok(if task.items.is_empty() { vec![task] } else { task.items.iter().collect() });
    }
    let failed = |task: &&Task| task.state == TaskState::Failed && !task.attempts.is_empty();
    let first: Vec<&Task> = run.instances().filter(failed).take(1).collect();
    Ok(if first.is_empty() { run.instances().collect() } else { first })
}

/// Prints what an attempt wrote, and goes on until it is over, where that is wanted.
fn print(server: &Server, attempts: &str, number: u32, follow: bool) -> Result<(), Failure> {
    let texts = ["stdout", "log"].map(|text| format!("{attempts}/{number}/{text}"));
    let mut ends = [0; 2];
    loop {
        // Looked at before: what is written until then is printed.
        let all: Vec<Attempt> = if follow { server.get(attempts)? } else { Vec::new() };
        let state = all.iter().find(|it| it.number == number).map(|it| it.state);
        for (text, end) in texts.iter().zip(&mut ends) {
            *end = server.copy(text, *end)?;
        }
        if state.is_none_or(AttemptState::is_final) {
            return Ok(());
        }
        std::thread::sleep(LOOK[usize::from(server.is_remote())]);
    }
}
