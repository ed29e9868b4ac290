//! Verbs that work on this machine alone say so when a server elsewhere is named.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Parser};

use super::Cli;
use crate::failure::Failure;

/// Reads the arguments of this process; what is wrong with them ends it, but for a verb that takes no server.
pub(crate) fn read() -> Result<Cli, Failure> {
    let fault = match Cli::try_parse() {
        Ok(cli) => return Ok(cli),
        Err(fault) => fault,
    };
    let unknown = match fault.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(arg)) if fault.kind() == ErrorKind::UnknownArgument => arg.as_str(),
        _ => fault.exit(),
    };
    let Some(verb) = verb().filter(|_| ["--server", "--token"].contains(&unknown)) else { fault.exit() };
    let help = "verbs that look at runs or act on them take a server";
    Err(Failure::usage(format!("`nightrun {verb}` works on this machine alone: it takes no {unknown}"))
        .help(format!("`nightrun help {verb}` says what it takes; {help}")))
}

/// The verb that was typed, and the one below it.
fn verb() -> Option<String> {
    let mut at = Cli::command();
    let mut words = Vec::new();
    for word in std::env::args_os().skip(1).map(OsString::into_string).map_while(Result::ok) {
        if let Some(found) = at.find_subcommand(&word).cloned() {
            words.push(word);
            at = found;
        }
    }
    (!words.is_empty()).then(|| words.join(" "))
}
