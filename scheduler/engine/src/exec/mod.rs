//! Executors: they run attempts. An order is self-contained, so an executor needs neither store nor
//! state; all it says back is a [`Word`].

pub mod environment;
pub mod files;
pub mod local;
pub(crate) mod once;
pub mod operator;
pub mod order;
pub mod sweep;

pub use local::Local;
use nightrun_core::decide::Force;
use nightrun_core::id::AttemptId;
use nightrun_core::time::Timestamp;
pub use operator::{Job, Operator, Registry};
pub use order::{AttemptOrder, Ended, Word};
use tokio::sync::mpsc::UnboundedSender;

/// Where attempts run. Orders for one attempt are carried out in the order they are given.
pub trait Executor: Send + Sync {
    /// Starts the attempt. Never fails by itself: what goes wrong is said as [`Word::Ended`].
    fn launch(&self, order: AttemptOrder);

    /// Ends the attempt's processes; [`Word::Ended`] still follows. Unknown attempts are ignored.
    fn stop(&self, attempt: AttemptId, force: Force);
}

/// Where an executor's words go.
pub type Words = UnboundedSender<(AttemptId, Timestamp, Word)>;
