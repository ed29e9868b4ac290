//! A run that is only played: the real core decides, the clock is a number, and attempts end as somebody
//! says they do. No process starts, nothing sleeps, nothing is stored.

mod expected;
mod fake;
mod judge;
mod story;
mod tell;
#[cfg(test)]
mod tests;
mod wait;
mod world;

use std::collections::BTreeMap;

use nightrun_core::case::Case;
use nightrun_core::decide::DagText;

pub use self::judge::{Mismatch, judge};
pub use self::story::{Played, Story};
use crate::exec::Registry;

/// Where runs are played.
#[derive(Debug, Clone)]
pub struct Setting {
    /// How many attempts run at once.
    pub slots: u32,
    /// Slots of each pool.
    pub pools: BTreeMap<String, u32>,
    /// How many items a `foreach` may have.
    pub max_items: usize,
    /// What links in messages begin with.
    pub url: String,
    /// What `type:` may name.
    pub operators: Registry,
}

/// Plays a case from the request of its run to the run's end.
pub fn play(case: &Case, dag: DagText, setting: &Setting) -> Story {
    world::World::new(case, setting).play(dag)
}
