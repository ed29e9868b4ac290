//! `nightrun completions`: for the shell's completion folder.

use std::process::ExitCode;

use clap::CommandFactory;

use crate::cli::Cli;
use crate::failure::Verdict;

#[expect(clippy::unnecessary_wraps, reason = "every verb ends with a verdict")]
pub(crate) fn completions(shell: clap_complete::Shell) -> Verdict {
    clap_complete::generate(shell, &mut Cli::command(), "nightrun", &mut std::io::stdout());
    Ok(ExitCode::SUCCESS)
}
