//! End-to-end tests of the real binary: one file per story, one harness (`town.rs`).

mod again;
mod backfill;
mod book;
mod calendars;
mod crash;
mod files;
mod graphs;
mod grouped;
mod holding;
mod hooks;
mod keeping;
mod language;
mod ledger;
mod limits;
mod looking;
mod run;
mod serving;
mod setups;
mod simulated;
mod sink;
mod testing;
mod town;
mod validate;
mod values;
mod versions;
mod why;
