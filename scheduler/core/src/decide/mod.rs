//! The heart: one synchronous function takes what happened and says what is true now and what to do.

mod effect;
mod event;
mod law;
mod limit;
mod reason;
mod recover;
mod rule;
mod state;
mod transition;

pub use effect::{Answer, Effect, Force, Refusal};
pub use event::{Choice, DagText, Event, Outcome, Output, Outputs, RunRequest, RunType, Values};
pub use law::{AttemptState, RunState, TaskState};
pub use reason::{Reason, signal_name};
pub use recover::{DagRow, RunRow, Snapshot, TaskRow};
pub use rule::{Counts, Ruling, judge};
pub use state::{Run, State, Version};
pub use transition::Transition;
