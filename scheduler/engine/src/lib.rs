//! Everything of Nightrun that touches the world: the store, processes, files, the clock.

pub mod access;
pub mod clock;
pub mod exec;
pub mod hook;
pub mod keep;
pub mod logs;
pub mod run;
pub mod sim;
pub mod store;
