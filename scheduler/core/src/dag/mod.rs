//! The DAG file: from text to a specification that is valid by construction.

mod check;
mod deadline;
mod hook;
mod keys;
mod known;
pub mod params;
mod read;
mod schema;
pub mod spec;
#[cfg(test)]
mod tests;
mod tree;

pub use known::{Argument, ArgumentKind, Known, Limits, OperatorSignature};
pub use read::{Reading, Source, read};
pub use schema::schema;
