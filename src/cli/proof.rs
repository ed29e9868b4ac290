//! Arguments of the verbs that explain a DAG: what must come of it, and why it came so.

use std::path::PathBuf;

use clap::Args;

use super::Look;

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  nightrun test dags\n  \
    nightrun test dags/nightly_sales.test.yaml --filter \"fails\"")]
pub(crate) struct Test {
    /// Files of cases, DAG files with cases beside them, or folders [default: the DAG folder]
    #[arg(value_name = "FILE|DIR")]
    pub(crate) paths: Vec<PathBuf>,
    /// Only cases whose name contains this
    #[arg(long, value_name = "NAME")]
    pub(crate) filter: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Why {
    /// The number of a run, or the id of a DAG
    #[arg(value_name = "RUN|DAG")]
    pub(crate) target: String,
    /// Only this task of the run, or this tick of the DAG
    #[arg(value_name = "TASK|TICK")]
    pub(crate) task: Option<String>,
    #[command(flatten)]
    pub(crate) look: Look,
}
