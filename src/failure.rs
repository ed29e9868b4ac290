//! What goes wrong on the command line: said once, with its cure, and an exit code.

use std::fmt::Display;
use std::process::ExitCode;

/// Why a verb did not do what it was asked to.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    help: Option<String>,
    code: u8,
}

impl Failure {
    /// The thing asked for went wrong: exit code 1.
    pub(crate) fn new(message: impl Display) -> Self {
        Self { message: message.to_string(), help: None, code: 1 }
    }

    /// It was asked for in a wrong way: exit code 2.
    pub(crate) fn usage(message: impl Display) -> Self {
        Self { message: message.to_string(), help: None, code: 2 }
    }

    /// Adds what to do about it.
    pub(crate) fn help(mut self, help: impl Display) -> Self {
        self.help = Some(help.to_string());
        self
    }

    /// Says it on standard error.
    pub(crate) fn report(self) -> ExitCode {
        let bold = anstyle::Style::new().bold();
        let red = bold.fg_color(Some(anstyle::AnsiColor::Red.into()));
        anstream::eprintln!("{red}error{red:#}{bold}: {}{bold:#}", self.message);
        if let Some(help) = self.help {
            anstream::eprintln!("  = help: {help}");
        }
        ExitCode::from(self.code)
    }
}

/// What a verb ends with.
pub(crate) type Verdict = Result<ExitCode, Failure>;

/// Turns any error into a failure with exit code 1, with a few words before it.
pub(crate) trait OrFail<T> {
    /// `what: error`.
    fn or_fail(self, what: impl Display) -> Result<T, Failure>;
}

impl<T, E: Display> OrFail<T> for Result<T, E> {
    fn or_fail(self, what: impl Display) -> Result<T, Failure> {
        self.map_err(|fault| Failure::new(format!("{what}: {fault}")))
    }
}
