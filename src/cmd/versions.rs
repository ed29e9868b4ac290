//! `nightrun dags history`, `diff`, `show`: the versions of a DAG.

use std::process::ExitCode;

use serde_json::{Value as Json, json};

use super::told::{instant, number, text};
use crate::cli::{DagDiff, DagHistory, DagShow};
use crate::client::Server;
use crate::failure::{Failure, Verdict};
use crate::say;

/// Letters of a hash that are shown.
const HASH: usize = 12;

pub(crate) fn history(args: DagHistory) -> Verdict {
    let server = Server::of(args.look.place)?;
    let item = dag(&server, &args.dag)?;
    let versions: Vec<Json> = server.list(&format!("{}/versions", path(&args.dag)), usize::MAX)?;
    let current = |it: &Json| it["version"] == item["version"] && item["retired"] != json!(true);
    if args.look.json {
        let row = |it: &Json| {
            json!({
                "version": it["version"], "since": it["created_at"], "hash": it["hash"], "path": it["path"],
                "current": current(it),
            })
        };
        say::json(&versions.iter().map(row).collect::<Vec<_>>())?;
        return Ok(ExitCode::SUCCESS);
    }
    let row = |it: &Json| {
        let mark = if current(it) { "in force" } else { "" };
        let hash = text(&it["hash"]).chars().take(HASH).collect();
        vec![it["version"].to_string(), instant(&it["created_at"]), hash, text(&it["path"]), mark.into()]
    };
    let rows = versions.iter().map(row).collect();
    say::println(say::table(&["version", "since", "hash", "file", ""], rows).trim_end());
    warn_of_faults(&item);
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn diff(args: DagDiff) -> Verdict {
    let server = Server::of(args.look.place)?;
    let item = dag(&server, &args.dag)?;
    let new = args.new.map_or_else(|| number(&item["version"]), Ok)?;
    let old = if let Some(old) = args.old {
        old
    } else {
        let before: Vec<Json> = server.list(&format!("{}/versions?before={new}", path(&args.dag)), 1)?;
        let first = || Failure::new(format!("DAG `{}` has only one version", args.dag));
        number(&before.first().ok_or_else(first)?["version"])?
    };
    let told: Option<Json> = server.find(&format!("{}/versions/{new}/diff?with={old}", path(&args.dag)))?;
    let Some(told) = told else {
        version(&server, &args.dag, old)?;
        return Err(version(&server, &args.dag, new).err().unwrap_or_else(|| no_version(&args.dag, old)));
    };
    if args.look.json {
        say::json(&told)?;
    } else {
        say::println(text(&told["diff"]).trim_end_matches('\n'));
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn show(args: DagShow) -> Verdict {
    let server = Server::of(args.look.place)?;
    let item = dag(&server, &args.dag)?;
    let number = args.version.map_or_else(|| number(&item["version"]), Ok)?;
    let found = version(&server, &args.dag, number)?;
    if args.look.json {
        say::json(&whole(&item, &found))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mark = if found["current"] == json!(true) { "in force since" } else { "of" };
    let (since, path) = (instant(&found["created_at"]), text(&found["path"]));
    anstream::eprintln!("# version {number} of {}, {mark} {since}, {path}", args.dag);
    for file in found["defaults"].as_array().into_iter().flatten() {
        anstream::eprintln!("# read with {}", text(&file["path"]));
    }
    say::println(text(&found["text"]).trim_end_matches('\n'));
    warn_of_faults(&item);
    Ok(ExitCode::SUCCESS)
}

/// A version, and how its DAG stands.
fn whole(item: &Json, found: &Json) -> Json {
    json!({
        "dag": item["dag"],
        "path": found["path"],
        "version": found["version"],
        "current": found["current"],
        "since": found["created_at"],
        "hash": found["hash"],
        "text": found["text"],
        "defaults": found["defaults"],
        "description": found["description"],
        "owner": found["owner"],
        "tags": found["tags"],
        "enabled": found["enabled"],
        "schedule": found["timetable"],
        "params": found["params"],
        "vars": found["vars"],
        "tasks": found["tasks"],
        "paused": item["paused"],
        "retired": item["retired"],
        "faults": item["faults"],
    })
}

fn path(dag: &str) -> String {
    format!("/dags/{}", Server::segment(dag))
}

fn dag(server: &Server, name: &str) -> Result<Json, Failure> {
    server.find(&path(name))?.ok_or_else(|| {
        Failure::new(format!("there is no DAG `{name}` in the store")).help("`nightrun dags` lists them")
    })
}

fn version(server: &Server, dag: &str, version: i64) -> Result<Json, Failure> {
    let found = server.find(&format!("{}/versions/{version}", path(dag)))?;
    found.ok_or_else(|| no_version(dag, version))
}

fn no_version(dag: &str, version: i64) -> Failure {
    Failure::new(format!("DAG `{dag}` has no version {version}"))
        .help(format!("`nightrun dags history {dag}` lists them"))
}

/// What is wrong with the DAG's file as it is on disk, as far as a server has seen it.
fn warn_of_faults(item: &Json) {
    let faults = item["faults"].as_array();
    for fault in faults.into_iter().flatten() {
        let [severity, code, message, path] =
            ["severity", "code", "message", "path"].map(|key| text(&fault[key]));
        let (line, column) = (&fault["line"], &fault["column"]);
        anstream::eprintln!("{severity}[{code}]: {message}\n  --> {path}:{line}:{column}");
    }
    if faults.is_some_and(|all| all.iter().any(|fault| fault["severity"] == "error")) {
        anstream::eprintln!("the file on disk has errors; the last good version stays in force");
    }
}
