//! Clear: tasks of a run wait again, with what hangs on them. Tries are counted anew, outputs of what was
//! cleared are not seen any more, and a run that was over queues once more.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::again::{self, Moved};
use super::effect::{Answer, Refusal};
use super::law::{RunState, TaskState};
use super::reason::Reason;
use super::recover::RunRow;
use super::renew::Renewed;
use super::run::fresh_instances;
use super::select::{Why, selection};
use super::state::Run;
use super::transition::Transition;
use super::turn::Turn;
use super::waiter::{Waited, Waiter};
use crate::id::{BackfillId, DagId, InstanceId, RunId, TaskIndex, VersionId};

/// Which tasks of a run shall run again. Without `tasks` and `all`: the failed ones. What a cleared task
/// had blocked is cleared with it, unless `only` says otherwise.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is one option of the command line and the API")]
pub struct ClearRequest {
    /// These, by their ids.
    pub tasks: Vec<String>,
    /// Of the one task in `tasks`, only this item.
    pub item: Option<u32>,
    /// Those that failed, were blocked or were canceled.
    pub failed: bool,
    /// All of them.
    pub all: bool,
    /// Also all tasks above the chosen ones.
    pub upstream: bool,
    /// Also all tasks below the chosen ones.
    pub downstream: bool,
    /// Not what the chosen ones had blocked.
    pub only: bool,
    /// Not the setups that the chosen ones need, nor their teardowns.
    pub without_setups: bool,
    /// Also what waited for this run in runs of other DAGs, with all below that.
    pub with_waiters: bool,
    /// Who waited for this run, as the store knows it.
    #[serde(skip)]
    pub waiters: Vec<Waiter>,
    /// The run begins even when its DAG is paused or `max_active_runs` is reached.
    pub force: bool,
    /// The run goes over to the version of its DAG that is in force.
    pub latest: bool,
    /// Changes nothing; the answer says what would change.
    pub dry_run: bool,
    /// Who asks.
    pub by: String,
    /// Why, in their words.
    pub why: Option<String>,
}

/// What a clear or a mark changes in one run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ClearPlan {
    /// Which run, as text.
    pub run_id: String,
    /// Of which DAG.
    pub dag: DagId,
    /// Where the run is.
    pub state: RunState,
    /// Where it comes to be at once.
    pub after: RunState,
    /// Nothing has changed: this is what would.
    pub dry_run: bool,
    /// Task instances that move, in the order of the file.
    pub tasks: Vec<Change>,
    /// Runs of other DAGs that waited for what moves.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub waiters: Vec<Waited>,
    /// What changes in these, where that was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<Self>,
}

/// One task instance that moves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Change {
    /// The id of its task.
    pub task: String,
    /// Which item of a `foreach`, from 0; `None`: the task itself.
    pub item: Option<u32>,
    /// Where it is.
    pub state: TaskState,
    /// Where it comes to be.
    pub after: TaskState,
    /// Why it is one of them.
    pub why: String,
}

/// Who clears, and for what.
#[derive(Clone)]
pub(super) struct Told {
    pub(super) by: String,
    pub(super) why: Option<String>,
    pub(super) force: bool,
    pub(super) backfill: Option<BackfillId>,
    pub(super) version: Option<VersionId>,
}

