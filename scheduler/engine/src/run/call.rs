//! Calls of other DAGs: what they are made with, and what comes back.

use std::path::{Path, PathBuf};

use nightrun_core::dag::spec::Call;
use nightrun_core::decide::{
    CALLED_RUN, CALLED_TASKS, CallEnd, CallRequest, Output, Outputs, Reason, RunState,
};
use nightrun_core::id::RunId;
use nightrun_core::template::Scope;
use nightrun_core::timetable::Zone;
use serde_json::{Map, Value as Json};

use super::render::{collect_texts, render, render_json};
use crate::store::{self, Reader, TaskOutputs};

/// All texts of a call that may be templates.
pub(super) fn texts<'a>(call: &'a Call, texts: &mut Vec<&'a str>) {
    call.params.values().for_each(|value| collect_texts(value, texts));
    texts.extend(call.date.as_deref());
}

/// A call with its templates filled in; its date is read in the zone of the caller.
pub(super) fn request(call: &Call, scope: &Scope, zone: &Zone) -> Result<CallRequest, String> {
    let param = |(name, value): (&String, &Json)| {
        let value = render_json(value, scope).map_err(|fault| format!("param `{name}`: {fault}"))?;
        Ok::<_, String>((name.clone(), value))
    };
    let logical_date = match &call.date {
        None => None,
        Some(date) => {
            let text = render(date, scope).map_err(|fault| format!("`date`: {fault}"))?;
            let read = zone.read_instant(text.trim());
            Some(read.ok_or_else(|| format!("`date`: `{text}` is no date"))?)
        }
    };
    Ok(CallRequest { params: call.params.iter().map(param).collect::<Result<_, _>>()?, logical_date })
}

/// The call with its values in place, as people read it.
pub(super) fn shown(call: &Call, scope: &Scope) -> Result<String, String> {
    let params = call.params.iter().map(|(name, value)| Ok((name.clone(), render_json(value, scope)?)));
    let params = params.collect::<Result<_, String>>()?;
    let date = call.date.as_ref().map(|date| render(date, scope)).transpose()?;
    Ok(Call { params, date, ..call.clone() }.shown())
}

/// How a called run ended, as the store holds it, with the outputs of the call.
pub(super) async fn look_up(reader: Reader, data: PathBuf, run: RunId) -> CallEnd {
    let read = reader.read(move |page| {
        let found = page.run_alone(run)?;
        Ok(found.map(|found| (found.state, found.reason)).zip(Some(page.outputs_by_task(run)?)))
    });
    let lost = |message: String| {
        (RunState::Failed, Reason::Outputs { message: message.clone() }, Err::<Outputs, _>(message))
    };
    let (state, reason, outputs) = match read.await {
        Ok(Some(((state, reason), tasks))) => (state, reason, outputs(run, &tasks, &data)),
        Ok(None) => lost(format!("run {run} is not in the store")),
        Err(fault) => lost(fault.to_string()),
    };
    CallEnd { run, state, reason, outputs }
}

/// The outputs of a call: the run it made, and what the tasks of that run handed on.
fn outputs(run: RunId, tasks: &[TaskOutputs], data: &Path) -> Result<Outputs, String> {
    let mut by_task = Map::new();
    for task in tasks {
        let mut values = Map::new();
        for (item, outputs) in &task.outputs {
            for (name, output) in outputs {
                let value = store::fetch(data, output).map_err(|fault| fault.to_string())?;
                match item.checked_sub(1) {
                    None => drop(values.insert(name.clone(), value)),
                    Some(at) => put(&mut values, name, (at as usize, task.items), value),
                }
            }
        }
        if !values.is_empty() {
            by_task.insert(task.id.clone(), Json::Object(values));
        }
    }
    let tasks = store::spill(data, &Json::Object(by_task)).map_err(|fault| fault.to_string())?;
    let run = Output::Inline(Json::from(run.0));
    Ok(Outputs::from([(CALLED_RUN.to_owned(), run), (CALLED_TASKS.to_owned(), tasks)]))
}

/// Puts the value of one item into the list of all.
fn put(values: &mut Map<String, Json>, name: &str, (at, count): (usize, usize), value: Json) {
    let list = values.entry(name).or_insert_with(|| Json::Array(vec![Json::Null; count]));
    if let Some(place) = list.get_mut(at) {
        *place = value;
    }
}
