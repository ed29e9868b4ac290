//! `nightrun example`: the DAG files of `dags/`, carried in the binary with the scripts they run.

use std::fs::{File, create_dir_all};
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use crate::cli::Example;
use crate::failure::{Failure, OrFail, Verdict};
use crate::say;

/// A file of `dags/`, by its path below it.
type Carried = (&'static str, &'static str);

macro_rules! carry {
    ($path:literal) => {
        ($path, include_str!(concat!("../../dags/", $path)))
    };
}

/// Each example with what it shows. All of them are tests, too.
const EXAMPLES: [(&str, &str, Carried); 16] = [
    ("hello", "two tasks, one value", carry!("hello.yaml")),
    ("nightly_sales", "a nightly batch on real files", carry!("nightly_sales.yaml")),
    ("retries", "retries, backoff, timeouts", carry!("retries.yaml")),
    ("hooks", "deadlines, and who is told what", carry!("hooks.yaml")),
    ("rules", "trigger rules, conditions, skips", carry!("rules.yaml")),
    ("params", "typed params and how values reach a shell", carry!("params.yaml")),
    ("languages", "scripts in other languages, argv, operators", carry!("languages.yaml")),
    ("heartbeat", "a schedule to watch", carry!("heartbeat.yaml")),
    ("folder", "two DAGs in a file, defaults of a folder, vars", carry!("folder/orders_and_returns.yaml")),
    ("month_end", "schedules on business days", carry!("month_end.yaml")),
    ("balance", "dates that wait for the one before", carry!("balance.yaml")),
    ("map_reduce", "a task once for each item, and a reduce", carry!("map_reduce.yaml")),
    ("branches", "branches, a short-circuit, setup and teardown", carry!("branches.yaml")),
    ("calls", "a DAG that calls others, with params and results", carry!("calls/close_day.yaml")),
    ("groups", "groups, and one done for each item", carry!("groups.yaml")),
    ("group_retries", "a group that runs again as a whole", carry!("group_retries.yaml")),
];

/// What examples run or are read with: each has the paths of its files in its text.
const SCRIPTS: [Carried; 6] = [
    carry!("folder/_defaults.yaml"),
    carry!("calendars/us_federal.yaml"),
    carry!("scripts/sales/fetch.py"),
    carry!("scripts/sales/load.py"),
    carry!("scripts/sales/aggregate.py"),
    carry!("scripts/sales/report.py"),
];

pub(crate) fn example(args: &Example) -> Verdict {
    let Some(name) = &args.name else {
        let rows =
            EXAMPLES.iter().map(|(name, what, _)| vec![(*name).to_owned(), (*what).to_owned()]).collect();
        say::println(say::table(&["example", "shows"], rows).trim_end());
        return Ok(ExitCode::SUCCESS);
    };
    let (_, _, file) = EXAMPLES.iter().find(|(known, _, _)| known == name).ok_or_else(|| {
        Failure::usage(format!("there is no example `{name}`")).help("`nightrun example` lists them")
    })?;
    let Some(folder) = &args.into else {
        say::println(file.1.trim_end());
        return Ok(ExitCode::SUCCESS);
    };
    let needed = SCRIPTS.iter().filter(|(path, _)| file.1.contains(path));
    for (path, text) in std::iter::once(file).chain(needed) {
        write(&folder.join(path), text)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes a new file; one that is there is left alone.
fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let shown = path.display().to_string();
    path.parent().map_or(Ok(()), create_dir_all).or_fail(&shown)?;
    let mut file = File::create_new(path).or_fail(&shown)?;
    file.write_all(text.as_bytes()).or_fail(&shown)?;
    say::println(&shown);
    Ok(())
}
