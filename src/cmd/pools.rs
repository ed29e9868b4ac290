//! `nightrun pools`: slots, who holds them and who waits for some.

use std::process::ExitCode;

use serde_json::Value as Json;

use super::told::{self, text};
use crate::cli::{Look, Pools, PoolsVerb};
use crate::client::Server;
use crate::failure::{Failure, Verdict};
use crate::say;

pub(crate) fn pools(args: Pools) -> Verdict {
    match args.verb {
        None => list(args.look),
        Some(PoolsVerb::Show { pool, look }) => show(&pool, look),
    }
}

fn list(look: Look) -> Verdict {
    let pools: Vec<Json> = Server::of(look.place)?.get("/pools")?;
    if look.json {
        say::json(&pools)?;
        return Ok(ExitCode::SUCCESS);
    }
    let row = |pool: &Json| {
        let name = pool["pool"].as_str().unwrap_or("executor").to_owned();
        vec![name, in_use(pool), pool["waiting"].to_string()]
    };
    say::println(say::table(&["pool", "in use", "waiting"], pools.iter().map(row).collect()).trim_end());
    Ok(ExitCode::SUCCESS)
}

fn show(name: &str, look: Look) -> Verdict {
    let server = Server::of(look.place)?;
    let found: Option<Json> = server.find(&format!("/pools/{}", Server::segment(name)))?;
    let none = || {
        Failure::new(format!("there is no pool `{name}`, and no task asks for one"))
            .help("`nightrun pools` lists them")
    };
    let pool = found.ok_or_else(none)?;
    if look.json {
        say::json(&pool)?;
        return Ok(ExitCode::SUCCESS);
    }
    say::println(&format!("{name}: {} in use", in_use(&pool)));
    let list = |name: &str| pool[name].as_array().cloned().unwrap_or_default();
    let (holders, waiters) = (list("holders"), list("waiters"));
    if holders.is_empty() {
        say::println("\nAll slots are free.");
    } else {
        print("holds slots", holders.iter().map(|task| (task, text(&task["state"]))))?;
    }
    if waiters.is_empty() {
        say::println("\nNo task waits for a slot.");
    } else {
        print("waits", waiters.iter().map(|task| (task, text(&task["reason"]))))?;
    }
    if pool["cut"] == true {
        say::println("\nThere are more: not all tasks were looked at.");
    }
    Ok(ExitCode::SUCCESS)
}

fn in_use(pool: &Json) -> String {
    format!("{} of {}", pool["taken"], pool["slots"])
}

/// A table of tasks, each with the word for where it is.
fn print<'a>(who: &str, tasks: impl Iterator<Item = (&'a Json, String)>) -> Result<(), Failure> {
    let mut rows = Vec::new();
    for (task, word) in tasks {
        let item = task["item"].as_u64().map_or_else(String::new, |item| format!("[{item}]"));
        rows.push(vec![
            format!("{}{item}", text(&task["task"])),
            text(&task["dag"]),
            text(&task["run_id"]),
            told::number(&task["slots"])?.to_string(),
            told::instant(&task["since"]),
            word,
        ]);
    }
    say::println("");
    say::println(say::table(&[who, "dag", "run", "slots", "since", "why"], rows).trim_end());
    Ok(())
}
