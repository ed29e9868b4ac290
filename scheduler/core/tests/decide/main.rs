//! The heart, tested as a whole: recorded cases of Airflow, and simulated nights from seeds.
//! `NIGHTRUN_SEED=n cargo test -p nightrun-core --test decide` replays one night.

mod build;
mod calls;
mod conformance;
mod groups;
mod holds;
mod hooks;
mod memory;
mod night;
mod previous;
mod rng;
mod setups;
mod ticks;
