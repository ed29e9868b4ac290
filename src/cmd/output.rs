//! `nightrun output`: hands on a value from inside a task.

use std::io::{Read, Write};
use std::process::ExitCode;

use nightrun_core::value::{encode_json, encode_output};

use crate::cli::Output;
use crate::failure::{Failure, OrFail, Verdict};

pub(crate) fn output(args: Output) -> Verdict {
    #[expect(clippy::disallowed_methods, reason = "the task's environment is how it is told where to write")]
    let file = std::env::var_os("NIGHTRUN_OUTPUT").ok_or_else(|| {
        Failure::usage("NIGHTRUN_OUTPUT is not set").help("`nightrun output` works inside a task of a run")
    })?;
    let text = if let Some(text) = args.value {
        text
    } else {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).or_fail("standard input")?;
        text
    };
    let line = if args.json {
        let value =
            serde_json::from_str(&text).map_err(|fault| Failure::usage(format!("no JSON: {fault}")))?;
        encode_json(&args.key, &value)
    } else {
        encode_output(&args.key, &text)
    };
    let line = line.map_err(Failure::usage)?;
    let mut out =
        std::fs::OpenOptions::new().append(true).create(true).open(&file).or_fail("the outputs file")?;
    out.write_all(line.as_bytes()).or_fail("the outputs file")?;
    Ok(ExitCode::SUCCESS)
}