impl Turn<'_> {
    pub(super) fn clear_requested(
        &mut self,
        id: RunId,
        request: &ClearRequest,
        row: Option<Box<RunRow>>,
    ) -> Answer {
        let told = Told {
            by: request.by.clone(),
            why: request.why.clone(),
            force: request.force,
            backfill: None,
            version: None,
        };
        match self.recall(id, row).and_then(|run| self.clear_with_waiters(run, request, told)) {
            Ok(plan) => Answer::Cleared(Box::new(plan)),
            Err(refusal) => Answer::Refused(refusal),
        }
    }

    /// Plans all of it before it does any of it.
    fn clear_with_waiters(
        &mut self,
        run: Run,
        request: &ClearRequest,
        told: Told,
    ) -> Result<ClearPlan, Refusal> {
        let dry = ClearRequest { dry_run: true, ..request.clone() };
        let mut plan = self.clear_as_asked(run.clone(), &dry, told.clone())?;
        self.take_waiters(&ClearRequest { dry_run: request.dry_run, ..dry }, &mut plan)?;
        if !request.dry_run {
            let done = self.clear_as_asked(run, request, told)?;
            plan = ClearPlan { waiters: plan.waiters, also: plan.also, ..done };
        }
        Ok(plan)
    }

    /// The run as it is now: as the core knows it, or as the store holds it if it is over.
    pub(super) fn recall(&self, id: RunId, row: Option<Box<RunRow>>) -> Result<Run, Refusal> {
        let known = self.state.runs.get(&id).cloned();
        let stored = || row.filter(|row| row.id == id && row.state.is_final()).map(|row| Run::of(*row));
        known.or_else(stored).ok_or_else(|| Refusal::Unknown(format!("there is no run {id}")))
    }

    /// Refuses to touch a run whose tasks are being ended, or whose DAG cannot run any more.
    pub(super) fn refuse_untouchable(&self, run: &Run) -> Result<(), Refusal> {
        let (id, dag) = (run.id, &run.dag().id);
        if run.state == RunState::Stopping {
            return Err(Refusal::NotNow(format!("run {id} is being ended; wait for its end")));
        }
        if self.state.dags.get(dag).is_none_or(|entry| entry.retired) {
            return Err(Refusal::NotNow(format!("no file defines DAG `{dag}` any more; put it back")));
        }
        Ok(())
    }

    /// Plans a clear, and does it unless it is a dry run.
    pub(super) fn clear_as_asked(
        &mut self,
        mut run: Run,
        request: &ClearRequest,
        mut told: Told,
    ) -> Result<ClearPlan, Refusal> {
        self.refuse_untouchable(&run)?;
        let renewed = if request.latest { self.renew(&mut run)? } else { Renewed::default() };
        told.version = renewed.version;
        let named = named_tasks(&run, &request.tasks)?;
        let item = chosen_item(&run, &named, request.item)?;
        let picks = selection(run.dag(), &run.tasks, &named, request);
        refuse_chosen_by_others(&run, &named, &picks)?;
        let ids = again::moved(&run, &picks, item)?;
        refuse_at_work(&run, &picks, &ids)?;
        let works = !ids.is_empty() || renewed.adds();
        if told.version.is_some() && !works {
            let sentence = format!("nothing of run {} would run again in the DAG as it is now", run.id);
            return Err(Refusal::NotNow(sentence));
        }
        let after = if run.state.is_final() && works { RunState::Queued } else { run.state };
        let cleared = ids.iter().map(|(id, after, why)| change(&run, *id, *after, why.says(run.dag())));
        let tasks = cleared.chain(renewed.changes).collect();
        let plan = plan(&run, after, tasks, request.dry_run);
        if !request.dry_run && works {
            self.clear(run, &ids, told);
        }
        Ok(plan)
    }

    /// Makes these task instances wait again, or their items. A run that is over is taken back from the store, and queues.
    pub(super) fn clear(&mut self, run: Run, moved: &[Moved], told: Told) {
        let (id, from) = (run.id, run.state);
        let dag = run.dag().id.clone();
        let moves =
            |to: TaskState| moved.iter().filter(move |(_, after, _)| *after == to).map(|(id, ..)| *id);
        let ids: Vec<InstanceId> = moves(TaskState::Waiting).collect();
        let wholes: Vec<InstanceId> = moves(TaskState::Expanded).collect();
        let tasks = ids.iter().map(|it| (*it, run.at(*it).state)).collect();
        let expanded = wholes.iter().map(|it| (*it, run.at(*it).state)).collect();
        let reopens = from.is_final();
        if reopens {
            self.reopen(run, told.backfill);
        }
        let (to, reason) = {
            let run = self.run(id);
            (run.state, run.reason.clone())
        };
        let Told { by, why, force, backfill, version } = told;
        self.record(Transition::RunCleared {
            run: id,
            from,
            to,
            reason,
            version,
            backfill,
            tasks,
            expanded,
            by,
            why,
        });
        self.wait_again(id, &ids, &wholes);
        self.run(id).groups.iter_mut().for_each(|group| group.retried = 0);
        self.stir(id);
        if to == RunState::Running {
            let order: Vec<TaskIndex> = self.run(id).dag().graph.order().to_vec();
            for task in order {
                ids.iter().filter(|it| it.task == task).for_each(|it| self.judge_task(*it));
            }
        } else if reopens && (force || backfill.is_some()) {
            self.begin_run(id);
        } else {
            self.admit(&dag);
        }
    }

    /// Makes these task instances wait, and expands these again.
    pub(super) fn wait_again(&mut self, id: RunId, ids: &[InstanceId], wholes: &[InstanceId]) {
        for it in ids {
            self.reset(*it);
        }
        for whole in wholes {
            let total = u32::try_from(self.run(id).items_of(whole.task)).unwrap_or(u32::MAX);
            let place = self.run(id).at_mut(*whole);
            (place.state, place.reason) = (TaskState::Expanded, Reason::ItemsAtWork { total });
        }
        self.forget_questions(id, ids.iter().chain(wholes));
        self.run(id).resettle();
    }

    /// Takes a run that was over back among those that are not.
    fn reopen(&mut self, mut run: Run, backfill: Option<BackfillId>) {
        let dag = run.dag().id.clone();
        let entry = self.state.dags.get_mut(&dag).expect("only a run of a known DAG is reopened");
        (run.state, run.started_at, run.ending) = (RunState::Queued, None, None);
        (run.reason, run.backfill) = (entry.why_queued(self.state.paused), backfill);
        if backfill.is_none() {
            entry.queued.insert((run.run_type, run.logical_date, run.id));
        }
        self.state.runs.insert(run.id, run);
    }

    /// Makes one task instance wait as on the first day, only that its attempts go on being counted.
    fn reset(&mut self, id: InstanceId) {
        match self.run(id.run).at(id).state {
            TaskState::Queued => self.leave_queue(id),
            TaskState::UpForRetry => self.disarm_task(id),
            TaskState::Deferred => self.stop_waiting(id),
            _ => {}
        }
        let place = self.run(id.run).at_mut(id);
        (place.state, place.reason) = (TaskState::Waiting, Reason::Upstream);
        (place.failures, place.lost, place.attempts_before) = (0, 0, place.attempt);
        (place.deadline, place.stop, place.cut_by) = (None, None, None);
    }

    /// A condition that is being evaluated on results that are gone, or items that are found out from them, are
    /// asked for again later.
    fn forget_questions<'a>(&mut self, run: RunId, cleared: impl Iterator<Item = &'a InstanceId>) {
        let version = self.run(run).version.clone();
        for id in cleared {
            for below in version.dag.graph.downstream(id.task) {
                let below = InstanceId { task: below, ..*id };
                let Some(place) = self.run(run).get(below) else { continue };
                let asks = matches!(place.reason, Reason::Condition | Reason::Expanding);
                if place.state == TaskState::Waiting && asks {
                    self.reason_task(below, Reason::Upstream);
                }
            }
        }
    }
}

