//! A store in memory: it takes transitions as the real one does, checks the law at each, and gives back
//! the snapshot that a restarted scheduler would load.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use nightrun_core::dag::spec::{Dag, HookOn};
use nightrun_core::decide::{
    AccessBook, AttemptState, BackfillRow, BackfillState, ChangedTick, DagRow, Hold, HookRow, HookState,
    Missing, Past, Reason, RunRow, RunState, RunType, Snapshot, Take, TaskRow, TaskState, TickChange,
    Transition, Version,
};
use nightrun_core::id::{
    AttemptId, BackfillId, DagId, HoldId, HookId, InstanceId, RunId, TaskIndex, VersionId,
};
use nightrun_core::time::Timestamp;

#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) slots: u32,
    pub(crate) pools: BTreeMap<String, u32>,
    pub(crate) ticks: BTreeMap<(DagId, Timestamp), Option<RunId>>,
    pub(crate) runs: BTreeMap<RunId, RunRow>,
    pub(crate) attempts: BTreeMap<AttemptId, AttemptState>,
    dags: BTreeMap<DagId, DagRow>,
    versions: BTreeMap<VersionId, Arc<Version>>,
    pub(crate) holds: BTreeMap<HoldId, Hold>,
    next_hold: i64,
    changes: BTreeMap<(DagId, Timestamp), ChangedTick>,
    paused: bool,
    last_pruned: i64,
    backfills: BTreeMap<BackfillId, BackfillRow>,
    last_backfill: i64,
    ahead: BTreeSet<(DagId, Timestamp)>,
    /// Runs in which somebody cleared or marked something.
    pub(crate) touched: BTreeSet<RunId>,
    /// Each time that a group of a run ran again, and which try of it that was.
    pub(crate) again: Vec<(RunId, String, u32)>,
    /// Every hook that became due, with its cause.
    pub(crate) hooks: BTreeMap<HookId, MemoryHook>,
}

/// A hook as the store keeps it.
pub(crate) struct MemoryHook {
    pub(crate) row: HookRow,
    pub(crate) state: HookState,
    pub(crate) of: Option<TaskIndex>,
    pub(crate) on: HookOn,
}

impl Memory {
    pub(crate) fn new(slots: u32, pools: BTreeMap<String, u32>) -> Self {
        Self { slots, pools, ..Self::default() }
    }

    /// As the real store does it: by the names of the tasks.
    fn renew(&mut self, run: RunId, version: VersionId, now: Timestamp) {
        let version = self.versions[&version].clone();
        let row = self.runs.get_mut(&run).unwrap();
        assert!(row.state.is_final(), "run {run}");
        let ids: Vec<String> = row.version.dag.tasks.iter().map(|task| task.id.clone()).collect();
        row.version = version.arranged(&ids.iter().map(String::as_str).collect::<Vec<_>>());
        for (task, id) in row.tasks.iter_mut().zip(&ids) {
            match (version.dag.find(id).is_some(), task.state == TaskState::Removed) {
                (false, false) => (task.state, task.reason) = (TaskState::Removed, Reason::TaskGone),
                (true, true) => {
                    (task.state, task.reason, task.since) = (TaskState::Waiting, Reason::Upstream, now);
                    (task.failures, task.lost, task.attempts_before) = (0, 0, task.attempt);
                }
                _ => {}
            }
        }
        let dag = row.version.dag.clone();
        row.items.retain(|task, _| dag.task(*task).fan.is_some());
        row.tasks.resize_with(dag.tasks.len(), || waiting(now));
    }

    /// What a task of this run waits for in the run before, as the real store would say it.
    pub(crate) fn missing_before(&self, run: RunId, task: Option<&str>) -> Option<Missing> {
        let waiting = &self.runs[&run];
        let same = |row: &&RunRow| row.version.dag.id == waiting.version.dag.id;
        let earlier = |row: &&RunRow| {
            row.logical_date < waiting.logical_date
                && matches!(row.run_type, RunType::Scheduled | RunType::Backfill)
        };
        let date = self.runs.values().filter(same).filter(earlier).map(|row| row.logical_date).max()?;
        let state = |row: &RunRow| match task {
            None => Some(row.state == RunState::Success),
            Some(task) => {
                let at = row.version.dag.find(task)?;
                Some(matches!(row.tasks[at.at()].state, TaskState::Success | TaskState::Skipped))
            }
        };
        let of_date = self.runs.values().filter(same).filter(|row| row.logical_date == date);
        let mut best: Vec<(bool, RunId)> = of_date.map(|row| (state(row).unwrap_or(true), row.id)).collect();
        best.sort_unstable();
        let (is_over, run) = *best.last()?;
        (!is_over).then(|| Missing { what: "the run before".into(), run: Some(run) })
    }

