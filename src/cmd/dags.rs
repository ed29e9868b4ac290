//! `nightrun dags`: the DAGs, their last runs, and when each fires next.

use std::path::Path;
use std::process::ExitCode;

use nightrun_core::time::Timestamp;
use nightrun_core::timetable::Timetable;
use nightrun_engine::clock::system_clock;
use nightrun_engine::store::{DagItem, Page};
use serde_json::{Value as Json, json};

use super::look::Looker;
use super::{faulty, remote, versions};
use crate::cli::{DagList, DagsVerb, Look};
use crate::client::Server;
use crate::config::{Config, Given};
use crate::failure::{Failure, Verdict};
use crate::{say, wire};

/// Most DAGs that are listed.
const MOST: u32 = 100_000;

/// How many of a DAG's last runs are shown.
const RECENT: u32 = 10;

pub(crate) fn dags(args: DagList) -> Verdict {
    match args.verb {
        None => {
            let server = Server::of(&args.remote, Path::new(""))?;
            if server.is_remote() { remote::dags(&server, args.look.json) } else { list(args.look) }
        }
        Some(DagsVerb::Show(args)) => versions::show(args),
        Some(DagsVerb::History(args)) => versions::history(args),
        Some(DagsVerb::Diff(args)) => versions::diff(args),
    }
}

fn list(args: Look) -> Verdict {
    let looker = Looker::open(args.data)?;
    let now = system_clock()();
    let config = Config::load(Given { data: Some(looker.data.clone()), ..Given::default() })?;
    let parse = wire::parse_with(config.known(now));
    let (rows, footer) = looker.read(|page| {
        let held = page.everything_paused()?;
        let dags = page.dags(None, MOST, RECENT)?;
        let rows = dags
            .into_iter()
            .filter(|dag| !dag.retired)
            .map(|dag| row(page, &dag, held, now, &parse))
            .collect::<Result<Vec<_>, _>>()?;
        Ok((rows, faulty::footer(page, &config)?))
    })?;
    if args.json {
        say::json(&rows.iter().map(|(row, _)| row).collect::<Vec<_>>())?;
        return Ok(ExitCode::SUCCESS);
    }
    if rows.is_empty() {
        return Err(Failure::new("there are no DAGs yet").help(
            footer.as_deref().unwrap_or("put a DAG file into the DAG folder; `nightrun example` prints one"),
        ));
    }
    let text = |row: &Json, key: &str| row[key].as_str().unwrap_or("-").to_owned();
    let lines = rows
        .iter()
        .map(|(row, note)| {
            let next = if row["paused"] == json!(true) { "paused".into() } else { text(row, "next") };
            let next = note.as_ref().map_or(next.clone(), |note| format!("{next} ({note})"));
            vec![text(row, "dag"), text(row, "schedule"), next, marks(row), broken(row)]
        })
        .collect();
    say::println(say::table(&["dag", "schedule", "next", "last runs", ""], lines).trim_end());
    if let Some(footer) = footer {
        say::println(&footer);
    }
    Ok(ExitCode::SUCCESS)
}

/// What a DAG shows, and what a table says beside its next tick.
fn row(
    page: &Page,
    dag: &DagItem,
    everything_paused: bool,
    now: Timestamp,
    parse: &nightrun_engine::run::Parse,
) -> Result<(Json, Option<String>), nightrun_engine::store::Fault> {
    let text = page.version(dag.version)?;
    let spec = text.and_then(|version| parse(&version.source()));
    let timetable = spec.as_ref().and_then(|spec| spec.timetable.clone());
    let next = spec.as_ref().and_then(|spec| spec.instants_after(now.max(dag.cursor)).next());
    let (note, short) = match next {
        Some(next) => {
            let overlay = page.overlay(&dag.dag)?;
            (overlay.note(next), overlay.short_note(next))
        }
        None => (None, None),
    };
    let faults = page.faults(Some(&dag.path))?.pop();
    let row = json!({
        "dag": dag.dag,
        "path": dag.path,
        "version": dag.version,
        "faults": faults.map_or(json!([]), |found| found.faults),
        "description": spec.as_ref().and_then(|spec| spec.description.clone()),
        "owner": spec.as_ref().and_then(|spec| spec.owner.clone()),
        "tags": spec.as_ref().map(|spec| spec.tags.clone()),
        "enabled": spec.as_ref().map(|spec| spec.enabled),
        "paused": dag.paused || everything_paused,
        "schedule": timetable.as_ref().map(Timetable::to_string),
        "next": next.map(|next| next.to_string()),
        "next_note": note,
        "recent": dag.recent,
    });
    Ok((row, short))
}

/// A mark where the file on disk has faults.
fn broken(row: &Json) -> String {
    let faults = row["faults"].as_array().into_iter().flatten();
    let errors = faults.filter(|fault| fault["severity"] == "error").count();
    if errors > 0 {
        format!("! {}: the last good version stays in force", row["path"].as_str().unwrap_or("its file"))
    } else {
        String::new()
    }
}

/// The last runs, oldest first, one sign each.
fn marks(row: &Json) -> String {
    let states = row["recent"].as_array().into_iter().flatten().rev();
    states.filter_map(|run| run["state"].as_str()).map(say::sign).collect::<Vec<_>>().join("")
}
