//! `nightrun rerun`, `mark`, `note`, `audit`: what has been is changed by hand, and who did so.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use nightrun_core::decide::{ClearRequest, Event, MarkRequest, NoteRequest, TaskState};
use nightrun_core::id::RunId;
use serde_json::{Value as Json, json};

use super::here;
use super::look::Looker;
use super::target::Named;
use crate::cli::again::{Audit, Mark, Note, Rerun, Settled};
use crate::cli::{Dags, Data};
use crate::client::{self, Server};
use crate::config::{Config, Given};
use crate::failure::{Failure, OrFail, Verdict};
use crate::say;

/// How often a server is asked whether something is over.
pub(crate) const LOOK: Duration = Duration::from_millis(100);

/// The same for a server elsewhere.
const LOOK_THERE: Duration = Duration::from_secs(1);

/// The configuration that these flags and the rest come to.
pub(crate) fn config_of(data: Data, dags: Dags) -> Result<Config, Failure> {
    Config::load(Given { data: data.data, dags: dags.dags, ..Given::default() })
}

pub(crate) fn rerun(args: Rerun) -> Verdict {
    let config = config_of(args.look.data, args.dags)?;
    let server = Server::of(&args.remote, &config.data)?;
    let served = server.is_remote() || client::answers(&config.data);
    if args.with_waiters && !served && !args.dry_run {
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
        force: args.force || !served,
        latest: args.latest,
        dry_run: args.dry_run,
        by: args.signed.by,
        why: args.signed.why,
    };
    let plan = if served {
        server.post(&format!("/api/v1/runs/{}/rerun", args.run), &json!(request))?
    } else {
        let event = Event::ClearRequested { run: RunId(args.run), request, row: None };
        let first = if args.latest { as_it_is(&config, args.run)? } else { vec![] };
        if args.dry_run { here::try_out(&config, first, event)? } else { here::ask(&config, first, event)? }
    };
    let changes = plan["tasks"].as_array().is_some_and(|tasks| !tasks.is_empty());
    let wait = changes && !args.dry_run && (args.wait || !served);
    conclude(&server, args.run, plan, (args.look.json, wait))
}

/// The event that puts the DAG of a run in force as its file is now.
fn as_it_is(config: &Config, run: i64) -> Result<Vec<Event>, Failure> {
    let dag = Looker::open(Data { data: Some(config.data.clone()) })?.run(run)?.dag;
    let found = super::target::find(
        &Named { target: dag.as_str(), dag: None },
        config,
        nightrun_engine::clock::system_clock()(),
    )?;
    Ok(vec![Event::DagsRead { read: vec![found.into_text()], gone: vec![], faults: vec![] }])
}

pub(crate) fn mark(args: Mark) -> Verdict {
    let config = config_of(args.look.data, args.dags)?;
    let server = Server::of(&args.remote, &config.data)?;
    let served = server.is_remote() || client::answers(&config.data);
    let state = match args.state {
        Settled::Success => TaskState::Success,
        Settled::Failed => TaskState::Failed,
        Settled::Skipped => TaskState::Skipped,
    };
    let (by, why) = (args.signed.by, args.signed.why);
    let request = MarkRequest { task: args.task, item: args.item, state, dry_run: args.dry_run, by, why };
    let plan = if served {
        server.post(&format!("/api/v1/runs/{}/mark", args.run), &json!(request))?
    } else {
        here::ask(&config, vec![], Event::MarkRequested { run: RunId(args.run), request, row: None })?
    };
    conclude(&server, args.run, plan, (args.look.json, false))
}