    /// Takes one transition. `find` gives the DAG that a text means, as reading it again would.
    #[expect(clippy::too_many_lines, reason = "one arm for each fact")]
    pub(crate) fn take(&mut self, transition: &Transition, now: Timestamp, find: &dyn Fn(&str) -> Arc<Dag>) {
        match transition {
            Transition::DagLoaded { dag, version, hash, path, schedule, cursor, .. } => {
                let loaded = Arc::new(Version::new(*version, hash.clone(), path.clone(), find(hash)));
                self.versions.insert(*version, loaded.clone());
                let paused = self.dags.get(dag).is_some_and(|row| row.paused);
                let (id, schedule) = (dag.clone(), schedule.clone());
                let row = DagRow { id, version: loaded, schedule, paused, retired: false, cursor: *cursor };
                self.dags.insert(dag.clone(), row);
            }
            Transition::DagRetired { dag } => self.dags.get_mut(dag).unwrap().retired = true,
            Transition::FaultsFound { .. } | Transition::VarSet { .. } | Transition::AccessChanged { .. } => {
            }
            Transition::HoldAdded { .. }
            | Transition::HoldRemoved { .. }
            | Transition::HoldEnded { .. }
            | Transition::TickChanged { .. }
            | Transition::TickRestored { .. }
            | Transition::MovedTicked { .. } => self.take_hold(transition, now),
            Transition::Pruned { runs, versions, .. } => self.prune(runs, versions),
            Transition::Paused { dag: Some(dag), paused, .. } => {
                self.dags.get_mut(dag).unwrap().paused = *paused;
            }
            Transition::Paused { dag: None, paused, .. } => self.paused = *paused,
            Transition::Ticked { dag, instant, run, skipped } => {
                assert_eq!(run.is_some(), skipped.is_none(), "a tick fires or is skipped");
                let before = self.ticks.insert((dag.clone(), *instant), *run);
                assert_eq!(before, None, "{dag} ticked twice at {instant}");
                self.ahead.retain(|(of, at)| of != dag || at > instant);
                self.dags.get_mut(dag).unwrap().cursor = *instant;
            }
            Transition::RunCreated { .. } => self.create_run(transition, now),
            Transition::RunMoved { run, from, to, reason } => self.move_run(*run, *from, *to, reason, now),
            Transition::RunReasoned { run, reason } => {
                self.runs.get_mut(run).unwrap().reason = reason.clone();
            }
            Transition::TaskMoved { instance, from, to, reason } => {
                let task = self.task(*instance);
                assert_eq!(task.state, *from, "{instance:?}");
                assert!(TaskState::legal(*from, *to), "{instance:?}: {from} -> {to}");
                (task.state, task.reason, task.since) = (*to, reason.clone(), now);
            }
            Transition::TaskReasoned { instance, reason } => self.task(*instance).reason = reason.clone(),
            Transition::Expanded { run, tasks, items, .. } => self.expand(*run, tasks, items.len(), now),
            Transition::AttemptCreated { attempt } => {
                let task = self.task(attempt.instance);
                assert_eq!(task.state, TaskState::Queued);
                assert_eq!(task.attempt + 1, attempt.number, "attempt numbers are dense");
                (task.state, task.attempt, task.reason) =
                    (TaskState::Starting, attempt.number, Reason::Active);
                task.child = None;
                task.began_at.get_or_insert(now);
                assert_eq!(self.attempts.insert(*attempt, AttemptState::Starting), None);
            }
            Transition::Late { .. } | Transition::HookDue { .. } | Transition::HookTried { .. } => {
                self.take_hook(transition, now);
            }
            Transition::AttemptStarted { attempt, state, at, .. } => {
                self.attempts.insert(*attempt, *state);
                self.task(attempt.instance).started_at = Some(*at);
                if *state == AttemptState::Running {
                    self.task(attempt.instance).state = TaskState::Running;
                }
            }
            Transition::AttemptStopping { attempt, reason } => {
                self.attempts.insert(*attempt, AttemptState::Stopping);
                let task = self.task(attempt.instance);
                (task.state, task.reason, task.since) = (TaskState::Stopping, reason.clone(), now);
            }
            Transition::AttemptEnded { attempt, state, .. } => {
                assert!(state.is_final());
                let before = self.attempts.insert(*attempt, *state).unwrap();
                assert!(!before.is_final(), "{attempt} ended twice");
                let task = self.task(attempt.instance);
                task.failures += u32::from(*state == AttemptState::Failed);
                task.lost += u32::from(*state == AttemptState::Lost);
            }
            Transition::GroupRetried { .. } => self.retry_group(transition, now),
            Transition::RunCleared { .. } | Transition::TaskMarked { .. } => {
                self.take_change(transition, now);
            }
            Transition::Noted { run, .. } => assert!(self.runs.contains_key(run)),
            Transition::BackfillCreated { .. }
            | Transition::BackfillTook { .. }
            | Transition::BackfillMoved { .. } => self.take_backfill(transition),
        }
    }