impl Run {
    /// Counts anew all that follows from the states of its task instances.
    pub(super) fn resettle(&mut self) {
        let fresh = fresh_instances(&self.version);
        for (instance, fresh) in self.tasks.iter_mut().zip(fresh) {
            instance.upstream = fresh.upstream;
        }
        for list in self.items.values_mut() {
            let open = list.instances.iter().filter(|it| !it.state.is_final()).count();
            list.open = u32::try_from(open).unwrap_or(u32::MAX);
        }
        (self.unsettled, self.failures) = (0, 0);
        self.recount();
    }
}

/// What is said of a change before, or after, it is made.
pub(super) fn plan(run: &Run, after: RunState, tasks: Vec<Change>, dry_run: bool) -> ClearPlan {
    let dag = run.dag().id.clone();
    let run_id = run.id.to_string();
    ClearPlan { run_id, dag, state: run.state, after, dry_run, tasks, waiters: vec![], also: vec![] }
}

pub(super) fn change(run: &Run, id: InstanceId, after: TaskState, why: String) -> Change {
    Change { task: run.task(id.task).id.clone(), item: id.item_index(), state: run.at(id).state, after, why }
}

/// The tasks of these ids.
fn named_tasks(run: &Run, names: &[String]) -> Result<Vec<TaskIndex>, Refusal> {
    names.iter().map(|name| find(run, name)).collect()
}

