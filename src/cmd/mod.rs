//! One file per verb: what it means.

mod act;
mod completions;
mod config;
mod dags;
mod db;
mod dry_run;
mod example;
mod explain;
mod hold;
mod logs;
mod look;
mod next;
mod output;
mod progress;
mod prune;
mod run;
mod runs;
mod schema;
mod serve;
mod target;
mod validate;
mod why;
mod xcom;

use crate::cli::Verb;
use crate::failure::Verdict;

/// Does what was asked for.
pub(crate) fn run(verb: Verb) -> Verdict {
    match verb {
        Verb::Run(args) => run::run(args),
        Verb::Serve(args) => serve::serve(args),
        Verb::Validate(args) => validate::validate(&args),
        Verb::Next(args) => next::next(args),
        Verb::DryRun(args) => dry_run::dry_run(args),
        Verb::Dags(args) => dags::dags(args),
        Verb::Runs(args) => runs::runs(args),
        Verb::Tasks(args) => runs::tasks(args),
        Verb::Logs(args) => logs::logs(args),
        Verb::Xcom(args) => xcom::xcom(args),
        Verb::Why(args) => why::why(args),
        Verb::Trigger(args) => act::trigger(args),
        Verb::Cancel(args) => act::cancel(args),
        Verb::Pause(args) => act::pause(args, true),
        Verb::Unpause(args) => act::pause(args, false),
        Verb::Hold(args) => hold::hold(args),
        Verb::Skip(args) => hold::skip(args.tick),
        Verb::Move(args) => hold::postpone(args),
        Verb::Output(args) => output::output(args),
        Verb::Schema => schema::schema(),
        Verb::Example(args) => example::example(&args),
        Verb::Explain(args) => explain::explain(&args),
        Verb::Db(args) => db::db(args),
        Verb::Config(args) => config::config(args),
        Verb::Completions { shell } => completions::completions(shell),
    }
}