    fn take_hook(&mut self, transition: &Transition, now: Timestamp) {
        match transition {
            Transition::Late { run, task, kind, due } => {
                assert!(*due <= now, "told before it was due");
                let late = &mut self.runs.get_mut(run).unwrap().late;
                assert!(!late.contains(&(*task, *kind)), "run {run}: {kind} told twice");
                late.push((*task, *kind));
            }
            Transition::HookDue { hook, run, of, on, retry, .. } => {
                let row = HookRow { id: *hook, run: *run, tries: 0, retry: *retry, retry_at: None };
                let due = MemoryHook { row, state: HookState::Pending, of: *of, on: *on };
                assert!(self.hooks.insert(*hook, due).is_none(), "hook {hook} is due twice");
            }
            Transition::HookTried { hook, number, state, retry_at, .. } => {
                let due = self.hooks.get_mut(hook).unwrap();
                assert_eq!((due.state, due.row.tries + 1), (HookState::Pending, *number));
                (due.state, due.row.tries, due.row.retry_at) = (*state, *number, *retry_at);
            }
            _ => unreachable!("only called with one about deadlines or hooks"),
        }
    }

    /// What people change by hand.
    fn take_change(&mut self, transition: &Transition, now: Timestamp) {
        self.touched.extend(transition.run());
        match transition {
            Transition::RunCleared { run, from, to, reason, version, backfill, tasks, expanded, .. } => {
                if let Some(version) = version {
                    self.renew(*run, *version, now);
                }
                let row = self.runs.get_mut(run).unwrap();
                assert_eq!(row.state, *from, "run {run}");
                row.retried.clear();
                if from.is_final() {
                    assert!(from.reopens() && *to == RunState::Queued, "run {run}");
                    (row.state, row.reason, row.backfill, row.started_at) =
                        (*to, reason.clone(), *backfill, None);
                } else {
                    assert_eq!(from, to, "run {run}");
                }
                self.wait_again(tasks, expanded, now);
            }
            Transition::TaskMarked { instance, from, to, verdict, by, .. } => {
                let task = self.task(*instance);
                assert_eq!(task.state, *from, "{instance:?}");
                assert!(TaskState::marks(*from, *to), "{instance:?}: {from} -> {to}");
                (task.state, task.reason) = (*to, Reason::Marked { by: by.clone() });
                if let Some((from, to, reason)) = verdict {
                    let run = self.runs.get_mut(&instance.run).unwrap();
                    assert_eq!(run.state, *from);
                    assert!(RunState::verdict_moves(*from, *to));
                    (run.state, run.reason) = (*to, reason.clone());
                }
            }
            _ => unreachable!("only called with one of these"),
        }
    }

