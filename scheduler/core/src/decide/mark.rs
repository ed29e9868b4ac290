//! By hand: a task is settled as somebody says, and notes are taken.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::again::{self, Moved};
use super::clear::{ClearPlan, Told, change, chosen_item, find, plan};
use super::effect::{Answer, Refusal};
use super::law::{RunState, TaskState};
use super::reason::Reason;
use super::recover::RunRow;
use super::run::verdict;
use super::state::Run;
use super::transition::Transition;
use super::turn::Turn;
use crate::id::{InstanceId, RunId};

/// A task that somebody settles by hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoteRequest {
    /// About this task of it.
    #[serde(default)]
    pub task: Option<String>,
    /// What.
    #[schemars(length(min = 1))]
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
        let item = chosen_item(&run, &[task], request.item)?;
        let id = item.unwrap_or_else(|| InstanceId::whole(run.id, task));
        refuse_mark(&run, id, request.state)?;
        let marks = Marks::of(&run, id, request);
        let freed = marks.frees(&run)?;
        let marked = marks.all.iter().map(|(id, to)| {
            let why = if *id == marks.all[0].0 { "marked" } else { "its items are judged anew" };
            change(&run, *id, *to, why.into())
        });
        let cleared = freed.iter().map(|(id, after, why)| change(&run, *id, *after, why.says(run.dag())));
        let mut tasks: Vec<_> = marked.chain(cleared).collect();
        tasks.sort_by_key(|change| (run.dag().find(&change.task), change.item));
        let new_verdict = freed.is_empty().then(|| marks.verdict(&run)).flatten();
        let after = match &new_verdict {
            Some((_, after, _)) => *after,
            None if run.state.is_final() && !freed.is_empty() => RunState::Queued,
            None => run.state,
        };
        let plan = plan(&run, after, tasks, request.dry_run);
        if !request.dry_run {
            let is_live = !run.state.is_final();
            let run = self.mark(run, &marks, new_verdict, request.why.as_deref());
            if !freed.is_empty() {
                let (by, why) = (request.by.clone(), request.why.clone());
                self.clear(run, &freed, Told { by, why, force: false, backfill: None, version: None });
            }
            if is_live {
                // Once all counts are right.
                marks.all.iter().for_each(|(id, _)| self.tell_of_mark(*id));
            }
        }
        Ok(plan)
    }

    /// Settles task instances by hand; gives back the run as it is then.
    fn mark(
        &mut self,
        mut run: Run,
        marks: &Marks,
        mut verdict: Option<(RunState, RunState, Reason)>,
        why: Option<&str>,
    ) -> Run {
        let last = marks.all.len() - 1;
        for (at, (id, to)) in marks.all.iter().enumerate() {
            let from = run.at(*id).state;
            let verdict = if at == last { verdict.take() } else { None };
            let (by, why) = (marks.by.clone(), why.map(str::to_owned));
            let judged_anew = verdict.is_some();
            self.record(Transition::TaskMarked { instance: *id, from, to: *to, verdict, by, why });
            if id.item == 0 {
                self.wake_waiting(&run.dag().id, Some(&run.task(id.task).id));
            }
            if judged_anew {
                self.wake_waiting(&run.dag().id, None);
            }
            if run.state.is_final() {
                run.set_marked(*id, *to, &marks.by);
                continue;
            }
            match from {
                TaskState::Queued => self.leave_queue(*id),
                TaskState::UpForRetry => self.disarm_task(*id),
                TaskState::Deferred => self.stop_waiting(*id),
                _ => {}
            }
            self.run(id.run).set_marked(*id, *to, &marks.by);
            self.stir(id.run);
            run = self.run(id.run).clone();
        }
        run
    }

    /// What hangs on a marked task or item is judged anew.
    fn tell_of_mark(&mut self, id: InstanceId) {
        let run = self.run(id.run);
        let (through, version) = (run.unsettled == 0, run.version.clone());
        // What the mark freed may have ended the run already.
        if through && !self.through.contains(&id.run) {
            self.through.push(id.run);
        }
        for task in version.dag.graph.downstream(id.task) {
            let below = InstanceId { task, ..id };
            if id.item == 0 {
                self.judge_task(below);
                self.judge_items(below);
            } else if version.dag.share_fan(id.task, task) && self.run(id.run).get(below).is_some() {
                self.judge_task(below);
            }
        }
        if id.item > 0 {
            self.fold_if_over(id);
        }
    }
}

