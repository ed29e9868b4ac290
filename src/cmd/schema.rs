//! `nightrun schema`: the JSON Schemas of DAG files and of those beside them, for editors.

use std::process::ExitCode;

use nightrun_core::{case, dag};

use crate::cli::Schema;
use crate::failure::{OrFail, Verdict};
use crate::say;

pub(crate) fn schema(args: &Schema) -> Verdict {
    let schema = match args {
        Schema { defaults: true, .. } => dag::defaults_schema(),
        Schema { tests: true, .. } => case::schema(),
        Schema { calendars: true, .. } => dag::calendar_schema(),
        Schema { .. } => dag::schema(),
    };
    let schema = serde_json::to_string_pretty(&schema).or_fail("the schema")?;
    say::println(&schema);
    Ok(ExitCode::SUCCESS)
}
