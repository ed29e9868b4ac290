//! The trigger rules as one table: counts of upstream states in, a ruling out.
//!
//! Source: Airflow 3.3's `TriggerRuleDep`, with two deviations named in `docs/semantics.md`: `all_success`
//! waits for all upstreams before it skips, and `all_skipped` ends when an upstream was removed.

use super::law::TaskState;
use crate::dag::spec::{Task, TriggerRule};

/// How many direct upstreams of a task are in which final state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// All direct upstreams, final or not.
    pub total: u32,
    /// Ended well.
    pub success: u32,
    /// Ended badly (canceled ones too), those with `allow_failure` included.
    pub failed: u32,
    /// Of `failed`, those with `allow_failure`.
    pub failed_allowed: u32,
    /// Blocked by an upstream of their own.
    pub upstream_failed: u32,
    /// Skipped.
    pub skipped: u32,
    /// Gone from the DAG.
    pub removed: u32,
    /// Upstreams that are setup tasks.
    pub setups: u32,
    /// Of those, succeeded.
    pub setups_success: u32,
    /// Of those, skipped.
    pub setups_skipped: u32,
}

impl Counts {
    /// Counts one more upstream, not final yet.
    pub fn expect(&mut self, upstream: &Task) {
        self.total += 1;
        self.setups += u32::from(upstream.setup);
    }

    /// Counts an upstream that reached a final state.
    pub fn add(&mut self, state: TaskState, upstream: &Task) {
        self.setups_success += u32::from(upstream.setup && state == TaskState::Success);
        self.setups_skipped += u32::from(upstream.setup && state == TaskState::Skipped);
        let allow_failure = upstream.allow_failure;
        match state {
            TaskState::Success => self.success += 1,
            TaskState::Failed | TaskState::Canceled => {
                self.failed += 1;
                self.failed_allowed += u32::from(allow_failure && state == TaskState::Failed);
            }
            TaskState::UpstreamFailed => self.upstream_failed += 1,
            TaskState::Skipped => self.skipped += 1,
            TaskState::Removed => self.removed += 1,
            TaskState::Waiting
            | TaskState::Queued
            | TaskState::Starting
            | TaskState::Running
            | TaskState::Stopping
            | TaskState::UpForRetry
            | TaskState::Deferred
            | TaskState::Expanded => {}
        }
    }

    /// How many upstreams have ended.
    pub const fn ended(self) -> u32 {
        self.success + self.failed + self.upstream_failed + self.skipped + self.removed
    }
}

/// What a rule says of a task, given its upstreams so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ruling {
    /// Not settled yet.
    Wait,
    /// It may run.
    Run,
    /// It becomes `skipped`.
    Skip,
    /// It becomes `upstream_failed`.
    Block,
}

/// Judges one task by its rule.
#[expect(clippy::match_same_arms, reason = "the table keeps the arms of each rule together")]
pub fn judge(rule: TriggerRule, counts: Counts) -> Ruling {
    use Ruling::{Block, Run, Skip, Wait};
    let all = counts.total;
    let done = counts.ended() == all;
    let (blocked, skipped, removed) = (counts.upstream_failed, counts.skipped, counts.removed);
    // An allowed failure counts as a success for these rules only.
    let (success, failed) = match rule {
        TriggerRule::AllSuccess | TriggerRule::NoneFailed | TriggerRule::NoneFailedMinOneSuccess => {
            (counts.success + counts.failed_allowed, counts.failed - counts.failed_allowed)
        }
        TriggerRule::AllFailed
        | TriggerRule::AllDone
        | TriggerRule::AllDoneMinOneSuccess
        | TriggerRule::OneSuccess
        | TriggerRule::OneFailed
        | TriggerRule::OneDone
        | TriggerRule::NoneSkipped
        | TriggerRule::AllSkipped
        | TriggerRule::Always
        | TriggerRule::AllDoneSetupSuccess => (counts.success, counts.failed),
    };
    if all == 0 {
        return Run;
    }
    let when_done = |ruling| if done { ruling } else { Wait };
    match rule {
        TriggerRule::AllSuccess if failed + blocked > 0 => Block,
        TriggerRule::AllSuccess => when_done(if skipped > 0 { Skip } else { Run }),
        TriggerRule::AllFailed if success + skipped > 0 => Skip,
        TriggerRule::AllFailed | TriggerRule::AllDone => when_done(Run),
        TriggerRule::AllDoneMinOneSuccess if skipped > 0 => Skip,
        TriggerRule::AllDoneMinOneSuccess => when_done(if success == 0 { Block } else { Run }),
        TriggerRule::OneSuccess if success > 0 => Run,
        TriggerRule::OneSuccess => when_done(if skipped == all { Skip } else { Block }),
        TriggerRule::OneFailed if failed + blocked > 0 => Run,
        TriggerRule::OneFailed => when_done(Skip),
        TriggerRule::OneDone if success + failed > 0 => Run,
        TriggerRule::OneDone => when_done(Skip),
        TriggerRule::NoneFailed if failed + blocked > 0 => Block,
        TriggerRule::NoneFailed => when_done(Run),
        TriggerRule::NoneFailedMinOneSuccess if failed + blocked > 0 => Block,
        TriggerRule::NoneFailedMinOneSuccess if skipped == all => Skip,
        TriggerRule::NoneFailedMinOneSuccess => when_done(if success == 0 { Block } else { Run }),
        TriggerRule::NoneSkipped if skipped > 0 => Skip,
        TriggerRule::NoneSkipped => when_done(Run),
        TriggerRule::AllSkipped if success + failed + blocked > 0 => Skip,
        TriggerRule::AllSkipped => when_done(if skipped + removed == all { Run } else { Skip }),
        TriggerRule::Always => Run,
        TriggerRule::AllDoneSetupSuccess => when_done(match counts {
            Counts { setups: 0, .. } => Run,
            Counts { setups, setups_skipped, .. } if setups == setups_skipped => Skip,
            Counts { setups_success: 0, .. } => Block,
            Counts { .. } => Run,
        }),
    }
}
