//! Arguments of the verbs that change what has been, or look at who did.

use clap::{Args, Subcommand, ValueEnum};

use super::{Dags, Look, Place};

/// Who asks, and why: kept in the log.
#[derive(Debug, Args)]
pub(crate) struct Signed {
    /// Why, in your words; `nightrun audit` shows it
    #[arg(long, value_name = "TEXT")]
    pub(crate) why: Option<String>,
    /// Who asks; a server that knows you does not need it [default: cli:USER]
    #[arg(long, value_name = "NAME", default_value_t = crate::config::who(), hide_default_value = true)]
    pub(crate) by: String,
}

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is one option")]
#[command(after_help = "Without --task and --all: what failed, and what that blocked.\n\nExamples:\n  \
    nightrun rerun 42 --dry-run\n  nightrun rerun 42 43 47\n  nightrun rerun 42 --task load --downstream\n\n\
    Without a server on the data folder the run goes on here and now.")]
pub(crate) struct Rerun {
    /// The number of the run; several: all are looked at before the first is changed
    #[arg(value_name = "RUN", required = true)]
    pub(crate) runs: Vec<i64>,
    /// This task, and what it had blocked; repeat for more
    #[arg(long = "task", value_name = "ID")]
    pub(crate) tasks: Vec<String>,
    /// Of the one task, only this item
    #[arg(long, value_name = "N", requires = "tasks")]
    pub(crate) item: Option<u32>,
    /// What failed, was blocked or was canceled
    #[arg(long)]
    pub(crate) failed: bool,
    /// All tasks
    #[arg(long, conflicts_with_all = ["tasks", "failed"])]
    pub(crate) all: bool,
    /// Also everything above the chosen tasks
    #[arg(long)]
    pub(crate) upstream: bool,
    /// Also everything below the chosen tasks
    #[arg(long)]
    pub(crate) downstream: bool,
    /// Not what the chosen tasks had blocked
    #[arg(long, conflicts_with = "downstream")]
    pub(crate) only: bool,
    /// Not the setups that the chosen tasks need, nor their teardowns
    #[arg(long)]
    pub(crate) without_setups: bool,
    /// Also what waited for this run in runs of other DAGs (`wait_for`), and all below that
    #[arg(long)]
    pub(crate) with_waiters: bool,
    /// Go over to the DAG as it is now
    #[arg(long)]
    pub(crate) latest: bool,
    /// Begin even when the DAG is paused or `max_active_runs` is reached
    #[arg(long)]
    pub(crate) force: bool,
    /// Show what would change; change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Wait for the end of the run; the exit code is its verdict
    #[arg(long)]
    pub(crate) wait: bool,
    #[command(flatten)]
    pub(crate) signed: Signed,
    #[command(flatten)]
    pub(crate) dags: Dags,
    #[command(flatten)]
    pub(crate) look: Look,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Settled {
    Success,
    Failed,
    Skipped,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Marked as success or skipped, a failed task lets go on what it had blocked.\n\nExample:\n  \
    nightrun mark 42 load success --why 'loaded by hand'"
)]
pub(crate) struct Mark {
    /// The number of the run
    pub(crate) run: i64,
    /// The task
    pub(crate) task: String,
    /// What it is from now on
    #[arg(value_enum)]
    pub(crate) state: Settled,
    /// Of a `foreach`, only this item
    #[arg(long, value_name = "N")]
    pub(crate) item: Option<u32>,
    /// Show what would change; change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) signed: Signed,
    #[command(flatten)]
    pub(crate) dags: Dags,
    #[command(flatten)]
    pub(crate) look: Look,
}

