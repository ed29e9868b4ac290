//! `nightrun rerun`, `mark`, `note`, `audit`: what has been is changed by hand, and who did so.

use std::process::ExitCode;
use std::time::Duration;

use nightrun_core::decide::{ClearRequest, Event, MarkRequest, NoteRequest, RunState, TaskState};
use nightrun_core::id::RunId;
use serde_json::{Value as Json, json};

use super::here;
use super::target::Named;
use super::told::{self, instant, text};
use crate::cli::again::{Audit, Mark, Note, Rerun, Settled};
use crate::cli::{Dags, Place};
use crate::client::{self, Server};
use crate::config::{Config, Given};
use crate::failure::{Failure, Verdict};
use crate::say;

/// How often a server is asked whether something is over.
pub(super) const LOOK: Duration = Duration::from_millis(100);

/// The same for a server elsewhere.
pub(super) const LOOK_THERE: Duration = Duration::from_secs(1);

/// The server that these flags name.
pub(super) fn server_of(place: Place, dags: Dags) -> Result<Server, Failure> {
    Server::with(place, Given { dags: dags.dags, ..Given::default() })
}

pub(crate) fn rerun(args: Rerun) -> Verdict {
    let server = server_of(args.look.place, args.dags)?;
    let here = server.config().filter(|_| !server.is_served());
    if args.with_waiters && here.is_some() && !args.dry_run {
        let help = "start `nightrun serve`, which lets them wait until this run has ended";
        return Err(Failure::new("what waited for a run is run again only by a server").help(help));
    }
    let request = ClearRequest {
        tasks: args.tasks,
        item: args.item,
        failed: args.failed,
        all: args.all,
        upstream: args.upstream,
        downstream: args.downstream,
        only: args.only,
        without_setups: args.without_setups,
        with_waiters: args.with_waiters,
        waiters: vec![],
        force: args.force || here.is_some(),
        latest: args.latest,
        dry_run: args.dry_run,
        by: args.signed.by,
        why: args.signed.why,
    };
    let plan = |run: i64, request: &ClearRequest| {
        let Some(config) = here else { return server.post(&format!("/runs/{run}/rerun"), &json!(request)) };
        let event = Event::ClearRequested { run: RunId(run), request: request.clone(), row: None };
        let first = if request.latest { as_it_is(&server, config, run)? } else { vec![] };
        if request.dry_run { here::try_out(config, first, event) } else { here::ask(config, first, event) }
    };
    if args.runs.len() > 1 && !args.dry_run {
        let look = ClearRequest { dry_run: true, ..request.clone() };
        args.runs.iter().try_for_each(|run| plan(*run, &look).map(drop))?;
    }
    let mut done = Vec::new();
    for run in args.runs {
        let plan = plan(run, &request)?;
        let changes = plan["tasks"].as_array().is_some_and(|tasks| !tasks.is_empty());
        let wait = changes && !args.dry_run && (args.wait || here.is_some());
        done.push((run, plan, wait));
    }
    conclude(&server, done, args.look.json)
}

/// The event that puts the DAG of a run in force as its file is now.
fn as_it_is(server: &Server, config: &Config, run: i64) -> Result<Vec<Event>, Failure> {
    let dag = told::run(server, run)?.dag;
    let now = nightrun_engine::clock::system_clock()();
    let found = super::target::find(&Named { target: &dag, dag: None }, config, now)?;
    Ok(vec![Event::DagsRead { read: vec![found.into_text()], gone: vec![], faults: vec![] }])
}

pub(crate) fn mark(args: Mark) -> Verdict {
    let server = server_of(args.look.place, args.dags)?;
    let state = match args.state {
        Settled::Success => TaskState::Success,
        Settled::Failed => TaskState::Failed,
        Settled::Skipped => TaskState::Skipped,
    };
    let (by, why) = (args.signed.by, args.signed.why);
    let request = MarkRequest { task: args.task, item: args.item, state, dry_run: args.dry_run, by, why };
    let plan = if let Some(config) = server.config().filter(|_| !server.is_served()) {
        here::ask(config, vec![], Event::MarkRequested { run: RunId(args.run), request, row: None })?
    } else {
        server.post(&format!("/runs/{}/mark", args.run), &json!(request))?
    };
    conclude(&server, vec![(args.run, plan, false)], args.look.json)
}

