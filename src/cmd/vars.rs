//! `nightrun vars`: named values of the deployment.

use std::path::Path;
use std::process::ExitCode;

use nightrun_core::decide::{Transition, check_var};
use nightrun_engine::clock::system_clock;
use nightrun_engine::store::{Page, VarItem, Writer};
use serde_json::{Value as Json, json};

use super::act::data_of;
use super::look::Looker;
use crate::cli::{Vars, VarsVerb};
use crate::client;
use crate::config::who;
use crate::failure::{Failure, OrFail, Verdict};
use crate::{say, wire};

pub(crate) fn vars(args: Vars) -> Verdict {
    match args.verb {
        VarsVerb::Set { name, value, json, data } => {
            let value = if json {
                serde_json::from_str(&value).map_err(|fault| Failure::usage(format!("the value: {fault}")))?
            } else {
                Json::String(value)
            };
            check_var(&name, &value).map_err(Failure::usage)?;
            let data = data_of(data)?;
            if client::answers(&data) {
                client::post(&data, &format!("/api/v1/vars/{name}"), &json!({ "value": value }))?;
            } else {
                write(&data, Transition::VarSet { name, value: Some(value), by: who() })?;
            }
        }
        VarsVerb::Delete { name, data } => {
            let known = find(&Looker::open(data)?, &name)?;
            if client::answers(&known.0) {
                client::post(&known.0, &format!("/api/v1/vars/{name}/delete"), &json!({}))?;
            } else {
                write(&known.0, Transition::VarSet { name, value: None, by: who() })?;
            }
        }
        VarsVerb::Get { name, look } => {
            let (_, var) = find(&Looker::open(look.data)?, &name)?;
            if look.json {
                say::json(&var)?;
            } else {
                say::println(&text(&var.value));
            }
        }
        VarsVerb::List(look) => {
            let vars = Looker::open(look.data)?.read(Page::vars)?;
            if look.json {
                say::json(&vars)?;
            } else {
                let row = |var: &VarItem| {
                    let at = say::instant(Some(var.updated_at));
                    vec![var.name.clone(), text(&var.value), at, var.updated_by.clone()]
                };
                let rows = vars.iter().map(row).collect();
                say::println(say::table(&["var", "value", "set", "by"], rows).trim_end());
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn find(looker: &Looker, name: &str) -> Result<(std::path::PathBuf, VarItem), Failure> {
    let found = looker.read(Page::vars)?.into_iter().find(|var| var.name == name);
    let var = found.ok_or_else(|| {
        Failure::new(format!("there is no var `{name}` in the store")).help("`nightrun vars list` shows them")
    })?;
    Ok((looker.data.clone(), var))
}

/// Writes to the store of a data folder that no server works with.
fn write(data: &Path, fact: Transition) -> Result<(), Failure> {
    let writer = Writer::open(&wire::database(data)).map_err(Failure::new)?;
    let runtime = tokio::runtime::Builder::new_current_thread().build().or_fail("the runtime")?;
    runtime.block_on(writer.commit(system_clock()(), vec![fact])).map_err(Failure::new)?;
    writer.close().map_err(Failure::new)
}

/// Text as it is, anything else as JSON.
fn text(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
