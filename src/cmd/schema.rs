//! `nightrun schema`: the JSON Schema of DAG files, for editors.

use std::process::ExitCode;

use nightrun_core::dag;

use crate::cli::Schema;
use crate::failure::{OrFail, Verdict};
use crate::say;

pub(crate) fn schema(args: &Schema) -> Verdict {
    let schema = if args.defaults { dag::defaults_schema() } else { dag::schema() };
    let schema = serde_json::to_string_pretty(&schema).or_fail("the schema")?;
    say::println(&schema);
    Ok(ExitCode::SUCCESS)
}
