//! `nightrun backfill`: runs for a stretch of the past.

use std::process::ExitCode;
use std::sync::Arc;

use nightrun_core::dag::spec::Dag;
use nightrun_core::decide::{BackfillMode, BackfillOrder, BackfillRequest, BackfillState, Event, Past};
use nightrun_core::id::{BackfillId, DagId};
use nightrun_core::time::Timestamp;
use nightrun_engine::clock::system_clock;
use nightrun_engine::store::{BackfillShow, Reader};
use serde_json::{Value as Json, json};

use super::again::{LOOK, config_of, number, still_served};
use super::here;
use super::look::Looker;
use super::target::{self, Named};
use crate::cli::again::{Backfill, BackfillVerb, OfBackfill, Order, Steer};
use crate::cli::{Data, Look};
use crate::config::Config;
use crate::failure::{Failure, Verdict};
use crate::{client, say, wire};

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
    let config = config_of(args.look.data, args.dags)?;
    let served = client::answers(&config.data);
    let name = args.dag.unwrap_or_default();
    let (dag, first) = if served { (in_force(&config, &name)?, vec![]) } else { in_folder(&config, &name)? };
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
        params: target::params(&dag, &args.params)?,
        force: args.force || !served,
        dry_run: args.dry_run,
        by: args.signed.by,
        why: args.signed.why,
    };
    let plan = if served {
        client::post(&config.data, &format!("/api/v1/dags/{}/backfills", dag.id), &json!(request))?
    } else {
        let dag = dag.id.clone();
        here::ask(&config, first, Event::BackfillRequested { dag, request, past: Past::default() })?
    };
    conclude(&config, plan, args.look.json, args.dry_run, args.wait || !served)
}

fn instant(dag: &Dag, text: Option<&str>) -> Result<Timestamp, Failure> {
    target::at(dag, text)?.ok_or_else(|| Failure::usage("say from when and to when: --from T --to T"))
}

/// The last instant of a stretch: a bare date means the whole of that day.
fn until(dag: &Dag, text: Option<&str>) -> Result<Timestamp, Failure> {
    let day = text.and_then(|text| chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").ok());
    let Some(next) = day.and_then(|day| day.succ_opt()) else {
        return instant(dag, text);
    };
    let midnight = instant(dag, Some(&next.to_string()))?;
    Ok(Timestamp::from_nanos(midnight.nanos().saturating_sub(1)))
}

/// The DAG as the running server has it.
fn in_force(config: &Config, name: &str) -> Result<Arc<Dag>, Failure> {
    let reader = Reader::open(&wire::database(&config.data)).map_err(Failure::new)?;
    let id = DagId::from(name);
    let text = reader.read_now(|page| page.dag(&id, 0)?.map_or(Ok(None), |dag| page.version(dag.version)));
    let parse = wire::parse_with(config.known(system_clock()()));
    let dag = text.map_err(Failure::new)?.and_then(|version| parse(&version.source()));
    let help = "`nightrun dags` lists them";
    dag.ok_or_else(|| Failure::new(format!("there is no DAG `{name}`")).help(help))
}

/// The DAG as the DAG folder has it, and the event that puts it in force.
fn in_folder(config: &Config, name: &str) -> Result<(Arc<Dag>, Vec<Event>), Failure> {
    let found = target::find(&Named { target: name, dag: None }, config, system_clock()())?;
    let dag = found.dag.clone();
    let read = Event::DagsRead { read: vec![found.into_text()], gone: vec![], faults: vec![] };
    Ok((dag, vec![read]))
}

fn conclude(config: &Config, mut plan: Json, as_json: bool, dry_run: bool, wait: bool) -> Verdict {
    let begun = !plan["backfill"].is_null();
    if !as_json {
        print_plan(&plan, dry_run);
    }
    let mut code = ExitCode::SUCCESS;
    if begun && wait {
        let over = wait_for(config, BackfillId(number(&plan["backfill"])?))?;
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

fn wait_for(config: &Config, id: BackfillId) -> Result<BackfillShow, Failure> {
    let looker = Looker::open(Data { data: Some(config.data.clone()) })?;
    loop {
        let shown = looker.read(|page| page.backfill(id))?;
        let shown = shown.ok_or_else(|| Failure::new(format!("there is no backfill {id}")))?;
        if shown.state.is_final() {
            return Ok(shown);
        }
        still_served(&config.data, &format!("backfill {id} is {}", shown.state))?;
        std::thread::sleep(LOOK);
    }
}

fn print_plan(plan: &Json, dry_run: bool) {
    let empty = Vec::new();
    let dates = plan["dates"].as_array().unwrap_or(&empty);
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
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
    let dag = dag.map(|dag| DagId::from(dag.as_str()));
    let found = Looker::open(look.data)?.read(|page| page.backfills(dag.as_ref(), 500))?;
    if look.json {
        say::json(&found)?;
    } else {
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
    let id = BackfillId(of.backfill);
    let looker = Looker::open(of.look.data)?;
    let (found, dates) = looker.read(|page| Ok((page.backfill(id)?, page.backfill_dates(id)?)))?;
    let help = "`nightrun backfill list` lists them";
    let it = found.ok_or_else(|| Failure::new(format!("there is no backfill {id}")).help(help))?;
    if of.look.json {
        let mut whole = json!(it);
        whole["dates"] = json!(dates);
        say::json(&whole)?;
        return Ok(ExitCode::SUCCESS);
    }
    let sign = say::sign(it.state.as_str());
    say::println(&format!("{sign} backfill {id} of {}: {}, asked for by {}", it.dag, it.state, it.by));
    say::println(&format!(
        "  {} done, {} failed, {} active, {} left, {} skipped; {}, {} first, at most {} at once\n",
        it.done, it.failed, it.active, it.left, it.skipped, it.mode, it.order, it.max_active
    ));
    let rows = dates.into_iter().map(|date| {
        let state = date.state.map(|state| state.to_string());
        // A date that was taken and whose run is not there any more was pruned.
        let else_said = if date.run_id.is_some() { "pruned" } else { "left" };
        let run = date.run_id.unwrap_or_default();
        let said = date.reason.or(state).unwrap_or_else(|| else_said.into());
        vec![say::instant(Some(date.instant)), date.action.to_owned(), run, said]
    });
    say::println(say::table(&["date", "action", "run", "is"], rows.collect()).trim_end());
    Ok(ExitCode::SUCCESS)
}

fn steer(args: Steer, to: BackfillState) -> Verdict {
    let data = super::act::data_of(args.data)?;
    let (verb, said) = match to {
        BackfillState::Paused => ("pause", "paused: no more of its runs begin"),
        BackfillState::Running => ("resume", "going on"),
        BackfillState::Success | BackfillState::Failed | BackfillState::Canceled => {
            ("cancel", "canceled, and its runs are being ended")
        }
    };
    let body = json!({ "by": args.signed.by, "why": args.signed.why });
    client::post(&data, &format!("/api/v1/backfills/{}/{verb}", args.backfill), &body)?;
    say::println(&format!("backfill {} is {said}", args.backfill));
    Ok(ExitCode::SUCCESS)
}
