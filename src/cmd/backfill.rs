//! `nightrun backfill`: runs for a stretch of the past.

use std::process::ExitCode;

use nightrun_core::decide::{BackfillMode, BackfillOrder, BackfillRequest, BackfillState, Event, Past};
use nightrun_core::id::DagId;
use nightrun_core::time::Timestamp;
use nightrun_engine::clock::system_clock;
use nightrun_engine::store::BackfillShow;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::again::{LOOK, LOOK_THERE, server_of, still_served};
use super::here;
use super::inputs::Inputs;
use super::target::{self, Named};
use super::told::{self, number, text};
use crate::cli::Look;
use crate::cli::again::{Backfill, BackfillVerb, OfBackfill, Order, Steer};
use crate::client::Server;
use crate::config::Config;
use crate::failure::{Failure, Verdict};
use crate::say;

/// Most backfills that are listed.
const MOST: usize = 500;

/// One date of a backfill.
#[derive(Deserialize)]
struct Date {
    instant: Timestamp,
    action: String,
    run_id: Option<String>,
    state: Option<String>,
    reason: Option<String>,
}

pub(crate) fn backfill(args: Backfill) -> Verdict {
    match args.verb {
        None => begin(args),
        Some(BackfillVerb::List { dag, look }) => list(dag, look),
        Some(BackfillVerb::Show(of)) => show(of),
        Some(BackfillVerb::Pause(steered)) => steer(steered, BackfillState::Paused),
        Some(BackfillVerb::Resume(steered)) => steer(steered, BackfillState::Running),
        Some(BackfillVerb::Cancel(steered)) => steer(steered, BackfillState::Canceled),
    }
}

fn begin(args: Backfill) -> Verdict {
    let server = server_of(args.look.place, args.dags)?;
    let here = server.config().filter(|_| !server.is_served());
    let name = args.dag.unwrap_or_default();
    let (dag, first) = match here {
        Some(config) => in_folder(config, &name)?,
        None => (Inputs::in_force(&server, &name)?, vec![]),
    };
    let request = BackfillRequest {
        from: instant(&dag, args.from.as_deref())?,
        to: until(&dag, args.to.as_deref())?,
        mode: match (args.mode.failed, args.mode.all) {
            (true, _) => BackfillMode::Failed,
            (_, true) => BackfillMode::All,
            _ => BackfillMode::Missing,
        },
        order: if args.order == Order::Newest { BackfillOrder::Newest } else { BackfillOrder::Oldest },
        max_active: args.max_active,
        params: dag.params(&args.params)?,
        force: args.force || here.is_some(),
        dry_run: args.dry_run,
        by: args.signed.by,
        why: args.signed.why,
    };
    let plan = if let Some(config) = here {
        let dag = DagId::from(dag.dag.as_str());
        here::ask(config, first, Event::BackfillRequested { dag, request, past: Past::default() })?
    } else {
        server.post(&format!("/dags/{}/backfills", Server::segment(&dag.dag)), &json!(request))?
    };
    conclude(&server, plan, args.look.json, args.dry_run, args.wait || here.is_some())
}

fn instant(dag: &Inputs, text: Option<&str>) -> Result<Timestamp, Failure> {
    dag.at(text)?.ok_or_else(|| Failure::usage("say from when and to when: --from T --to T"))
}

