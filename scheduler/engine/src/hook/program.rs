//! Hooks that are programs: `run:` and `notify: {command}`.

use std::collections::BTreeMap;
use std::path::Path;

use nightrun_core::dag::spec::Work;
use nightrun_core::quoting;

use super::Tools;
use super::message::Message;
use super::scope::Gathered;
use crate::exec::environment::MARKER;
use crate::exec::once::{Once, run_once};

/// Runs the script or program of a `run:` step.
pub(super) async fn run(tools: &Tools, gathered: &Gathered, work: &Work) -> Result<(), String> {
    let (argv, values) = match work {
        Work::Shell { script, shell } => {
            let text = quoting::render_shell(script, gathered.scope()).map_err(|fault| fault.to_string())?;
            let mut argv = shell.clone();
            argv.extend(["-c".to_owned(), text.script]);
            (argv, text.env)
        }
        Work::Argv(argv) => (gathered.render_all(argv)?, Vec::new()),
        Work::Script { .. } | Work::Operator { .. } | Work::Call(_) => {
            return Err("a hook runs a script or a program".into());
        }
    };
    start(tools, gathered, argv, values, None).await
}

/// Runs the program of a `command`, with the message on its standard input.
pub(super) async fn tell(
    tools: &Tools,
    gathered: &Gathered,
    argv: &[String],
    message: &Message,
) -> Result<(), String> {
    let argv = gathered.render_all(argv)?;
    start(tools, gathered, argv, Vec::new(), Some(message.json.to_string())).await
}

async fn start(
    tools: &Tools,
    gathered: &Gathered,
    argv: Vec<String>,
    values: Vec<(String, String)>,
    stdin: Option<String>,
) -> Result<(), String> {
    let (run, hook) = (gathered.due.run.id, gathered.due.hook);
    tools.paths.prepare(run).map_err(|fault| format!("the run's folder cannot be made: {fault}"))?;
    let parent = Path::new(&gathered.due.path).parent().filter(|parent| *parent != Path::new(""));
    let order = Once {
        argv,
        env: environment(tools, gathered, values)?,
        working_dir: parent.map_or_else(|| tools.dags.clone(), |parent| tools.dags.join(parent)),
        log: tools.paths.hook(run, hook, gathered.number),
        stdin,
        timeout: gathered.hook.timeout,
    };
    run_once(order).await
}

/// As for a task: little of the scheduler's own, ours, the DAG's, the task's and the hook's.
fn environment(
    tools: &Tools,
    gathered: &Gathered,
    values: Vec<(String, String)>,
) -> Result<Vec<(String, String)>, String> {
    let (run, due) = (&gathered.due.run, &gathered.due);
    let task = gathered.task.as_ref().map_or("", |task| &task.id);
    let ours = [
        ("NIGHTRUN_DAG", due.dag.id.to_string()),
        ("NIGHTRUN_RUN_ID", run.id.to_string()),
        ("NIGHTRUN_RUN_TYPE", run.run_type.as_str().to_owned()),
        ("NIGHTRUN_TASK", task.to_owned()),
        ("NIGHTRUN_LOGICAL_DATE", run.logical_date.to_string()),
        ("NIGHTRUN_HOOK", due.on.as_str().to_owned()),
        ("NIGHTRUN_STATE", due.cause.state.clone()),
        ("NIGHTRUN_ERROR", gathered.error.clone()),
        ("NIGHTRUN_RUN_URL", gathered.link("run")),
    ];
    let mut env: BTreeMap<String, String> = tools.environment.iter().cloned().collect();
    env.extend(ours.map(|(name, value)| (name.to_owned(), value)));
    env.extend(gathered.environment()?);
    env.extend(values);
    // By it a scheduler that starts after a crash finds what the last one left.
    env.insert(MARKER.to_owned(), format!("{}/hook.{}", tools.store_id, due.hook));
    Ok(env.into_iter().collect())
}
