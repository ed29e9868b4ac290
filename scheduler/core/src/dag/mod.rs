//! The DAG file: from text to a specification that is valid by construction.

mod check;
pub(crate) mod keys;
mod known;
pub mod params;
pub(crate) mod read;
mod schema;
pub mod spec;
#[cfg(test)]
mod tests;
pub(crate) mod tree;

pub use known::{Argument, ArgumentKind, Known, Limits, OperatorSignature};
pub use read::{Reading, Source, read};
pub use schema::schema;
