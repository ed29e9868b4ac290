//! `nightrun dry-run`: the commands of a run in their order, without running anything.

use std::collections::BTreeMap;
use std::process::ExitCode;

use nightrun_core::decide::{Answer, Event, RunRequest, State, step};
use nightrun_engine::clock::system_clock;
use nightrun_engine::exec::environment;
use nightrun_engine::run::{ITEM_IN_A_RUN, Preview, Vars, preview};

use super::target;
use crate::cli::DryRun;
use crate::config::{Config, Given};
use crate::failure::{Failure, Verdict};
use crate::say;

pub(crate) fn dry_run(args: DryRun) -> Verdict {
    let config = Config::load(Given { dags: args.dags.dags, ..Given::default() })?;
    let now = system_clock()();
    let target = target::find(&args.target.named(), &config, now)?;
    let dag = target.dag.clone();
    let request = RunRequest {
        dag: dag.id.clone(),
        params: target::params(&dag, &args.params.params)?,
        logical_date: target::at(&dag, args.params.at.as_deref())?,
        part: nightrun_core::decide::Part::default(),
        force: true,
        by: "nightrun dry-run".into(),
    };
    // The real core decides what the run is; nobody carries its orders out.
    let mut state = State::new(1, &BTreeMap::new());
    let read = vec![target.into_text()];
    let _ = step(&mut state, Event::DagsRead { read, gone: vec![], faults: vec![] }, now);
    let run = match step(&mut state, Event::RunRequested(request), now).answer {
        Some(Answer::Run(run)) => run,
        Some(Answer::Refused(refusal)) => return Err(Failure::usage(refusal)),
        _ => {
            return Err(Failure::new("the run was not made"));
        }
    };
    let run = state.run(run).ok_or_else(|| Failure::new("the run ended at once"))?;
    let previews = preview(run, &Vars::new(environment::vars()));
    if args.json {
        say::json(&previews)?;
    } else {
        let (start, end) = run.interval;
        say::println(&format!("{}, logical date {}, data from {start} to {end}", dag.id, run.logical_date));
        previews.iter().enumerate().for_each(|(at, preview)| show(at + 1, preview));
        if previews.iter().any(|preview| preview.unrendered.as_deref() == Some(ITEM_IN_A_RUN)) {
            say::println(&format!("\n{ITEM_IN_A_RUN}: what names it is rendered then, for each item"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn show(number: usize, preview: &Preview) {
    let after = match (preview.depends_on.is_empty(), preview.trigger_rule) {
        (true, _) => String::new(),
        (false, "all_success") => format!(" after {}", preview.depends_on.join(", ")),
        (false, rule) => format!(" after {} ({rule})", preview.depends_on.join(", ")),
    };
    say::println(&format!("\n{number}. {}{after}", preview.task));
    if let Some(when) = &preview.when {
        say::println(&format!("   when {when}"));
    }
    for line in preview.command.lines() {
        say::println(&format!("   │ {line}"));
    }
    for (name, value) in &preview.values {
        say::println(&format!("   {name}={value:?}"));
    }
    if let Some(fault) = preview.unrendered.as_ref().filter(|fault| *fault != ITEM_IN_A_RUN) {
        say::println(&format!("   rendered only when it runs: {fault}"));
    }
}
