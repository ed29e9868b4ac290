//! When a DAG of a server elsewhere fires, as that server has it.

use std::process::ExitCode;

use nightrun_core::time::Timestamp;
use nightrun_engine::clock::system_clock;
use nightrun_engine::store::TickChangeItem;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::{ASKED, CONTINUOUS, ONCE, say_instants, say_lines, say_paused, written};
use crate::client::Server;
use crate::cmd::faulty;
use crate::cmd::told::{read, text};
use crate::failure::{Failure, Verdict};
use crate::say;

/// Most ticks that one question may ask a server for.
const MOST: usize = 500;

/// A coming tick.
#[derive(Deserialize)]
struct Coming {
    at: Timestamp,
    clock: String,
    note: Option<String>,
    skipped: bool,
}

pub(super) fn next(
    server: &Server,
    name: &str,
    after: Option<Timestamp>,
    (count, as_json): (usize, bool),
) -> Verdict {
    let path = format!("/dags/{}", Server::segment(name));
    let dag: Json = server.find(&path)?.ok_or_else(|| faulty::no_dag(server, name))?;
    let ticks = ticks(server, &path, after, count)?;
    if as_json {
        let fire = ticks.iter().filter(|tick| !tick.skipped).map(|tick| tick.at);
        say_instants(&fire.take(count).collect::<Vec<_>>())?;
        return Ok(ExitCode::SUCCESS);
    }
    let now = system_clock()();
    say_paused(name, dag["everything_paused"] == json!(true), dag["paused"] == json!(true));
    let changed: Vec<TickChangeItem> = read(server.get::<Json>("/holds")?["changed_ticks"].take())?;
    for late in changed.iter().filter(|it| it.dag.as_str() == name && it.instant <= now && !it.done) {
        say::println(&format!("the tick of {} was {late}", late.instant));
    }
    match text(&dag["schedule"]).as_str() {
        _ if dag["enabled"] == json!(false) => say::println("it is not enabled: no tick fires"),
        "" => say::println(ASKED),
        "@continuous" => say::println(CONTINUOUS),
        "@once" if ticks.is_empty() => say::println(ONCE),
        _ => {
            let line = |tick: &Coming| {
                let note = tick.note.as_deref().unwrap_or_default();
                (tick.skipped, written(&tick.clock, tick.at, now, note))
            };
            say_lines(ticks.iter().map(line), count);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Ticks until `count` of them fire, page by page.
fn ticks(
    server: &Server,
    path: &str,
    mut after: Option<Timestamp>,
    count: usize,
) -> Result<Vec<Coming>, Failure> {
    let (mut ticks, mut left) = (Vec::new(), count);
    while left > 0 {
        let from =
            after.map_or_else(String::new, |at| format!("&after={}", Server::segment(&at.to_string())));
        let wanted = left.min(MOST);
        let page: Vec<Coming> = server.get(&format!("{path}/next?skipped=true&limit={wanted}{from}"))?;
        let fired = page.iter().filter(|tick| !tick.skipped).count();
        after = page.last().map(|tick| tick.at);
        left = if fired < wanted { 0 } else { left - fired };
        ticks.extend(page);
    }
    Ok(ticks)
}
