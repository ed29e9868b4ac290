//! The DAG file: from text to a specification that is valid by construction.

pub mod params;
pub mod spec;
