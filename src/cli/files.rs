//! Arguments about DAG files, their versions, and the values they use.

use clap::{Args, Subcommand};

use super::{Dags, Data, Look, Place};
use crate::cmd::Named;

/// Which DAG is meant.
#[derive(Debug, Args)]
pub(crate) struct Target {
    /// A DAG file, one DAG of a file as FILE#ID, or the id of a DAG in the DAG folder
    #[arg(value_name = "FILE|DAG")]
    target: String,
    /// Which DAG of a file that defines several
    #[arg(long, value_name = "ID")]
    dag: Option<String>,
}

impl Target {
    /// As it is looked for.
    pub(crate) fn named(&self) -> Named<'_> {
        Named { target: &self.target, dag: self.dag.as_deref() }
    }
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct DagList {
    #[command(subcommand)]
    pub(crate) verb: Option<DagsVerb>,
    #[command(flatten)]
    pub(crate) look: Look,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DagsVerb {
    /// Show the text of a DAG, in force or of one version
    Show(DagShow),
    /// List the versions of a DAG, newest first
    History(DagHistory),
    /// Show what is different between two versions of a DAG
    Diff(DagDiff),
}

#[derive(Debug, Args)]
#[command(disable_version_flag = true)]
pub(crate) struct DagShow {
    /// The id of the DAG
    pub(crate) dag: String,
    /// Which version [default: the one in force]
    #[arg(long, value_name = "N")]
    pub(crate) version: Option<i64>,
    #[command(flatten)]
    pub(crate) look: Look,
}

#[derive(Debug, Args)]
pub(crate) struct DagHistory {
    /// The id of the DAG
    pub(crate) dag: String,
    #[command(flatten)]
    pub(crate) look: Look,
}

#[derive(Debug, Args)]
pub(crate) struct DagDiff {
    /// The id of the DAG
    pub(crate) dag: String,
    /// The older version [default: the one before the newer]
    pub(crate) old: Option<i64>,
    /// The newer version [default: the one in force]
    pub(crate) new: Option<i64>,
    #[command(flatten)]
    pub(crate) look: Look,
}

#[derive(Debug, Args)]
#[command(after_help = "Reads only: nothing is loaded. Examples:\n  nightrun plan\n  \
    nightrun plan --dags checkout/dags --data /var/lib/nightrun --exit-code")]
pub(crate) struct Plan {
    #[command(flatten)]
    pub(crate) dags: Dags,
    #[command(flatten)]
    pub(crate) data: Data,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Exit with 1 when anything is new, changed, retired or broken
    #[arg(long)]
    pub(crate) exit_code: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  nightrun vars set warehouse_url postgres://db/prod\n  \
    nightrun vars set regions '[\"eu\", \"us\"]' --json\n\n\
    NIGHTRUN_VAR_WAREHOUSE_URL in the environment of the scheduler comes before the store.")]
pub(crate) struct Vars {
    #[command(subcommand)]
    pub(crate) verb: VarsVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum VarsVerb {
    /// Give one a value
    Set {
        /// Its name
        name: String,
        /// Its value: text, or JSON with --json
        value: String,
        /// The value is JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Print the value of one
    Get {
        /// Its name
        name: String,
        #[command(flatten)]
        look: Look,
    },
    /// List them
    List(Look),
    /// Take one away
    Delete {
        /// Its name
        name: String,
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Schema {
    /// That of a folder's `_defaults.yaml` instead
    #[arg(long, conflicts_with_all = ["tests", "calendars"])]
    pub(crate) defaults: bool,
    /// That of test files, `*.test.yaml`
    #[arg(long, conflicts_with = "calendars")]
    pub(crate) tests: bool,
    /// That of calendar files
    #[arg(long)]
    pub(crate) calendars: bool,
}
