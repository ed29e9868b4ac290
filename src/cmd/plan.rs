//! `nightrun plan`: what loading the DAG files as they are now would change.

use std::process::ExitCode;

use nightrun_core::dag::Changes;
use nightrun_core::dag::spec::Dag;
use nightrun_core::time::Timestamp;
use nightrun_engine::clock::system_clock;
use nightrun_engine::run::{Fate, Plan, Planned};
use nightrun_engine::store::Reader;
use serde_json::{Value as Json, json};

use super::next;
use crate::cli;
use crate::config::{Config, Given};
use crate::failure::{Failure, Verdict};
use crate::{say, wire};

/// Coming ticks that are compared.
const TICKS: usize = 5;

pub(crate) fn plan(args: cli::Plan) -> Verdict {
    let given = Given { dags: args.dags.dags, data: args.data.data, ..Given::default() };
    let config = Config::load(given)?;
    if !config.dags.is_dir() {
        let help = "name it with --dags DIR";
        return Err(Failure::usage(format!("there is no DAG folder {}", config.dags.display())).help(help));
    }
    let now = system_clock()();
    let (known, parse) = (config.known(now), wire::parse_with(config.known(now)));
    let database = wire::database(&config.data);
    let plan = if database.exists() {
        let reader = Reader::open(&database).map_err(Failure::new)?;
        reader
            .read_now(|page| Plan::make(config.dags.clone(), known, Some(page), &parse))
            .map_err(Failure::new)?
    } else {
        Plan::make(config.dags.clone(), known, None, &parse).map_err(Failure::new)?
    };
    if args.json {
        say::json(&json!({
            "dags": plan.dags.iter().map(|dag| told(dag, now)).collect::<Vec<_>>(),
            "faults": plan.faults.iter().filter_map(|(_, faults)| faults.as_array().cloned()).flatten().collect::<Vec<_>>(),
        }))?;
    } else {
        print(&plan, now);
    }
    let errors = plan.faults.iter().any(|(_, faults)| has_errors(faults));
    let moves = errors || plan.dags.iter().any(|dag| dag.fate != Fate::Unchanged);
    Ok(if args.exit_code && moves { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn has_errors(faults: &Json) -> bool {
    faults.as_array().is_some_and(|all| all.iter().any(|fault| fault["severity"] == "error"))
}

/// The next instants before and after; nothing where they are the same.
fn ticks(dag: &Planned, now: Timestamp) -> Option<(Vec<String>, Vec<String>)> {
    let coming = |of: Option<&Dag>| -> Vec<String> {
        let enabled = of.filter(|dag| dag.enabled);
        enabled
            .map(|dag| next::coming(dag, now, TICKS))
            .into_iter()
            .flatten()
            .map(|at| at.to_string())
            .collect()
    };
    let after = if dag.fate == Fate::Broken { dag.before.as_deref() } else { dag.after.as_deref() };
    let (before, after) = (coming(dag.before.as_deref()), coming(after));
    (before != after).then_some((before, after))
}

fn told(dag: &Planned, now: Timestamp) -> Json {
    let runs: Vec<Json> = dag
        .runs
        .iter()
        .map(|(run, state, version)| json!({ "run_id": run.to_string(), "state": state, "version": version }))
        .collect();
    json!({
        "dag": dag.dag,
        "path": dag.path,
        "change": dag.fate,
        "version": dag.version,
        "changes": dag.changes,
        "ticks": ticks(dag, now).map(|(before, after)| json!({ "before": before, "after": after })),
        "runs": runs,
    })
}

fn print(plan: &Plan, now: Timestamp) {
    for dag in plan.dags.iter().filter(|dag| dag.fate != Fate::Unchanged) {
        let (sign, what) = match dag.fate {
            Fate::New => ("+", "is new"),
            Fate::Changed => ("~", "gets a new version"),
            Fate::Retired => ("-", "is retired: no file defines it any more"),
            Fate::Broken => ("!", "stays as it is: its file has errors"),
            Fate::Unchanged => (" ", "stays as it is"),
        };
        say::println(&format!("{sign} {} ({}) {what}", dag.dag, dag.path));
        if let (Some(changes), Fate::Changed) = (&dag.changes, dag.fate) {
            print_changes(changes);
        }
        if let Some((before, after)) = ticks(dag, now) {
            print_ticks(&before, &after);
        }
        for (run, state, version) in &dag.runs {
            say::println(&format!("    run {run} ({state}) keeps version {}", version.0));
        }
    }
    for (path, faults) in &plan.faults {
        for fault in faults.as_array().into_iter().flatten() {
            let said = |key: &str| fault[key].as_str().unwrap_or_default().to_owned();
            let place = format!("{path}:{}:{}", fault["line"], fault["column"]);
            say::println(&format!("! {place}: {}[{}]: {}", said("severity"), said("code"), said("message")));
        }
    }
    let count = |fate: Fate| plan.dags.iter().filter(|dag| dag.fate == fate).count();
    say::println(&format!(
        "{} new, {} changed, {} retired, {} broken, {} unchanged",
        count(Fate::New),
        count(Fate::Changed),
        count(Fate::Retired),
        count(Fate::Broken),
        count(Fate::Unchanged),
    ));
}

fn print_changes(changes: &Changes) {
    if changes.is_empty() {
        say::println("    means the same as before");
    }
    if !changes.keys.is_empty() {
        say::println(&format!("    keys: {}", changes.keys.join(", ")));
    }
    for task in &changes.changed {
        say::println(&format!("    ~ task {}: {}", task.task, task.keys.join(", ")));
    }
    for (sign, tasks) in [("+", &changes.added), ("-", &changes.removed)] {
        for task in tasks {
            say::println(&format!("    {sign} task {task}"));
        }
    }
}

/// Both columns side by side, by their places.
fn print_ticks(before: &[String], after: &[String]) {
    for at in 0..before.len().max(after.len()) {
        let of = |list: &[String]| list.get(at).map_or("none", String::as_str).to_owned();
        let head = if at == 0 { "ticks:" } else { "" };
        say::println(&format!("    {head:6} {} -> {}", of(before), of(after)));
    }
}
