//! What time it is. Everything that asks is given a clock, so that tests bring their own.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use nightrun_core::time::Timestamp;

/// Tells what time it is; cheap to copy, called from any thread.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The clock of this machine.
pub fn system_clock() -> Clock {
    Arc::new(|| {
        #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_nanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
    })
}
