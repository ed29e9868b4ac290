//! What a branch or a short-circuit decides, read from its outputs.

use serde_json::{Map, Value as Json};

use super::event::Choice;
use crate::dag::spec::{Chooser, Dag};
use crate::id::TaskIndex;
use crate::template;

/// The choice of a task that succeeded with these outputs; the error says what is wrong with them.
pub fn choice_of(dag: &Dag, task: TaskIndex, outputs: &Map<String, Json>) -> Result<Choice, String> {
    let value = |name: &str| {
        let missing = || format!("it gave no output `{name}`, which says what comes after it");
        outputs.get(name).or_else(|| outputs.get("return_value")).ok_or_else(missing)
    };
    match dag.task(task).chooser {
        None => Ok(Choice::Free),
        Some(Chooser::Branch) => chosen(dag, task, value("choose")?).map(Choice::Branch),
        Some(Chooser::ShortCircuit { .. }) if goes_on(value("condition")?) => Ok(Choice::Free),
        Some(Chooser::ShortCircuit { direct }) => Ok(Choice::Cut { direct }),
    }
}

/// An id, a list of ids, or nothing at all.
fn chosen(dag: &Dag, task: TaskIndex, value: &Json) -> Result<Vec<TaskIndex>, String> {
    let ids: Vec<&str> = match value {
        Json::Null => Vec::new(),
        Json::String(id) if id.trim().is_empty() => Vec::new(),
        Json::String(id) => vec![id.trim()],
        Json::Array(ids) => {
            let id = |id| Json::as_str(id).map(str::trim).ok_or_else(|| not_ids(value));
            ids.iter().map(id).collect::<Result<_, _>>()?
        }
        Json::Bool(_) | Json::Number(_) | Json::Object(_) => return Err(not_ids(value)),
    };
    let below = dag.graph.descendants(&[task]);
    let mut chosen = Vec::new();
    for id in ids {
        let tasks = dag.find_all(id);
        if tasks.is_empty() {
            return Err(format!("it chose `{id}`, and there is no such task or group"));
        }
        if !tasks.iter().any(|task| below[task.at()]) {
            return Err(format!("it chose `{id}`, which does not come after it"));
        }
        chosen.extend(tasks);
    }
    Ok(chosen)
}

fn not_ids(value: &Json) -> String {
    format!("its choice must be an id or a list of ids, and is {value}")
}

/// Truth as in a `when`; and text that a process writes for false is false.
fn goes_on(value: &Json) -> bool {
    match value {
        Json::String(text) => {
            let text = text.trim();
            !["", "0", "false", "no"].iter().any(|no| text.eq_ignore_ascii_case(no))
        }
        other => template::holds(other),
    }
}