/// The task of this id.
pub(super) fn find(run: &Run, name: &str) -> Result<TaskIndex, Refusal> {
    run.dag().find(name).ok_or_else(|| {
        let known: Vec<&str> = run.dag().tasks.iter().map(|task| task.id.as_str()).collect();
        if let Some((task, item)) = written_as_item(name).filter(|(task, _)| known.contains(task)) {
            return Refusal::Unknown(format!(
                "`{name}` is an item, not a task: name the task `{task}` and item {item} (`--item {item}`)"
            ));
        }
        Refusal::Unknown(format!("run {} has no task `{name}`; it has {}", run.id, known.join(", ")))
    })
}

/// The task and the item of a name such as `load[1]`, as lists show it.
fn written_as_item(name: &str) -> Option<(&str, u32)> {
    let (task, item) = name.strip_suffix(']')?.split_once('[')?;
    Some((task, item.parse().ok()?))
}

/// The item that is meant; an item is asked for of one task at a time.
pub(super) fn chosen_item(
    run: &Run,
    named: &[TaskIndex],
    item: Option<u32>,
) -> Result<Option<InstanceId>, Refusal> {
    let Some(item) = item else { return Ok(None) };
    let [task] = named else {
        return Err(Refusal::Senseless("an item belongs to one task: name just that".into()));
    };
    let id = InstanceId { run: run.id, task: *task, item: item.saturating_add(1) };
    if run.ids().contains(&id) {
        return Ok(Some(id));
    }
    let name = &run.task(*task).id;
    let of_task = |id: &&InstanceId| id.task == *task && id.item_index().is_some();
    let has = match run.ids().iter().filter(of_task).count() {
        0 => "it has none".to_owned(),
        1 => "it has only item 0".to_owned(),
        count => format!("it has 0 to {}", count - 1),
    };
    Err(Refusal::Unknown(format!("task `{name}` of run {} has no item {item}; {has}", run.id)))
}

fn refuse_chosen_by_others(
    run: &Run,
    named: &[TaskIndex],
    picks: &[(TaskIndex, Why)],
) -> Result<(), Refusal> {
    for at in named.iter().filter(|at| picks.iter().all(|(picked, _)| picked != *at)) {
        let (name, instance) = (&run.task(*at).id, &run.tasks[at.at()]);
        if let Reason::NotChosen { by } | Reason::ShortCircuit { by } = &instance.reason {
            return Err(Refusal::NotNow(format!(
                "task `{name}` would be skipped again, because {}; clear `{by}` as well",
                instance.reason
            )));
        }
    }
    Ok(())
}

/// What is at work cannot wait again, nor may its upstreams change under it.
fn refuse_at_work(run: &Run, picks: &[(TaskIndex, Why)], moved: &[Moved]) -> Result<(), Refusal> {
    let graph = &run.dag().graph;
    if let Some((id, ..)) = moved.iter().find(|(id, ..)| run.at(*id).state.holds_slot()) {
        let name = &run.task(id.task).id;
        return Err(Refusal::NotNow(format!("an item of task `{name}` is at work; wait for its end")));
    }
    for (at, _) in picks {
        let mut touched = std::iter::once(*at).chain(graph.downstream(*at));
        let has_items = |it: TaskIndex| {
            it != *at && run.state_of(it) == TaskState::Expanded && !run.dag().share_fan(it, *at)
        };
        if let Some(busy) = touched.find(|it| run.state_of(*it).holds_slot() || has_items(*it)) {
            let (name, busy) = (&run.task(*at).id, &run.task(busy).id);
            let what = if name == busy { String::new() } else { format!(", which hangs on `{name}`,") };
            return Err(Refusal::NotNow(format!(
                "task `{busy}`{what} is at work; wait for its end, or cancel the run"
            )));
        }
    }
    Ok(())
}
