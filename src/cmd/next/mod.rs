//! `nightrun next`: when something fires.

mod there;

use std::process::ExitCode;
use std::time::Duration;

use nightrun_core::dag::spec::Dag;
use nightrun_core::time::Timestamp;
use nightrun_core::timetable::{Cron, Dst, Tick, Timetable, Zone, jittered};
use nightrun_engine::clock::system_clock;
use nightrun_engine::store::{Overlay, Reader};
use serde_json::json;

use super::batch;
use super::target::{self, Named};
use crate::cli::{DstRule, Next};
use crate::client::Server;
use crate::config::{Config, Given};
use crate::failure::{Failure, Verdict};
use crate::{say, wire};

/// Most instants one question may ask for.
pub(super) const MOST: usize = 100_000;

/// What is said of schedules without ticks.
const ASKED: &str = "it has no schedule: it runs only when asked to";
const CONTINUOUS: &str = "it runs again whenever its last run has ended";
const ONCE: &str = "it runs once, when a scheduler first loads it";

/// So many skipped ticks are shown between two that fire.
const MOST_SKIPPED: usize = 3;

pub(crate) fn next(args: Next) -> Verdict {
    if args.batch {
        return batch::batch();
    }
    let now = system_clock()();
    let after = match &args.after {
        Some(text) => Timestamp::parse(text).ok_or_else(|| {
            Failure::usage(format!("`{text}` is no instant")).help("write it as 2026-11-21T01:30:00Z")
        })?,
        None => now,
    };
    let count = args.n.min(MOST);
    match (&args.cron, &args.target) {
        (Some(expression), _) => {
            let timetable = timetable(expression, &args.timezone, dst(args.dst))?;
            let next = |at: &Timestamp| timetable.next_after(*at);
            let instants: Vec<Timestamp> = std::iter::successors(next(&after), next).take(count).collect();
            if args.json {
                say_instants(&instants)?;
            } else {
                let plain = |at| Tick { at, jitter: Duration::ZERO, moved: None, skipped: None };
                let lines = Lines { dag: None, timetable: &timetable, overlay: &Overlay::default(), now };
                show(instants.into_iter().map(plain), &lines, count);
            }
        }
        (None, Some(name)) => {
            let server = Server::with(args.place, Given { dags: args.dags.dags, ..Given::default() })?;
            let Some(config) = server.config() else {
                return there::next(&server, name, args.after.map(|_| after), (count, args.json));
            };
            let dag = target::find(&Named { target: name, dag: args.dag.as_deref() }, config, now)?.dag;
            if args.json {
                say_instants(&dag.instants_after(after).take(count).collect::<Vec<_>>())?;
            } else {
                show_dag(&dag, &laid_over(config, &dag)?, after, count, now);
            }
        }
        (None, None) => return Err(Failure::usage("name a DAG, or an expression with --cron")),
    }
    Ok(ExitCode::SUCCESS)
}

fn dst(rule: DstRule) -> Dst {
    match rule {
        DstRule::Cron => Dst::Cron,
        DstRule::Airflow => Dst::Airflow,
    }
}

/// The next instants at which a DAG fires.
pub(super) fn coming(dag: &Dag, after: Timestamp, count: usize) -> Vec<Timestamp> {
    dag.instants_after(after).take(count).collect()
}

fn timetable(expression: &str, zone: &str, dst: Dst) -> Result<Timetable, Failure> {
    let zone = Zone::parse(zone).map_err(Failure::usage)?;
    let cron = Cron::parse(expression, dst).map_err(|fault| {
        let failure = Failure::usage(format!("`{expression}`: {}", fault.message));
        fault.help.into_iter().fold(failure, Failure::help)
    })?;
    Ok(Timetable::new(cron, zone))
}

fn say_instants(instants: &[Timestamp]) -> Result<(), Failure> {
    say::json(&json!(instants.iter().map(ToString::to_string).collect::<Vec<_>>()))
}

/// What people have laid over the schedule of a DAG.
#[derive(Default)]
struct LaidOver {
    overlay: Overlay,
    everything_paused: bool,
    paused: bool,
}

