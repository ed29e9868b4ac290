//! `nightrun xcom`: the values that tasks handed on.

use std::process::ExitCode;

use serde_json::Value as Json;

use super::logs::no_task;
use super::look::Looker;
use crate::cli::Xcom;
use crate::failure::{Failure, Verdict};
use crate::say;

pub(crate) fn xcom(args: Xcom) -> Verdict {
    let run = Looker::open(args.look.data)?.run(args.run)?;
    if let Some(id) = &args.task {
        let task = run.find(id).ok_or_else(|| no_task(&run, id))?;
        if let Some(key) = &args.key {
            let missing = || Failure::new(format!("task `{id}` has no value `{key}`"));
            let value = task.outputs.get(key).ok_or_else(missing)?;
            match value {
                Json::String(text) if !args.look.json => say::println(text),
                value => say::json(value)?,
            }
            return Ok(ExitCode::SUCCESS);
        }
    }
    let chosen = || match &args.task {
        Some(name) => run.find(name).into_iter().collect::<Vec<_>>(),
        None => run.tasks.iter().collect(),
    };
    if args.look.json {
        let all: serde_json::Map<String, Json> = chosen()
            .into_iter()
            .map(|task| (task.name(), task.outputs.clone().into_iter().collect()))
            .collect();
        say::json(&all)?;
        return Ok(ExitCode::SUCCESS);
    }
    let rows = chosen()
        .into_iter()
        .flat_map(|task| {
            task.outputs.iter().map(|(key, value)| vec![task.name(), key.clone(), value.to_string()])
        })
        .collect();
    say::println(say::table(&["task", "key", "value"], rows).trim_end());
    Ok(ExitCode::SUCCESS)
}
