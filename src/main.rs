//! `nightrun`: the command line. Parsed arguments go to one file per verb under `cmd/`; `wire.rs` builds
//! everything that runs, once.

mod above;
mod calendars;
mod cli;
mod client;
mod cmd;
mod config;
mod failure;
mod listen;
mod say;
mod wire;

use std::process::ExitCode;

fn main() -> ExitCode {
    offer_system_zones();
    let done = cli::placed::read().and_then(|args| {
        args.color.write_global();
        cmd::run(args.verb)
    });
    match done {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}

/// The system's time zone rules are used where they are newer than those in the binary.
fn offer_system_zones() {
    let rules = std::fs::read_to_string("/usr/share/zoneinfo/tzdata.zi").unwrap_or_default();
    nightrun_core::timetable::offer_system_rules(rules.lines().next().unwrap_or_default());
}
