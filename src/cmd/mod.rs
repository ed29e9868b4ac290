//! One file per verb: what it means.

mod access;
mod act;
mod again;
mod backfill;
mod batch;
mod calendar;
mod called;
mod completions;
mod config;
mod dags;
mod db;
mod dry_run;
mod example;
mod explain;
mod faulty;
mod here;
mod hold;
mod hooks;
mod inputs;
mod logs;
mod missed;
mod next;
mod output;
mod plan;
mod pools;
mod progress;
mod prune;
mod run;
mod runs;
mod schema;
mod serve;
mod suite;
mod target;
mod tasks;
mod test;
mod told;
mod validate;
mod vars;
mod versions;
mod why;
mod xcom;

pub(crate) use self::target::Named;
use crate::cli::Verb;
use crate::failure::Verdict;

/// Does what was asked for.
pub(crate) fn run(verb: Verb) -> Verdict {
    match verb {
        Verb::Run(args) => run::run(args),
        Verb::Serve(args) => serve::serve(args),
        Verb::Validate(args) => validate::validate(&args),
        Verb::Test(args) => test::test(&args),
        Verb::Next(args) => next::next(args),
        Verb::Calendar(args) => calendar::calendar(args),
        Verb::DryRun(args) => dry_run::dry_run(args),
        Verb::Dags(args) => dags::dags(args),
        Verb::Plan(args) => plan::plan(args),
        Verb::Runs(args) => runs::runs(args),
        Verb::Tasks(args) => tasks::tasks(*args),
        Verb::Hooks(args) => hooks::hooks(args),
        Verb::Pools(args) => pools::pools(args),
        Verb::Logs(args) => logs::logs(args),
        Verb::Xcom(args) => xcom::xcom(args),
        Verb::Why(args) => why::why(args),
        Verb::Trigger(args) => act::trigger(args),
        Verb::Cancel(args) => act::cancel(args),
        Verb::Rerun(args) => again::rerun(args),
        Verb::Mark(args) => again::mark(args),
        Verb::Note(args) => again::note(args),
        Verb::Backfill(args) => backfill::backfill(*args),
        Verb::Audit(args) => again::audit(args),
        Verb::Pause(args) => act::pause(args, true),
        Verb::Unpause(args) => act::pause(args, false),
        Verb::Hold(args) => hold::hold(args),
        Verb::Skip(args) => hold::skip(args.tick),
        Verb::Move(args) => hold::postpone(args),
        Verb::Vars(args) => vars::vars(args),
        Verb::User(args) => access::user(args),
        Verb::Token(args) => access::token(args),
        Verb::Output(args) => output::output(args),
        Verb::Schema(args) => schema::schema(&args),
        Verb::Example(args) => example::example(&args),
        Verb::Explain(args) => explain::explain(&args),
        Verb::Db(args) => db::db(args),
        Verb::Config(args) => config::config(args),
        Verb::Completions { shell } => completions::completions(shell),
    }
}
