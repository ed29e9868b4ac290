//! `nightrun hold`, `skip`, `move`: lays maintenance windows and changes of single ticks over the schedules.

use std::process::ExitCode;

use nightrun_core::time::{Timestamp, parse_duration};
use nightrun_core::timetable::Zone;
use nightrun_engine::clock::system_clock;
use nightrun_engine::store::{HoldItem, TickChangeItem};
use serde_json::{Value as Json, json};

use super::act::{config_of, data_of};
use super::look::Looker;
use crate::cli::{Hold, HoldAdd, HoldVerb, Look, Move, ResumeRule, WhichTick};
use crate::failure::{Failure, Verdict};
use crate::{client, say};

pub(crate) fn hold(args: Hold) -> Verdict {
    match args.verb {
        HoldVerb::Add(args) => add(args),
        HoldVerb::List(look) => list(look),
        HoldVerb::Remove { hold, data } => {
            client::post(&data_of(data)?, &format!("/api/v1/holds/{hold}/remove"), &json!({}))?;
            say::println(&format!("maintenance window {hold} is over"));
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn add(args: HoldAdd) -> Verdict {
    let config = config_of(args.look.data)?;
    let now = system_clock()();
    let from = args.from.as_deref().map_or(Ok(now), |text| instant(text, now, &config.zone))?;
    let to = instant(&args.to, from, &config.zone)?;
    let resume = match args.resume {
        ResumeRule::All => "all",
        ResumeRule::Latest => "latest",
        ResumeRule::None => "none",
    };
    let dags = (!args.all).then_some(&args.dag);
    let body =
        json!({ "dags": dags, "all": args.all, "from": from, "to": to, "resume": resume, "why": args.why });
    let answer = client::post(&config.data, "/api/v1/holds", &body)?;
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
    let looker = Looker::open(look.data)?;
    let (holds, changed) = looker.read(|page| Ok((page.holds()?, page.changed_ticks(None)?)))?;
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
    let done = if args.undo { "fires as the schedule has it" } else { "will be skipped" }.to_owned();
    change(args, "skip", None, &done)
}

pub(crate) fn postpone(args: Move) -> Verdict {
    let to = match &args.to {
        Some(text) if !args.tick.undo => {
            let config = config_of(crate::cli::Data { data: args.tick.look.data.data.clone() })?;
            Some(instant(text, system_clock()(), &config.zone)?)
        }
        _ => None,
    };
    let done = to.map_or_else(
        || "fires as the schedule has it".to_owned(),
        |to| format!("fires at {} (UTC)", say::instant(Some(to))),
    );
    change(args.tick, "move", to, &done)
}

fn change(args: WhichTick, verb: &str, to: Option<Timestamp>, done: &str) -> Verdict {
    let config = config_of(args.look.data)?;
    let at = args.instant.as_deref().map(|text| instant(text, system_clock()(), &config.zone)).transpose()?;
    let mut body = json!({ "instant": at, "why": args.why, "undo": args.undo });
    if let Some(to) = to {
        body["to"] = json!(to);
    }
    let answer = client::post(&config.data, &format!("/api/v1/dags/{}/ticks/{verb}", args.dag), &body)?;
    if args.look.json {
        say::json(&answer)?;
    } else {
        say::println(&format!("the tick of {} at {} {done}", args.dag, shown(&answer["instant"])));
    }
    Ok(ExitCode::SUCCESS)
}

fn shown(instant: &Json) -> String {
    let at = instant.as_str().and_then(Timestamp::parse);
    at.map_or_else(String::new, |at| format!("{} (UTC)", say::instant(Some(at))))
}

/// An instant with its offset, a local time in the zone, or a length after `from`.
fn instant(text: &str, from: Timestamp, zone: &Zone) -> Result<Timestamp, Failure> {
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
    local.and_then(|local| zone.instant_of(local)).ok_or_else(|| {
        let help = format!(
            "write 2026-11-21T01:30:00Z, 2026-11-21T01:30 (in {}), or a length such as 2h",
            zone.name()
        );
        Failure::usage(format!("`{text}` is no instant")).help(help)
    })
}
