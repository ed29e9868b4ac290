//! The arguments, as people type them. What they mean is in `cmd/`.

mod access;
pub(crate) mod again;
mod calendar;
mod db;
mod files;
mod hold;
pub(crate) mod placed;
mod pools;
mod proof;
mod tasks;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use self::access::{Granted, Place, Remote, RoleName, Token, TokenVerb, User, UserVerb};
pub(crate) use self::calendar::{Calendar, CalendarVerb};
pub(crate) use self::db::{Db, DbVerb, Prune};
pub(crate) use self::files::{
    DagDiff, DagHistory, DagList, DagShow, DagsVerb, Plan, Schema, Target, Vars, VarsVerb,
};
pub(crate) use self::hold::{Hold, HoldAdd, HoldVerb, Move, ResumeRule, Skip, WhichTick};
pub(crate) use self::pools::{Pools, PoolsVerb};
pub(crate) use self::proof::{Test, Why};
pub(crate) use self::tasks::{TaskHistory, Tasks, TasksVerb};

/// A declarative DAG scheduler with cron triggers, in one binary.
#[derive(Debug, Parser)]
#[command(name = "nightrun", version = crate::say::version(), propagate_version = true, max_term_width = 100)]
#[command(after_help = "Examples:\n  \
    nightrun run dags/nightly_sales.yaml          run one DAG, here and now\n  \
    nightrun validate                             find every fault in every DAG file\n  \
    nightrun serve                                schedule all DAGs and serve the pages\n  \
    nightrun why 42                               say what run 42 is waiting for\n\n\
    Exit codes: 0 well, 1 something failed or is faulty, 2 wrong usage.")]
