//! What an attempt comes to whose process is only imagined.

use nightrun_core::case::{End, Mock};
use nightrun_core::dag::spec::{Capture, Dag};
use nightrun_core::decide::Outcome;
use nightrun_core::id::TaskIndex;
use nightrun_core::value::RETURN_VALUE;
use serde_json::{Map, Value as Json};

use crate::run::finish;

/// The outcome of a mock; its outputs are checked as those of a process are. `None`: it does not end by itself.
pub(super) fn outcome(dag: &Dag, task: TaskIndex, mock: &Mock) -> Option<Outcome> {
    Some(match mock.end {
        End::Exit(0) => succeeded(dag, task, mock.outputs.clone(), mock.stdout.as_deref()),
        End::Exit(code) => Outcome::Exited(code),
        End::Signal(number) => Outcome::Signaled(number),
        End::Lost => Outcome::Lost,
        End::Never => return None,
    })
}

fn succeeded(dag: &Dag, task: TaskIndex, outputs: Map<String, Json>, stdout: Option<&str>) -> Outcome {
    let printed = match stdout {
        Some(text) => text.to_owned(),
        None => outputs.get(RETURN_VALUE).map(|value| as_printed(dag, task, value)).unwrap_or_default(),
    };
    match finish::accept(dag, task, outputs, || Ok(printed.into_bytes())) {
        Ok((outputs, choice)) => Outcome::Succeeded { outputs: finish::inline(outputs), choice },
        Err(message) => Outcome::OutputsRefused(message),
    }
}

/// What a process prints whose `capture` gives this value.
fn as_printed(dag: &Dag, task: TaskIndex, value: &Json) -> String {
    match (dag.task(task).capture, value) {
        (Some(Capture::LastLine | Capture::Text), Json::String(text)) => text.clone(),
        _ => value.to_string(),
    }
}
