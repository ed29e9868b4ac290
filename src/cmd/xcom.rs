//! `nightrun xcom`: the values that tasks handed on.

use std::process::ExitCode;

use serde_json::Value as Json;

use super::told::{self, Task};
use crate::cli::Xcom;
use crate::client::Server;
use crate::failure::{Failure, Verdict};
use crate::say;

pub(crate) fn xcom(args: Xcom) -> Verdict {
    let run = told::run(&Server::of(args.look.place)?, args.run)?;
    let named = args.task.as_ref().map(|name| run.find(name)).transpose()?;
    if let (Some(task), Some(key)) = (named, &args.key) {
        let missing = || Failure::new(format!("task `{}` has no value `{key}`", task.name()));
        match task.outputs.get(key).ok_or_else(missing)? {
            Json::String(text) if !args.look.json => say::println(text),
            value => say::json(value)?,
        }
        return Ok(ExitCode::SUCCESS);
    }
    let chosen: Vec<&Task> = match named {
        Some(task) => std::iter::once(task).chain(&task.items).collect(),
        None => run.instances().collect(),
    };
    if args.look.json {
        let of = |task: &&Task| (task.name(), task.outputs.clone().into_iter().collect());
        say::json(&chosen.iter().map(of).collect::<serde_json::Map<String, Json>>())?;
        return Ok(ExitCode::SUCCESS);
    }
    let rows = chosen.iter().flat_map(|task| {
        task.outputs.iter().map(|(key, value)| vec![task.name(), key.clone(), value.to_string()])
    });
    say::println(say::table(&["task", "key", "value"], rows.collect()).trim_end());
    Ok(ExitCode::SUCCESS)
}
