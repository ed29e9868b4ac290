//! The life of one attempt: started, told to end, ended; and whether another follows.

use std::time::Duration;

use super::effect::{Answer, Effect, Force};
use super::event::{Choice, Outcome, Outputs};
use super::law::{AttemptState, TaskState};
use super::reason::Reason;
use super::state::{Stop, Timer};
use super::transition::Transition;
use super::turn::Turn;
use super::used::Used;
use crate::dag::spec::{Backoff, Retry, Task};
use crate::id::{AttemptId, InstanceId};
use crate::time::Timestamp;

/// How many attempts of one task instance may be lost before it fails: the budget for crashes of the
/// scheduler, apart from `retries`.
pub const LOST_BUDGET: u32 = 3;

impl Turn<'_> {
    pub(super) fn attempt_started(&mut self, attempt: AttemptId, pid: u32, at: Timestamp) -> Option<Answer> {
        let AttemptId { instance, .. } = attempt;
        let state = match self.live(attempt)? {
            TaskState::Starting => AttemptState::Running,
            _ => AttemptState::Stopping,
        };
        self.record(Transition::AttemptStarted { attempt, pid, at, state });
        if state == AttemptState::Running {
            let run = self.run(instance.run);
            run.at_mut(instance).state = TaskState::Running;
            if let Some(timeout) = run.task(instance.task).timeout {
                let deadline = at.plus(timeout);
                run.at_mut(instance).deadline = Some(deadline);
                self.arm(deadline, Timer::Timeout(attempt));
            }
        }
        None
    }

    pub(super) fn timeout_due(&mut self, attempt: AttemptId) {
        if self.live(attempt) == Some(TaskState::Running) {
            let id = attempt.instance;
            let timeout = self.run(id.run).task(id.task).timeout.unwrap_or_default();
            self.stop_attempt(id, Stop::TimedOut, timed_out(timeout));
        }
    }

    pub(super) fn kill_due(&mut self, attempt: AttemptId) {
        if self.live(attempt) == Some(TaskState::Stopping) {
            self.order(Effect::Stop { attempt, force: Force::Kill });
        }
    }

    /// Tells a living attempt to end: TERM now, KILL when its grace is over.
    pub(super) fn stop_attempt(&mut self, id: InstanceId, stop: Stop, reason: Reason) {
        let run = self.run(id.run);
        let grace = run.task(id.task).grace;
        let Some(attempt) = run.attempt(id) else { return };
        let place = run.at_mut(id);
        place.stop = Some(stop);
        if place.state == TaskState::Stopping {
            return self.reason_task(id, reason);
        }
        place.state = TaskState::Stopping;
        place.reason = reason.clone();
        let child = place.child;
        self.disarm_task(id);
        if let Some(child) = child {
            self.record(Transition::AttemptStopping { attempt, reason });
            return self.end_called(id.run, child);
        }
        let deadline = self.now.plus(grace);
        self.run(id.run).at_mut(id).deadline = Some(deadline);
        self.arm(deadline, Timer::Kill(attempt));
        self.record(Transition::AttemptStopping { attempt, reason });
        self.order(Effect::Stop { attempt, force: Force::Term });
    }

    pub(super) fn attempt_finished(
        &mut self,
        attempt: AttemptId,
        at: Timestamp,
        outcome: Outcome,
        used: Used,
    ) -> Option<Answer> {
        self.live(attempt)?;
        let id = attempt.instance;
        self.disarm_task(id);
        let place = self.run(id.run).at_mut(id);
        (place.child_end, place.returning) = (None, false);
        match place.child.take() {
            Some(_) => self.state.release_call(id),
            None => self.state.release_slots(id),
        }
        let run = self.run(id.run);
        let stop = run.at_mut(id).stop.take();
        let end = judge_end(run.task(id.task), stop, outcome);
        self.record(Transition::AttemptEnded {
            attempt,
            state: end.state,
            at,
            exit_code: end.exit_code,
            signal: end.signal,
            reason: end.reason.clone(),
            outputs: end.outputs,
            used,
        });
        match end.state {
            AttemptState::Success => {
                self.apply_choice(id, &end.choice);
                self.settle(id, TaskState::Success, Reason::Done);
            }
            AttemptState::Skipped => self.settle(id, TaskState::Skipped, end.reason),
            AttemptState::Canceled => self.settle(id, TaskState::Canceled, end.reason),
            AttemptState::Lost => self.attempt_lost(id),
            AttemptState::Failed => self.attempt_failed(id, end.exit_code, end.reason),
            AttemptState::Starting | AttemptState::Running | AttemptState::Stopping => {
                unreachable!("an end is final")
            }
        }
        None
    }

    fn attempt_failed(&mut self, id: InstanceId, exit_code: Option<i32>, reason: Reason) {
        let now = self.now;
        let run = self.run(id.run);
        let place = run.at_mut(id);
        place.failures += 1;
        let tries = place.failures;
        if let Some(cut) = place.cut_by.take() {
            return self.settle(id, TaskState::Skipped, cut);
        }
        let (retry, last) = (&run.task(id.task).retry, run.attempt(id));
        let wanted = retry.on_exit.is_empty() || exit_code.is_some_and(|code| retry.on_exit.contains(&code));
        match last {
            Some(attempt) if wanted && tries <= retry.retries && run.ending.is_none() => {
                let at = now.plus(retry_delay(retry, tries, attempt));
                self.wait_for_retry(id, at, &reason);
                self.hooks_of_retry(id);
            }
            _ => self.settle(id, TaskState::Failed, reason),
        }
    }

    fn attempt_lost(&mut self, id: InstanceId) {
        let run = self.run(id.run);
        run.at_mut(id).lost += 1;
        let lost = run.at(id).lost;
        if let Some(cut) = run.at_mut(id).cut_by.take() {
            return self.settle(id, TaskState::Skipped, cut);
        }
        if let Some(ending) = &run.ending {
            let reason = ending.reason.clone();
            self.settle(id, TaskState::Canceled, reason);
        } else if lost > LOST_BUDGET {
            self.settle(id, TaskState::Failed, Reason::Lost);
        } else {
            self.wait_for_retry(id, self.now, &Reason::Lost);
        }
    }

    fn wait_for_retry(&mut self, id: InstanceId, at: Timestamp, after: &Reason) {
        self.move_task(id, TaskState::UpForRetry, Reason::Retry { at, after: after.to_string() });
        let run = self.run(id.run);
        run.at_mut(id).deadline = Some(at);
        self.arm(at, Timer::Retry(id));
        self.stir(id.run);
    }

    /// The state of the task instance if this is its current attempt and it holds a slot. A word about
    /// any other attempt is stale and changes nothing.
    pub(super) fn live(&self, attempt: AttemptId) -> Option<TaskState> {
        let instance = self.state.runs.get(&attempt.instance.run)?.get(attempt.instance)?;
        (instance.attempt == attempt.number && instance.state.holds_slot()).then_some(instance.state)
    }
}