    fn retry_group(&mut self, transition: &Transition, now: Timestamp) {
        let Transition::GroupRetried { run, group, number, of, nested, tasks, expanded } = transition else {
            unreachable!("only called with one of these")
        };
        let row = self.runs.get_mut(run).unwrap();
        assert_eq!(row.state, RunState::Running, "run {run}");
        let before = row.retried.insert(group.clone(), number - 1);
        assert_eq!(before.unwrap_or(0) + 2, *number, "run {run}: tries of {group} are counted on");
        assert!(number <= of, "run {run}: {group} is tried too often");
        row.retried.retain(|group, _| !nested.contains(group));
        self.again.push((*run, group.clone(), *number));
        self.wait_again(tasks, expanded, now);
    }

    fn wait_again(
        &mut self,
        tasks: &[(InstanceId, TaskState)],
        expanded: &[(InstanceId, TaskState)],
        now: Timestamp,
    ) {
        for (instance, from) in expanded {
            let whole = self.task(*instance);
            assert_eq!(whole.state, *from, "{instance:?}");
            (whole.state, whole.since) = (TaskState::Expanded, now);
        }
        for (instance, from) in tasks {
            let task = self.task(*instance);
            assert_eq!(task.state, *from, "{instance:?}");
            assert!(from.clears(), "{instance:?} was {from}");
            (task.state, task.reason, task.since) = (TaskState::Waiting, Reason::Upstream, now);
            (task.failures, task.lost, task.attempts_before) = (0, 0, task.attempt);
        }
    }

    fn take_backfill(&mut self, transition: &Transition) {
        match transition {
            Transition::BackfillCreated { backfill, dag, max_active, params, force, items, by, .. } => {
                self.last_backfill += 1;
                assert_eq!(backfill.0, self.last_backfill);
                let left = items.iter().filter(|item| !matches!(item.take, Take::Skip(_))).cloned().collect();
                let row = BackfillRow {
                    id: *backfill,
                    dag: dag.clone(),
                    state: BackfillState::Running,
                    max_active: *max_active,
                    params: params.clone(),
                    force: *force,
                    by: by.clone(),
                    left,
                    failed: false,
                };
                self.backfills.insert(*backfill, row);
            }
            Transition::BackfillTook { backfill, instant, run, skipped } => {
                assert_eq!(run.is_some(), skipped.is_none());
                let row = self.backfills.get_mut(backfill).unwrap();
                let at = row.left.iter().position(|item| item.instant == *instant).unwrap();
                let item = row.left.remove(at);
                if let (Take::Run, Some(run)) = (item.take, run) {
                    assert_eq!(self.runs[run].logical_date, *instant);
                    let dag = row.dag.clone();
                    let key = (dag.clone(), *instant);
                    if !self.ticks.contains_key(&key) {
                        self.ticks.insert(key.clone(), Some(*run));
                        if *instant > self.dags[&dag].cursor {
                            self.ahead.insert(key);
                        }
                    }
                }
            }
            Transition::BackfillMoved { backfill, from, to, .. } => {
                let row = self.backfills.get_mut(backfill).unwrap();
                assert_eq!(row.state, *from);
                assert!(BackfillState::legal(*from, *to), "{from} -> {to}");
                assert!(!to.is_final() || *to == BackfillState::Canceled || row.left.is_empty());
                row.state = *to;
            }
            _ => unreachable!("only called with one of these"),
        }
    }

    /// All that the store knows of the past of a DAG.
    pub(crate) fn past(&self, dag: &DagId) -> Past {
        let mut past = Past::default();
        for run in self.runs.values().filter(|run| run.version.dag.id == *dag) {
            past.runs.insert(run.logical_date, (run.id, run.state));
        }
        past
    }

    /// A run that is over.
    pub(crate) fn over(&self, run: RunId) -> Option<Box<RunRow>> {
        self.runs.get(&run).filter(|run| run.state.is_final()).cloned().map(Box::new)
    }

    /// Backfills and whether each is over.
    pub(crate) fn backfills(&self) -> impl Iterator<Item = (BackfillId, BackfillState)> {
        self.backfills.values().map(|row| (row.id, row.state))
    }

