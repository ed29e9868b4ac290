//! Reads from the store what a hook speaks of.

use std::path::PathBuf;
use std::sync::Arc;

use nightrun_core::id::{AttemptId, HookId, InstanceId};

use super::Tools;
use super::scope::{Due, Gathered, OfRun};
use crate::logs;
use crate::store::RunShow;

/// How many lines of a log go with a message.
pub(super) const TAIL: usize = 20;

/// Reads it all from the store.
pub(super) fn gather(tools: &Tools, hook: HookId, number: u32) -> Result<Gathered, String> {
    let mut due = due(tools, hook)?;
    if due.speaks_of_tasks()? {
        let whole = tools.reader.read_now(|page| page.run(due.run.id, Some(&tools.data)));
        let shown = whole.ok().flatten().map(|run| run.tasks).unwrap_or_default().into_iter();
        let tasks =
            shown.map(|task| (task.task, task.state.as_str().to_owned(), task.outputs.into_iter().collect()));
        due.run.tasks = tasks.collect();
    }
    due.gather(number, |attempt| tail(tools, attempt))
}

fn due(tools: &Tools, hook: HookId) -> Result<Due, String> {
    let read = tools.reader.read_now(|page| {
        let Some(shown) = page.hook(hook)? else { return Ok(None) };
        let Some(run) = page.run_alone(shown.run_id)? else { return Ok(None) };
        let Some(version) = page.version(run.version)? else { return Ok(None) };
        let mut failed = Vec::new();
        for task in &shown.cause.failed {
            failed.extend(page.task_end(InstanceId::whole(shown.run_id, *task))?);
        }
        let item = match shown.cause.instance {
            Some(instance) if instance.item > 0 => page.item(instance)?,
            _ => None,
        };
        let ids = page.task_ids(shown.run_id)?;
        Ok(Some((shown, run, version, failed, item, page.vars()?, ids)))
    });
    let (shown, run, version, failed, item, vars, ids) =
        read.map_err(|fault| fault.to_string())?.ok_or("the store does not know it any more")?;
    let dag = (tools.parse)(&version.source()).ok_or("the text of its DAG cannot be read any more")?;
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let dag = dag.arranged(&ids).map_or(dag, Arc::new);
    Ok(Due {
        hook,
        on: shown.on,
        of: shown.of,
        step: shown.step,
        cause: shown.cause,
        since: shown.due_at,
        run: of_run(run),
        dag,
        path: version.item.path,
        failed,
        item,
        vars: tools.vars.clone().stored(vars),
        url: tools.settings.url.clone(),
        store_id: tools.store_id.clone(),
    })
}

fn of_run(run: RunShow) -> OfRun {
    OfRun {
        id: run.run_id,
        run_type: run.run_type,
        logical_date: run.logical_date,
        interval: (run.data_interval_start, run.data_interval_end),
        params: run.params,
        state: run.state.to_string(),
        reason: run.reason.to_string(),
        tasks: Vec::new(),
    }
}

fn tail(tools: &Tools, attempt: AttemptId) -> String {
    let files = [tools.paths.stdout(attempt), tools.paths.log(attempt)];
    let read = |file: &PathBuf| Some(logs::plain(&logs::tail(file, TAIL).ok()?).into_owned());
    files.iter().filter_map(read).collect()
}
