//! Everything of Nightrun that touches the world: the store, processes, files, the clock.

pub mod exec;
pub mod store;
