//! `nightrun hooks`: what became due, and what became of it.

use std::process::ExitCode;

use nightrun_core::decide::HookState;
use nightrun_core::id::RunId;
use nightrun_engine::store::HookShow;

use super::look::Looker;
use crate::cli::Hooks;
use crate::failure::Verdict;
use crate::say;

pub(crate) fn hooks(args: Hooks) -> Verdict {
    let looker = Looker::open(args.look.data)?;
    let (failed, limit) = (args.failed, args.limit);
    let hooks = match args.run {
        None => looker.read(|page| page.hooks(failed, limit))?,
        Some(run) => {
            looker.run(run)?;
            let mut hooks = looker.read(|page| page.hooks_of(RunId(run)))?;
            hooks.retain(|hook| !failed || hook.state == HookState::Failed);
            hooks
        }
    };
    if args.look.json {
        say::json(&hooks)?;
    } else if !hooks.is_empty() {
        print(&hooks);
    }
    Ok(ExitCode::SUCCESS)
}

/// A table of hooks.
pub(crate) fn print(hooks: &[HookShow]) {
    let rows = hooks
        .iter()
        .map(|hook| {
            let of = hook
                .task
                .as_ref()
                .map_or_else(|| hook.dag.to_string(), |task| format!("{}.{task}", hook.dag));
            vec![
                hook.run_id.to_string(),
                of,
                hook.on.to_string(),
                hook.action.clone(),
                format!("{} {}", sign(hook.state), hook.state.as_str()),
                hook.tries.to_string(),
                hook.error.clone().unwrap_or_default(),
            ]
        })
        .collect();
    let head = ["run", "of", "hook", "does", "delivery", "tries", "last error"];
    say::println(say::table(&head, rows).trim_end());
}

fn sign(state: HookState) -> &'static str {
    match state {
        HookState::Pending => say::sign("queued"),
        HookState::Delivered => say::sign("success"),
        HookState::Failed => say::sign("failed"),
    }
}
