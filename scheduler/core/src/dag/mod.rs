//! The DAG file: from text to a specification that is valid by construction.

mod across;
mod arrange;
mod call;
mod check;
mod compare;
mod deadline;
mod hook;
mod keep;
pub(crate) mod keys;
mod known;
pub mod params;
pub(crate) mod read;
pub(crate) mod schema;
pub mod spec;
#[cfg(test)]
mod tests;
mod ticks;
pub(crate) mod tree;
mod wait;

pub use across::{Others, Written, unknown_elsewhere};
pub use compare::{Changes, TaskChanges, compare};
pub use known::{Argument, ArgumentKind, Known, Limits, OperatorSignature};
pub use read::{
    Calendars, DEFAULTS_FILE, DefaultsFile, Reading, Source, is_var_name, read, read_calendars, read_defaults,
};
pub use schema::{calendar_schema, defaults_schema, schema};
