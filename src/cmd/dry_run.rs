//! `nightrun dry-run`: the commands of a run in their order, without running anything.

use std::process::ExitCode;

use nightrun_core::decide::RunRequest;
use nightrun_core::time::Timestamp;
use nightrun_engine::clock::system_clock;
use nightrun_engine::exec::environment;
use nightrun_engine::run::{Ahead, ITEM_IN_A_RUN, Preview, Vars, look_ahead};

use serde::Deserialize;

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
    let vars = Vars::new(environment::vars());
    let Ahead { logical_date, interval: (start, end), tasks, left_out } =
        look_ahead(&dag, request, &vars, now).map_err(Failure::usage)?;
    if args.json {
        say::json(&tasks)?;
    } else {
        let (dag, data_interval_start, data_interval_end) = (dag.id.to_string(), start, end);
        tell(&AheadTold { dag, logical_date, data_interval_start, data_interval_end, tasks, left_out });
    }
    Ok(ExitCode::SUCCESS)
}

/// What would run.
#[derive(Deserialize)]
pub(super) struct AheadTold {
    dag: String,
    logical_date: Timestamp,
    data_interval_start: Timestamp,
    data_interval_end: Timestamp,
    tasks: Vec<Preview>,
    left_out: Vec<String>,
}

/// The tasks that would run, in their order, with their commands.
pub(super) fn tell(ahead: &AheadTold) {
    let AheadTold { dag, logical_date, data_interval_start, data_interval_end, tasks, left_out } = ahead;
    say::println(&format!(
        "{dag}, logical date {logical_date}, data from {data_interval_start} to {data_interval_end}"
    ));
    let runs = |task: &&Preview| !left_out.contains(&task.task);
    tasks.iter().filter(runs).enumerate().for_each(|(at, preview)| show(at + 1, preview));
    if tasks.iter().filter(runs).any(|preview| preview.unrendered.as_deref() == Some(ITEM_IN_A_RUN)) {
        say::println(&format!("\n{ITEM_IN_A_RUN}: what names it is rendered then, for each item"));
    }
    if !left_out.is_empty() {
        say::println(&format!("\nleft out: {}", left_out.join(", ")));
    }
}

fn show(number: usize, preview: &Preview) {
    let after = match (preview.depends_on.is_empty(), preview.trigger_rule.as_str()) {
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