/// Says what changes, or has changed, and waits for the verdict where that is wanted.
fn conclude(server: &Server, run: i64, mut plan: Json, (as_json, wait): (bool, bool)) -> Verdict {
    if !as_json {
        print_plan(&plan);
    }
    let verdict = if wait { Some(verdict(server, run)?) } else { None };
    if let Some(verdict) = &verdict {
        plan["verdict"] = json!(verdict);
    }
    match &verdict {
        _ if as_json => say::json(&plan)?,
        Some(verdict) => say::println(&format!("{} run {run} is {verdict}", say::sign(verdict))),
        None => {}
    }
    Ok(verdict.map_or(ExitCode::SUCCESS, |verdict| here::code_of(&verdict)))
}

/// Waits for the end of a run.
fn verdict(server: &Server, run: i64) -> Result<String, Failure> {
    let looker = match server {
        Server::Here(data) => Some(Looker::open(Data { data: Some(data.clone()) })?),
        Server::There { .. } => None,
    };
    loop {
        let state = if let Some(looker) = &looker {
            looker.run(run)?.state
        } else {
            let told = server.get(&format!("/api/v1/runs/{run}"))?;
            serde_json::from_value(told["state"].clone()).or_fail("the server's answer")?
        };
        if state.is_final() {
            return Ok(state.to_string());
        }
        if let Server::Here(data) = server {
            still_served(data, &format!("run {run} is {state}"))?;
        }
        std::thread::sleep(if looker.is_some() { LOOK } else { LOOK_THERE });
    }
}

/// What waits for a server would wait for ever once that is gone.
pub(crate) fn still_served(data: &Path, what: &str) -> Result<(), Failure> {
    if client::is_served(data) {
        return Ok(());
    }
    let help = "`nightrun serve` goes on with it";
    Err(Failure::new(format!("{what}, and the server has ended")).help(help))
}

fn print_plan(plan: &Json) {
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
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
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    let tasks = waited["tasks"].as_array().into_iter().flatten();
    let flags = tasks.fold(String::new(), |flags, task| flags + " --task " + &text(task));
    let (other, dag) = (text(&waited["run_id"]), text(&waited["dag"]));
    say::println(&format!(
        "run {other} of {dag} waited for run {run}: `nightrun rerun {other}{flags} --downstream`, or --with-waiters here"
    ));
}

fn print_moves(plan: &Json) {
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    let run = text(&plan["run_id"]);
    let (state, after) = (text(&plan["state"]), text(&plan["after"]));
    let moves = if state == after { format!("stays {state}") } else { format!("{state} → {after}") };
    let dry = if plan["dry_run"] == true { "; this was a dry run, nothing has changed" } else { "" };
    say::println(&format!("run {run}: {moves}{dry}"));
}

pub(crate) fn note(args: Note) -> Verdict {
    let config = config_of(args.data, args.dags)?;
    let request = NoteRequest { task: args.task, text: args.text, by: args.by };
    let server = Server::of(&args.remote, &config.data)?;
    if server.is_remote() || client::answers(&config.data) {
        server.post(&format!("/api/v1/runs/{}/note", args.run), &json!(request))?;
    } else {
        here::ask(&config, vec![], Event::NoteRequested { run: RunId(args.run), request, row: None })?;
    }
    say::println(&format!("noted; `nightrun runs show {}` shows it", args.run));
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn audit(args: Audit) -> Verdict {
    let deeds = Looker::open(args.look.data)?.read(|page| page.audit(None, args.limit))?;
    if args.look.json {
        say::json(&deeds)?;
        return Ok(ExitCode::SUCCESS);
    }
    let rows = deeds.into_iter().map(|deed| {
        let what = format!("{} {} {}", deed.verb, deed.target, deed.what).trim_end().to_owned();
        vec![say::instant(Some(deed.at)), deed.by, what, deed.why.unwrap_or_default()]
    });
    say::println(say::table(&["when", "who", "what", "why"], rows.collect()).trim_end());
    Ok(ExitCode::SUCCESS)
}

/// A field of an answer that must be a number.
pub(crate) fn number(value: &Json) -> Result<i64, Failure> {
    value.as_i64().ok_or("no number").or_fail("the server's answer")
}
