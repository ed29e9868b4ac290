//! A task's templates, filled in: what an attempt would be started with, before anything is written or started.

use nightrun_core::dag::spec::{Dag, Task, Work};
use nightrun_core::decide::{CallRequest, Run};
use nightrun_core::timetable::Zone;
use nightrun_core::{quoting, template};
use serde_json::{Map, Value as Json};

use super::call;
use super::scope::is_template;
use crate::exec::{Job, Registry};

/// The work of a task with its values in place.
pub(crate) enum Filled {
    /// A script for a shell, and what it needs in its environment.
    Shell(quoting::ShellText, Vec<String>),
    /// A program with its arguments, and what it adds to the environment.
    Program(Vec<String>, Vec<(String, String)>),
    /// A text for an interpreter, and arguments after it.
    Script(String, Vec<String>, Vec<String>),
    /// Nothing to run: these are its outputs.
    Done(Map<String, Json>),
    /// A run of another DAG.
    Call(CallRequest),
}

/// Fills in the work of a task.
pub(crate) fn fill(
    task: &Task,
    scope: &template::Scope,
    zone: &Zone,
    operators: &Registry,
) -> Result<Filled, String> {
    match &task.work {
        Work::Call(called) => call::request(called, scope, zone).map(Filled::Call),
        Work::Shell { script, shell } => {
            let text = if is_template(script) {
                quoting::render_shell(script, scope).map_err(|fault| fault.to_string())?
            } else {
                quoting::ShellText { script: script.clone(), env: Vec::new() }
            };
            Ok(Filled::Shell(text, shell.clone()))
        }
        Work::Argv(argv) => {
            let argv = argv.iter().map(|text| render(text, scope)).collect::<Result<_, _>>()?;
            Ok(Filled::Program(argv, Vec::new()))
        }
        Work::Script { text, interpreter } => {
            Ok(Filled::Script(text.clone(), interpreter.clone(), Vec::new()))
        }
        Work::Operator { name, with } => {
            let operator = operators.get(name).ok_or_else(|| format!("there is no operator `{name}`"))?;
            Ok(match operator.prepare(&render_all(with, scope)?)? {
                Job::Process { argv, env } => Filled::Program(argv, env),
                Job::Script { text, interpreter, args } => Filled::Script(text, interpreter, args),
                Job::Done { outputs } => Filled::Done(outputs),
            })
        }
    }
}

/// The environment of the DAG and of the task, filled in.
pub(crate) fn fill_env(
    run: &Run,
    task: &Task,
    scope: &template::Scope,
) -> Result<Vec<(String, String)>, String> {
    let env = run.version.dag.env.iter().chain(&task.env);
    env.map(|(name, value)| Ok((name.clone(), render(value, scope)?))).collect()
}

/// All texts of a task that may be templates.
pub(crate) fn texts_of<'a>(run: &'a Run, task: &'a Task) -> Vec<&'a str> {
    texts_in(&run.version.dag, task)
}

/// The same, of a task of this DAG.
pub(super) fn texts_in<'a>(dag: &'a Dag, task: &'a Task) -> Vec<&'a str> {
    let env = dag.env.iter().chain(&task.env).map(|(_, value)| value.as_str());
    let mut texts: Vec<&str> = env.chain(task.working_dir.as_deref()).collect();
    match &task.work {
        Work::Shell { script, .. } => texts.push(script),
        Work::Argv(argv) => texts.extend(argv.iter().map(String::as_str)),
        Work::Script { .. } => {}
        Work::Call(called) => call::texts(called, &mut texts),
        Work::Operator { with, .. } => with.values().for_each(|value| collect_texts(value, &mut texts)),
    }
    texts.retain(|text| is_template(text));
    texts
}

pub(super) fn collect_texts<'a>(value: &'a Json, texts: &mut Vec<&'a str>) {
    match value {
        Json::String(text) => texts.push(text),
        Json::Array(items) => items.iter().for_each(|item| collect_texts(item, texts)),
        Json::Object(map) => map.values().for_each(|item| collect_texts(item, texts)),
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

pub(crate) fn render(text: &str, scope: &template::Scope) -> Result<String, String> {
    if !is_template(text) {
        return Ok(text.to_owned());
    }
    template::render(text, scope).map_err(|fault| fault.to_string())
}

/// Renders every text in an operator's arguments; a text that is one expression keeps its value's type.
fn render_all(with: &Map<String, Json>, scope: &template::Scope) -> Result<Map<String, Json>, String> {
    with.iter().map(|(key, value)| Ok((key.clone(), render_json(value, scope)?))).collect()
}

pub(super) fn render_json(value: &Json, scope: &template::Scope) -> Result<Json, String> {
    match value {
        Json::String(text) if is_template(text) => {
            template::render_value(text, scope).map_err(|fault| fault.to_string())
        }
        Json::Array(items) => {
            items.iter().map(|item| render_json(item, scope)).collect::<Result<_, _>>().map(Json::Array)
        }
        Json::Object(map) => render_all(map, scope).map(Json::Object),
        Json::String(_) | Json::Null | Json::Bool(_) | Json::Number(_) => Ok(value.clone()),
    }
}