/// Nothing where there is no store, for `next` shows files.
fn laid_over(config: &Config, dag: &Dag) -> Result<LaidOver, Failure> {
    let path = wire::database(&config.data);
    if !path.exists() {
        return Ok(LaidOver::default());
    }
    let read = Reader::open(&path).and_then(|reader| {
        reader.read_now(|page| {
            Ok(LaidOver {
                overlay: page.overlay(&dag.id)?,
                everything_paused: page.everything_paused()?,
                paused: page.dag(&dag.id, 0)?.is_some_and(|dag| dag.paused),
            })
        })
    });
    read.map_err(|fault| {
        Failure::new(format!("the store in {} cannot be read: {fault}", config.data.display()))
            .help("skipped, moved and held ticks stand there; --data names another data folder")
    })
}

/// Why nothing fires as shown.
fn say_paused(dag: &str, everything_paused: bool, paused: bool) {
    let (what, unpause) = match (everything_paused, paused) {
        (true, _) => ("everything", "--all"),
        (false, true) => (dag, dag),
        (false, false) => return,
    };
    say::println(&format!("{what} is paused: no tick fires until `nightrun unpause {unpause}`"));
}

fn show_dag(dag: &Dag, laid: &LaidOver, after: Timestamp, count: usize, now: Timestamp) {
    say_paused(dag.id.as_str(), laid.everything_paused, laid.paused);
    let overlay = &laid.overlay;
    for late in overlay.late(now) {
        say::println(&format!("the tick of {} was {late}", late.instant));
    }
    match &dag.timetable {
        None => say::println(ASKED),
        Some(timetable) if timetable.is_continuous() => say::println(CONTINUOUS),
        Some(timetable) if timetable.is_once() && timetable.once_at().is_none() => say::println(ONCE),
        Some(timetable) => {
            let lines = Lines { dag: Some(dag.id.as_str()), timetable, overlay, now };
            show(dag.ticks_after(after), &lines, count);
        }
    }
}

/// What a line of a tick is told with.
struct Lines<'a> {
    dag: Option<&'a str>,
    timetable: &'a Timetable,
    overlay: &'a Overlay,
    now: Timestamp,
}

/// Shows ticks until `count` of them fire, and which are skipped between.
fn show(ticks: impl Iterator<Item = Tick>, lines: &Lines<'_>, count: usize) {
    say_lines(ticks.map(|tick| (tick.skipped.is_some(), line(&tick, lines))), count);
}

/// Says lines until `count` of them are of ticks that fire; the others are told to be skipped.
fn say_lines(lines: impl Iterator<Item = (bool, String)>, count: usize) {
    let (mut fired, mut skipped) = (0, 0);
    for (is_skipped, line) in lines {
        if fired == count {
            break;
        }
        if is_skipped {
            skipped += 1;
            if skipped <= MOST_SKIPPED {
                say::println(&line);
            }
            if skipped == MOST {
                break;
            }
            continue;
        }
        say_rest(skipped);
        say::println(&line);
        (fired, skipped) = (fired + 1, 0);
    }
    say_rest(skipped);
    if fired == 0 && count > 0 {
        say::println("it does not fire any more");
    }
}

/// How many skipped ticks were not shown.
fn say_rest(skipped: usize) {
    if let Some(more @ 1..) = skipped.checked_sub(MOST_SKIPPED) {
        say::println(&format!("... and {more} more skipped"));
    }
}

fn line(tick: &Tick, lines: &Lines<'_>) -> String {
    let Lines { dag, timetable, overlay, now } = *lines;
    let at = tick.at;
    let local = timetable.zone().civil(at).format("%a %Y-%m-%d %H:%M:%S %:z");
    let jitter = dag.filter(|_| !tick.jitter.is_zero() && tick.skipped.is_none()).map(|dag| {
        let late = jittered(dag, at, tick.jitter).since(at);
        format!("fires {} later (jitter)", say::length(Duration::from_secs(late.as_secs())))
    });
    let notes: Vec<String> =
        timetable.remark(tick).into_iter().chain(jitter).chain(overlay.note(at)).collect();
    written(&local.to_string(), at, now, &notes.join("; "))
}

/// The line of a tick.
fn written(local: &str, at: Timestamp, now: Timestamp, note: &str) -> String {
    let wait = if at > now { format!("in {}", say::length(at.since(now))) } else { "past".into() };
    let note = if note.is_empty() { String::new() } else { format!("  ({note})") };
    format!("{local}  {at}  {wait}{note}")
}
