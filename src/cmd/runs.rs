//! `nightrun runs`, `runs show`, `tasks`: what ran.

use std::path::Path;
use std::process::ExitCode;

use nightrun_core::dag::spec::Lateness;
use nightrun_core::decide::RunState;
use nightrun_core::id::DagId;
use nightrun_engine::clock::system_clock;
use nightrun_engine::store::{CalledShow, LateShow, RunFilter, RunItem, RunShow, TaskShow};

use super::act::data_of;
use super::look::Looker;
use super::remote;
use crate::cli::{Data, OfRun, Runs, RunsVerb};
use crate::client::Server;
use crate::failure::{Failure, OrFail, Verdict};
use crate::say;

pub(crate) fn runs(args: Runs) -> Verdict {
    if let Some(RunsVerb::Show(show)) = args.verb {
        return show_run(show);
    }
    let state = args.state.as_deref().map(|text| {
        let known: Vec<&str> = RunState::ALL.iter().map(|state| state.as_str()).collect();
        RunState::parse(text)
            .ok_or_else(|| Failure::usage(format!("`{text}` is no state of a run")).help(known.join(", ")))
    });
    let filter = RunFilter {
        dag: args.dag.as_deref().map(DagId::from),
        state: state.transpose()?,
        ..RunFilter::default()
    };
    let limit = if args.all { u32::MAX } else { u32::try_from(args.limit).unwrap_or(u32::MAX) };
    let server = Server::of(&args.remote, &data_of(Data { data: args.look.data.data.clone() })?)?;
    let runs: Vec<RunItem> = if server.is_remote() {
        there(&server, &filter, limit as usize)?
    } else {
        Looker::open(args.look.data)?.read(|page| page.runs(&filter, limit))?
    };
    if args.look.json {
        say::json(&runs)?;
        return Ok(ExitCode::SUCCESS);
    }
    let now = system_clock()();
    let rows = runs
        .iter()
        .map(|run| {
            let late = match &run.late[..] {
                [] => "",
                [Lateness::Warning] => ", may be late",
                _ => ", late",
            };
            let state = format!("{} {}{late}", say::sign(run.state.as_str()), run.state);
            vec![
                run.run_id.to_string(),
                run.dag.to_string(),
                state,
                run.run_type.as_str().to_owned(),
                say::instant(Some(run.logical_date)),
                say::instant(run.started_at),
                say::took(run.started_at, run.ended_at.or(Some(now))),
            ]
        })
        .collect();
    let head = ["run", "dag", "state", "type", "logical date", "started", "took"];
    say::println(say::table(&head, rows).trim_end());
    Ok(ExitCode::SUCCESS)
}

fn there(server: &Server, filter: &RunFilter, limit: usize) -> Result<Vec<RunItem>, Failure> {
    let dag = filter.dag.as_ref().map(|dag| format!("dag={}", Server::segment(dag.as_str())));
    let state = filter.state.map(|state| format!("state={state}"));
    let asked: Vec<String> = dag.into_iter().chain(state).collect();
    let path = format!("/api/v1/runs?{}", asked.join("&"));
    let rows = remote::rows(server, path.trim_end_matches('?'), "before", limit)?;
    let read = |row| serde_json::from_value(row).or_fail("the server's answer");
    rows.into_iter().map(read).collect()
}

fn show_run(args: OfRun) -> Verdict {
    if let Some(server) = elsewhere(&args)? {
        return remote::run(&server, args.run, args.look.json, false);
    }
    let run = Looker::open(args.look.data)?.run(args.run)?;
    if args.look.json {
        say::json(&run)?;
    } else {
        let state = run.state.as_str();
        say::println(&format!(
            "{} run {} of {}: {state}, {}",
            say::sign(state),
            run.run_id,
            run.dag,
            run.reason
        ));
        say::println(&format!(
            "  {}, asked for by {}, logical date {}\n  from {} to {} (UTC), took {}\n",
            run.run_type.as_str(),
            run.by,
            run.logical_date,
            say::instant(run.started_at),
            say::instant(run.ended_at),
            say::took(run.started_at, run.ended_at),
        ));
        for line in family(&run) {
            say::println(&line);
        }
        for line in lateness(&run) {
            say::println(&line);
        }
        for group in &run.groups {
            say::println(&format!("↻ {}", group.sentence()));
        }
        print_tasks(&run);
        if !run.hooks.is_empty() {
            say::println("");
            super::hooks::print(&run.hooks);
        }
        for note in &run.notes {
            let about = note.task.as_ref().map(|task| format!("{task}: ")).unwrap_or_default();
            say::println(&format!("\n{} {}: {about}{}", say::instant(Some(note.at)), note.by, note.text));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Who called a run, and which runs it called.
fn family(run: &RunShow) -> Vec<String> {
    let item = |item: Option<u32>| item.map_or_else(String::new, |item| format!("[{item}]"));
    let parent = run.parent.iter().map(|by| match (&by.task, &by.dag) {
        (Some(task), Some(dag)) => {
            format!("  called by {task}{} of run {} of {dag}", item(by.item), by.run_id)
        }
        _ => format!("  called by run {}, which is gone", by.run_id),
    });
    let child = |it: &CalledShow| {
        format!("  {}{} called run {} of {}: {}", it.task, item(it.item), it.run_id, it.dag, it.state)
    };
    parent.chain(run.children.iter().map(child)).collect()
}

/// A sentence for each missed deadline of a run and its tasks.
fn lateness(run: &RunShow) -> Vec<String> {
    let own = run.late.iter().map(|it| format!("! {}: {}", it.kind, it.kind.sentence(it.due)));
    let of = |task: &TaskShow| {
        let say = |it: &LateShow| format!("! {} of {}: {}", it.kind, task.id, it.kind.sentence(it.due));
        task.late.iter().map(say).collect::<Vec<_>>()
    };
    own.chain(run.tasks.iter().flat_map(of)).collect()
}

/// The server elsewhere that is meant, if one is.
fn elsewhere(args: &OfRun) -> Result<Option<Server>, Failure> {
    let server = Server::of(&args.remote, Path::new(""))?;
    Ok(Some(server).filter(Server::is_remote))
}

pub(crate) fn tasks(args: OfRun) -> Verdict {
    if let Some(server) = elsewhere(&args)? {
        return remote::run(&server, args.run, args.look.json, true);
    }
    let run = Looker::open(args.look.data)?.run(args.run)?;
    if args.look.json {
        say::json(&run.tasks)?;
    } else {
        print_tasks(&run);
    }
    Ok(ExitCode::SUCCESS)
}

/// The name of a task, and of an item also its key.
fn shown(task: &TaskShow) -> String {
    match &task.key {
        Some(key) => format!("{} {key}", task.name()),
        None => task.name(),
    }
}

fn print_tasks(run: &RunShow) {
    let now = system_clock()();
    let rows = run
        .instances()
        .map(|task| {
            let state = task.state.as_str();
            let last = task.attempts.last();
            let took = last.map_or_else(
                || "-".into(),
                |attempt| say::took(attempt.started_at, attempt.ended_at.or(Some(now))),
            );
            vec![
                format!("{} {}", say::sign(state), shown(task)),
                state.to_owned(),
                task.attempts.len().to_string(),
                took,
                task.reason.to_string(),
            ]
        })
        .collect();
    say::println(say::table(&["task", "state", "tries", "took", "why"], rows).trim_end());
}
