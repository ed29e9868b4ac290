//! What an attempt cost the machine, as its executor measured it. Nothing is decided by it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the processes of an attempt used, as far as that is known.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Used {
    /// Time on processors of its process and of those it waited for, in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_us: Option<u64>,
    /// The most memory that one of those had at once, in bytes; left out where that is less than the scheduler's own,
    /// which hides it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_bytes: Option<u64>,
}

impl Used {
    /// True when nothing was measured.
    pub fn is_unknown(&self) -> bool {
        *self == Self::default()
    }
}
