//! `nightrun hold`, `skip`, `move`: lays maintenance windows and changes of single ticks over the schedules.

use std::process::ExitCode;

use nightrun_core::time::{Timestamp, parse_duration};
use nightrun_engine::clock::system_clock;
use nightrun_engine::store::{HoldItem, TickChangeItem};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::cli::{Hold, HoldAdd, HoldVerb, Look, Move, ResumeRule, WhichTick};
use crate::client::Server;
use crate::failure::{Failure, Verdict};
use crate::say;

pub(crate) fn hold(args: Hold) -> Verdict {
    match args.verb {
        HoldVerb::Add(args) => add(args),
        HoldVerb::List(look) => list(look),
        HoldVerb::Remove { hold, place } => {
            Server::of(place)?.post(&format!("/holds/{hold}/remove"), &json!({}))?;
            say::println(&format!("maintenance window {hold} is over"));
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn add(args: HoldAdd) -> Verdict {
    let server = Server::of(args.look.place)?;
    let now = system_clock()();
    let from = args.from.as_deref().map_or(Ok(now), |text| instant(text, now, &server))?;
    let to = instant(&args.to, from, &server)?;
    let resume = match args.resume {
        ResumeRule::All => "all",
        ResumeRule::Latest => "latest",
        ResumeRule::None => "none",
    };
    let dags = (!args.all).then_some(&args.dag);
    let body =
        json!({ "dags": dags, "all": args.all, "from": from, "to": to, "resume": resume, "why": args.why });
    let answer = server.post("/holds", &body)?;
    if args.look.json {
        say::json(&answer)?;
    } else {
        let what = if args.all { "everything".to_owned() } else { args.dag.join(", ") };
        let (from, to) = (say::instant(Some(from)), say::instant(Some(to)));
        let number = &answer["hold"];
        say::println(&format!("maintenance window {number}: {what} is held from {from} to {to} (UTC)"));
    }
    Ok(ExitCode::SUCCESS)
}

fn list(look: Look) -> Verdict {
    let json = look.json;
    let told: Laid = Server::of(look.place)?.get("/holds")?;
    let Laid { holds, changed_ticks: changed } = told;
    if json {
        say::json(&json!({ "holds": holds, "changed_ticks": changed }))?;
        return Ok(ExitCode::SUCCESS);
    }
    if holds.is_empty() && changed.is_empty() {
        say::println("no maintenance window is open or to come, and no tick was changed");
    }
    if !holds.is_empty() {
        let head = ["hold", "dags", "from", "to", "resume", "by", "why"];
        say::println(say::table(&head, holds.iter().map(hold_row).collect()).trim_end());
    }
    if !changed.is_empty() {
        let row = |tick: &TickChangeItem| {
            vec![tick.dag.to_string(), say::instant(Some(tick.instant)), tick.to_string()]
        };
        say::println(say::table(&["dag", "tick", "is"], changed.iter().map(row).collect()).trim_end());
    }
    Ok(ExitCode::SUCCESS)
}

/// What holds schedules up.
#[derive(Deserialize)]
struct Laid {
    holds: Vec<HoldItem>,
    changed_ticks: Vec<TickChangeItem>,
}

fn hold_row(hold: &HoldItem) -> Vec<String> {
    let dags = hold.dags.as_ref().map_or_else(
        || "all".to_owned(),
        |dags| dags.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    );
    vec![
        hold.hold.to_string(),
        dags,
        say::instant(Some(hold.from)),
        say::instant(Some(hold.to)),
        hold.resume.as_str().to_owned(),
        hold.by.clone(),
        hold.why.clone(),
    ]
}

pub(crate) fn skip(args: WhichTick) -> Verdict {
    change(args, "skip", None)
}

pub(crate) fn postpone(args: Move) -> Verdict {
    let to = args.to.filter(|_| !args.tick.undo);
    change(args.tick, "move", to.as_deref())
}

fn change(args: WhichTick, verb: &str, to: Option<&str>) -> Verdict {
    let server = Server::of(args.look.place)?;
    let read = |text| instant(text, system_clock()(), &server);
    let mut at = args.instant.as_deref().map(read).transpose()?;
    let to = match to.map(|text| (text, parse_duration(text))) {
        // Two hours later is later than the schedule has it, as on the page, and not than now.
        Some((_, Ok(length))) => {
            let tick = at.map_or_else(|| next_unchanged(&server, &args.dag), Ok)?;
            at = Some(tick);
            Some(tick.plus(length))
        }
        Some((text, Err(_))) => Some(read(text)?),
        None => None,
    };
    let done = match to {
        _ if args.undo => "fires as the schedule has it".to_owned(),
        Some(to) => format!("fires at {} (UTC)", say::instant(Some(to))),
        None => "will be skipped".to_owned(),
    };
    let mut body = json!({ "instant": at, "why": args.why, "undo": args.undo });
    if let Some(to) = to {
        body["to"] = json!(to);
    }
    let answer = server.post(&format!("/dags/{}/ticks/{verb}", Server::segment(&args.dag)), &body)?;
    if args.look.json {
        say::json(&answer)?;
    } else {
        say::println(&format!("the tick of {} at {} {done}", args.dag, shown(&answer["instant"])));
    }
    Ok(ExitCode::SUCCESS)
}

/// A tick to come.
#[derive(Deserialize)]
struct Tick {
    at: Timestamp,
}

/// The next tick of a DAG that is neither skipped nor moved.
fn next_unchanged(server: &Server, dag: &str) -> Result<Timestamp, Failure> {
    let Laid { changed_ticks: changed, .. } = server.get("/holds")?;
    let coming: Vec<Tick> =
        server.get(&format!("/dags/{}/next?limit={}", Server::segment(dag), changed.len() + 1))?;
    let is_changed = |at| changed.iter().any(|it| it.dag.as_str() == dag && it.instant == at);
    let next = coming.into_iter().map(|tick| tick.at).find(|at| !is_changed(*at));
    next.ok_or_else(|| Failure::new(format!("no schedule of `{dag}` fires any more: no such tick")))
}

fn shown(instant: &Json) -> String {
    let at = instant.as_str().and_then(Timestamp::parse);
    at.map_or_else(String::new, |at| format!("{} (UTC)", say::instant(Some(at))))
}

/// An instant with its offset, a local time in the zone, or a length after `from`.
fn instant(text: &str, from: Timestamp, server: &Server) -> Result<Timestamp, Failure> {
    if text == "now" {
        return Ok(system_clock()());
    }
    if let Ok(length) = parse_duration(text) {
        return Ok(from.plus(length));
    }
    if let Some(at) = Timestamp::parse(text) {
        return Ok(at);
    }
    let local = ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"]
        .iter()
        .find_map(|form| chrono::NaiveDateTime::parse_from_str(text, form).ok());
    // Which zone a server elsewhere is configured with is not known here.
    let zone = server.config().map(|config| &config.zone);
    local.zip(zone).and_then(|(local, zone)| zone.instant_of(local)).ok_or_else(|| {
        let also = zone.map_or_else(String::new, |zone| format!(", 2026-11-21T01:30 (in {})", zone.name()));
        let help = format!("write 2026-11-21T01:30:00Z{also}, or a length such as 2h");
        let what = if local.is_some() { "says no offset, and so no instant" } else { "is no instant" };
        Failure::usage(format!("`{text}` {what}")).help(help)
    })
}
