//! The heart: one synchronous function takes what happened and says what is true now and what to do.

mod access;
mod again;
mod attempt;
mod audit;
mod backfill;
mod call;
mod choice;
mod clear;
mod dates;
mod deadline;
mod effect;
mod event;
mod fan;
mod group;
mod hold;
mod hook;
mod invariant;
mod law;
mod limit;
mod mark;
mod part;
mod prune;
mod reason;
mod recover;
mod renew;
mod retime;
mod rule;
mod run;
mod schedule;
mod select;
mod setup;
mod state;
mod task;
mod transition;
mod turn;
mod used;
mod vars;
mod wait;
mod waiter;

pub use access::{AccessBook, AccessChange, Grant, Role, Sealed};
pub use attempt::LOST_BUDGET;
pub use audit::{Deed, Target};
pub use backfill::BackfillRow;
pub use call::{CALLED_RUN, CALLED_TASKS, CallEnd, CallRequest, MAX_DEPTH, Parent};
pub use choice::choice_of;
pub use clear::{Change, ClearPlan, ClearRequest};
pub use dates::{
    BackfillItem, BackfillMode, BackfillOrder, BackfillPlan, BackfillRequest, DateShow, MAX_INSTANTS, Past,
    PlanShow, Take,
};
pub use deadline::Subject;
pub use effect::{Answer, Effect, Force, Refusal};
pub use event::{
    Choice, DagText, Event, Item, Missing, Outcome, Output, Outputs, RunRequest, RunType, Values,
};
pub use hold::{Hold, HoldRequest, Resume};
pub use hook::{Cause, HookRow, HookState};
pub use law::{AttemptState, BackfillState, RunState, TaskState};
pub use mark::{MarkRequest, NoteRequest};
pub use part::Part;
pub use reason::{Reason, signal_name};
pub use recover::{DagRow, RunRow, Snapshot, TaskRow};
pub use retime::{ChangedTick, TickChange, TickRequest};
pub use rule::{Counts, Ruling, judge};
pub use schedule::OUTAGE_GRACE;
pub use state::{Run, State, Version};
pub use transition::Transition;
pub use turn::{Step, step};
pub use used::Used;
pub use vars::{MAX_VAR_BYTES, check_var};
pub use waiter::{Waited, Waiter, has_passed};
