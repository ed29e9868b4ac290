//! `nightrun runs`, `runs show`: what ran.

use std::process::ExitCode;

use nightrun_core::dag::spec::Lateness;
use nightrun_core::decide::RunState;
use nightrun_engine::clock::system_clock;
use nightrun_engine::store::{RunItem, standstill};
use serde_json::Value as Json;

use super::told::{self, Called, Late, RunTold, Task};
use crate::cli::{OfRun, Runs, RunsVerb};
use crate::client::Server;
use crate::failure::{Failure, Verdict};
use crate::say;

pub(crate) fn runs(args: Runs) -> Verdict {
    if let Some(RunsVerb::Show(show)) = args.verb {
        return show_run(show);
    }
    let known = || RunState::ALL.iter().map(|state| state.as_str()).collect::<Vec<_>>().join(", ");
    let asked = match args.state.as_deref().map(|text| (text, RunState::parse(text))) {
        Some((text, None)) => {
            return Err(Failure::usage(format!("`{text}` is no state of a run")).help(known()));
        }
        Some((_, Some(state))) => format!("&state={state}"),
        None => String::new(),
    };
    let of = args.dag.map_or_else(String::new, |dag| format!("&dag={}", Server::segment(&dag)));
    let limit = if args.all { usize::MAX } else { args.limit };
    let runs: Vec<Json> = Server::of(args.look.place)?.list(&format!("/runs?{of}{asked}"), limit)?;
    if args.look.json {
        say::json(&runs)?;
        return Ok(ExitCode::SUCCESS);
    }
    let now = system_clock()();
    let runs: Vec<RunItem> = runs.into_iter().map(told::read).collect::<Result<_, _>>()?;
    let row = |run: RunItem| {
        let late = match &run.late[..] {
            [] => "",
            [Lateness::Warning] => ", may be late",
            _ => ", late",
        };
        vec![
            run.run_id.to_string(),
            run.dag.to_string(),
            format!("{} {}{late}", say::sign(run.state.as_str()), run.state),
            run.run_type.as_str().to_owned(),
            say::instant(Some(run.logical_date)),
            say::instant(run.started_at),
            say::took(run.started_at, run.ended_at.or(Some(now))),
        ]
    };
    let head = ["run", "dag", "state", "type", "logical date", "started", "took"];
    say::println(say::table(&head, runs.into_iter().map(row).collect()).trim_end());
    Ok(ExitCode::SUCCESS)
}

fn show_run(args: OfRun) -> Verdict {
    let told = told::run_json(&Server::of(args.look.place)?, args.run)?;
    if args.look.json {
        say::json(&told)?;
        return Ok(ExitCode::SUCCESS);
    }
    let run: RunTold = told::read(told)?;
    let (state, number) = (run.state, &run.run_id);
    let standing = (state == RunState::Running)
        .then(|| standstill(run.instances().map(|it| (it.state, it.name(), it.reason.clone()))))
        .flatten()
        .unwrap_or_else(|| run.reason.clone());
    say::println(&format!("{} run {number} of {}: {state}, {standing}", say::sign(state.as_str()), run.dag));
    say::println(&format!(
        "  {}, asked for by {}, logical date {}\n  from {} to {} (UTC), took {}\n",
        run.run_type,
        run.by,
        run.logical_date,
        say::instant(run.started_at),
        say::instant(run.ended_at),
        say::took(run.started_at, run.ended_at),
    ));
    family(&run).iter().chain(&lateness(&run)).for_each(|line| say::println(line));
    for group in &run.groups {
        say::println(&format!("↻ group `{}`: try {} of {}", group.group, group.number, group.of));
    }
    print_tasks(run.instances());
    if !run.hooks.is_empty() {
        say::println("");
        super::hooks::print(&run.hooks);
    }
    for note in &run.notes {
        let about = note.task.as_ref().map(|task| format!("{task}: ")).unwrap_or_default();
        say::println(&format!("\n{} {}: {about}{}", say::instant(Some(note.at)), note.by, note.text));
    }
    Ok(ExitCode::SUCCESS)
}

/// Who called a run, and which runs it called.
fn family(run: &RunTold) -> Vec<String> {
    let item = |item: Option<u32>| item.map_or_else(String::new, |item| format!("[{item}]"));
    let parent = run.parent.iter().map(|by| match (&by.task, &by.dag) {
        (Some(task), Some(dag)) => {
            format!("  called by {task}{} of run {} of {dag}", item(by.item), by.run_id)
        }
        _ => format!("  called by run {}, which is gone", by.run_id),
    });
    let child = |it: &Called| {
        format!("  {}{} called run {} of {}: {}", it.task, item(it.item), it.run_id, it.dag, it.state)
    };
    parent.chain(run.children.iter().map(child)).collect()
}

/// A sentence for each missed deadline of a run and its tasks.
fn lateness(run: &RunTold) -> Vec<String> {
    let own = run.late.iter().map(|it| format!("! {}: {}", it.kind, it.kind.sentence(it.due)));
    let of = |task: &Task| {
        let say = |it: &Late| format!("! {} of {}: {}", it.kind, task.id, it.kind.sentence(it.due));
        task.late.iter().map(say).collect::<Vec<_>>()
    };
    own.chain(run.tasks.iter().flat_map(of)).collect()
}

/// A line for each task, or item of one.
pub(super) fn print_tasks<'a>(tasks: impl Iterator<Item = &'a Task>) {
    let now = system_clock()();
    let row = |task: &Task| {
        let state = task.state.as_str();
        let key = task.key.as_ref().map_or_else(String::new, |key| format!(" {key}"));
        let took = task.attempts.last().map_or_else(
            || "-".into(),
            |attempt| say::took(attempt.started_at, attempt.ended_at.or(Some(now))),
        );
        vec![
            format!("{} {}{key}", say::sign(state), task.name()),
            state.to_owned(),
            task.attempts.len().to_string(),
            took,
            task.reason.clone(),
        ]
    };
    let rows = tasks.map(row).collect();
    say::println(say::table(&["task", "state", "tries", "took", "why"], rows).trim_end());
}