/// Task instances that are settled by hand: what was asked for, and of an item its task, if that ends
/// otherwise by it.
struct Marks {
    all: Vec<(InstanceId, TaskState)>,
    by: String,
}

impl Marks {
    fn of(run: &Run, id: InstanceId, request: &MarkRequest) -> Self {
        let mut marks = Self { all: vec![(id, request.state)], by: request.by.clone() };
        let whole = InstanceId { item: 0, ..id };
        if id.item > 0 && run.at(whole).state.is_final() {
            let (to, _) = marks.on(run).end_of_items(id.task);
            // What its items cannot be by hand, it cannot be either: then it stays as it ended.
            marks.all.extend(TaskState::marks(run.at(whole).state, to).then_some((whole, to)));
        }
        marks
    }

    /// The run as they leave it.
    fn on(&self, run: &Run) -> Run {
        let mut marked = run.clone();
        self.all.iter().for_each(|(id, to)| marked.set_marked(*id, *to, &self.by));
        marked
    }

    /// What had not run because of what was marked, and waits again.
    fn frees(&self, run: &Run) -> Result<Vec<Moved>, Refusal> {
        let frees =
            |(id, to): &&(InstanceId, TaskState)| *to != TaskState::Failed && run.at(*id).state.is_final();
        let mut items = Vec::new();
        let mut wholes = Vec::new();
        for (id, _) in self.all.iter().filter(frees) {
            match id.item {
                0 => wholes.push(id.task),
                _ => items.extend(again::blocked_items(run, *id)),
            }
        }
        wholes.extend(items.iter().filter(|(id, ..)| id.item == 0).map(|(id, ..)| id.task));
        let by_item = self.all.iter().any(|(id, _)| id.item > 0);
        again::freed(run, &wholes, by_item.then_some(items))
    }

    /// What they make of the verdict of a run that stays over: one that was told from its tasks is told
    /// anew, one that somebody or a limit gave it stays.
    fn verdict(&self, run: &Run) -> Option<(RunState, RunState, Reason)> {
        let told =
            matches!(run.reason, Reason::Done | Reason::TasksFailed { .. } | Reason::TasksCanceled { .. });
        if !run.state.is_final() || !told {
            return None;
        }
        let (after, reason) = verdict(&self.on(run));
        ((after, &reason) != (run.state, &run.reason)).then_some((run.state, after, reason))
    }
}

impl Run {
    fn set_marked(&mut self, id: InstanceId, to: TaskState, by: &str) {
        let place = self.at_mut(id);
        place.state = to;
        place.reason = Reason::Marked { by: by.to_owned() };
        (place.deadline, place.stop, place.cut_by) = (None, None, None);
        self.resettle();
    }
}

fn refuse_mark(run: &Run, id: InstanceId, to: TaskState) -> Result<(), Refusal> {
    let (task, from) = (&run.task(id.task).id, run.at(id).state);
    let name = id.item_index().map_or_else(|| task.clone(), |item| format!("{task}[{item}]"));
    if !matches!(to, TaskState::Success | TaskState::Failed | TaskState::Skipped) {
        let sentence = format!("a task is marked as success, failed or skipped, not as {to}");
        return Err(Refusal::Senseless(sentence));
    }
    if !TaskState::marks(from, to) {
        let how = if from.holds_slot() { "; wait for its end, or cancel the run" } else { "" };
        return Err(Refusal::NotNow(format!("task `{name}` is {from}{how}")));
    }
    let last = !from.is_final() && id.item == 0 && run.unsettled == 1;
    if run.state == RunState::Queued && last {
        let sentence = format!("run {} has not begun; cancel it, or let it begin", run.id);
        return Err(Refusal::NotNow(sentence));
    }
    Ok(())
}
