//! By hand: a task is settled as somebody says, and notes are taken.

use serde::{Deserialize, Serialize};

use super::again;
use super::clear::{ClearPlan, Told, change, find, plan};
use super::effect::{Answer, Refusal};
use super::law::{RunState, TaskState};
use super::reason::Reason;
use super::recover::RunRow;
use super::run::verdict;
use super::select::blocked_by;
use super::state::Run;
use super::transition::Transition;
use super::turn::Turn;
use crate::id::{InstanceId, RunId};

/// A task that somebody settles by hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MarkRequest {
    /// Its id.
    pub task: String,
    /// Which item of a `foreach`.
    #[serde(default)]
    pub item: Option<u32>,
    /// `success`, `failed` or `skipped`.
    pub state: TaskState,
    /// Changes nothing; the answer says what would change.
    #[serde(default)]
    pub dry_run: bool,
    /// Who asks.
    #[serde(default)]
    pub by: String,
    /// Why, in their words.
    #[serde(default)]
    pub why: Option<String>,
}

/// Something to remember about a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoteRequest {
    /// About this task of it.
    #[serde(default)]
    pub task: Option<String>,
    /// What.
    pub text: String,
    /// Who asks.
    #[serde(default)]
    pub by: String,
}

/// Longest note, in bytes.
const LONGEST_NOTE: usize = 4_000;

impl Turn<'_> {
    pub(super) fn note_requested(
        &mut self,
        run: RunId,
        request: NoteRequest,
        row: Option<Box<RunRow>>,
    ) -> Answer {
        let found = self.recall(run, row).and_then(|run| {
            if request.text.trim().is_empty() || request.text.len() > LONGEST_NOTE {
                let sentence = format!("a note has some text, at most {LONGEST_NOTE} bytes");
                return Err(Refusal::Senseless(sentence));
            }
            request.task.as_deref().map(|name| find(&run, name)).transpose()
        });
        match found {
            Ok(task) => {
                let NoteRequest { text, by, .. } = request;
                self.record(Transition::Noted { run, task, text, by });
                Answer::Done
            }
            Err(refusal) => Answer::Refused(refusal),
        }
    }

    pub(super) fn mark_requested(
        &mut self,
        run: RunId,
        request: &MarkRequest,
        row: Option<Box<RunRow>>,
    ) -> Answer {
        match self.recall(run, row).and_then(|run| self.mark_as_asked(run, request)) {
            Ok(plan) => Answer::Cleared(Box::new(plan)),
            Err(refusal) => Answer::Refused(refusal),
        }
    }

    fn mark_as_asked(&mut self, run: Run, request: &MarkRequest) -> Result<ClearPlan, Refusal> {
        self.refuse_untouchable(&run)?;
        let task = find(&run, &request.task)?;
        if request.item.is_some() {
            let sentence = "an item is not settled by hand: mark its task, or rerun the item";
            return Err(Refusal::Senseless(sentence.into()));
        }
        let id = InstanceId::whole(run.id, task);
        let to = request.state;
        refuse_mark(&run, id, to)?;
        let blocked = if to == TaskState::Failed || !run.at(id).state.is_final() {
            Vec::new()
        } else {
            blocked_by(run.dag(), &run.tasks, task)
        };
        let freed = again::moved(&run, &blocked, None)?;
        let marked = change(&run, id, to, "marked".into());
        let cleared = freed.iter().map(|(id, after, why)| change(&run, *id, *after, why.says(run.dag())));
        let mut tasks: Vec<_> = std::iter::once(marked).chain(cleared).collect();
        tasks.sort_by_key(|change| (run.dag().find(&change.task), change.item));
        let new_verdict = blocked.is_empty().then(|| new_verdict(&run, id, request)).flatten();
        let after = match &new_verdict {
            Some((_, after, _)) => *after,
            None if run.state.is_final() && !blocked.is_empty() => RunState::Queued,
            None => run.state,
        };
        let plan = plan(&run, after, tasks, request.dry_run);
        if !request.dry_run {
            let run = self.mark(run, id, request, new_verdict);
            if !freed.is_empty() {
                let (by, why) = (request.by.clone(), request.why.clone());
                self.clear(run, &freed, Told { by, why, force: false, backfill: None, version: None });
            }
            self.judge_below(id);
        }
        Ok(plan)
    }

    /// Settles one task instance by hand; gives back the run as it is then.
    fn mark(
        &mut self,
        mut run: Run,
        id: InstanceId,
        request: &MarkRequest,
        verdict: Option<(RunState, RunState, Reason)>,
    ) -> Run {
        let (from, to) = (run.at(id).state, request.state);
        let (by, why) = (request.by.clone(), request.why.clone());
        let judged_anew = verdict.is_some();
        self.record(Transition::TaskMarked { instance: id, from, to, verdict, by, why });
        self.wake_waiting(&run.dag().id, Some(&run.task(id.task).id));
        if judged_anew {
            self.wake_waiting(&run.dag().id, None);
        }
        if run.state.is_final() {
            run.set_marked(id, request);
            return run;
        }
        match from {
            TaskState::Queued => self.leave_queue(id),
            TaskState::UpForRetry => self.disarm_task(id),
            TaskState::Deferred => self.stop_waiting(id),
            _ => {}
        }
        let known = self.run(id.run);
        known.set_marked(id, request);
        self.stir(id.run);
        let known = self.run(id.run);
        if known.unsettled == 0 {
            self.through.push(id.run);
        }
        self.run(id.run).clone()
    }

    /// What comes right after a task that was settled by hand may go on; once all counts are right.
    fn judge_below(&mut self, id: InstanceId) {
        let Some(run) = self.state.runs.get(&id.run) else { return };
        let version = run.version.clone();
        for below in version.dag.graph.downstream(id.task) {
            let below = InstanceId { task: below, ..id };
            self.judge_task(below);
            self.judge_items(below);
        }
    }
}

