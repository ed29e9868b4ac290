//! The DAG file: from text to a specification that is valid by construction.

mod check;
mod keys;
mod known;
pub mod params;
mod read;
mod schema;
pub mod spec;
#[cfg(test)]
mod tests;
mod ticks;
mod tree;

pub use known::{Argument, ArgumentKind, Known, Limits, OperatorSignature};
pub use read::{Calendars, Reading, Source, read, read_calendars};
pub use schema::{calendar_schema, schema};
