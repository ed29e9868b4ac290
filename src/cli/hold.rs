//! Arguments of the verbs that hold schedules up.

use clap::{Args, Subcommand, ValueEnum};

use super::{Look, Place};

#[derive(Debug, Args)]
pub(crate) struct Hold {
    #[command(subcommand)]
    pub(crate) verb: HoldVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum HoldVerb {
    /// Make a maintenance window
    Add(HoldAdd),
    /// List the windows that are not over, and the ticks that were skipped or moved
    List(Look),
    /// End a window now, or take one back that has not begun
    Remove {
        /// The number of the window
        hold: i64,
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  nightrun hold add --all --to 2h --why 'new disks'\n  \
    nightrun hold add --dag sales --from 2026-11-21T22:00 --to 2026-11-22T04:00 --why audit --resume all")]
pub(crate) struct HoldAdd {
    /// A DAG that it is about; repeat for more
    #[arg(long, value_name = "DAG", required_unless_present = "all")]
    pub(crate) dag: Vec<String>,
    /// All DAGs
    #[arg(long, conflicts_with = "dag")]
    pub(crate) all: bool,
    /// When it begins: RFC 3339, a local time in the configured zone, or how much later than planned [default: now]
    #[arg(long, value_name = "T")]
    pub(crate) from: Option<String>,
    /// When it ends: the same, or a length from its begin such as 2h
    #[arg(long, value_name = "T")]
    pub(crate) to: String,
    /// Why, for those who wonder
    #[arg(long, value_name = "TEXT")]
    pub(crate) why: String,
    /// Which of the missed ticks fire at its end
    #[arg(long, value_enum, default_value = "latest")]
    pub(crate) resume: ResumeRule,
    #[command(flatten)]
    pub(crate) look: Look,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ResumeRule {
    /// Each, oldest first
    All,
    /// Only the newest
    Latest,
    /// None
    None,
}

/// Which tick is meant.
#[derive(Debug, Args)]
pub(crate) struct WhichTick {
    /// The id of the DAG
    pub(crate) dag: String,
    /// The instant, as `nightrun next` shows it: RFC 3339, or a local time in the configured zone
    #[arg(required_unless_present = "next")]
    pub(crate) instant: Option<String>,
    /// The next one; with --undo the next that was changed
    #[arg(long, conflicts_with = "instant")]
    pub(crate) next: bool,
    /// Why, for those who wonder
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) why: String,
    /// Let it fire as the schedule has it
    #[arg(long)]
    pub(crate) undo: bool,
    #[command(flatten)]
    pub(crate) look: Look,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  nightrun skip sales --next --why 'no shop is open'\n  \
    nightrun skip sales 2026-12-25T00:30:00Z\n  nightrun skip sales --next --undo")]
pub(crate) struct Skip {
    #[command(flatten)]
    pub(crate) tick: WhichTick,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  nightrun move sales --next --to 2026-11-21T04:00\n  \
    nightrun move sales 2026-11-21T00:30:00Z --to 3h --why 'the source is late'")]
pub(crate) struct Move {
    #[command(flatten)]
    pub(crate) tick: WhichTick,
    /// When it fires: RFC 3339, a local time in the configured zone, or a length from now
    #[arg(long, value_name = "T", required_unless_present = "undo")]
    pub(crate) to: Option<String>,
}
