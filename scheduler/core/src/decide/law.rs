//! The states of runs, task instances and attempts, and which moves between them are legal.
//! The store repeats this law as SQL `CHECK`s; nothing else decides it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Gives a state enum its name in SQL, JSON and pages, and the way back.
macro_rules! states {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$vdoc])* $variant),+ }

        impl $name {
            /// Every state there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Its one name everywhere: SQL, JSON, page.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// The state of this name.
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|state| state.as_str() == text)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

states! {
    /// Where a run is.
    RunState {
        /// Waits to begin; its reason says for what.
        Queued = "queued",
        /// Its tasks run or wait.
        Running = "running",
        /// Is being ended; some process may still be alive.
        Stopping = "stopping",
        /// Ended; nothing that counts failed.
        Success = "success",
        /// Ended; something that counts failed, or it took too long.
        Failed = "failed",
        /// Ended on request.
        Canceled = "canceled",
    }
}

states! {
    /// Where a task instance is.
    TaskState {
        /// Its upstreams have not settled its rule.
        Waiting = "waiting",
        /// Its rule holds; waits for a slot.
        Queued = "queued",
        /// An attempt is recorded and ordered.
        Starting = "starting",
        /// Its process runs.
        Running = "running",
        /// Told to end; holds its slot until the process is known dead.
        Stopping = "stopping",
        /// Waits for its next try; holds no slot.
        UpForRetry = "up_for_retry",
        /// Waits for runs of other DAGs; holds no slot.
        Deferred = "deferred",
        /// Its items are at work; it holds no slot itself.
        Expanded = "expanded",
        /// Ended well; its outputs are visible.
        Success = "success",
        /// Ended badly, with no try left.
        Failed = "failed",
        /// Cannot run because of an upstream that failed.
        UpstreamFailed = "upstream_failed",
        /// Not run, by rule, condition, choice or its own wish.
        Skipped = "skipped",
        /// Ended or never begun because its run was ended.
        Canceled = "canceled",
        /// Its task is gone from the DAG.
        Removed = "removed",
    }
}

states! {
    /// Where a backfill is.
    BackfillState {
        /// Its runs are made, as many at once as it may have.
        Running = "running",
        /// No new run of it begins.
        Paused = "paused",
        /// All its runs succeeded.
        Success = "success",
        /// All its runs are over, and some did not succeed.
        Failed = "failed",
        /// Ended on request.
        Canceled = "canceled",
    }
}

states! {
    /// Where an attempt is.
    AttemptState {
        /// Recorded; the order to start is given.
        Starting = "starting",
        /// Its process runs.
        Running = "running",
        /// Told to end.
        Stopping = "stopping",
        /// Ended well.
        Success = "success",
        /// Ended badly.
        Failed = "failed",
        /// Ended with an exit code that means skip.
        Skipped = "skipped",
        /// Ended because its run was ended.
        Canceled = "canceled",
        /// Its end is unknown: the scheduler died meanwhile.
        Lost = "lost",
    }
}

impl RunState {
    /// Nothing more happens to it, short of an explicit clear.
    pub const fn is_final(self) -> bool {
        match self {
            Self::Queued | Self::Running | Self::Stopping => false,
            Self::Success | Self::Failed | Self::Canceled => true,
        }
    }

    /// May a run move from `from` to `to`?
    pub const fn legal(from: Self, to: Self) -> bool {
        use RunState::{Canceled, Failed, Queued, Running, Stopping, Success};
        match from {
            Queued => matches!(to, Running | Canceled),
            Running => matches!(to, Stopping | Success | Failed | Canceled),
            Stopping => matches!(to, Failed | Canceled),
            Success | Failed | Canceled => false,
        }
    }

    /// May a clear open a run again?
    pub const fn reopens(self) -> bool {
        self.is_final()
    }

    /// May a mark by hand change the verdict of a run that is over?
    pub const fn verdict_moves(from: Self, to: Self) -> bool {
        from.is_final() && to.is_final()
    }
}

impl BackfillState {
    /// Nothing more happens to it.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Success | Self::Failed | Self::Canceled)
    }

    /// May a backfill move from `from` to `to`?
    pub const fn legal(from: Self, to: Self) -> bool {
        use BackfillState::{Canceled, Failed, Paused, Running, Success};
        match from {
            Running => matches!(to, Paused | Success | Failed | Canceled),
            Paused => matches!(to, Running | Success | Failed | Canceled),
            Success | Failed | Canceled => false,
        }
    }
}