    /// What a scheduler that starts now would load.
    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot {
            slots: self.slots,
            pools: self.pools.clone(),
            paused: self.paused,
            next_run: self.runs.keys().last().map_or(0, |run| run.0).max(self.last_pruned) + 1,
            next_version: self.versions.keys().last().map_or(1, |version| version.0 + 1),
            holds: self.holds.values().cloned().collect(),
            next_hold: self.next_hold.max(1),
            changed_ticks: self.changed_ticks(),
            access: AccessBook::default(),
            cursors: self.dags.values().map(|row| (row.id.clone(), row.cursor)).collect(),
            dags: self.dags.values().cloned().collect(),
            runs: self.runs.values().filter(|run| !run.state.is_final()).cloned().collect(),
            next_hook: self.hooks.keys().last().map_or(1, |hook| hook.0 + 1),
            hooks: self.pending_hooks().map(|due| due.row).collect(),
            next_backfill: self.last_backfill + 1,
            backfills: self.backfills.values().filter(|it| !it.state.is_final()).cloned().collect(),
            ahead: self.ahead.clone(),
        }
    }

    /// What people lay over the schedules.
    fn take_hold(&mut self, transition: &Transition, now: Timestamp) {
        match transition {
            Transition::HoldAdded { hold, dags, from, to, resume, why, .. } => {
                let (dags, why) = (dags.clone(), why.clone());
                let new = Hold { id: *hold, dags, from: *from, to: *to, resume: *resume, why };
                assert_eq!(self.holds.insert(*hold, new), None, "hold {hold} exists");
                self.next_hold = hold.0 + 1;
            }
            Transition::HoldRemoved { hold, .. } => {
                let hold = self.holds.get_mut(hold).unwrap();
                hold.to = hold.from.max(hold.to.min(now));
            }
            Transition::HoldEnded { hold } => {
                let hold = self.holds.remove(hold).expect("a hold ends once");
                assert!(hold.to <= now || hold.to == hold.from, "it ended early");
            }
            Transition::TickChanged { dag, instant, change, why, by } => {
                let (why, by) = (why.clone(), by.clone());
                let changed = ChangedTick {
                    dag: dag.clone(),
                    instant: *instant,
                    change: *change,
                    why,
                    by,
                    done: false,
                };
                self.changes.insert((dag.clone(), *instant), changed);
            }
            Transition::TickRestored { dag, instant, .. } => {
                self.changes.remove(&(dag.clone(), *instant)).expect("a changed tick is restored");
            }
            Transition::MovedTicked { dag, instant, run, skipped } => {
                assert_eq!(run.is_some(), skipped.is_none(), "a tick fires or is skipped");
                let before = self.ticks.insert((dag.clone(), *instant), *run);
                assert_eq!(before, None, "{dag} ticked twice at {instant}");
            }
            other => unreachable!("only called with these: {other:?}"),
        }
    }

    /// Changes of ticks that matter still: those without a tick, and those whose instant is to come.
    fn changed_ticks(&self) -> Vec<ChangedTick> {
        let coming = |changed: &ChangedTick| {
            self.dags.get(&changed.dag).is_some_and(|row| changed.instant > row.cursor)
        };
        let ticked = |changed: &ChangedTick| self.ticks.contains_key(&(changed.dag.clone(), changed.instant));
        let moved = |changed: &ChangedTick| matches!(changed.change, TickChange::Move(_));
        let all = self.changes.values().filter(|it| coming(it) || (moved(it) && !ticked(it)));
        all.map(|it| ChangedTick { done: ticked(it), ..it.clone() }).collect()
    }

    fn prune(&mut self, runs: &[RunId], versions: &[VersionId]) {
        for run in runs {
            let row = self.runs.remove(run).expect("a run is pruned once");
            assert!(row.state.is_final(), "run {run} was pruned alive");
            self.last_pruned = self.last_pruned.max(run.0);
        }
        for version in versions {
            assert!(self.dags.values().all(|row| row.version.id != *version), "{version} is in force");
            assert!(self.runs.values().all(|row| row.version.id != *version), "{version} is in use");
            self.versions.remove(version);
        }
    }

    /// Runs that are over, and versions that nothing refers to: what may be pruned.
    pub(crate) fn prunable(&self) -> (Vec<RunId>, Vec<VersionId>) {
        let runs = self.runs.values().filter(|row| row.state.is_final()).map(|row| row.id);
        let used = |id: VersionId| {
            let by_dag = self.dags.values().any(|row| row.version.id == id);
            by_dag || self.runs.values().any(|row| row.version.id == id)
        };
        (runs.collect(), self.versions.keys().copied().filter(|id| !used(*id)).collect())
    }

    /// Hooks whose delivery is not over.
    pub(crate) fn pending_hooks(&self) -> impl Iterator<Item = &MemoryHook> {
        self.hooks.values().filter(|due| due.state == HookState::Pending)
    }

    pub(crate) fn task(&mut self, instance: InstanceId) -> &mut TaskRow {
        let row = self.runs.get_mut(&instance.run).unwrap();
        match instance.item.checked_sub(1) {
            None => &mut row.tasks[instance.task.at()],
            Some(at) => &mut row.items.get_mut(&instance.task).unwrap()[at as usize],
        }
    }

    fn expand(&mut self, run: RunId, tasks: &[TaskIndex], items: usize, now: Timestamp) {
        assert!(items > 0, "a fan without items is skipped");
        let row = self.runs.get_mut(&run).unwrap();
        for task in tasks {
            let whole = &mut row.tasks[task.at()];
            assert_eq!(whole.state, TaskState::Waiting);
            (whole.state, whole.since) = (TaskState::Expanded, now);
            let before = row.items.remove(task).unwrap_or_default();
            let missing = items.saturating_sub(before.len());
            let again = before.into_iter().enumerate().map(|(at, old)| TaskRow {
                state: if at < items { TaskState::Waiting } else { TaskState::Removed },
                attempt: old.attempt,
                attempts_before: old.attempt,
                began_at: old.began_at,
                ..waiting(now)
            });
            let rows = again.chain((0..missing).map(|_| waiting(now))).collect();
            row.items.insert(*task, rows);
        }
    }

    fn create_run(&mut self, transition: &Transition, now: Timestamp) {
        let Transition::RunCreated {
            run,
            version,
            run_type,
            logical_date,
            interval_start,
            interval_end,
            params,
            reason,
            backfill,
            parent,
            ..
        } = transition
        else {
            unreachable!("only called with one")
        };
        let version = self.versions[version].clone();
        let row = RunRow {
            id: *run,
            tasks: vec![waiting(now); version.dag.tasks.len()],
            items: BTreeMap::new(),
            version,
            run_type: *run_type,
            logical_date: *logical_date,
            interval: (*interval_start, *interval_end),
            params: params.clone(),
            state: RunState::Queued,
            reason: reason.clone(),
            started_at: None,
            created_at: now,
            late: vec![],
            retried: BTreeMap::new(),
            backfill: *backfill,
            parent: *parent,
        };
        if let Some(parent) = parent {
            let caller = self.task(parent.attempt.instance);
            assert_eq!((caller.attempt, caller.child), (parent.attempt.number, None), "one run a call");
            caller.child = Some(*run);
        }
        assert_eq!(self.runs.insert(*run, row), None, "run {run} exists");
    }

    fn move_run(&mut self, run: RunId, from: RunState, to: RunState, reason: &Reason, now: Timestamp) {
        let row = self.runs.get_mut(&run).unwrap();
        assert_eq!(row.state, from, "run {run}");
        assert!(RunState::legal(from, to), "run {run}: {from} -> {to}");
        assert!(
            !to.is_final()
                || row.tasks.iter().chain(row.items.values().flatten()).all(|task| task.state.is_final()),
            "run {run} closed early"
        );
        (row.state, row.reason) = (to, reason.clone());
        if to == RunState::Running {
            row.started_at = Some(now);
        }
    }
}

fn waiting(now: Timestamp) -> TaskRow {
    TaskRow {
        state: TaskState::Waiting,
        reason: Reason::Upstream,
        attempt: 0,
        attempts_before: 0,
        failures: 0,
        lost: 0,
        started_at: None,
        since: now,
        began_at: None,
        child: None,
    }
}