pub(crate) struct Cli {
    /// Colours: only on a terminal, always, or never.
    #[command(flatten)]
    pub(crate) color: Color,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// When to use colours.
#[derive(Debug, Args)]
pub(crate) struct Color {
    /// Colours: only on a terminal, always, or never
    #[arg(long = "color", value_name = "WHEN", default_value = "auto", global = true, value_enum)]
    when: When,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum When {
    Auto,
    Always,
    Never,
}

impl Color {
    /// Makes the choice hold for all output.
    pub(crate) fn write_global(&self) {
        match self.when {
            When::Auto => {}
            When::Always => anstream::ColorChoice::Always.write_global(),
            When::Never => anstream::ColorChoice::Never.write_global(),
        }
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Run one DAG, here and now, without a server; the exit code is the verdict
    Run(Run),
    /// Schedule all DAGs, run what is due, and serve the pages and the API
    Serve(Serve),
    /// Find all faults of all DAG files; prints nothing when there are none
    Validate(Validate),
    /// Play the test cases of DAGs: mocked tasks on a clock of their own
    Test(Test),
    /// Show when a DAG or a cron expression fires next
    Next(Next),
    /// Show the business days of a calendar, or turn an iCalendar file into one
    Calendar(Calendar),
    /// Show the rendered commands of a run in order, without running anything
    DryRun(DryRun),
    /// List the DAGs, or show one and its versions
    Dags(DagList),
    /// Show what loading the DAG files as they are now would change
    Plan(Plan),
    /// List runs, or show one
    Runs(Runs),
    /// List tasks of a run, of all runs, or one task through its runs
    Tasks(Box<Tasks>),
    /// List hooks with their deliveries, newest first
    Hooks(Hooks),
    /// List pools with their slots, or show who holds those of one and who waits
    Pools(Pools),
    /// Print the log of a task
    Logs(Logs),
    /// Print the values that tasks handed on
    Xcom(Xcom),
    /// Say what a run or a task is waiting for, or why it ended as it did
    Why(Why),
    /// Ask the server for a run of a DAG
    Trigger(Trigger),
    /// Ask the server to end a run
    Cancel(Cancel),
    /// Run what failed of a run again, or what you choose
    #[command(visible_alias = "clear")]
    Rerun(again::Rerun),
    /// Settle a task of a run by hand
    Mark(again::Mark),
    /// Write something down about a run
    Note(again::Note),
    /// Run a DAG for dates of the past
    Backfill(Box<again::Backfill>),
    /// Show who did what, when, and why
    Audit(again::Audit),
    /// Stop a DAG's schedule from firing, or everything
    Pause(Pause),
    /// Let a DAG's schedule fire again, or everything
    Unpause(Pause),
    /// Maintenance windows: nothing fires and nothing begins in them
    Hold(Hold),
    /// Leave one coming tick of a DAG's schedule out
    Skip(Skip),
    /// Let one coming tick of a DAG's schedule fire at another time
    Move(Move),
    /// Set and show named values of the deployment, which DAGs read as `{{ vars.name }}`
    Vars(Vars),
    /// Users: who may log in, and what they may do
    User(User),
    /// Tokens: how programs prove who they are
    Token(Token),
    /// Hand on a value from inside a task
    Output(Output),
    /// Print the JSON Schema of DAG files
    Schema(Schema),
    /// Print an example DAG file
    Example(Example),
    /// Explain an error code
    Explain(Explain),
    /// Look after the store
    Db(Db),
    /// Show the configuration and where each value comes from
    Config(ConfigArgs),
    /// Print shell completions
    Completions {
        /// For which shell
        shell: clap_complete::Shell,
    },
}

/// Where the data is.
#[derive(Debug, Args)]
pub(crate) struct Data {
    /// The data folder
    #[arg(long, value_name = "DIR", env = "NIGHTRUN_DATA")]
    pub(crate) data: Option<PathBuf>,
}

/// Where the DAG files are.
#[derive(Debug, Args)]
pub(crate) struct Dags {
    /// The folder of DAG files
    #[arg(long, value_name = "DIR", env = "NIGHTRUN_DAGS")]
    pub(crate) dags: Option<PathBuf>,
}

/// The params of a run.
#[derive(Debug, Args)]
pub(crate) struct Params {
    /// A param of the run; repeat for more
    #[arg(short, long = "param", value_name = "NAME=VALUE")]
    pub(crate) params: Vec<String>,
    /// The logical date: RFC 3339, or a date or local time in the DAG's zone [default: now]
    #[arg(long, value_name = "DATE")]
    pub(crate) at: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  nightrun run dags/nightly_sales.yaml\n  \
    nightrun run dags/nightly_sales.yaml -p region=us --at 2026-11-20 --json")]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(flatten)]
    pub(crate) params: Params,
    #[command(flatten)]
    pub(crate) part: again::Part,
    /// How many tasks run at once
    #[arg(long, value_name = "N", env = "NIGHTRUN_SLOTS", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) slots: Option<u32>,
    /// The data folder [default: a temporary one]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) dags: Dags,
    /// Print the run as one JSON object at the end
    #[arg(long)]
    pub(crate) json: bool,
    /// No progress; only the report, if a task hands on an output of that name
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    pub(crate) dags: Dags,
    #[command(flatten)]
    pub(crate) data: Data,
    /// Where to listen [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR:PORT", env = "NIGHTRUN_LISTEN")]
    pub(crate) listen: Option<SocketAddr>,
    /// How many tasks run at once [default: 16]
    #[arg(long, value_name = "N", env = "NIGHTRUN_SLOTS", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) slots: Option<u32>,
    /// On SIGTERM wait for running tasks to end
    #[arg(long)]
    pub(crate) drain: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Validate {
    /// DAG files or folders [default: the DAG folder]
    pub(crate) paths: Vec<PathBuf>,
    /// How to say it
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// As a compiler does, with the lines and a caret
    Text,
    /// One JSON list
    Json,
    /// Annotations for GitHub Actions
    Github,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  nightrun next dags/nightly_sales.yaml\n  \
    nightrun next --cron '30 2 * * *' --timezone Europe/Paris -n 3")]
pub(crate) struct Next {
    /// A DAG file, or the id of a DAG in the DAG folder
    #[arg(value_name = "FILE|DAG", required_unless_present_any = ["cron", "batch"])]
    pub(crate) target: Option<String>,
    /// Which DAG of a file that defines several
    #[arg(long, value_name = "ID", requires = "target")]
    pub(crate) dag: Option<String>,
    /// A cron expression instead of a DAG
    #[arg(long, value_name = "EXPR", conflicts_with = "target")]
    pub(crate) cron: Option<String>,
    /// The zone of the expression
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    pub(crate) timezone: String,
    /// Whose rules hold where the clock changes
    #[arg(long, value_enum, default_value = "cron")]
    pub(crate) dst: DstRule,
    /// Show what comes after this instant (RFC 3339) [default: now]
    #[arg(long, value_name = "T")]
    pub(crate) after: Option<String>,
    /// How many
    #[arg(short, value_name = "N", default_value = "5")]
    pub(crate) n: usize,
    /// Print a JSON list of UTC instants
    #[arg(long)]
    pub(crate) json: bool,
    /// Answer JSON lines `{expr,tz,start,n,dst?}` from standard input, a line each; instead of `expr` or
    /// beside it may stand `schedule` (as in a DAG file), `calendar` (as in a calendar file) and `on_holiday`
    #[arg(long, conflicts_with_all = ["target", "cron"])]
    pub(crate) batch: bool,
    #[command(flatten)]
    pub(crate) dags: Dags,
    #[command(flatten)]
    pub(crate) place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DstRule {
    /// Debian cron's
    Cron,
    /// Airflow's
    Airflow,
}

#[derive(Debug, Args)]
pub(crate) struct DryRun {
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(flatten)]
    pub(crate) params: Params,
    #[command(flatten)]
    pub(crate) dags: Dags,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// What every verb that looks takes.
#[derive(Debug, Args)]
pub(crate) struct Look {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Runs {
    #[command(subcommand)]
    pub(crate) verb: Option<RunsVerb>,
    /// Only runs of this DAG
    #[arg(long)]
    pub(crate) dag: Option<String>,
    /// Only runs in this state
    #[arg(long)]
    pub(crate) state: Option<String>,
    /// All of them, not just the newest
    #[arg(long)]
    pub(crate) all: bool,
    /// How many of the newest
    #[arg(short = 'n', long, default_value = "20", conflicts_with = "all")]
    pub(crate) limit: usize,
    #[command(flatten)]
    pub(crate) look: Look,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RunsVerb {
    /// Show one run with its tasks
    Show(OfRun),
}

#[derive(Debug, Args)]
pub(crate) struct OfRun {
    /// The number of the run
    pub(crate) run: i64,
    #[command(flatten)]
    pub(crate) look: Look,
}

#[derive(Debug, Args)]
pub(crate) struct Hooks {
    /// Only of this run, in the order in which they became due
    pub(crate) run: Option<i64>,
    /// Only those that were given up
    #[arg(long)]
    pub(crate) failed: bool,
    /// How many of the newest
    #[arg(short = 'n', long, default_value = "20")]
    pub(crate) limit: u32,
    #[command(flatten)]
    pub(crate) look: Look,
}

#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// The number of the run
    pub(crate) run: i64,
    /// The task [default: the first that failed, else each]
    pub(crate) task: Option<String>,
    /// Which attempt [default: the last]
    #[arg(long = "try", value_name = "N")]
    pub(crate) number: Option<u32>,
    /// Go on printing while the attempt runs
    #[arg(short, long)]
    pub(crate) follow: bool,
    #[command(flatten)]
    pub(crate) place: Place,
}

#[derive(Debug, Args)]
pub(crate) struct Xcom {
    /// The number of the run
    pub(crate) run: i64,
    /// Only of this task
    pub(crate) task: Option<String>,
    /// Only this value, bare
    pub(crate) key: Option<String>,
    #[command(flatten)]
    pub(crate) look: Look,
}

#[derive(Debug, Args)]
pub(crate) struct Trigger {
    /// The id of the DAG
    pub(crate) dag: String,
    #[command(flatten)]
    pub(crate) params: Params,
    #[command(flatten)]
    pub(crate) part: again::Part,
    /// Begin even when the DAG is paused or `max_active_runs` is reached
    #[arg(long)]
    pub(crate) force: bool,
    /// Only say what would run, with the commands
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) look: Look,
}

#[derive(Debug, Args)]
pub(crate) struct Cancel {
    /// The number of the run
    pub(crate) run: i64,
    #[command(flatten)]
    pub(crate) place: Place,
}

#[derive(Debug, Args)]
pub(crate) struct Pause {
    /// The id of the DAG
    #[arg(required_unless_present = "all")]
    pub(crate) dag: Option<String>,
    /// Everything
    #[arg(long, conflicts_with = "dag")]
    pub(crate) all: bool,
    /// Why, for those who wonder
    #[arg(long, value_name = "TEXT")]
    pub(crate) why: Option<String>,
    #[command(flatten)]
    pub(crate) place: Place,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples, inside a task:\n  nightrun output rows 42 --json\n  nightrun output path \"$file\""
)]
pub(crate) struct Output {
    /// Its name
    pub(crate) key: String,
    /// Its value: text, or JSON with --json; read from standard input when left out
    pub(crate) value: Option<String>,
    /// The value is JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  nightrun example nightly_sales\n  nightrun example nightly_sales --into dags"
)]
pub(crate) struct Example {
    /// Which example [default: list them]
    pub(crate) name: Option<String>,
    /// Write it to this folder, with the scripts it runs
    #[arg(long, value_name = "DIR", requires = "name")]
    pub(crate) into: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The code, such as E204 [default: list them]
    pub(crate) code: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    #[command(flatten)]
    pub(crate) dags: Dags,
    #[command(flatten)]
    pub(crate) data: Data,
    /// Where to listen
    #[arg(long, value_name = "ADDR:PORT", env = "NIGHTRUN_LISTEN")]
    pub(crate) listen: Option<SocketAddr>,
    /// How many tasks run at once
    #[arg(long, value_name = "N", env = "NIGHTRUN_SLOTS", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) slots: Option<u32>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}
