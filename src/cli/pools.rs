//! Arguments of the verbs about pools.

use clap::{Args, Subcommand};

use super::Look;

#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  nightrun pools\n  nightrun pools show warehouse\n  nightrun pools show executor"
)]
pub(crate) struct Pools {
    #[command(subcommand)]
    pub(crate) verb: Option<PoolsVerb>,
    #[command(flatten)]
    pub(crate) look: Look,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PoolsVerb {
    /// Show who holds the slots of one, and who waits for some
    Show {
        /// Its name; `executor` for the slots of the server
        pool: String,
        #[command(flatten)]
        look: Look,
    },
}