#[derive(Debug, Args)]
pub(crate) struct Note {
    /// The number of the run
    pub(crate) run: i64,
    /// What to remember
    pub(crate) text: String,
    /// About this task of it
    #[arg(long, value_name = "ID")]
    pub(crate) task: Option<String>,
    /// Who asks; a server that knows you does not need it [default: cli:USER]
    #[arg(long, value_name = "NAME", default_value_t = crate::config::who(), hide_default_value = true)]
    pub(crate) by: String,
    #[command(flatten)]
    pub(crate) dags: Dags,
    #[command(flatten)]
    pub(crate) place: Place,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(
    after_help = "Dates are those of the schedule from --from to --to, both included.\n\nExamples:\n  \
    nightrun backfill sales --from 2026-11-01 --to 2026-11-20 --dry-run\n  \
    nightrun backfill sales --from 2026-11-01 --to 2026-11-20 --max-active 3 --wait\n  \
    nightrun backfill show 2"
)]
pub(crate) struct Backfill {
    #[command(subcommand)]
    pub(crate) verb: Option<BackfillVerb>,
    /// The id of the DAG
    #[arg(required = true)]
    pub(crate) dag: Option<String>,
    /// First instant: RFC 3339, or a date or local time in the DAG's zone
    #[arg(long, value_name = "T", required = true)]
    pub(crate) from: Option<String>,
    /// Last instant; a date means the whole day
    #[arg(long, value_name = "T", required = true)]
    pub(crate) to: Option<String>,
    #[command(flatten)]
    pub(crate) mode: Mode,
    /// Which dates first
    #[arg(long, value_enum, default_value = "oldest")]
    pub(crate) order: Order,
    /// How many runs at once [default: `max_active_runs` of the DAG]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_active: Option<u32>,
    /// A param of the runs; repeat for more
    #[arg(short, long = "param", value_name = "NAME=VALUE")]
    pub(crate) params: Vec<String>,
    /// Go on even when the DAG is paused or not enabled
    #[arg(long)]
    pub(crate) force: bool,
    /// Show what would be done for each date; do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Wait for its end; the exit code is its verdict
    #[arg(long)]
    pub(crate) wait: bool,
    #[command(flatten)]
    pub(crate) signed: Signed,
    #[command(flatten)]
    pub(crate) dags: Dags,
    #[command(flatten)]
    pub(crate) look: Look,
}

/// Which dates a backfill takes.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(crate) struct Mode {
    /// Dates without any run (default)
    #[arg(long)]
    pub(crate) missing: bool,
    /// Dates whose last run failed: what failed of it runs again
    #[arg(long)]
    pub(crate) failed: bool,
    /// Every date, each with a new run
    #[arg(long)]
    pub(crate) all: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Order {
    Oldest,
    Newest,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BackfillVerb {
    /// List the backfills and how far each is
    List {
        /// Only of this DAG
        #[arg(long)]
        dag: Option<String>,
        #[command(flatten)]
        look: Look,
    },
    /// Show one with its dates
    Show(OfBackfill),
    /// Begin no more runs of it
    Pause(Steer),
    /// Go on with it
    Resume(Steer),
    /// End it and its runs
    Cancel(Steer),
}

#[derive(Debug, Args)]
pub(crate) struct OfBackfill {
    /// The number of the backfill
    pub(crate) backfill: i64,
    #[command(flatten)]
    pub(crate) look: Look,
}

#[derive(Debug, Args)]
pub(crate) struct Steer {
    /// The number of the backfill
    pub(crate) backfill: i64,
    #[command(flatten)]
    pub(crate) signed: Signed,
    #[command(flatten)]
    pub(crate) place: Place,
}

#[derive(Debug, Args)]
pub(crate) struct Audit {
    /// How many of the newest
    #[arg(short = 'n', long, default_value = "50")]
    pub(crate) limit: u32,
    #[command(flatten)]
    pub(crate) look: Look,
}

/// Which part of a DAG runs. What is left out counts as a success for what comes after it.
#[derive(Debug, Default, Args)]
pub(crate) struct Part {
    /// Run just this task, and the setups and teardowns it needs; repeat for more
    #[arg(long, value_name = "TASK")]
    pub(crate) only: Vec<String>,
    /// Run this task and all that comes after it; repeat for more
    #[arg(long, value_name = "TASK")]
    pub(crate) from: Vec<String>,
    /// Leave this task out; repeat for more
    #[arg(long, value_name = "TASK")]
    pub(crate) skip: Vec<String>,
}

impl From<Part> for nightrun_core::decide::Part {
    fn from(part: Part) -> Self {
        Self { only: part.only, from: part.from, skip: part.skip }
    }
}
