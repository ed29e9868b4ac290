//! The arguments of `nightrun db`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Data, Look};

#[derive(Debug, Args)]
pub(crate) struct Db {
    #[command(subcommand)]
    pub(crate) verb: DbVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DbVerb {
    /// Bring the store to the form of this version
    Migrate(Data),
    /// Compare the store with its log, and look for damage
    Check(Data),
    /// Forget ended runs that are no longer kept: rows, logs and values
    Prune(Prune),
    /// Copy the store to a file; a server may run meanwhile
    Backup {
        /// The file to write; it must not exist
        target: PathBuf,
        #[command(flatten)]
        data: Data,
    },
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  nightrun db prune --dry-run\n  \
    nightrun db prune --dag sales --keep-runs 50 --keep-days 14")]
pub(crate) struct Prune {
    /// Only say what would go
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Only runs of this DAG
    #[arg(long)]
    pub(crate) dag: Option<String>,
    /// Keep so many of a DAG's newest ended runs [default: its `keep_runs`]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) keep_runs: Option<u32>,
    /// Keep runs for so many days after their end [default: its `keep_days`]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) keep_days: Option<u32>,
    #[command(flatten)]
    pub(crate) look: Look,
}
