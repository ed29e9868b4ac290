//! `nightrun schema`: the JSON Schema of DAG files, for editors.

use std::process::ExitCode;

use crate::failure::{OrFail, Verdict};
use crate::say;

pub(crate) fn schema() -> Verdict {
    let schema = serde_json::to_string_pretty(&nightrun_core::dag::schema()).or_fail("the schema")?;
    say::println(&schema);
    Ok(ExitCode::SUCCESS)
}
