//! `nightrun dags`: the DAGs, their last runs, and when each fires next.

use std::process::ExitCode;

use nightrun_core::time::Timestamp;
use serde_json::{Value as Json, json};

use super::told::text;
use super::{faulty, versions};
use crate::cli::{DagList, DagsVerb, Look};
use crate::client::Server;
use crate::failure::{Failure, Verdict};
use crate::say;

/// How many of a DAG's last runs are shown.
const RECENT: usize = 10;

pub(crate) fn dags(args: DagList) -> Verdict {
    match args.verb {
        None => list(args.look),
        Some(DagsVerb::Show(args)) => versions::show(args),
        Some(DagsVerb::History(args)) => versions::history(args),
        Some(DagsVerb::Diff(args)) => versions::diff(args),
    }
}

fn list(args: Look) -> Verdict {
    let server = Server::of(args.place)?;
    let everything = server.get::<Json>("/holds")?["paused"] == json!(true);
    let dags: Vec<Json> = server.list("/dags?retired=false", usize::MAX)?;
    let rows: Vec<Json> = dags.iter().map(|dag| row(dag, everything)).collect();
    if args.json {
        say::json(&rows)?;
        return Ok(ExitCode::SUCCESS);
    }
    let footer = faulty::footer(&server)?;
    if rows.is_empty() {
        return Err(Failure::new("there are no DAGs yet").help(
            footer.as_deref().unwrap_or("put a DAG file into the DAG folder; `nightrun example` prints one"),
        ));
    }
    let text = |row: &Json, key: &str| row[key].as_str().unwrap_or("-").to_owned();
    let line = |(row, dag): (&Json, &Json)| {
        let next = row["next"].as_str().and_then(Timestamp::parse);
        let next = if row["paused"] == json!(true) { "paused".into() } else { say::instant(next) };
        let mark = dag["next_mark"].as_str();
        let next = mark.map_or_else(|| next.clone(), |mark| format!("{next} ({mark})"));
        vec![text(row, "dag"), text(row, "schedule"), next, marks(row), broken(row)]
    };
    let lines = rows.iter().zip(&dags).map(line).collect();
    say::println(say::table(&["dag", "schedule", "next", "last runs", ""], lines).trim_end());
    if let Some(footer) = footer {
        say::println(&footer);
    }
    Ok(ExitCode::SUCCESS)
}

/// What a DAG shows.
fn row(dag: &Json, everything_paused: bool) -> Json {
    let recent = dag["recent"].as_array().into_iter().flatten().take(RECENT).collect::<Vec<_>>();
    json!({
        "dag": dag["dag"],
        "path": dag["path"],
        "version": dag["version"],
        "faults": dag["faults"],
        "description": dag["description"],
        "owner": dag["owner"],
        "tags": dag["tags"],
        "enabled": dag["enabled"],
        "paused": everything_paused || dag["paused"] == json!(true),
        "schedule": dag["timetable"],
        "next": dag["next"],
        "next_note": dag["next_note"],
        "recent": recent,
    })
}

/// A mark where the file on disk has faults.
fn broken(row: &Json) -> String {
    let faults = row["faults"].as_array().into_iter().flatten();
    let errors = faults.filter(|fault| fault["severity"] == "error").count();
    if errors > 0 {
        format!("! {}: the last good version stays in force", text(&row["path"]))
    } else {
        String::new()
    }
}

/// The last runs, oldest first, one sign each.
fn marks(row: &Json) -> String {
    let states = row["recent"].as_array().into_iter().flatten().rev();
    states.filter_map(|run| run["state"].as_str()).map(say::sign).collect::<Vec<_>>().join("")
}
