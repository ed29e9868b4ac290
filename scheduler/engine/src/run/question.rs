//! What the core asks and only values tell: whether a `when` holds, and what the items of a `foreach` are.

use std::path::Path;

use nightrun_core::decide::{Event, Run};
use nightrun_core::id::InstanceId;
use nightrun_core::template;

use super::expand;
use super::scope::ScopeOf;
use super::values::RunValues;
use super::vars::Vars;

/// What an attempt of this task instance may speak of.
pub(crate) fn scope_of<'a>(
    (run, id, try_number): (&'a Run, InstanceId, u32),
    (values, vars): (&'a RunValues, &'a Vars),
    data: &'a Path,
) -> ScopeOf<'a> {
    let item = run.version.dag.fan_of(id.task).and_then(|(fan, _)| values.item(id, fan));
    ScopeOf { run, id, try_number, item: item.map(|(item, _)| item), values, vars, data }
}

/// Whether the `when` of a task instance holds; `None`: it has none.
pub(crate) fn evaluate(scope: &ScopeOf<'_>) -> Option<Event> {
    let instance = scope.id;
    let when = scope.run.version.dag.task(instance.task).when.as_ref()?;
    let holds = scope
        .build(&[&format!("{{{{ {when} }}}}")])
        .and_then(|scope| template::evaluate(when, &scope).map_err(|fault| fault.to_string()))
        .map(|value| template::holds(&value));
    Some(Event::WhenEvaluated { instance, holds })
}

/// The items of the `foreach` of a task, at most `most`; `None`: it has none.
pub(crate) fn expand(scope: &ScopeOf<'_>, most: usize) -> Option<Event> {
    let instance = scope.id;
    let (_, fan) = scope.run.version.dag.fan_of(instance.task)?;
    Some(Event::Expanded { instance, items: expand::items(fan, scope, most) })
}
