//! `nightrun trigger`, `cancel`, `pause`, `unpause`: asks the running server.

use std::process::ExitCode;

use serde_json::json;

use super::inputs::Inputs;
use super::missed::missed;
use super::{dry_run, faulty, told};
use crate::cli::{Cancel, Pause, Trigger};
use crate::client::Server;
use crate::failure::Verdict;
use crate::say;

/// Asks for a run. Params are read by the types of the DAG in force.
pub(crate) fn trigger(args: Trigger) -> Verdict {
    let server = Server::of(args.look.place)?;
    let part = nightrun_core::decide::Part::from(args.part);
    let mut body = json!({ "force": args.force, "part": part, "dry_run": args.dry_run });
    if !args.params.params.is_empty() || args.params.at.is_some() {
        let inputs = Inputs::in_force(&server, &args.dag)?;
        body["params"] = json!(inputs.params(&args.params.params)?);
        body["logical_date"] = json!(inputs.at(args.params.at.as_deref())?);
    }
    let answer = server.post(&format!("/dags/{}/runs", Server::segment(&args.dag)), &body);
    let answer = answer.map_err(|failure| faulty::instead(&server, failure, &args.dag))?;
    if args.look.json {
        say::json(&answer)?;
    } else if args.dry_run {
        dry_run::tell(&told::read(answer)?);
        say::println("\nThis was a dry run, nothing was begun");
    } else {
        let run = answer["run_id"].as_str().unwrap_or_default();
        say::println(&format!("run {run} of {}; look at it with: nightrun runs show {run}", args.dag));
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn cancel(args: Cancel) -> Verdict {
    Server::of(args.place)?.post(&format!("/runs/{}/cancel", args.run), &json!({}))?;
    say::println(&format!("run {} is being ended", args.run));
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn pause(args: Pause, pause: bool) -> Verdict {
    let verb = if pause { "pause" } else { "unpause" };
    let path = match &args.dag {
        Some(dag) => format!("/dags/{}/{verb}", Server::segment(dag)),
        None => format!("/{verb}"),
    };
    let server = Server::of(args.place)?;
    let body = json!({ "why": args.why });
    let what = args.dag.as_deref().unwrap_or("everything");
    if pause {
        server.post(&path, &body)?;
        say::println(&format!("{what} is paused"));
        return Ok(ExitCode::SUCCESS);
    }
    // Looked for before, for the server fires them at once.
    let missed = missed(&server, args.dag.as_deref());
    server.post(&path, &body)?;
    say::println(&format!("{what} is not paused any more{missed}"));
    Ok(ExitCode::SUCCESS)
}
