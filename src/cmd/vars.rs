//! `nightrun vars`: named values of the deployment.

use std::path::Path;
use std::process::ExitCode;

use nightrun_core::decide::{Transition, check_var};
use nightrun_engine::clock::system_clock;
use nightrun_engine::store::Writer;
use serde_json::{Value as Json, json};

use super::told::{instant, text};
use crate::cli::{Vars, VarsVerb};
use crate::client::Server;
use crate::config::who;
use crate::failure::{Failure, OrFail, Verdict};
use crate::{say, wire};

pub(crate) fn vars(args: Vars) -> Verdict {
    match args.verb {
        VarsVerb::Set { name, value, json, place } => {
            let value = if json {
                serde_json::from_str(&value).map_err(|fault| Failure::usage(format!("the value: {fault}")))?
            } else {
                Json::String(value)
            };
            check_var(&name, &value).map_err(Failure::usage)?;
            let server = Server::of(place)?;
            let fact = Transition::VarSet { name: name.clone(), value: Some(value.clone()), by: who() };
            change(&server, &path(&name), &json!({ "value": value }), fact)?;
        }
        VarsVerb::Delete { name, place } => {
            let server = Server::of(place)?;
            find(&server, &name)?;
            let fact = Transition::VarSet { name: name.clone(), value: None, by: who() };
            change(&server, &format!("{}/delete", path(&name)), &json!({}), fact)?;
        }
        VarsVerb::Get { name, look } => {
            let var = find(&Server::of(look.place)?, &name)?;
            if look.json {
                say::json(&var)?;
            } else {
                say::println(&shown(&var["value"]));
            }
        }
        VarsVerb::List(look) => {
            let vars: Vec<Json> = Server::of(look.place)?.list("/vars", usize::MAX)?;
            if look.json {
                say::json(&vars)?;
            } else {
                let row = |var: &Json| {
                    let (at, by) = (instant(&var["updated_at"]), text(&var["updated_by"]));
                    vec![text(&var["name"]), shown(&var["value"]), at, by]
                };
                let rows = vars.iter().map(row).collect();
                say::println(say::table(&["var", "value", "set", "by"], rows).trim_end());
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn path(name: &str) -> String {
    format!("/vars/{}", Server::segment(name))
}

fn find(server: &Server, name: &str) -> Result<Json, Failure> {
    server.find(&path(name))?.ok_or_else(|| {
        Failure::new(format!("there is no var `{name}` in the store")).help("`nightrun vars list` shows them")
    })
}

/// Asks the server, or writes to the store of a data folder that no server works with.
fn change(server: &Server, path: &str, body: &Json, fact: Transition) -> Result<(), Failure> {
    match server.config() {
        Some(config) if !server.is_served() => write(&config.data, fact),
        _ => server.post(path, body).map(drop),
    }
}

fn write(data: &Path, fact: Transition) -> Result<(), Failure> {
    let writer = Writer::open(&wire::database(data)).map_err(Failure::new)?;
    let runtime = tokio::runtime::Builder::new_current_thread().build().or_fail("the runtime")?;
    runtime.block_on(writer.commit(system_clock()(), vec![fact])).map_err(Failure::new)?;
    writer.close().map_err(Failure::new)
}

/// Text as it is, anything else as JSON.
fn shown(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
