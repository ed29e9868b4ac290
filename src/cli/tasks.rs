//! Arguments of the verb that looks at tasks: those of a run, those of all runs, one through its runs.

use clap::{Args, Subcommand};

use super::Look;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "Examples:\n  nightrun tasks 42\n  nightrun tasks --state failed,upstream_failed\n  \
    nightrun tasks --dag nightly_sales --task load\n  nightrun tasks history nightly_sales load")]
pub(crate) struct Tasks {
    #[command(subcommand)]
    pub(crate) verb: Option<TasksVerb>,
    /// The number of a run: its tasks in the order of the file [default: tasks of all runs, newest first]
    #[arg(conflicts_with_all = ["dag", "from", "to", "all", "limit"])]
    pub(crate) run: Option<i64>,
    /// Only tasks in this state; several with commas between them
    #[arg(long, value_delimiter = ',')]
    pub(crate) state: Vec<String>,
    /// Only of this DAG
    #[arg(long)]
    pub(crate) dag: Option<String>,
    /// Only the task of this id
    #[arg(long, value_name = "ID")]
    pub(crate) task: Option<String>,
    /// Only of runs of this logical date or a later one
    #[arg(long, value_name = "DATE")]
    pub(crate) from: Option<String>,
    /// Only of runs of a logical date before this one
    #[arg(long, value_name = "DATE")]
    pub(crate) to: Option<String>,
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
pub(crate) enum TasksVerb {
    /// Show one task through the last runs of its DAG
    History(TaskHistory),
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  nightrun tasks history nightly_sales load -n 100")]
pub(crate) struct TaskHistory {
    /// The id of the DAG
    pub(crate) dag: String,
    /// The id of the task
    pub(crate) task: String,
    /// How many of the newest runs
    #[arg(short = 'n', long, default_value = "20")]
    pub(crate) limit: usize,
    #[command(flatten)]
    pub(crate) look: Look,
}
