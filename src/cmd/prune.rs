//! `nightrun db prune`: ended runs that are no longer kept go, through the server where one runs.

use std::process::ExitCode;

use nightrun_core::dag::spec::Keep;
use nightrun_core::decide::Transition;
use nightrun_core::id::DagId;
use nightrun_engine::clock::system_clock;
use nightrun_engine::keep::{Asked, Batch, Keeper, PruneError};
use nightrun_engine::store::Writer;
use serde_json::{Value as Json, json};

use crate::cli::Prune;
use crate::client::Server;
use crate::config::who;
use crate::failure::{Failure, OrFail, Verdict};
use crate::{client, say, wire};

pub(crate) fn prune(args: Prune) -> Verdict {
    let server = Server::of(args.look.place)?;
    if let Some(dag) = &args.dag {
        let found: Option<Json> = server.find(&format!("/dags/{}", Server::segment(dag)))?;
        found.ok_or_else(|| {
            Failure::new(format!("there is no DAG `{dag}`")).help("`nightrun dags` lists them")
        })?;
    }
    let keep = Keep { runs: args.keep_runs, days: args.keep_days };
    let answer = match server.config() {
        Some(config) if args.dry_run || !client::is_served(&config.data) => {
            server.get::<Json>("/me")?;
            let asked = Asked { dag: args.dag.as_deref().map(DagId::from), keep };
            let keeper = wire::keeper(config)?;
            if args.dry_run { plan(&keeper, &asked)? } else { prune_here(&keeper, &asked)? }
        }
        _ => {
            let body = json!({
                "dag": args.dag, "keep_runs": keep.runs, "keep_days": keep.days, "dry_run": args.dry_run,
            });
            server.post("/prune", &body)?
        }
    };
    if args.look.json {
        say::json(&answer)?;
    } else {
        show(&answer, args.dry_run);
    }
    Ok(ExitCode::SUCCESS)
}

fn plan(keeper: &Keeper, asked: &Asked) -> Result<Json, Failure> {
    let mut plan = keeper.plan(asked).map_err(Failure::new)?;
    keeper.weigh(&mut plan).map_err(Failure::new)?;
    serde_json::to_value(plan).or_fail("the plan")
}

/// No server runs: this process writes, and nobody else may meanwhile.
fn prune_here(keeper: &Keeper, asked: &Asked) -> Result<Json, Failure> {
    let writer = Writer::open(&wire::database(&keeper.data)).map_err(Failure::new)?;
    let runtime = tokio::runtime::Builder::new_current_thread().build().or_fail("the runtime")?;
    let mut plan = keeper.plan(asked).map_err(Failure::new)?;
    keeper.weigh(&mut plan).map_err(Failure::new)?;
    let forget = |Batch { runs, versions }| {
        let fact = Transition::Pruned { runs, versions, by: who() };
        runtime.block_on(writer.commit(system_clock()(), vec![fact])).map_err(PruneError::Store)?;
        Ok(())
    };
    let swept = keeper.prune(&plan, forget).map_err(Failure::new)?;
    writer.close().map_err(Failure::new)?;
    Ok(json!({ "dags": plan.dags, "swept": swept }))
}

fn show(answer: &Json, dry: bool) {
    let dags = answer["dags"].as_array().cloned().unwrap_or_default();
    if dags.is_empty() {
        say::println("nothing goes: every run is kept (`keep_runs` and `keep_days` say for how long)");
    } else {
        let head = ["dag", "keeps", "runs", "ended until", "versions", "logs", "store", "values"];
        say::println(say::table(&head, dags.iter().map(row).collect()).trim_end());
    }
    let runs: usize = dags.iter().filter_map(|dag| dag["runs"].as_array()).map(Vec::len).sum();
    let runs = format!("{runs} run{}", if runs == 1 { "" } else { "s" });
    if dry {
        say::println(&format!("{runs} would go; nothing was changed"));
    } else {
        let bytes = say::bytes(answer["swept"]["bytes"].as_u64().unwrap_or(0));
        say::println(&format!("{runs} gone, {bytes} of files removed; the store uses its own room again"));
    }
}

fn row(dag: &Json) -> Vec<String> {
    let count = |key: &str| dag[key].as_array().map_or(0, Vec::len).to_string();
    let size = |key: &str| say::bytes(dag[key].as_u64().unwrap_or(0));
    let keeps: Vec<String> = [("keep_runs", "runs"), ("keep_days", "days")]
        .iter()
        .filter_map(|(key, what)| Some(format!("{} {what}", dag[key].as_u64()?)))
        .collect();
    let until = dag["ended_until"].as_str().map_or("-", |at| at.get(..10).unwrap_or(at));
    vec![
        dag["dag"].as_str().unwrap_or_default().to_owned(),
        keeps.join(", "),
        count("runs"),
        until.to_owned(),
        count("versions"),
        size("file_bytes"),
        size("store_bytes"),
        size("value_bytes"),
    ]
}
