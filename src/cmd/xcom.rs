//! `nightrun xcom`: the values that tasks handed on.

use std::process::ExitCode;

use serde_json::Value as Json;

use super::look::Looker;
use crate::cli::Xcom;
use crate::failure::{Failure, Verdict};
use crate::say;

pub(crate) fn xcom(args: Xcom) -> Verdict {
    let run = Looker::open(args.look.data)?.run(args.run)?;
    if let Some(id) = &args.task {
        let ids: Vec<&str> = run.tasks.iter().map(|task| task.id.as_str()).collect();
        let task = run.tasks.iter().find(|task| task.id == *id);
        let task = task.ok_or_else(|| {
            Failure::usage(format!("run {} has no task `{id}`", args.run))
                .help(format!("it has {}", ids.join(", ")))
        })?;
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
    let chosen = || run.tasks.iter().filter(|task| args.task.as_ref().is_none_or(|id| task.id == *id));
    if args.look.json {
        let all: serde_json::Map<String, Json> =
            chosen().map(|task| (task.id.clone(), task.outputs.clone().into_iter().collect())).collect();
        say::json(&all)?;
        return Ok(ExitCode::SUCCESS);
    }
    let rows = chosen()
        .flat_map(|task| {
            task.outputs.iter().map(|(key, value)| vec![task.id.clone(), key.clone(), value.to_string()])
        })
        .collect();
    say::println(say::table(&["task", "key", "value"], rows).trim_end());
    Ok(ExitCode::SUCCESS)
}
