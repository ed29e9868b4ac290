//! What a server elsewhere says of its DAGs and runs.

use nightrun_core::dag::spec::Param;
use nightrun_core::decide::Values;
use nightrun_core::time::Timestamp;
use nightrun_core::timetable::Zone;
use nightrun_engine::clock::system_clock;
use serde_json::{Value as Json, json};

use super::target;
use crate::client::Server;
use crate::failure::{Failure, OrFail, Verdict};
use crate::say;

/// Most rows of one answer.
const ROWS: usize = 500;

/// The params and the logical date of a run, read as the DAG's own server knows it.
pub(super) fn inputs(
    server: &Server,
    dag: &str,
    given: &[String],
    at: Option<&str>,
) -> Result<(Values, Option<Timestamp>), Failure> {
    let mut told = server.get(&format!("/api/v1/dags/{}", Server::segment(dag)))?;
    let params: Vec<Param> = serde_json::from_value(told["params"].take()).or_fail("the server's answer")?;
    let zone = Zone::parse(told["timezone"].as_str().unwrap_or("UTC")).or_fail("the server's answer")?;
    Ok((target::read_params(dag, &params, given)?, target::read_at(&zone, at)?))
}

/// Up to `limit` rows of a list, page by page; `key` names the page after this one.
pub(super) fn rows(server: &Server, path: &str, key: &str, limit: usize) -> Result<Vec<Json>, Failure> {
    let mut rows: Vec<Json> = Vec::new();
    let mut after = String::new();
    let join = if path.contains('?') { '&' } else { '?' };
    while rows.len() < limit {
        let wanted = ROWS.min(limit - rows.len());
        let mut page = server.get(&format!("{path}{join}limit={wanted}{after}"))?;
        rows.extend(page["items"].as_array_mut().map(std::mem::take).unwrap_or_default());
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&{key}={}", Server::segment(next));
    }
    Ok(rows)
}

/// `nightrun dags --server`
pub(super) fn dags(server: &Server, as_json: bool) -> Verdict {
    let mut dags = rows(server, "/api/v1/dags", "after", usize::MAX)?;
    dags.retain(|dag| dag["retired"] != json!(true));
    if as_json {
        say::json(&dags)?;
        return Ok(std::process::ExitCode::SUCCESS);
    }
    let row = |dag: &Json| {
        let paused = if dag["paused"] == json!(true) { "paused" } else { "" };
        let states = dag["recent"].as_array().into_iter().flatten().rev();
        let marks = states.filter_map(|run| run["state"].as_str()).map(say::sign).collect::<String>();
        vec![text(&dag["dag"]), paused.to_owned(), marks]
    };
    say::println(say::table(&["dag", "", "last runs"], dags.iter().map(row).collect()).trim_end());
    Ok(std::process::ExitCode::SUCCESS)
}

/// `nightrun runs show --server` and `nightrun tasks --server`
pub(super) fn run(server: &Server, run: i64, as_json: bool, only_tasks: bool) -> Verdict {
    let run = server.get(&format!("/api/v1/runs/{run}"))?;
    if as_json {
        say::json(if only_tasks { &run["tasks"] } else { &run })?;
        return Ok(std::process::ExitCode::SUCCESS);
    }
    if !only_tasks {
        let state = text(&run["state"]);
        let (sign, reason) = (say::sign(&state), text(&run["reason"]));
        say::println(&format!(
            "{sign} run {} of {}: {state}, {reason}",
            text(&run["run_id"]),
            text(&run["dag"])
        ));
    }
    let row = |task: &Json| {
        let state = text(&task["state"]);
        let attempts = task["attempts"].as_array();
        let last = attempts.and_then(|it| it.last()).unwrap_or(&Json::Null);
        let at = |key: &str| last[key].as_str().and_then(Timestamp::parse);
        let took = say::took(at("started_at"), at("ended_at").or(Some(system_clock()())));
        let tries = attempts.map_or(0, Vec::len).to_string();
        let name = format!("{} {}", say::sign(&state), text(&task["id"]));
        vec![name, state, tries, took, text(&task["reason"])]
    };
    let tasks = run["tasks"].as_array().into_iter().flatten().map(row).collect();
    say::println(say::table(&["task", "state", "tries", "took", "why"], tasks).trim_end());
    Ok(std::process::ExitCode::SUCCESS)
}

fn text(value: &Json) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