/// An outcome, judged by the task's own words.
struct End {
    state: AttemptState,
    exit_code: Option<i32>,
    signal: Option<i32>,
    reason: Reason,
    outputs: Outputs,
    choice: Choice,
}

fn judge_end(task: &Task, stop: Option<Stop>, outcome: Outcome) -> End {
    let (exit_code, signal) = match &outcome {
        Outcome::Succeeded { .. } | Outcome::OutputsRefused(_) => (Some(0), None),
        Outcome::Exited(code) => (Some(*code), None),
        Outcome::Signaled(number) => (None, Some(*number)),
        Outcome::NotStarted(_) | Outcome::CallFailed(_) | Outcome::Lost => (None, None),
    };
    let mut end = End {
        state: AttemptState::Failed,
        exit_code,
        signal,
        reason: Reason::Done,
        outputs: Outputs::new(),
        choice: Choice::Free,
    };
    (end.state, end.reason) = match (stop, outcome) {
        (_, Outcome::Lost) => (AttemptState::Lost, Reason::Lost),
        (Some(Stop::RunEnding), _) => {
            (AttemptState::Canceled, Reason::Canceled { by: "the end of its run".into() })
        }
        (Some(Stop::TimedOut), _) => (AttemptState::Failed, timed_out(task.timeout.unwrap_or_default())),
        (None, Outcome::Succeeded { outputs, choice }) => {
            (end.outputs, end.choice) = (outputs, choice);
            (AttemptState::Success, Reason::Done)
        }
        (None, Outcome::Exited(code)) if task.skip_on_exit.contains(&code) => {
            (AttemptState::Skipped, Reason::SkipExit { code })
        }
        (None, Outcome::Exited(code)) => (AttemptState::Failed, Reason::Exit { code }),
        (None, Outcome::Signaled(number)) => (AttemptState::Failed, Reason::Signal { number }),
        (None, Outcome::NotStarted(message)) => (AttemptState::Failed, Reason::NotStarted { message }),
        (None, Outcome::CallFailed(reason)) => (AttemptState::Failed, reason),
        (None, Outcome::OutputsRefused(message)) => (AttemptState::Failed, Reason::Outputs { message }),
    };
    end
}

