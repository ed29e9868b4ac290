//! `nightrun why`: one sentence for everything that is not running.

use std::process::ExitCode;

use nightrun_core::dag::spec::Dag;
use nightrun_core::decide::{RunState, TaskState};
use nightrun_core::id::DagId;
use nightrun_engine::clock::system_clock;
use nightrun_engine::store::{RunFilter, RunShow, TaskShow};
use serde_json::json;

use super::logs::no_task;
use super::look::Looker;
use crate::cli::Why;
use crate::config::{Config, Given};
use crate::failure::{Failure, Verdict};
use crate::{say, wire};

/// How many upstream tasks are named before the rest is counted.
const NAMED: usize = 5;

/// What is said of one thing.
struct Answer {
    what: String,
    state: String,
    why: String,
}

pub(crate) fn why(args: Why) -> Verdict {
    let looker = Looker::open(args.look.data)?;
    let answers = match args.target.parse::<i64>() {
        Ok(number) => of_run(&looker, number, args.task.as_deref())?,
        Err(_) => of_dag(&looker, &args.target)?,
    };
    if args.look.json {
        let list: Vec<_> =
            answers.iter().map(|it| json!({"what": it.what, "state": it.state, "why": it.why})).collect();
        say::json(&list)?;
    } else {
        for Answer { what, state, why } in answers {
            say::println(&format!("{} {what} is {state}: {why}", say::sign(&state)));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn of_run(looker: &Looker, number: i64, only: Option<&str>) -> Result<Vec<Answer>, Failure> {
    let run = looker.run(number)?;
    let dag = spec(looker, &run)?;
    let mut answers = vec![Answer {
        what: format!("run {number} of {}", run.dag),
        state: run.state.to_string(),
        why: run.reason.to_string(),
    }];
    if let Some(id) = only {
        answers.clear();
        run.find(id).ok_or_else(|| no_task(&run, id))?;
    }
    let unfinished = !run.state.is_final();
    for task in run.instances() {
        let asked = only.map_or(
            !matches!(task.state, TaskState::Success) && (unfinished || task.state != TaskState::Canceled),
            |name| task.name() == name,
        );
        if asked {
            let what = format!("task {}", task.name());
            answers.push(Answer {
                what,
                state: task.state.to_string(),
                why: sentence(task, &run, dag.as_deref()),
            });
        }
    }
    Ok(answers)
}

fn spec(looker: &Looker, run: &RunShow) -> Result<Option<std::sync::Arc<Dag>>, Failure> {
    let now = system_clock()();
    let config = Config::load(Given { data: Some(looker.data.clone()), ..Given::default() })?;
    let text = looker.read(|page| page.version(run.version))?;
    let parse = wire::parse_with(config.known(now));
    Ok(text.and_then(|(version, text)| parse(&version.path, &text)))
}

/// The stored reason, and for what waits for or was decided by its upstreams, which of them.
fn sentence(task: &TaskShow, run: &RunShow, dag: Option<&Dag>) -> String {
    let reason = task.reason.to_string();
    let Some(dag) = dag else { return reason };
    let above = dag.graph.upstream(task.task).map(|at| &run.tasks[at.at()]);
    let said: Vec<String> = match task.state {
        TaskState::Waiting if run.state == RunState::Queued => return "its run has not begun".into(),
        TaskState::Waiting => {
            above.filter(|it| !it.state.is_final()).map(|it| format!("{} ({})", it.id, it.state)).collect()
        }
        TaskState::UpstreamFailed | TaskState::Skipped if task.reason_kind == "rule" => above
            .filter(|it| it.state != TaskState::Success)
            .map(|it| format!("{} ({})", it.id, it.state))
            .collect(),
        _ => return reason,
    };
    let more = said.len().saturating_sub(NAMED);
    let names = said.into_iter().take(NAMED).collect::<Vec<_>>().join(", ");
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{reason}: {names}{rest}")
}

fn of_dag(looker: &Looker, name: &str) -> Result<Vec<Answer>, Failure> {
    let id = DagId::from(name);
    let now = system_clock()();
    let config = Config::load(Given { data: Some(looker.data.clone()), ..Given::default() })?;
    let parse = wire::parse_with(config.known(now));
    let active = RunFilter { dag: Some(id.clone()), ..RunFilter::default() };
    let (dag, text, paused, runs, overlay) = looker.read(|page| {
        let dag = page.dag(&id, 0)?;
        let text = dag.as_ref().map(|dag| page.version(dag.version)).transpose()?.flatten();
        Ok((dag, text, page.everything_paused()?, page.runs(&active, 50)?, page.overlay(&id)?))
    })?;
    let dag = dag.ok_or_else(|| {
        Failure::new(format!("there is no DAG `{name}`")).help("`nightrun dags` lists them")
    })?;
    let spec = text.and_then(|(version, text)| parse(&version.path, &text));
    let next = spec.as_ref().and_then(|spec| spec.timetable.as_ref()?.next_after(now));
    let why = match (&spec, next) {
        _ if dag.retired => "no file defines it any more".to_owned(),
        _ if paused => "everything is paused; `nightrun unpause --all` lets it go on".to_owned(),
        _ if dag.paused => format!("it is paused; `nightrun unpause {name}` lets it go on"),
        (Some(spec), _) if !spec.enabled => "its file says `enabled: false`".to_owned(),
        (Some(spec), _) if spec.timetable.is_none() => {
            "it has no schedule: it runs only when asked to".to_owned()
        }
        (_, Some(next)) => match overlay.note(next) {
            Some(note) => format!("its next tick, at {next}: {note}"),
            None => format!("it fires next at {next}, in {}", say::length(next.since(now))),
        },
        (_, None) => "its schedule does not fire any more".to_owned(),
    };
    let state = if dag.retired {
        "retired"
    } else if paused || dag.paused {
        "paused"
    } else {
        "in force"
    };
    let mut answers = vec![Answer { what: format!("DAG {name}"), state: state.to_owned(), why }];
    for run in runs.iter().filter(|run| !run.state.is_final()) {
        answers.extend(of_run(looker, run.run_id.0, None)?.into_iter().take(1));
    }
    Ok(answers)
}
