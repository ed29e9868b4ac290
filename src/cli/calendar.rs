//! Arguments about business calendars.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Dags, Place};

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  nightrun calendar show us_federal --year 2027\n  \
    nightrun calendar import holidays.ics > dags/calendars/team.yaml")]
pub(crate) struct Calendar {
    #[command(subcommand)]
    pub(crate) verb: CalendarVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CalendarVerb {
    /// List the days of a year on which no business is done, and its last business days
    Show {
        /// The id of a calendar in the DAG folder
        name: String,
        /// Which year [default: this one]
        #[arg(long, value_name = "YEAR", value_parser = clap::value_parser!(i32).range(1970..=2100))]
        year: Option<i32>,
        #[command(flatten)]
        dags: Dags,
        #[command(flatten)]
        place: Place,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print an iCalendar file as a calendar file
    Import {
        /// The iCalendar file
        #[arg(value_name = "FILE.ics")]
        file: PathBuf,
    },
}