fn timed_out(timeout: Duration) -> Reason {
    Reason::TimedOut { millis: u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX) }
}

/// The wait before extra try `k` (1 for the first): the backoff, plus jitter, never above the maximum.
pub(super) fn retry_delay(retry: &Retry, k: u32, attempt: AttemptId) -> Duration {
    if retry.delay.is_zero() {
        return Duration::ZERO;
    }
    let base = retry.delay.as_secs_f64();
    let grown = match retry.backoff {
        Backoff::Constant => base,
        Backoff::Linear => base * f64::from(k),
        Backoff::Exponential(factor) => base * factor.powi(i32::try_from(k - 1).unwrap_or(i32::MAX)),
    }
    .min(LONGEST_DELAY.as_secs_f64());
    let spread = if retry.jitter { grown * fraction(attempt) } else { 0.0 };
    let longest = retry.max_delay.unwrap_or(LONGEST_DELAY).min(LONGEST_DELAY);
    Duration::try_from_secs_f64(grown + spread).unwrap_or(longest).min(longest)
}

/// No retry waits longer, whatever its backoff has grown to.
const LONGEST_DELAY: Duration = Duration::from_hours(100 * 365 * 24);

/// A number in [0, 1) that looks random but is the same whenever this attempt is asked about.
#[expect(clippy::cast_precision_loss, reason = "53 bits are kept, which a double holds exactly")]
fn fraction(attempt: AttemptId) -> f64 {
    let AttemptId { instance, number } = attempt;
    let mut mixed = instance.run.0.cast_unsigned();
    for part in [instance.task.0, instance.item, number] {
        mixed = (mixed ^ u64::from(part)).wrapping_add(0x9E37_79B9_7F4A_7C15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
    }
    (mixed >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{RunId, TaskIndex};

    fn waits(backoff: Backoff, max_delay: Option<u64>, jitter: bool) -> Vec<f64> {
        let retry = Retry {
            retries: 5,
            delay: Duration::from_secs(10),
            backoff,
            max_delay: max_delay.map(Duration::from_secs),
            jitter,
            on_exit: vec![],
        };
        let attempt = |number| AttemptId {
            instance: InstanceId { run: RunId(1), task: TaskIndex(0), item: 0 },
            number,
        };
        (1..=5).map(|k| retry_delay(&retry, k, attempt(k)).as_secs_f64()).collect()
    }

    #[test]
    fn each_backoff_grows_as_it_says_and_stops_at_its_maximum() {
        assert_eq!(waits(Backoff::Constant, None, false), [10.0; 5]);
        assert_eq!(waits(Backoff::Linear, None, false), [10.0, 20.0, 30.0, 40.0, 50.0]);
        assert_eq!(waits(Backoff::Exponential(2.0), None, false), [10.0, 20.0, 40.0, 80.0, 160.0]);
        assert_eq!(waits(Backoff::Exponential(3.0), Some(60), false), [10.0, 30.0, 60.0, 60.0, 60.0]);
    }

    #[test]
    fn no_wait_stays_none_however_often_it_is_doubled() {
        let retry = Retry {
            retries: 2_000,
            delay: Duration::ZERO,
            backoff: Backoff::Exponential(100.0),
            max_delay: None,
            jitter: true,
            on_exit: vec![],
        };
        let instance = InstanceId { run: RunId(1), task: TaskIndex(0), item: 0 };
        assert_eq!(retry_delay(&retry, 2_000, AttemptId { instance, number: 1 }), Duration::ZERO);
        let long = Retry { delay: Duration::from_secs(1), ..retry };
        assert_eq!(retry_delay(&long, 2_000, AttemptId { instance, number: 1 }), LONGEST_DELAY);
    }

    #[test]
    fn jitter_adds_less_than_one_wait_and_is_the_same_when_asked_again() {
        let jittered = waits(Backoff::Constant, None, true);
        assert!(jittered.iter().all(|w| (10.0..20.0).contains(w)), "{jittered:?}");
        assert!(jittered.windows(2).all(|pair| (pair[0] - pair[1]).abs() > f64::EPSILON), "{jittered:?}");
        assert_eq!(jittered, waits(Backoff::Constant, None, true));
    }
}