impl TaskState {
    /// Nothing more happens to it, short of an explicit clear.
    pub const fn is_final(self) -> bool {
        match self {
            Self::Waiting
            | Self::Queued
            | Self::Starting
            | Self::Running
            | Self::Stopping
            | Self::UpForRetry
            | Self::Deferred
            | Self::Expanded => false,
            Self::Success
            | Self::Failed
            | Self::UpstreamFailed
            | Self::Skipped
            | Self::Canceled
            | Self::Removed => true,
        }
    }

    /// It holds a slot: a process is alive or about to be.
    pub const fn holds_slot(self) -> bool {
        matches!(self, Self::Starting | Self::Running | Self::Stopping)
    }

    /// May a task instance move from `from` to `to`?
    pub const fn legal(from: Self, to: Self) -> bool {
        use TaskState::{
            Canceled, Deferred, Expanded, Failed, Queued, Removed, Running, Skipped, Starting, Stopping,
            Success, UpForRetry, UpstreamFailed, Waiting,
        };
        match from {
            Waiting => {
                matches!(
                    to,
                    Deferred | Expanded | Queued | Failed | UpstreamFailed | Skipped | Canceled | Removed
                )
            }
            Queued => matches!(to, Starting | Skipped | Canceled | Removed),
            Starting => matches!(to, Running | Stopping | Success | Failed | Skipped | UpForRetry),
            Running => matches!(to, Stopping | Success | Failed | Skipped | UpForRetry),
            Stopping => matches!(to, Failed | Skipped | UpForRetry | Canceled),
            UpForRetry => matches!(to, Queued | Skipped | Canceled | Removed),
            Deferred => matches!(to, Waiting | Failed | Skipped | Canceled),
            Expanded => matches!(to, Success | Failed | UpstreamFailed | Skipped | Canceled),
            Success | Failed | UpstreamFailed | Skipped | Canceled | Removed => false,
        }
    }

    /// May a clear, and nothing else, make a task instance in this state wait again? One that is at work
    /// is let alone, and one whose task is gone has nothing to do again.
    pub const fn clears(self) -> bool {
        match self {
            Self::Queued
            | Self::Deferred
            | Self::UpForRetry
            | Self::Success
            | Self::Failed
            | Self::UpstreamFailed
            | Self::Skipped
            | Self::Canceled => true,
            Self::Waiting
            | Self::Expanded
            | Self::Starting
            | Self::Running
            | Self::Stopping
            | Self::Removed => false,
        }
    }

    /// May somebody, by hand, mark a task instance that is in `from` as `to`?
    pub const fn marks(from: Self, to: Self) -> bool {
        let settled = matches!(to, Self::Success | Self::Failed | Self::Skipped);
        settled && (from.clears() || matches!(from, Self::Waiting)) && from as u8 != to as u8
    }
}

impl AttemptState {
    /// Its process is known to have ended, or given up for lost.
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Starting | Self::Running | Self::Stopping)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_final_state_never_moves_and_every_other_can_reach_an_end() {
        for from in TaskState::ALL {
            let next: Vec<_> = TaskState::ALL.iter().filter(|to| TaskState::legal(*from, **to)).collect();
            assert_eq!(next.is_empty(), from.is_final(), "{from}");
            assert!(!TaskState::legal(*from, *from), "{from} to itself");
            assert_eq!(TaskState::parse(from.as_str()), Some(*from));
        }
        for from in RunState::ALL {
            assert_eq!(
                RunState::ALL.iter().any(|to| RunState::legal(*from, *to)),
                !from.is_final(),
                "{from}"
            );
        }
    }

    #[test]
    fn a_clear_and_a_mark_leave_what_is_at_work_alone() {
        for from in TaskState::ALL {
            assert!(!(from.clears() && from.holds_slot()), "{from}");
            for to in TaskState::ALL.iter().filter(|to| TaskState::marks(*from, **to)) {
                assert!(to.is_final() && !from.holds_slot() && from != to, "{from} -> {to}");
            }
        }
        assert!(
            TaskState::ALL
                .iter()
                .filter(|it| it.is_final())
                .all(|it| { it.clears() != matches!(it, TaskState::Removed) })
        );
    }

    #[test]
    fn names_in_json_are_the_names_everywhere() {
        for state in TaskState::ALL {
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
        }
        for state in AttemptState::ALL {
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
        }
    }
}
