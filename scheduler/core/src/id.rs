//! Names and numbers by which things are known. A name is what people type; a number is what the
//! store and the files on disk are keyed by, so that no name ever becomes part of a path.

use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Longest `id` of a DAG or a task, in bytes.
pub const MAX_NAME: usize = 128;

/// True when `text` is a valid `id`: `^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`.
pub fn is_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    (1..=MAX_NAME).contains(&bytes.len())
        && bytes[0].is_ascii_alphanumeric()
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

/// The `id` of a DAG: unique among all DAGs of one scheduler.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct DagId(Arc<str>);

impl DagId {
    /// The id as people write it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for DagId {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for DagId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A number that identifies one thing for the life of a store.
macro_rules! number {
    ($(#[$doc:meta])* $name:ident($int:ty)) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $name(pub $int);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number! {
    /// One execution of a DAG; counts up from 1, shown to people as it is.
    RunId(i64)
}

number! {
    /// One backfill; counts up from 1.
    BackfillId(i64)
}

number! {
    /// One text of a DAG file, as it was when it was loaded; counts up from 1.
    VersionId(i64)
}

number! {
    /// One maintenance window; counts up from 1.
    HoldId(i64)
}

number! {
    /// One hook that became due; counts up from 1.
    HookId(i64)
}

number! {
    /// The place of a task in its DAG file (0-based): its identity inside one DAG version.
    TaskIndex(u32)
}

impl TaskIndex {
    /// As an index into a list of tasks.
    pub fn at(self) -> usize {
        self.0 as usize
    }
}

/// One task of one run, or one item of a task with `foreach`: items count from 1, 0 is the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct InstanceId {
    /// The run it belongs to.
    pub run: RunId,
    /// Which task of the run's DAG version.
    pub task: TaskIndex,
    /// Which item of the task's `foreach`, from 1; 0: the task itself.
    pub item: u32,
}

impl InstanceId {
    /// A task of a run as a whole: not one of its items.
    pub const fn whole(run: RunId, task: TaskIndex) -> Self {
        Self { run, task, item: 0 }
    }

    /// The number of the item as people see it, from 0; `None`: the task itself.
    pub const fn item_index(self) -> Option<u32> {
        self.item.checked_sub(1)
    }
}

/// One try of a task instance. Every word from an executor names one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AttemptId {
    /// The task instance that is tried.
    pub instance: InstanceId,
    /// 1 for the first try; dense.
    pub number: u32,
}

impl fmt::Display for AttemptId {
    /// `run.task.item.number`: the marker in the environment of the attempt's processes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let InstanceId { run, task, item } = self.instance;
        write!(f, "{run}.{task}.{item}.{}", self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_one_rule() {
        for good in ["a", "nightly_sales", "7z", "a.b-c_d", &"x".repeat(128)] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", ".", "..", "-a", "_a", "a b", "a/b", "é", "a\0", &"x".repeat(129)] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
