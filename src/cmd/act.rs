//! `nightrun trigger`, `cancel`, `pause`, `unpause`: asks the running server.

use std::path::PathBuf;
use std::process::ExitCode;

use nightrun_core::id::DagId;
use nightrun_engine::clock::system_clock;
use nightrun_engine::store::Reader;
use serde_json::json;

use super::missed::missed;
use super::{faulty, remote, target};
use crate::cli::{Cancel, Data, Pause, Trigger};
use crate::client::Server;
use crate::config::{Config, Given};
use crate::failure::{Failure, Verdict};
use crate::{say, wire};

/// The data folder that is meant.
pub(crate) fn data_of(data: Data) -> Result<PathBuf, Failure> {
    Ok(config_of(data)?.data)
}

pub(super) fn config_of(data: Data) -> Result<Config, Failure> {
    Config::load(Given { data: data.data, ..Given::default() })
}

/// Asks for a run. Params are read by the types of the DAG in force, as the store has it.
pub(crate) fn trigger(args: Trigger) -> Verdict {
    let config = config_of(args.look.data)?;
    let part = nightrun_core::decide::Part::from(args.part);
    let server = Server::of(&args.remote, &config.data)?;
    let mut body = json!({ "force": args.force, "part": part });
    if server.is_remote() {
        let (params, at) =
            remote::inputs(&server, &args.dag, &args.params.params, args.params.at.as_deref())?;
        (body["params"], body["logical_date"]) = (json!(params), json!(at));
    } else if !args.params.params.is_empty() || args.params.at.is_some() {
        let reader = Reader::open(&wire::database(&config.data)).map_err(Failure::new)?;
        let id = DagId::from(args.dag.as_str());
        let text =
            reader.read_now(|page| page.dag(&id, 0)?.map_or(Ok(None), |dag| page.version(dag.version)));
        let parse = wire::parse_with(config.known(system_clock()()));
        let dag = text.map_err(Failure::new)?.and_then(|version| parse(&version.source()));
        let none = || Failure::new(format!("there is no DAG `{}`", args.dag));
        let dag = dag.ok_or_else(|| faulty::instead(none(), &config, &args.dag))?;
        body["params"] = json!(target::params(&dag, &args.params.params)?);
        body["logical_date"] = json!(target::at(&dag, args.params.at.as_deref())?);
    }
    let answer = server.post(&format!("/api/v1/dags/{}/runs", Server::segment(&args.dag)), &body);
    let answer = answer.map_err(|failure| {
        if server.is_remote() { failure } else { faulty::instead(failure, &config, &args.dag) }
    })?;
    if args.look.json {
        say::json(&answer)?;
    } else {
        let run = answer["run_id"].as_str().unwrap_or_default();
        say::println(&format!("run {run} of {}; look at it with: nightrun runs show {run}", args.dag));
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn cancel(args: Cancel) -> Verdict {
    let server = Server::of(&args.remote, &data_of(args.data)?)?;
    server.post(&format!("/api/v1/runs/{}/cancel", args.run), &json!({}))?;
    say::println(&format!("run {} is being ended", args.run));
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn pause(args: Pause, pause: bool) -> Verdict {
    let verb = if pause { "pause" } else { "unpause" };
    let path = match &args.dag {
        Some(dag) => format!("/api/v1/dags/{}/{verb}", Server::segment(dag)),
        None => format!("/api/v1/{verb}"),
    };
    let config = config_of(args.data)?;
    let server = Server::of(&args.remote, &config.data)?;
    let what = args.dag.as_deref().unwrap_or("everything");
    if pause {
        server.post(&path, &json!({}))?;
        say::println(&format!("{what} is paused"));
        return Ok(ExitCode::SUCCESS);
    }
    // Looked for before, for the server fires them at once.
    let missed = if server.is_remote() { String::new() } else { missed(&config, args.dag.as_deref()) };
    server.post(&path, &json!({}))?;
    say::println(&format!("{what} is not paused any more{missed}"));
    Ok(ExitCode::SUCCESS)
}