/// Says what changes, or has changed, in each run, and waits for its verdict where that is wanted.
fn conclude(server: &Server, done: Vec<(i64, Json, bool)>, as_json: bool) -> Verdict {
    let (mut code, mut plans) = (ExitCode::SUCCESS, Vec::new());
    for (run, mut plan, wait) in done {
        if !as_json {
            print_plan(&plan);
        }
        if wait {
            let verdict = verdict(server, run)?;
            plan["verdict"] = json!(verdict);
            if !as_json {
                say::println(&format!("{} run {run} is {verdict}", say::sign(&verdict)));
            }
            if verdict != RunState::Success.as_str() {
                code = here::code_of(&verdict);
            }
        }
        plans.push(plan);
    }
    if as_json {
        say::json(&if plans.len() == 1 { plans.remove(0) } else { Json::Array(plans) })?;
    }
    Ok(code)
}

/// Waits for the end of a run.
fn verdict(server: &Server, run: i64) -> Result<String, Failure> {
    loop {
        let state: RunState = told::read(told::run_json(server, run)?["state"].take())?;
        if state.is_final() {
            return Ok(state.to_string());
        }
        still_served(server, &format!("run {run} is {state}"))?;
        std::thread::sleep(if server.is_remote() { LOOK_THERE } else { LOOK });
    }
}

/// What waits for a server would wait for ever once that is gone.
pub(super) fn still_served(server: &Server, what: &str) -> Result<(), Failure> {
    if server.config().is_none_or(|config| client::is_served(&config.data)) {
        return Ok(());
    }
    let help = "`nightrun serve` goes on with it";
    Err(Failure::new(format!("{what}, and the server has ended")).help(help))
}

fn print_plan(plan: &Json) {
    let run = text(&plan["run_id"]);
    let empty = Vec::new();
    let tasks = plan["tasks"].as_array().unwrap_or(&empty);
    if tasks.is_empty() {
        return say::println(&format!("nothing of run {run} changes: no task fits what was asked for"));
    }
    let name = |task: &Json| match task["item"].as_u64() {
        Some(item) => format!("{}[{item}]", text(&task["task"])),
        None => text(&task["task"]),
    };
    let rows = tasks
        .iter()
        .map(|task| vec![name(task), text(&task["state"]), text(&task["after"]), text(&task["why"])])
        .collect();
    say::println(say::table(&["task", "is", "becomes", "why"], rows).trim_end());
    print_moves(plan);
    let waiters = plan["waiters"].as_array().unwrap_or(&empty);
    match plan["also"].as_array() {
        Some(also) => also.iter().for_each(print_plan),
        None => waiters.iter().for_each(|waited| print_waiter(&run, waited)),
    }
}

/// A run that waited for another one, and how it is run again.
fn print_waiter(run: &str, waited: &Json) {
    let tasks = waited["tasks"].as_array().into_iter().flatten();
    let flags = tasks.fold(String::new(), |flags, task| flags + " --task " + &text(task));
    let (other, dag) = (text(&waited["run_id"]), text(&waited["dag"]));
    say::println(&format!(
        "run {other} of {dag} waited for run {run}: `nightrun rerun {other}{flags} --downstream`, or --with-waiters here"
    ));
}

fn print_moves(plan: &Json) {
    let run = text(&plan["run_id"]);
    let (state, after) = (text(&plan["state"]), text(&plan["after"]));
    let moves = if state == after { format!("stays {state}") } else { format!("{state} → {after}") };
    let dry = if plan["dry_run"] == true { "; this was a dry run, nothing has changed" } else { "" };
    say::println(&format!("run {run}: {moves}{dry}"));
}

pub(crate) fn note(args: Note) -> Verdict {
    let server = server_of(args.place, args.dags)?;
    let request = NoteRequest { task: args.task, text: args.text, by: args.by };
    if let Some(config) = server.config().filter(|_| !server.is_served()) {
        here::ask(config, vec![], Event::NoteRequested { run: RunId(args.run), request, row: None })?;
    } else {
        server.post(&format!("/runs/{}/note", args.run), &json!(request))?;
    }
    say::println(&format!("noted; `nightrun runs show {}` shows it", args.run));
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn audit(args: Audit) -> Verdict {
    let deeds: Vec<Json> = Server::of(args.look.place)?.list("/audit", args.limit as usize)?;
    if args.look.json {
        say::json(&deeds)?;
        return Ok(ExitCode::SUCCESS);
    }
    let rows = deeds.iter().map(|deed| {
        let what = ["verb", "target", "what"].map(|key| text(&deed[key])).join(" ");
        vec![instant(&deed["at"]), text(&deed["by"]), what.trim_end().to_owned(), text(&deed["why"])]
    });
    say::println(say::table(&["when", "who", "what", "why"], rows.collect()).trim_end());
    Ok(ExitCode::SUCCESS)
}
