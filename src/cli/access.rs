//! Arguments about who may do what, and about servers elsewhere.

use clap::{Args, Subcommand, ValueEnum};

use super::{Data, Look};

/// A server elsewhere.
#[derive(Debug, Default, Args)]
pub(crate) struct Remote {
    /// Ask the server at this address, as in `https://nightrun.example` [default: the one of the data folder]
    #[arg(long, value_name = "URL", env = "NIGHTRUN_SERVER")]
    pub(crate) server: Option<String>,
    /// The token for that server; others can see arguments, so better by the environment
    #[arg(long, value_name = "TOKEN", env = "NIGHTRUN_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
}

/// Which server is asked: that of a data folder, or one elsewhere.
#[derive(Debug, Args)]
pub(crate) struct Place {
    #[command(flatten)]
    pub(crate) remote: Remote,
    #[command(flatten)]
    pub(crate) data: Data,
}

/// What is granted.
#[derive(Debug, Args)]
pub(crate) struct Granted {
    /// What may be done: each role may do what those before it may
    #[arg(long, value_enum, default_value = "viewer")]
    pub(crate) role: RoleName,
    /// Only this DAG; `*` stands for any text; repeat for more [default: all DAGs]
    #[arg(long = "dag", value_name = "ID|PATTERN")]
    pub(crate) dags: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RoleName {
    /// Looks
    Viewer,
    /// Acts on runs, pauses, holds, backfills
    Operator,
    /// Sees the texts of DAG files, sets vars
    Author,
    /// Keeps users and tokens, and prunes
    Admin,
}

#[derive(Debug, Args)]
#[command(after_help = "The first user makes a login necessary; the verbs on this machine need none.\n\n\
    Examples:\n  nightrun user add ana --role admin\n  \
    nightrun user add bo --role operator --dag 'sales*' < password.txt\n  nightrun user list")]
pub(crate) struct User {
    #[command(subcommand)]
    pub(crate) verb: UserVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum UserVerb {
    /// Add a user; the password is asked for, or read from standard input
    Add {
        /// Their name
        user: String,
        #[command(flatten)]
        granted: Granted,
        #[command(flatten)]
        place: Place,
    },
    /// List the users
    List(Look),
    /// Take a user away; they are logged out at once
    Remove {
        /// Their name
        user: String,
        #[command(flatten)]
        place: Place,
    },
    /// Give a user another password; they are logged out at once
    Password {
        /// Their name
        user: String,
        #[command(flatten)]
        place: Place,
    },
    /// Let a user do something else from now on
    Grant {
        /// Their name
        user: String,
        #[command(flatten)]
        granted: Granted,
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  nightrun token create ci --role operator --dag 'sales*' --expires 90d\n  \
    nightrun trigger sales --server https://nightrun.example    with NIGHTRUN_TOKEN set"
)]
pub(crate) struct Token {
    #[command(subcommand)]
    pub(crate) verb: TokenVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenVerb {
    /// Make a token for a program; it is printed once
    Create {
        /// Its name
        #[arg(value_name = "TOKEN")]
        name: String,
        #[command(flatten)]
        granted: Granted,
        /// How long it is good, as in 90d [default: until it is revoked]
        #[arg(long, value_name = "LENGTH")]
        expires: Option<String>,
        #[command(flatten)]
        look: Look,
    },
    /// List the tokens, without their secrets
    List(Look),
    /// Take a token back; it is no good at once
    Revoke {
        /// Its name
        #[arg(value_name = "TOKEN")]
        name: String,
        #[command(flatten)]
        place: Place,
    },
}