impl Run {
    fn set_marked(&mut self, id: InstanceId, request: &MarkRequest) {
        let place = self.at_mut(id);
        place.state = request.state;
        place.reason = Reason::Marked { by: request.by.clone() };
        (place.deadline, place.stop, place.cut_by) = (None, None, None);
        self.resettle();
    }
}

/// What a mark makes of the verdict of a run that stays over: one that was told from its tasks is told
/// anew, one that somebody or a limit gave it stays.
fn new_verdict(run: &Run, id: InstanceId, request: &MarkRequest) -> Option<(RunState, RunState, Reason)> {
    let told = matches!(run.reason, Reason::Done | Reason::TasksFailed { .. } | Reason::TasksCanceled { .. });
    if !run.state.is_final() || !told {
        return None;
    }
    let mut marked = run.clone();
    marked.set_marked(id, request);
    let (after, reason) = verdict(&marked);
    ((after, &reason) != (run.state, &run.reason)).then_some((run.state, after, reason))
}

fn refuse_mark(run: &Run, id: InstanceId, to: TaskState) -> Result<(), Refusal> {
    let (name, from) = (&run.task(id.task).id, run.at(id).state);
    if !matches!(to, TaskState::Success | TaskState::Failed | TaskState::Skipped) {
        let sentence = format!("a task is marked as success, failed or skipped, not as {to}");
        return Err(Refusal::Senseless(sentence));
    }
    if !TaskState::marks(from, to) {
        let how = if from.holds_slot() { "; wait for its end, or cancel the run" } else { "" };
        return Err(Refusal::NotNow(format!("task `{name}` is {from}{how}")));
    }
    let last = !from.is_final() && run.unsettled == 1;
    if run.state == RunState::Queued && last {
        let sentence = format!("run {} has not begun; cancel it, or let it begin", run.id);
        return Err(Refusal::NotNow(sentence));
    }
    Ok(())
}
