//! The pure heart of Nightrun: what a DAG file means and what happens next. No runtime, no database,
//! no clock, no randomness, no files.

pub mod case;
pub mod dag;
pub mod decide;
pub mod diag;
pub mod graph;
pub mod id;
pub mod quoting;
pub mod template;
pub mod time;
pub mod timetable;
pub mod value;
