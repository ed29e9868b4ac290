//! `nightrun explain`: the page of an error code.

use std::process::ExitCode;

use nightrun_core::diag::{Code, page};

use crate::cli::Explain;
use crate::failure::{Failure, Verdict};
use crate::say;

pub(crate) fn explain(args: &Explain) -> Verdict {
    let Some(text) = &args.code else {
        for code in Code::all() {
            say::println(&format!("{code}  {}", code.title()));
        }
        return Ok(ExitCode::SUCCESS);
    };
    let code = Code::parse(&text.to_uppercase()).ok_or_else(|| {
        Failure::usage(format!("there is no code `{text}`")).help("`nightrun explain` lists them all")
    })?;
    say::println(page(code).trim_end());
    Ok(ExitCode::SUCCESS)
}
