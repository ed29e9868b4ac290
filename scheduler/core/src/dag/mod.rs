//! The DAG file: from text to a specification that is valid by construction.

mod check;
mod keys;
mod known;
pub mod params;
mod read;
pub mod spec;
mod tree;

pub use known::{Argument, ArgumentKind, Known, Limits, OperatorSignature};
pub use read::{Reading, Source, read};
