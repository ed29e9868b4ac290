//! End-to-end tests of the real binary: one file per story, one harness (`town.rs`).

mod book;
mod crash;
mod graphs;
mod holding;
mod keeping;
mod language;
mod ledger;
mod limits;
mod looking;
mod run;
mod serving;
mod simulated;
mod town;
mod validate;
mod values;
