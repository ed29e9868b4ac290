//! `nightrun why`: one sentence for everything that waits, was left out or ended, with what would unblock it.

use std::process::ExitCode;

use serde_json::{Value as Json, json};

use super::faulty;
use super::told::{self, text};
use crate::cli::Why;
use crate::client::{self, Server};
use crate::failure::{Failure, Verdict};
use crate::say;

pub(crate) fn why(args: Why) -> Verdict {
    let server = Server::of(args.look.place)?;
    let only = |key: &str| {
        args.task.as_ref().map_or_else(String::new, |name| format!("?{key}={}", Server::segment(name)))
    };
    let mut answers: Vec<Json> = if let Ok(number) = args.target.parse::<i64>() {
        let run = told::run(&server, number)?;
        if let Some(task) = &args.task {
            run.find(task)?;
        }
        server.get(&format!("/runs/{number}/why{}", only("task")))?
    } else {
        let found = server.find(&format!("/dags/{}/why{}", Server::segment(&args.target), only("tick")))?;
        match found {
            Some(answers) => answers,
            None => return Err(absent(&server, &args.target, args.task.as_deref())),
        }
    };
    answers.extend(stopped(&server, &answers));
    if args.look.json {
        say::json(&answers)?;
        return Ok(ExitCode::SUCCESS);
    }
    for told in answers {
        let [what, state, why] = ["what", "state", "why"].map(|key| text(&told[key]));
        let unblock = told["unblock"].as_str().map_or_else(String::new, |unblock| format!("; {unblock}"));
        say::println(&format!("{} {what} is {state}: {why}{unblock}", say::sign(&state)));
    }
    Ok(ExitCode::SUCCESS)
}

/// That there is no such DAG, or no such date.
fn absent(server: &Server, dag: &str, tick: Option<&str>) -> Failure {
    let known = server.find::<Json>(&format!("/dags/{}", Server::segment(dag)));
    match (known, tick) {
        (Ok(Some(_)), Some(tick)) => Failure::usage(format!("`{tick}` is no date"))
            .help("after a DAG, name one of its ticks, or nothing"),
        _ => faulty::no_dag(server, dag),
    }
}

/// That nothing moves, where something waits and no scheduler works on the data folder.
fn stopped(server: &Server, answers: &[Json]) -> Option<Json> {
    let waits = ["queued", "waiting", "up_for_retry", "deferred"];
    let data = &server.config()?.data;
    let waiting = answers.iter().any(|told| waits.iter().any(|state| told["state"] == **state));
    (waiting && !client::is_served(data)).then(|| {
        json!({
            "what": "the scheduler",
            "state": "stopped",
            "why": format!("no scheduler works on {}, so nothing moves", data.display()),
            "unblock": "`nightrun serve` goes on with it",
        })
    })
}
