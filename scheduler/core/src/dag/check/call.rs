//! Tasks that call a DAG: their arguments, and those that call their own DAG for ever.

use super::operator::arguments;
use crate::dag::call::{Call, signature};
use crate::dag::read::{Draft, DraftTask};
use crate::dag::tree::{Kind, Map, Node, Value};
use crate::diag::{Code, Fault, Faults, Span};
use crate::graph::Graph;
use crate::id::{DagId, TaskIndex, is_name};

/// Checks what a task that calls another DAG says.
pub(super) fn check(call: &Call, draft: &DraftTask<'_, '_>, at: Span, faults: &mut Faults) {
    let none = Map::default();
    let with = draft.with.unwrap_or(&none);
    arguments(&signature(), with, at, faults);
    if let Some(node) = with.get("dag").filter(|node| is_text(node))
        && !is_name(call.dag.as_str())
    {
        let fault = Fault::new(Code::BadName, node.at, format!("`{}` is no id of a DAG", call.dag));
        faults
            .add(fault.help("it stands as it is, without a template; `when` chooses between several calls"));
    }
    if let Some(node) = with.get("wait").filter(|node| is_text(node)) {
        let message = "`wait` of `dag` takes `true` or `false`, and no template";
        faults.add(Fault::new(Code::WrongArgument, node.at, message));
    }
}

fn is_text(node: &Node<'_>) -> bool {
    matches!(&node.kind, Kind::Scalar(scalar) if matches!(scalar.value(), Value::Text(_)))
}

/// Reports a DAG whose every run calls the next one and waits for it: nothing decides that it ends.
pub(in crate::dag) fn check_endless(dag: &DagId, draft: &Draft<'_, '_>, graph: &Graph, faults: &mut Faults) {
    let decides = |at: TaskIndex| {
        let found = &draft.tasks[at.at()];
        found.task.when.is_some() || found.task.chooser.is_some() || found.fan.is_some()
    };
    for (at, found) in (0..).map(TaskIndex).zip(&draft.tasks) {
        let calls_itself = found.task.work.as_call().is_some_and(|call| call.wait && call.dag == *dag);
        let above = graph.ancestors(&[at]);
        let mut way = graph.order().iter().filter(|task| **task == at || above[task.at()]);
        if calls_itself && !way.any(|task| decides(*task)) {
            let message = format!("every run of `{dag}` calls another one and waits for it");
            let fault = Fault::new(Code::EndlessCall, found.type_at.unwrap_or(found.at), message);
            faults.add(fault.help("let something end it: `when: \"{{ params.left > 0 }}\"` on this task"));
        }
    }
}
