//! What a run would do: each task's command as it would be rendered, without doing anything.

use std::path::Path;

use nightrun_core::dag::spec::Work;
use nightrun_core::decide::Run;
use nightrun_core::id::{InstanceId, TaskIndex};
use nightrun_core::{quoting, template};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::call;
use super::scope::{ScopeOf, is_template};
use super::values::RunValues;
use super::vars::Vars;

/// One task of a run that is only looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Preview {
    /// The id of the task.
    pub task: String,
    /// What must have ended before it.
    pub depends_on: Vec<String>,
    /// Its trigger rule.
    pub trigger_rule: String,
    /// Its condition; evaluated only in a real run.
    pub when: Option<String>,
    /// Its command; with its templates where they hang on outputs that do not exist yet.
    pub command: String,
    /// Values that reach the command by environment.
    pub values: Vec<(String, String)>,
    /// Why the command could not be rendered now.
    pub unrendered: Option<String>,
}

/// All tasks of a run, each after its upstreams.
pub fn preview(run: &Run, vars: &Vars) -> Vec<Preview> {
    let dag = &run.version.dag;
    dag.graph.order().iter().map(|task| preview_task(run, *task, vars)).collect()
}

fn preview_task(run: &Run, at: TaskIndex, vars: &Vars) -> Preview {
    let dag = &run.version.dag;
    let task = dag.task(at);
    let (source, values) = source_of(&task.work);
    let (command, values, unrendered) = match render((run, at, vars), &source, values) {
        Ok((command, values)) => (command, values, None),
        Err(fault) => (source, Vec::new(), Some(of_item(run, at, fault))),
    };
    Preview {
        task: task.id.clone(),
        depends_on: dag.graph.upstream(at).map(|above| dag.task(above).id.clone()).collect(),
        trigger_rule: task.trigger_rule.as_str().to_owned(),
        when: task.when.clone(),
        command,
        values,
        unrendered,
    }
}

/// Why a command could not be rendered, where that is because there are no items yet.
pub const ITEM_IN_A_RUN: &str = "the item of a `foreach` is known only in a run";

fn of_item(run: &Run, at: TaskIndex, fault: String) -> String {
    let Some((_, fan)) = run.version.dag.fan_of(at) else { return fault };
    let mut names = fan.name.as_deref().into_iter().chain(["item"]);
    let is_item = names.any(|name| {
        let rest = fault.strip_prefix('`').and_then(|fault| fault.strip_prefix(name));
        rest.is_some_and(|rest| rest.starts_with(['`', '.', '[']))
    });
    if is_item { ITEM_IN_A_RUN.to_owned() } else { fault }
}

/// How the text of a work is rendered.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Shell,
    Plain,
    Literal,
}

pub(super) fn source_of(work: &Work) -> (String, Kind) {
    match work {
        Work::Shell { script, .. } => (script.trim_end().to_owned(), Kind::Shell),
        Work::Argv(argv) => (argv.join(" "), Kind::Plain),
        Work::Script { text, .. } => (text.trim_end().to_owned(), Kind::Literal),
        Work::Call(call) => (call.shown(), Kind::Plain),
        Work::Operator { name, with } => {
            (format!("{name} {}", serde_json::Value::Object(with.clone())), Kind::Plain)
        }
    }
}

pub(super) type Rendered = (String, Vec<(String, String)>);

fn render((run, at, vars): (&Run, TaskIndex, &Vars), source: &str, kind: Kind) -> Result<Rendered, String> {
    if kind == Kind::Literal || !is_template(source) {
        return Ok((source.to_owned(), Vec::new()));
    }
    let values = RunValues::default();
    let id = InstanceId::whole(run.id, at);
    let scope = ScopeOf { run, id, try_number: 1, item: None, values: &values, vars, data: Path::new("") };
    rendered(source, kind, &scope.build(&[source])?)
}

/// The text with its values in place; in a shell script they come by environment.
pub(super) fn rendered(source: &str, kind: Kind, scope: &template::Scope) -> Result<Rendered, String> {
    if kind == Kind::Shell {
        let text = quoting::render_shell(source, scope).map_err(|fault| fault.to_string())?;
        return Ok((text.script, text.env));
    }
    Ok((super::render::render(source, scope)?, Vec::new()))
}

/// The command of a task as people read it: every value stands where it was asked for.
pub(crate) fn command(work: &Work, scope: &template::Scope) -> Result<String, String> {
    if let Work::Call(called) = work {
        return call::shown(called, scope);
    }
    let (source, kind) = source_of(work);
    if kind == Kind::Literal { Ok(source) } else { super::render::render(&source, scope) }
}