/// The last instant of a stretch: a bare date means the whole of that day.
fn until(dag: &Inputs, text: Option<&str>) -> Result<Timestamp, Failure> {
    let day = text.and_then(|text| chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").ok());
    let Some(next) = day.and_then(|day| day.succ_opt()) else {
        return instant(dag, text);
    };
    let midnight = instant(dag, Some(&next.to_string()))?;
    Ok(Timestamp::from_nanos(midnight.nanos().saturating_sub(1)))
}

/// The DAG as the DAG folder has it, and the event that puts it in force.
fn in_folder(config: &Config, name: &str) -> Result<(Inputs, Vec<Event>), Failure> {
    let found = target::find(&Named { target: name, dag: None }, config, system_clock()())?;
    let dag = Inputs::of(&found.dag);
    let read = Event::DagsRead { read: vec![found.into_text()], gone: vec![], faults: vec![] };
    Ok((dag, vec![read]))
}

fn conclude(server: &Server, mut plan: Json, as_json: bool, dry_run: bool, wait: bool) -> Verdict {
    let begun = !plan["backfill"].is_null();
    if !as_json {
        print_plan(&plan, dry_run);
    }
    let mut code = ExitCode::SUCCESS;
    if begun && wait {
        let over = wait_for(server, number(&plan["backfill"])?)?;
        plan["state"] = json!(over.state);
        code = here::code_of(over.state.as_str());
        if !as_json {
            say::println(&format!(
                "{} backfill {} is {}: {} done, {} failed",
                say::sign(over.state.as_str()),
                over.backfill,
                over.state,
                over.done,
                over.failed
            ));
        }
    }
    if as_json {
        plan["dry_run"] = json!(dry_run);
        say::json(&plan)?;
    }
    Ok(code)
}

fn wait_for(server: &Server, id: i64) -> Result<BackfillShow, Failure> {
    loop {
        let shown: BackfillShow = told::read(one(server, id)?)?;
        if shown.state.is_final() {
            return Ok(shown);
        }
        still_served(server, &format!("backfill {id} is {}", shown.state))?;
        std::thread::sleep(if server.is_remote() { LOOK_THERE } else { LOOK });
    }
}

fn print_plan(plan: &Json, dry_run: bool) {
    let empty = Vec::new();
    let dates = plan["dates"].as_array().unwrap_or(&empty);
    let rows = dates.iter().map(|date| {
        let at = Timestamp::parse(date["instant"].as_str().unwrap_or_default());
        let why = match (date["action"].as_str(), date["run_id"].as_str()) {
            (Some("rerun"), Some(run)) => format!("run {run}, what failed of it"),
            _ => text(&date["reason"]),
        };
        vec![say::instant(at), text(&date["action"]), why]
    });
    if !dates.is_empty() {
        say::println(say::table(&["date", "action", "why"], rows.collect()).trim_end());
    }
    let count = |action: &str| dates.iter().filter(|date| date["action"] == action).count();
    let (dag, at_once) = (text(&plan["dag"]), &plan["max_active"]);
    let sums = format!("{} to run, {} to rerun, {} skipped", count("run"), count("rerun"), count("skip"));
    say::println(&match plan["backfill"].as_i64() {
        Some(id) => format!("backfill {id} of {dag}: {sums}; at most {at_once} at once"),
        None if dry_run => format!("{dag}: {sums}; this was a dry run, nothing was begun"),
        None => format!("{dag}: {sums}; there is nothing to do"),
    });
}

fn list(dag: Option<String>, look: Look) -> Verdict {
    let of = dag.map_or_else(String::new, |dag| format!("?dag={}", Server::segment(&dag)));
    let found: Vec<Json> = Server::of(look.place)?.list(&format!("/backfills{of}"), MOST)?;
    if look.json {
        say::json(&found)?;
    } else {
        let found: Vec<BackfillShow> = found.into_iter().map(told::read).collect::<Result<_, _>>()?;
        let head = ["backfill", "dag", "state", "from", "to", "done", "failed", "active", "left", "skipped"];
        say::println(say::table(&head, found.iter().map(row).collect()).trim_end());
    }
    Ok(ExitCode::SUCCESS)
}

fn row(it: &BackfillShow) -> Vec<String> {
    let state = format!("{} {}", say::sign(it.state.as_str()), it.state);
    let [from, to] = [it.from, it.to].map(|at| say::instant(Some(at)));
    let counts = [it.done, it.failed, it.active, it.left, it.skipped].map(|count| count.to_string());
    [vec![it.backfill.to_string(), it.dag.to_string(), state, from, to], counts.to_vec()].concat()
}

fn show(of: OfBackfill) -> Verdict {
    let id = of.backfill;
    let mut whole = one(&Server::of(of.look.place)?, id)?;
    if of.look.json {
        say::json(&whole)?;
        return Ok(ExitCode::SUCCESS);
    }
    let dates: Vec<Date> = told::read(whole["dates"].take())?;
    let it: BackfillShow = told::read(whole)?;
    let sign = say::sign(it.state.as_str());
    say::println(&format!("{sign} backfill {id} of {}: {}, asked for by {}", it.dag, it.state, it.by));
    say::println(&format!(
        "  {} done, {} failed, {} active, {} left, {} skipped; {}, {} first, at most {} at once\n",
        it.done, it.failed, it.active, it.left, it.skipped, it.mode, it.order, it.max_active
    ));
    let rows = dates.into_iter().map(|date| {
        let state = date.state;
        // A date that was taken and whose run is not there any more was pruned.
        let else_said = if date.run_id.is_some() { "pruned" } else { "left" };
        let run = date.run_id.unwrap_or_default();
        let said = date.reason.or(state).unwrap_or_else(|| else_said.into());
        vec![say::instant(Some(date.instant)), date.action, run, said]
    });
    say::println(say::table(&["date", "action", "run", "is"], rows.collect()).trim_end());
    Ok(ExitCode::SUCCESS)
}

fn one(server: &Server, id: i64) -> Result<Json, Failure> {
    let help = "`nightrun backfill list` lists them";
    let found = server.find(&format!("/backfills/{id}"))?;
    found.ok_or_else(|| Failure::new(format!("there is no backfill {id}")).help(help))
}

fn steer(args: Steer, to: BackfillState) -> Verdict {
    let (verb, said) = match to {
        BackfillState::Paused => ("pause", "paused: no more of its runs begin"),
        BackfillState::Running => ("resume", "going on"),
        BackfillState::Success | BackfillState::Failed | BackfillState::Canceled => {
            ("cancel", "canceled, and its runs are being ended")
        }
    };
    let body = json!({ "by": args.signed.by, "why": args.signed.why });
    Server::of(args.place)?.post(&format!("/backfills/{}/{verb}", args.backfill), &body)?;
    say::println(&format!("backfill {} is {said}", args.backfill));
    Ok(ExitCode::SUCCESS)
}
