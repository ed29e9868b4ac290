//! `nightrun tasks`: the tasks of a run, tasks of all runs, one task through the runs of its DAG.

use std::process::ExitCode;
use std::time::Duration;

use nightrun_core::decide::TaskState;
use nightrun_core::time::{Timestamp, show_duration};
use nightrun_core::timetable::Zone;
use nightrun_engine::clock::system_clock;
use serde::Deserialize;
use serde_json::Value as Json;

use super::told::{self, RunTold, Task};
use super::{faulty, runs, target};
use crate::cli::{TaskHistory, Tasks, TasksVerb};
use crate::client::Server;
use crate::failure::{Failure, Verdict};
use crate::say;

pub(crate) fn tasks(args: Tasks) -> Verdict {
    if let Some(TasksVerb::History(args)) = args.verb {
        return history(args);
    }
    let states = states(&args.state)?;
    match args.run {
        Some(run) => of_run(args, run, &states),
        None => of_all_runs(args, &states),
    }
}

fn states(asked: &[String]) -> Result<Vec<TaskState>, Failure> {
    let known = || TaskState::ALL.iter().map(|state| state.as_str()).collect::<Vec<_>>().join(", ");
    let read = |text: &String| {
        let fault = || Failure::usage(format!("`{text}` is no state of a task")).help(known());
        TaskState::parse(text).ok_or_else(fault)
    };
    asked.iter().map(read).collect()
}

fn of_run(args: Tasks, run: i64, states: &[TaskState]) -> Verdict {
    let told = told::run_json(&Server::of(args.look.place)?, run)?;
    let fits = |task: &Task| {
        (states.is_empty() || states.contains(&task.state))
            && args.task.as_ref().is_none_or(|id| *id == task.id)
    };
    if !args.look.json {
        let run: RunTold = told::read(told)?;
        runs::print_tasks(run.instances().filter(|task| fits(task)));
        return Ok(ExitCode::SUCCESS);
    }
    let mut tasks: Vec<Json> = told::read(told["tasks"].clone())?;
    if !states.is_empty() || args.task.is_some() {
        let whole: Vec<Task> = told::read(told["tasks"].clone())?;
        let has = |task: &Task| fits(task) || task.items.iter().any(&fits);
        let mut kept = whole.iter().map(has);
        tasks.retain(|_| kept.next().unwrap_or(true));
    }
    say::json(&tasks)?;
    Ok(ExitCode::SUCCESS)
}

/// A task instance, as the list of all runs tells it.
#[derive(Deserialize)]
struct Instance {
    run_id: String,
    dag: String,
    id: String,
    item: Option<u32>,
    state: TaskState,
    reason: String,
    logical_date: Timestamp,
    attempts: u32,
    started_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
}

fn of_all_runs(args: Tasks, states: &[TaskState]) -> Verdict {
    let date = |text: &Option<String>| target::read_at(&Zone::utc(), text.as_deref());
    let (from, to) = (date(&args.from)?, date(&args.to)?);
    let words: Vec<&str> = states.iter().map(|state| state.as_str()).collect();
    let asked = [
        ("state", (!words.is_empty()).then(|| words.join(","))),
        ("dag", args.dag),
        ("task", args.task),
        ("from", from.map(|at| at.to_string())),
        ("to", to.map(|at| at.to_string())),
    ];
    let asked = asked.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let query: Vec<String> =
        asked.map(|(name, value)| format!("{name}={}", Server::segment(&value))).collect();
    let limit = if args.all { usize::MAX } else { args.limit };
    let server = Server::of(args.look.place)?;
    let items: Vec<Json> = server.list(&format!("/tasks?{}", query.join("&")), limit)?;
    if args.look.json {
        say::json(&items)?;
        return Ok(ExitCode::SUCCESS);
    }
    let now = system_clock()();
    let row = |it: Instance| {
        let item = it.item.map_or_else(String::new, |item| format!("[{item}]"));
        vec![
            format!("{} {}{item}", say::sign(it.state.as_str()), it.id),
            it.state.to_string(),
            it.dag,
            it.run_id,
            say::instant(Some(it.logical_date)),
            it.attempts.to_string(),
            say::took(it.started_at, it.ended_at.or(Some(now))),
            it.reason,
        ]
    };
    let rows: Result<Vec<Instance>, Failure> = items.into_iter().map(told::read).collect();
    let head = ["task", "state", "dag", "run", "logical date", "tries", "took", "why"];
    say::println(say::table(&head, rows?.into_iter().map(row).collect()).trim_end());
    Ok(ExitCode::SUCCESS)
}

/// How a task fared of late, as the API tells it.
#[derive(Deserialize)]
struct Summary {
    runs: usize,
    failed: usize,
    median_ms: Option<u64>,
    longest_ms: Option<u64>,
    longest_run_id: Option<String>,
    in_force: Option<Json>,
}

/// A task in one run.
#[derive(Deserialize)]
struct Past {
    run_id: String,
    logical_date: Timestamp,
    state: TaskState,
    reason: String,
    attempts: u32,
    waited_ms: Option<u64>,
    took_ms: Option<u64>,
    ended_at: Option<Timestamp>,
}

fn history(args: TaskHistory) -> Verdict {
    let TaskHistory { dag, task, limit, look } = args;
    let server = Server::of(look.place)?;
    let own = format!("/dags/{}/tasks/{}", Server::segment(&dag), Server::segment(&task));
    let Some(summary) = server.find::<Json>(&own)? else { return Err(absent(&server, &dag, &task)) };
    let rows: Vec<Json> = server.list(&format!("{own}/history"), limit)?;
    if look.json {
        say::json(&rows)?;
        return Ok(ExitCode::SUCCESS);
    }
    let length =
        |ms: Option<u64>| ms.map_or_else(|| "-".into(), |ms| show_duration(Duration::from_millis(ms)));
    let row = |it: Past| {
        vec![
            it.run_id,
            format!("{} {}", say::sign(it.state.as_str()), it.state),
            say::instant(Some(it.logical_date)),
            it.attempts.to_string(),
            length(it.waited_ms),
            length(it.took_ms),
            say::instant(it.ended_at),
            it.reason,
        ]
    };
    let rows: Result<Vec<Past>, Failure> = rows.into_iter().map(told::read).collect();
    let head = ["run", "state", "logical date", "tries", "waited", "took", "ended", "why"];
    say::println(say::table(&head, rows?.into_iter().map(row).collect()).trim_end());
    let summary: Summary = told::read(summary)?;
    let lengths = match (summary.median_ms, summary.longest_ms, &summary.longest_run_id) {
        (Some(_), Some(_), Some(run)) => {
            let (median, longest) = (length(summary.median_ms), length(summary.longest_ms));
            format!("; median {median}, the slowest {longest} in run {run}")
        }
        _ => String::new(),
    };
    let gone = if summary.in_force.is_some() { "" } else { "; the DAG has no such task any more" };
    say::println(&format!("\nfailed {} of the last {}{lengths}{gone}", summary.failed, summary.runs));
    Ok(ExitCode::SUCCESS)
}

/// That there is no such DAG, or no such task of it.
fn absent(server: &Server, dag: &str, task: &str) -> Failure {
    match server.find::<Json>(&format!("/dags/{}", Server::segment(dag))) {
        Ok(Some(_)) => Failure::new(format!("DAG `{dag}` never had a task `{task}`"))
            .help(format!("`nightrun dags show {dag}` shows its tasks")),
        _ => faulty::no_dag(server, dag),
    }
}
