//! The heart: one synchronous function takes what happened and says what is true now and what to do.

mod attempt;
mod choice;
mod effect;
mod event;
mod fan;
mod hold;
mod invariant;
mod law;
mod limit;
mod prune;
mod reason;
mod recover;
mod retime;
mod rule;
mod run;
mod schedule;
mod state;
mod task;
mod transition;
mod turn;

pub use attempt::LOST_BUDGET;
pub use choice::choice_of;
pub use effect::{Answer, Effect, Force, Refusal};
pub use event::{Choice, DagText, Event, Item, Outcome, Output, Outputs, RunRequest, RunType, Values};
pub use hold::{Hold, HoldRequest, Resume};
pub use law::{AttemptState, RunState, TaskState};
pub use reason::{Reason, signal_name};
pub use recover::{DagRow, RunRow, Snapshot, TaskRow};
pub use retime::{ChangedTick, TickChange, TickRequest};
pub use rule::{Counts, Ruling, judge};
pub use schedule::OUTAGE_GRACE;
pub use state::{Run, State, Version};
pub use transition::Transition;
pub use turn::{Step, step};
