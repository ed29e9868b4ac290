//! `nightrun hooks`: what became due, and what became of it.

use std::process::ExitCode;

use nightrun_core::decide::HookState;
use serde_json::Value as Json;

use super::told::{self, Hook};
use crate::cli::Hooks;
use crate::client::Server;
use crate::failure::Verdict;
use crate::say;

pub(crate) fn hooks(args: Hooks) -> Verdict {
    let server = Server::of(args.look.place)?;
    let hooks: Vec<Json> = match args.run {
        None => server.list(&format!("/hooks?failed={}", args.failed), args.limit as usize)?,
        Some(run) => {
            let mut hooks: Vec<Json> = told::read(told::run_json(&server, run)?["hooks"].take())?;
            hooks.retain(|hook| !args.failed || hook["state"] == HookState::Failed.as_str());
            hooks
        }
    };
    if args.look.json {
        say::json(&hooks)?;
    } else if !hooks.is_empty() {
        print(&hooks.into_iter().map(told::read).collect::<Result<Vec<_>, _>>()?);
    }
    Ok(ExitCode::SUCCESS)
}

/// A table of hooks.
pub(super) fn print(hooks: &[Hook]) {
    let row = |hook: &Hook| {
        let of = hook.task.as_ref().map_or_else(|| hook.dag.clone(), |task| format!("{}.{task}", hook.dag));
        vec![
            hook.run_id.clone(),
            of,
            hook.on.clone(),
            hook.action.clone(),
            format!("{} {}", sign(hook.state), hook.state.as_str()),
            hook.tries.to_string(),
            hook.error.clone().unwrap_or_default(),
        ]
    };
    let head = ["run", "of", "hook", "does", "delivery", "tries", "last error"];
    say::println(say::table(&head, hooks.iter().map(row).collect()).trim_end());
}

fn sign(state: HookState) -> &'static str {
    match state {
        HookState::Pending => say::sign("queued"),
        HookState::Delivered => say::sign("success"),
        HookState::Failed => say::sign("failed"),
    }
}
