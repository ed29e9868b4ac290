//! What failed, why, and the last words of its log: the first thing that is looked for.

use anstyle::Style;
use nightrun_core::decide::TaskState;
use nightrun_core::id::AttemptId;
use nightrun_engine::logs::{LogPaths, tail};
use nightrun_engine::store::{RunShow, TaskShow};
use serde::Serialize;

use crate::app::Desk;
use crate::logs::{Piece, pieces};

/// Most failed tasks whose logs are shown at once.
const SHOWN: usize = 3;

/// Last lines of a log.
const LINES: usize = 18;

/// One failed task.
#[derive(Serialize)]
pub(crate) struct Failure {
    task: String,
    /// With its item, as addresses have it.
    spot: String,
    reason: String,
    /// The last attempt; 0 when there was none.
    number: u32,
    tail: Vec<Piece>,
}

/// The first failed tasks of a run, in the order in which they failed.
pub(crate) fn failures(desk: &Desk<'_>, run: &RunShow) -> Vec<Failure> {
    let mut failed: Vec<&TaskShow> =
        run.instances().filter(|it| it.state == TaskState::Failed && it.items.is_empty()).collect();
    failed.sort_by_key(|task| task.ended_at);
    failed.into_iter().take(SHOWN).map(|task| failure(desk, run, task)).collect()
}

fn failure(desk: &Desk<'_>, run: &RunShow, task: &TaskShow) -> Failure {
    let number = task.attempts.last().map_or(0, |attempt| attempt.number);
    let instance = task.instance(run.run_id);
    let path = LogPaths::new(&desk.site.app.data).log(AttemptId { instance, number });
    // A task that never started has no log; then its reason says it all.
    let text = if number == 0 { String::new() } else { tail(&path, LINES).unwrap_or_default() };
    Failure {
        task: task.name(),
        spot: task.name(),
        reason: task.reason.to_string(),
        number,
        tail: pieces(&text, &mut Style::new()),
    }
}
