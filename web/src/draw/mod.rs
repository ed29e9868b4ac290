//! Layouts: where things are drawn, as numbers. Markup and colours are the templates' and the style's.

pub(crate) mod gantt;
pub(crate) mod graph;
pub(crate) mod grid;
mod label;
mod layered;
pub(crate) mod lengths;
pub(crate) mod night;
pub(crate) mod part;
pub(crate) mod stacks;
pub(crate) mod waits;
pub(crate) mod year;
