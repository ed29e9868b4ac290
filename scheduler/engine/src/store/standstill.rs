//! What a run waits for that is running though none of its tasks is at work.

use nightrun_core::decide::{RunState, TaskState};

use super::row::RunShow;

/// Most tasks that are named.
const NAMED: usize = 3;

/// One sentence, or nothing while a task is at work. Each task instance comes with its state, name and reason.
pub fn standstill(tasks: impl IntoIterator<Item = (TaskState, String, String)>) -> Option<String> {
    let mut waiting = Vec::new();
    for (state, name, reason) in tasks {
        match state {
            TaskState::Starting | TaskState::Running | TaskState::Stopping => return None,
            TaskState::Queued | TaskState::Deferred | TaskState::UpForRetry => {
                waiting.push(format!("`{name}` {}", reason.trim()));
            }
            // What waits for other tasks of the run waits for those above.
            TaskState::Waiting
            | TaskState::Expanded
            | TaskState::Success
            | TaskState::Failed
            | TaskState::UpstreamFailed
            | TaskState::Skipped
            | TaskState::Canceled
            | TaskState::Removed => {}
        }
    }
    let more = waiting.len().saturating_sub(NAMED);
    waiting.truncate(NAMED);
    let rest = (more > 0).then(|| format!("{more} more wait"));
    let all: Vec<String> = waiting.into_iter().chain(rest).collect();
    (!all.is_empty()).then(|| format!("nothing is at work now: {}", all.join("; ")))
}

impl RunShow {
    /// What it waits for, where it is running and none of its tasks is at work.
    pub fn standstill(&self) -> Option<String> {
        let told = || self.instances().map(|it| (it.state, it.name(), it.reason.to_string()));
        (self.state == RunState::Running).then(|| standstill(told())).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_says_what_it_waits_for_unless_a_task_is_at_work() {
        let wait = |name: &str| (TaskState::Deferred, name.to_owned(), "waits for 03:00".to_owned());
        let done = (TaskState::Success, "a".to_owned(), "done".to_owned());
        let at_work = (TaskState::Running, "b".to_owned(), "at work".to_owned());
        let later = (TaskState::Waiting, "c".to_owned(), "waits for its upstream tasks".to_owned());
        for (tasks, said) in [
            (vec![], None),
            (vec![done.clone(), later.clone()], None),
            (vec![done.clone(), wait("x"), at_work], None),
            (vec![done, wait("x"), later], Some("nothing is at work now: `x` waits for 03:00")),
            (
                ["p", "q", "r", "s", "t"].map(wait).to_vec(),
                Some(
                    "nothing is at work now: `p` waits for 03:00; `q` waits for 03:00; `r` waits for 03:00; 2 \
                     more wait",
                ),
            ),
        ] {
            assert_eq!(standstill(tasks).as_deref(), said);
        }
    }
}
