//! `nightrun example`: the DAG files of `dags/`, carried in the binary.

use std::process::ExitCode;

use crate::cli::Example;
use crate::failure::{Failure, Verdict};
use crate::say;

/// Each example with what it shows. All of them are tests, too.
const EXAMPLES: [(&str, &str, &str); 6] = [
    ("hello", "two tasks, one value", include_str!("../../dags/hello.yaml")),
    ("nightly_sales", "a nightly batch on real files", include_str!("../../dags/nightly_sales.yaml")),
    ("retries", "retries, backoff, timeouts", include_str!("../../dags/retries.yaml")),
    ("rules", "trigger rules, conditions, skips", include_str!("../../dags/rules.yaml")),
    ("params", "typed params and how values reach a shell", include_str!("../../dags/params.yaml")),
    ("languages", "scripts in other languages, argv, operators", include_str!("../../dags/languages.yaml")),
];

pub(crate) fn example(args: &Example) -> Verdict {
    let Some(name) = &args.name else {
        let rows =
            EXAMPLES.iter().map(|(name, what, _)| vec![(*name).to_owned(), (*what).to_owned()]).collect();
        say::println(say::table(&["example", "shows"], rows).trim_end());
        return Ok(ExitCode::SUCCESS);
    };
    let (_, _, text) = EXAMPLES.iter().find(|(known, _, _)| known == name).ok_or_else(|| {
        Failure::usage(format!("there is no example `{name}`")).help("`nightrun example` lists them")
    })?;
    say::println(text.trim_end());
    Ok(ExitCode::SUCCESS)
}
