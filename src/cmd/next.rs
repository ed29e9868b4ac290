//! `nightrun next`: when something fires.

use std::io::BufRead;
use std::process::ExitCode;

use nightrun_core::dag::spec::Dag;
use nightrun_core::time::Timestamp;
use nightrun_core::timetable::{Cron, Dst, Timetable, Zone};
use nightrun_engine::clock::system_clock;
use nightrun_engine::store::{Overlay, Reader};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::target;
use crate::cli::{DstRule, Next};
use crate::config::{Config, Given};
use crate::failure::{Failure, OrFail, Verdict};
use crate::{say, wire};

/// Most instants one question may ask for.
const MOST: usize = 100_000;

pub(crate) fn next(args: Next) -> Verdict {
    if args.batch {
        return batch();
    }
    let now = system_clock()();
    let after = match &args.after {
        Some(text) => Timestamp::parse(text).ok_or_else(|| {
            Failure::usage(format!("`{text}` is no instant")).help("write it as 2026-11-21T01:30:00Z")
        })?,
        None => now,
    };
    let count = args.n.min(MOST);
    let mut overlay = Overlay::default();
    let (timetable, bounds) = match (&args.cron, &args.target) {
        (Some(expression), _) => (Some(timetable(expression, &args.timezone, dst(args.dst))?), (None, None)),
        (None, Some(name)) => {
            let config = Config::load(Given { dags: args.dags.dags, ..Given::default() })?;
            let dag = target::find(name, &config, now)?.dag;
            overlay = overlay_of(&config, &dag);
            (dag.timetable.clone(), bounds(&dag))
        }
        (None, None) => return Err(Failure::usage("name a DAG, or an expression with --cron")),
    };
    let Some(timetable) = timetable else {
        if args.json {
            say::json(&json!([]))?;
        } else {
            say::println("it has no schedule: it runs only when asked to");
        }
        return Ok(ExitCode::SUCCESS);
    };
    let instants = instants(&timetable, after, count, bounds);
    if args.json {
        say::json(&instants.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    } else {
        show(&timetable, &instants, &overlay, now);
    }
    Ok(ExitCode::SUCCESS)
}

fn dst(rule: DstRule) -> Dst {
    match rule {
        DstRule::Cron => Dst::Cron,
        DstRule::Airflow => Dst::Airflow,
    }
}

fn bounds(dag: &Dag) -> (Option<Timestamp>, Option<Timestamp>) {
    (dag.start, dag.end)
}

fn timetable(expression: &str, zone: &str, dst: Dst) -> Result<Timetable, Failure> {
    let zone = Zone::parse(zone).map_err(Failure::usage)?;
    let cron = Cron::parse(expression, dst).map_err(|fault| {
        let failure = Failure::usage(format!("`{expression}`: {}", fault.message));
        fault.help.into_iter().fold(failure, Failure::help)
    })?;
    Ok(Timetable::new(cron, zone))
}

fn instants(
    timetable: &Timetable,
    after: Timestamp,
    count: usize,
    (start, end): (Option<Timestamp>, Option<Timestamp>),
) -> Vec<Timestamp> {
    let before_start = start.map(|start| Timestamp::from_nanos(start.nanos() - 1));
    let from = before_start.map_or(after, |start| start.max(after));
    std::iter::successors(timetable.next_after(from), |at| timetable.next_after(*at))
        .take_while(|at| end.is_none_or(|end| *at <= end))
        .take(count)
        .collect()
}

/// What people have laid over the schedule of a DAG; nothing where there is no store, for it shows files.
fn overlay_of(config: &Config, dag: &Dag) -> Overlay {
    let path = wire::database(&config.data);
    if !path.exists() {
        return Overlay::default();
    }
    let overlay = Reader::open(&path).and_then(|reader| reader.read_now(|page| page.overlay(&dag.id)));
    overlay.unwrap_or_default()
}

fn show(timetable: &Timetable, instants: &[Timestamp], overlay: &Overlay, now: Timestamp) {
    for late in overlay.late(now) {
        say::println(&format!("the tick of {} was {late}", late.instant));
    }
    if instants.is_empty() {
        say::println("it does not fire any more");
    }
    for at in instants {
        let local = timetable.zone().civil(*at).format("%a %Y-%m-%d %H:%M:%S %:z");
        let wait = if *at > now { format!("in {}", say::length(at.since(now))) } else { "past".into() };
        let notes = timetable.note(*at).into_iter().chain(overlay.note(*at));
        let note = notes.fold(String::new(), |said, note| format!("{said}  ({note})"));
        say::println(&format!("{local}  {at}  {wait}{note}"));
    }
}

/// One question of `--batch`.
#[derive(Debug, Deserialize)]
struct Question {
    expr: String,
    tz: String,
    start: String,
    n: usize,
    #[serde(default)]
    dst: Option<String>,
}

fn batch() -> Verdict {
    for line in std::io::stdin().lock().lines() {
        let line = line.or_fail("standard input")?;
        if line.trim().is_empty() {
            continue;
        }
        say::json(&answer(&line).unwrap_or_else(|fault| json!({ "error": fault })))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn answer(line: &str) -> Result<Json, String> {
    let question: Question = serde_json::from_str(line).map_err(|fault| fault.to_string())?;
    let dst = match question.dst.as_deref() {
        None | Some("cron") => Dst::Cron,
        Some("airflow") => Dst::Airflow,
        Some(other) => return Err(format!("`{other}` is neither cron nor airflow")),
    };
    let zone = Zone::parse(&question.tz)?;
    let cron = Cron::parse(&question.expr, dst).map_err(|fault| fault.message)?;
    let start =
        Timestamp::parse(&question.start).ok_or_else(|| format!("`{}` is no instant", question.start))?;
    let timetable = Timetable::new(cron, zone);
    let found = instants(&timetable, start, question.n.min(MOST), (None, None));
    Ok(found.iter().map(ToString::to_string).collect())
}
