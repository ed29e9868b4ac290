//! Simulated nights: random DAGs, outcomes, requests, late and doubled words, crashes. The same `step` as
//! in production; every invariant after every step.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use nightrun_core::dag::spec::{
    Backoff, Call, Chooser, Dag, Deadline, Fan, FanIndex, Finish, Hook, HookOn, Items, Matching, Overlap,
    Share, Task, Teardown, TriggerRule, Wait, Work,
};
use nightrun_core::decide::{
    BackfillMode, BackfillOrder, BackfillRequest, BackfillState, CallEnd, CallRequest, Choice, ClearRequest,
    Counts, Effect, Event, Force, HoldRequest, HookState, Item, MarkRequest, Missing, Outcome, Outputs, Part,
    Past, Reason, Resume, Ruling, RunRequest, RunState, State, Step, TaskRow, TaskState, TickChange,
    TickRequest, Transition, Used, Values, judge, step,
};
use nightrun_core::id::{AttemptId, BackfillId, DagId, HookId, RunId, TaskIndex};
use nightrun_core::time::Timestamp;
use nightrun_core::timetable::{Cron, Dst, Timetable, Zone};

use crate::build;
use crate::groups;
use crate::memory::{Memory, MemoryHook};
use crate::rng::Rng;

const NIGHTS: u64 = 2_000;
const DUSK: Timestamp = Timestamp::from_nanos(1_795_000_000_000_000_000);

/// The world around one scheduler: its store, its executor, its people, and its bad luck.
struct Night {
    seed: u64,
    rng: Rng,
    now: Timestamp,
    state: State,
    memory: Memory,
    dags: BTreeMap<String, Arc<Dag>>,
    /// Words and answers on their way, by the instant they arrive.
    coming: BTreeMap<(Timestamp, u64), Event>,
    sent: u64,
    /// Attempts whose process is alive; true when it ignores TERM.
    alive: BTreeMap<AttemptId, bool>,
    editions: u32,
    /// Hooks of which a delivery was tried.
    tried: BTreeSet<HookId>,
    /// Faults are over: nothing crashes any more.
    calm: bool,
}

impl Night {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let slots = 1 + u32::try_from(rng.below(6)).unwrap();
        let pools = BTreeMap::from([("small".to_owned(), 2), ("wide".to_owned(), 5)]);
        let memory = Memory::new(slots, pools.clone());
        let mut night = Self {
            seed,
            rng,
            now: DUSK,
            state: State::new(slots, &pools),
            memory,
            dags: BTreeMap::new(),
            coming: BTreeMap::new(),
            sent: 0,
            alive: BTreeMap::new(),
            editions: 0,
            tried: BTreeSet::new(),
            calm: false,
        };
        for name in ["alpha", "beta", "gamma"] {
            night.edit_dag(name);
        }
        night
    }

    fn edit_dag(&mut self, name: &str) {
        self.editions += 1;
        let mut dag = random_dag(&mut self.rng, name);
        dag.timetable = dag.timetable.filter(|_| !self.calm);
        // Runs that call more than one another never come to an end before they are ten deep.
        for task in dag.tasks.iter_mut().filter(|_| self.calm) {
            task.work = build::task("calm").work;
        }
        let text = build::text(dag, self.editions);
        self.dags.insert(text.hash.clone(), text.dag.clone());
        self.decide(Event::DagsRead { read: vec![text], gone: vec![], faults: vec![] });
    }

    /// One turn of the loop: decide, make durable, act; a crash may come between any two.
    fn decide(&mut self, event: Event) {
        let event = self.with_past(event);
        let Step { transitions, effects, .. } = step(&mut self.state, event, self.now);
        let broken = self.state.check(self.now);
        assert!(broken.is_empty(), "seed {}: {broken:#?}", self.seed);
        if self.crashes() {
            return self.crash();
        }
        for transition in &transitions {
            self.memory.take(transition, self.now, &|hash| self.dags[hash].clone());
        }
        self.agree(&transitions);
        if self.crashes() {
            return self.crash();
        }
        let half = self.crashes().then_some(effects.len() / 2);
        for effect in effects.iter().take(half.unwrap_or(effects.len())) {
            self.carry_out(effect);
        }
        if half.is_some() {
            self.crash();
        }
    }

    /// As the loop does: a request about what is over comes with what the store holds of it.
    fn with_past(&self, mut event: Event) -> Event {
        match &mut event {
            Event::ClearRequested { run, row, .. }
            | Event::MarkRequested { run, row, .. }
            | Event::NoteRequested { run, row, .. }
            | Event::RunRecalled { run, row, .. } => *row = self.memory.over(*run),
            Event::BackfillRequested { dag, past, .. } => *past = self.memory.past(dag),
            _ => {}
        }
        event
    }

    fn crashes(&mut self) -> bool {
        !self.calm && self.rng.chance(1)
    }

    /// What the core remembers of the tasks it moved is what the store remembers.
    fn agree(&mut self, transitions: &[Transition]) {
        for run in transitions.iter().filter_map(Transition::run) {
            let row = &self.memory.runs[&run];
            match self.state.run(run) {
                None => assert!(row.state.is_final(), "seed {}: run {run}", self.seed),
                Some(run) => {
                    assert_eq!(run.state, row.state, "seed {}", self.seed);
                    for (at, task) in row.tasks.iter().enumerate() {
                        let at = TaskIndex(u32::try_from(at).unwrap());
                        assert_eq!(run.state_of(at), task.state, "seed {}", self.seed);
                    }
                }
            }
        }
    }

    /// The scheduler dies and starts again: all it knew is gone, its processes are ended, words that were
    /// on their way may still arrive later.
    fn crash(&mut self) {
        self.alive.clear();
        let late = self.rng.chance(30);
        self.coming.retain(|_, event| late && matches!(event, Event::AttemptFinished { .. }));
        self.state = State::restore(self.memory.snapshot(), true, self.now);
        self.decide(Event::Started);
    }

    fn carry_out(&mut self, effect: &Effect) {
        match effect {
            Effect::Launch(attempt) => self.launch(*attempt),
            Effect::Stop { attempt, force } => {
                let stubborn = self.alive.get(attempt).copied().unwrap_or(false);
                if *force == Force::Kill || !stubborn {
                    let number = if *force == Force::Kill { 9 } else { 15 };
                    self.send_end(*attempt, 0, Outcome::Signaled(number));
                }
            }
            Effect::Expand(instance) => {
                let items = match self.rng.below(10) {
                    0 => Err("no such output".to_owned()),
                    1 => Ok(Vec::new()),
                    _ => {
                        let count = 1 + self.rng.below(4);
                        Ok((0..count).map(|at| Item { key: None, value: at.into() }).collect())
                    }
                };
                self.send(1, Event::Expanded { instance: *instance, items });
            }
            Effect::LookFor(instance) => {
                let wait = &self.memory.runs[&instance.run].version.dag.task(instance.task).waits[0];
                let missing = match wait.matching {
                    Matching::Previous => self.memory.missing_before(instance.run, wait.task.as_deref()),
                    _ if self.rng.chance(40) => None,
                    _ => Some(Missing { what: "a run of another DAG".into(), run: None }),
                };
                self.send(1, Event::LookedFor { instance: *instance, missing });
            }
            Effect::Evaluate(instance) => {
                let holds = match self.rng.below(10) {
                    0 => Err("no such output".to_owned()),
                    1..4 => Ok(false),
                    _ => Ok(true),
                };
                self.send(1, Event::WhenEvaluated { instance: *instance, holds });
            }
            Effect::Deliver { hook, number } => {
                self.tried.insert(*hook);
                let error = self.rng.chance(40).then(|| "nobody answers".to_owned());
                let seconds = self.rng.below(40);
                self.send(seconds, Event::HookTried { hook: *hook, number: *number, error });
            }
            Effect::Recall { backfill, run } => {
                self.send(1, Event::RunRecalled { backfill: *backfill, run: *run, row: None });
            }
            Effect::Return { attempt, run } => self.return_from(*attempt, *run),
            Effect::RunEnded(run) => {
                assert!(self.alive.keys().all(|attempt| attempt.instance.run != *run), "seed {}", self.seed);
            }
        }
    }

    fn launch(&mut self, attempt: AttemptId) {
        let others = self.alive.keys().any(|other| other.instance == attempt.instance);
        assert!(!others, "seed {}: two processes of one task instance", self.seed);
        assert!(self.alive.len() < self.memory.slots as usize, "seed {}: too many at once", self.seed);
        self.assert_rule_holds(attempt);
        if self.memory.runs[&attempt.instance.run]
            .version
            .dag
            .task(attempt.instance.task)
            .work
            .as_call()
            .is_some()
        {
            return self.call(attempt);
        }
        let stubborn = self.rng.chance(10);
        self.alive.insert(attempt, stubborn);
        if self.rng.chance(2) {
            return self.send_end(attempt, 0, Outcome::NotStarted("no such program".into()));
        }
        let at = self.now;
        self.send(0, Event::AttemptStarted { attempt, pid: 7, at });
        let seconds = if self.rng.chance(5) { 100_000 } else { self.rng.below(90) };
        let outcome = match self.rng.below(20) {
            0..3 => Outcome::Exited(1),
            3 => Outcome::Exited(75),
            4..6 => Outcome::Exited(99),
            6 => Outcome::Signaled(11),
            7 => Outcome::OutputsRefused("an undeclared output".into()),
            _ => Outcome::Succeeded { outputs: Outputs::new(), choice: self.random_choice(attempt) },
        };
        self.send_end(attempt, seconds, outcome);
    }

    /// An attempt that calls another DAG: its templates are filled in, or cannot be.
    fn call(&mut self, attempt: AttemptId) {
        if self.rng.chance(5) {
            return self.send_end(attempt, 0, Outcome::NotStarted("a template".into()));
        }
        let (pid, at) = (7, self.now);
        let request = CallRequest { params: Values::new(), logical_date: None };
        let word = Event::Called { attempt, pid, at, request };
        if self.rng.chance(5) {
            self.send(1, word.clone());
        }
        self.send(0, word);
    }

    /// The store tells how a called run ended.
    fn return_from(&mut self, attempt: AttemptId, run: RunId) {
        let row = &self.memory.runs[&run];
        let outputs = Ok(Outputs::new());
        let end = CallEnd { run, state: row.state, reason: row.reason.clone(), outputs };
        self.send(0, Event::CallReturned { attempt, at: self.now, end });
    }

    /// The store, not the scheduler, is asked whether the task may run.
    fn assert_rule_holds(&self, attempt: AttemptId) {
        let row = &self.memory.runs[&attempt.instance.run];
        let (dag, task) = (&row.version.dag, attempt.instance.task);
        let mut counts = Counts::default();
        if dag.graph.upstream(task).any(|above| is_marked(&row.tasks[above.at()])) {
            // What was ready stays ready when somebody marks a task above it.
            return;
        }
        for above in dag.graph.upstream(task) {
            counts.expect(dag.task(above));
            let same_item = attempt.instance.item > 0 && dag.share_fan(above, task);
            let items = row.items.get(&above).filter(|_| same_item);
            // One that was expanded at another time may have fewer: then it is seen as a whole.
            let seen = items.and_then(|rows| rows.get(attempt.instance.item as usize - 1));
            let seen = seen.unwrap_or(&row.tasks[above.at()]);
            let left_out = seen.reason == Reason::LeftOut;
            counts.add(if left_out { TaskState::Success } else { seen.state }, dag.task(above));
        }
        assert_eq!(judge(dag.task(task).trigger_rule, counts), Ruling::Run, "seed {}: {attempt}", self.seed);
    }

    fn random_choice(&mut self, attempt: AttemptId) -> Choice {
        let dag = self.memory.runs[&attempt.instance.run].version.dag.clone();
        if dag.task(attempt.instance.task).chooser.is_none() {
            return Choice::Free;
        }
        let below: Vec<TaskIndex> = dag.graph.downstream(attempt.instance.task).collect();
        match self.rng.below(3) {
            0 => Choice::Cut { direct: self.rng.chance(50) },
            _ => Choice::Branch(below.into_iter().filter(|_| self.rng.chance(50)).collect()),
        }
    }

    fn send(&mut self, seconds: u64, event: Event) {
        self.sent += 1;
        self.coming.insert((self.now.plus(Duration::from_secs(seconds)), self.sent), event);
    }

    fn send_end(&mut self, attempt: AttemptId, seconds: u64, outcome: Outcome) {
        let at = self.now.plus(Duration::from_secs(seconds));
        let word = Event::AttemptFinished { attempt, at, outcome, used: Used::default() };
        if self.rng.chance(5) {
            let late = seconds + self.rng.below(200);
            self.send(late, word.clone());
        }
        self.send(seconds, word);
    }

    /// Somebody does something.
    fn meddle(&mut self) {
        let names = ["alpha", "beta", "gamma"];
        let name = (*self.rng.pick(&names)).to_owned();
        let dag = DagId::from(name.as_str());
        let by = "somebody".to_owned();
        match self.rng.below(21) {
            15..21 => self.meddle_with_the_past(dag, by),
            0..6 => {
                let (force, part) = (self.rng.chance(10), self.random_part());
                let request = RunRequest { dag, params: Values::new(), logical_date: None, part, force, by };
                self.decide(Event::RunRequested(request));
            }
            6 => {
                let runs: Vec<RunId> = self.state.runs().map(|run| run.id).collect();
                if !runs.is_empty() {
                    let run = *self.rng.pick(&runs);
                    self.decide(Event::CancelRequested { run, by });
                }
            }
            7 => {
                let paused = self.rng.chance(50);
                let dag = self.rng.chance(80).then_some(dag);
                self.decide(Event::PauseRequested { dag, paused, by, why: None });
            }
            8 => self.edit_dag(&name),
            9 if self.rng.chance(20) => {
                self.decide(Event::DagsRead { read: vec![], gone: vec![dag], faults: vec![] });
            }
            10 if self.rng.chance(30) => self.crash(),
            12 => {
                let from = self.now.plus(Duration::from_secs(self.rng.below(120)));
                let to = from.plus(Duration::from_secs(1 + self.rng.below(900)));
                let resume = *self.rng.pick(&[Resume::All, Resume::Latest, Resume::None]);
                let (dags, why) = (self.rng.chance(70).then(|| vec![dag]), String::new());
                self.decide(Event::HoldRequested(HoldRequest { dags, from, to, resume, why, by }));
            }
            13 => {
                let holds = self.memory.snapshot().holds;
                if !holds.is_empty() {
                    let hold = self.rng.pick(&holds).id;
                    self.decide(Event::HoldRemovalRequested { hold, by });
                }
            }
            14 => {
                let to = self.now.plus(Duration::from_secs(1 + self.rng.below(300)));
                let change = *self.rng.pick(&[Some(TickChange::Skip), Some(TickChange::Move(to)), None]);
                let why = String::new();
                self.decide(Event::TickChangeRequested(TickRequest { dag, instant: None, change, why, by }));
            }
            11 => {
                let (mut runs, versions) = self.memory.prunable();
                runs.retain(|_| self.rng.chance(50));
                // What is not over must not go, whoever asks.
                runs.extend(self.state.runs().map(|run| run.id));
                let versions = if self.rng.chance(50) { versions } else { vec![] };
                self.decide(Event::PruneRequested { runs, versions, by });
            }
            _ => {}
        }
    }

    /// Somebody settles an item of a `foreach`, if there is any.
    fn mark_an_item(&mut self, by: &str) -> bool {
        let all = self.memory.runs.values().flat_map(|row| row.items.iter().map(move |items| (row, items)));
        let items: Vec<(RunId, String, u32)> = all
            .flat_map(|(row, (task, items))| {
                let id = row.version.dag.task(*task).id.clone();
                (0..).zip(items).map(move |(item, _)| (row.id, id.clone(), item))
            })
            .collect();
        if items.is_empty() {
            return false;
        }
        let (run, task, item) = self.rng.pick(&items).clone();
        let state = *self.rng.pick(&[TaskState::Success, TaskState::Failed, TaskState::Skipped]);
        let (item, by) = (Some(item), by.to_owned());
        let request = MarkRequest { task, item, state, dry_run: self.rng.chance(10), by, why: None };
        self.decide(Event::MarkRequested { run, request, row: None });
        true
    }

    /// Somebody changes what has been.
    fn meddle_with_the_past(&mut self, dag: DagId, by: String) {
        let runs: Vec<RunId> = self.memory.runs.keys().copied().collect();
        let why = None;
        if self.rng.chance(25) {
            let from = self.now.minus(Duration::from_secs(self.rng.below(7_200)));
            let request = BackfillRequest {
                from,
                to: from.plus(Duration::from_secs(self.rng.below(3_600))),
                mode: *self.rng.pick(&[BackfillMode::Missing, BackfillMode::Failed, BackfillMode::All]),
                order: *self.rng.pick(&[BackfillOrder::Oldest, BackfillOrder::Newest]),
                max_active: Some(1 + u32::try_from(self.rng.below(3)).unwrap()),
                params: Values::new(),
                force: self.rng.chance(20),
                dry_run: self.rng.chance(10),
                by,
                why,
            };
            return self.decide(Event::BackfillRequested { dag, request, past: Past::default() });
        }
        if self.rng.chance(10) {
            let to =
                *self.rng.pick(&[BackfillState::Paused, BackfillState::Running, BackfillState::Canceled]);
            let backfill = BackfillId(1 + i64::try_from(self.rng.below(4)).unwrap());
            return self.decide(Event::BackfillSteered { backfill, to, by, why });
        }
        if runs.is_empty() {
            return;
        }
        if self.rng.chance(40) && self.mark_an_item(&by) {
            return;
        }
        let run = *self.rng.pick(&runs);
        let names: Vec<String> =
            self.memory.runs[&run].version.dag.tasks.iter().map(|it| it.id.clone()).collect();
        let task = self.rng.pick(&names).clone();
        if self.rng.chance(30) {
            let state = *self.rng.pick(&[TaskState::Success, TaskState::Failed, TaskState::Skipped]);
            let request = MarkRequest { task, item: None, state, dry_run: self.rng.chance(10), by, why };
            return self.decide(Event::MarkRequested { run, request, row: None });
        }
        let request = ClearRequest {
            tasks: if self.rng.chance(50) { vec![task] } else { vec![] },
            item: self.rng.chance(10).then_some(1),
            all: self.rng.chance(20),
            upstream: self.rng.chance(20),
            downstream: self.rng.chance(30),
            only: self.rng.chance(20),
            without_setups: self.rng.chance(20),
            force: self.rng.chance(20),
            latest: self.rng.chance(25),
            dry_run: self.rng.chance(10),
            by,
            ..ClearRequest::default()
        };
        self.decide(Event::ClearRequested { run, request, row: None });
    }

    fn random_part(&mut self) -> Part {
        let mut part = Part::default();
        if self.rng.chance(10) {
            part.from.push("t0".into());
        }
        if self.rng.chance(10) {
            part.skip.push("t1".into());
        }
        part
    }

    /// Lets time pass up to the next thing that happens; false when nothing ever will.
    fn pass(&mut self) -> bool {
        let next =
            self.coming.keys().next().map(|(at, _)| *at).into_iter().chain(self.state.next_deadline()).min();
        let Some(next) = next else { return false };
        self.now = self.now.max(next);
        match self.coming.first_key_value() {
            Some(((at, _), _)) if *at <= self.now => {
                let (_, event) = self.coming.pop_first().unwrap();
                if let Event::AttemptFinished { attempt, .. } = &event {
                    self.alive.remove(attempt);
                }
                self.decide(event);
            }
            _ => self.decide(Event::TimePassed),
        }
        true
    }

    fn play(&mut self) {
        for _ in 0..60 {
            if self.rng.chance(30) {
                self.meddle();
            }
            self.pass();
        }
        self.calm = true;
        for name in ["alpha", "beta", "gamma"] {
            self.edit_dag(name);
            let (dag, by) = (Some(DagId::from(name)), "morning".to_owned());
            self.decide(Event::PauseRequested { dag, paused: false, by, why: None });
        }
        for (backfill, _) in self.memory.backfills().collect::<Vec<_>>() {
            let (to, by) = (BackfillState::Running, "morning".to_owned());
            self.decide(Event::BackfillSteered { backfill, to, by, why: None });
        }
        self.decide(Event::PauseRequested { dag: None, paused: false, by: "morning".into(), why: None });
        for _ in 0..200_000 {
            let backfills_over = self.memory.backfills().all(|(_, state)| state.is_final());
            let over = backfills_over && self.memory.runs.values().all(|run| run.state.is_final());
            if (over && self.memory.pending_hooks().next().is_none()) || !self.pass() {
                break;
            }
        }
        self.dawn();
    }

    /// Everything has come to its end, and the ends are right.
    fn dawn(&self) {
        for (id, run) in &self.memory.runs {
            assert!(run.state.is_final(), "seed {}: run {id} is still {}", self.seed, run.state);
            let failed = run.version.dag.tasks.iter().zip(&run.tasks).any(|(task, row)| {
                matches!(row.state, TaskState::Failed | TaskState::UpstreamFailed)
                    && !task.allow_failure
                    && task.teardown.is_none_or(|teardown| teardown.fails_run)
            });
            if run.state == RunState::Success && !run.tasks.iter().any(is_marked) {
                assert!(!failed, "seed {}: run {id} succeeded with a failed task", self.seed);
            }
            let items = run
                .items
                .iter()
                .flat_map(|(task, rows)| rows.iter().map(|row| (run.version.dag.task(*task), row)));
            for (task, row) in run.version.dag.tasks.iter().zip(&run.tasks).chain(items) {
                assert!(row.failures <= task.retry.retries + 1, "seed {}: too many tries", self.seed);
            }
        }
        for (id, state) in self.memory.backfills() {
            assert!(state.is_final(), "seed {}: backfill {id} is still {state}", self.seed);
        }
        self.assert_hooks();
        groups::assert_used_up(self.seed, &self.memory);
        let fired: Vec<RunId> = self.memory.ticks.values().copied().flatten().collect();
        assert_eq!(fired.len(), fired.iter().collect::<BTreeSet<_>>().len(), "a run belongs to one tick");
    }
}

impl Night {
    /// Each end, retry and lateness has its hooks once, and each of them was tried and came to its end.
    fn assert_hooks(&self) {
        let seed = self.seed;
        for (id, due) in &self.memory.hooks {
            assert!(self.tried.contains(id), "seed {seed}: hook {id} was never tried");
            assert_ne!(due.state, HookState::Pending, "seed {seed}: hook {id}");
            assert!(due.row.tries <= due.row.retry.retries + 1, "seed {seed}: hook {id} was tried too often");
        }
        let count = |run: RunId, of: Option<TaskIndex>, on: HookOn| {
            let same = |due: &&MemoryHook| due.row.run == run && due.of == of && due.on == on;
            self.memory.hooks.values().filter(same).count()
        };
        let wanted = |hooks: &[Hook], on: HookOn| hooks.iter().filter(|hook| hook.on == on).count();
        // What was cleared or marked ends more than once, and so do its hooks.
        let again: BTreeSet<RunId> = self.memory.again.iter().map(|(run, ..)| *run).collect();
        let untouched = self.memory.runs.iter().filter(|(id, _)| !self.memory.touched.contains(id));
        let untouched = untouched.filter(|(id, _)| !again.contains(id));
        for (id, run) in untouched {
            let dag = &run.version.dag;
            let end = match run.state {
                RunState::Success => HookOn::OnSuccess,
                RunState::Failed => HookOn::OnFailure,
                _ => HookOn::OnCancel,
            };
            for on in [HookOn::OnSuccess, HookOn::OnFailure, HookOn::OnCancel, HookOn::OnExit] {
                let times = usize::from(on == end || on == HookOn::OnExit);
                assert_eq!(
                    count(*id, None, on),
                    times * wanted(&dag.hooks, on),
                    "seed {seed}: run {id} {on}"
                );
            }
            let late = |of: Option<TaskIndex>| run.late.iter().filter(|(task, _)| *task == of).count();
            assert_eq!(count(*id, None, HookOn::OnLate), late(None) * wanted(&dag.hooks, HookOn::OnLate));
            for (at, (task, row)) in (0..).map(TaskIndex).zip(dag.tasks.iter().zip(&run.tasks)) {
                let failed = usize::from(row.state == TaskState::Failed);
                let who = format!("seed {seed}: task {at} of run {id}, {}", row.state);
                let hooks = |on| (count(*id, Some(at), on), wanted(&task.hooks, on));
                let (failures, each) = hooks(HookOn::OnFailure);
                assert_eq!(failures, failed * each, "{who}");
                let (retries, each) = hooks(HookOn::OnRetry);
                let items = run.items.get(&at).into_iter().flatten();
                let failed_tries: u32 = row.failures + items.map(|item| item.failures).sum::<u32>();
                assert!(retries <= failed_tries as usize * each, "{who}");
                let (told, each) = hooks(HookOn::OnLate);
                assert_eq!(told, late(Some(at)) * each, "{who}");
            }
        }
    }
}

fn random_hooks(rng: &mut Rng) -> Vec<Hook> {
    let mut hooks = Vec::new();
    for on in HookOn::ALL {
        if rng.chance(60) {
            let retries = u32::try_from(rng.below(3)).unwrap();
            hooks.push(build::hook(on, retries));
        }
    }
    hooks
}

fn random_deadline(rng: &mut Rng) -> Deadline {
    let mut some = |chance, below| rng.chance(chance).then(|| Duration::from_secs(2 + rng.below(below)));
    let (start_within, finish) = (some(60, 60), some(80, 300));
    let warn_before = finish.filter(|_| rng.chance(50)).map(|length| length / 2);
    let finish = finish.map(|it| if rng.chance(50) { Finish::Within(it) } else { Finish::After(it) });
    Deadline { start_within, finish, warn_before }
}

fn is_marked(row: &TaskRow) -> bool {
    matches!(row.reason, Reason::Marked { .. })
}

fn random_dag(rng: &mut Rng, name: &str) -> Dag {
    let count = 1 + usize::try_from(rng.below(9)).unwrap();
    let mut edges = Vec::new();
    let mut tasks = Vec::new();
    for at in 0..count {
        tasks.push(random_task(rng, name, at));
        edges.extend((0..at).filter(|_| rng.chance(35)).map(|above| (above, at)));
    }
    if count > 1 && rng.chance(30) {
        // Tasks change places from version to version.
        let (one, last) = (tasks[0].id.clone(), tasks[count - 1].id.clone());
        (tasks[0].id, tasks[count - 1].id) = (last, one);
    }
    let fans = random_fans(rng, &mut tasks);
    // A task of a shared fan waits for no other DAG: `validate` refuses it.
    for task in fans.iter().filter(|fan| fan.tasks.len() > 1).flat_map(|fan| &fan.tasks) {
        tasks[task.at()].waits.clear();
    }
    let mut dag = build::dag(name, tasks, &edges);
    dag.fans = fans;
    dag.groups = groups::random(rng, &dag);
    dag.max_active_runs = 1 + u32::try_from(rng.below(3)).unwrap();
    dag.overlap = *rng.pick(&[Overlap::Queue, Overlap::Queue, Overlap::Skip, Overlap::Replace]);
    dag.max_active_tasks = rng.chance(30).then(|| 1 + u32::try_from(rng.below(3)).unwrap());
    dag.timeout = rng.chance(20).then(|| Duration::from_secs(60 + rng.below(600)));
    dag.fail_fast = rng.chance(20);
    if rng.chance(50) {
        dag.hooks = random_hooks(rng);
    }
    dag.deadline = rng.chance(40).then(|| random_deadline(rng));
    if rng.chance(40) {
        // Ten minutes: some ticks, some instants for backfills, and nights that still end.
        let cron = Cron::parse("*/10 * * * *", Dst::Cron).unwrap();
        dag.timetable = Some(Timetable::new(cron, Zone::utc()));
    }
    dag
}

/// Some tasks with a `foreach` of their own, and perhaps one that several share.
fn random_fans(rng: &mut Rng, tasks: &mut [Task]) -> Vec<Fan> {
    let mut fans: Vec<Fan> = Vec::new();
    let shared = rng.chance(30);
    for (at, task) in (0..).map(TaskIndex).zip(tasks) {
        let joins = shared && !fans.is_empty() && rng.chance(50);
        if !joins && !rng.chance(20) {
            continue;
        }
        if !joins {
            fans.push(random_fan(rng));
        }
        let place = if joins { 0 } else { fans.len() - 1 };
        fans[place].tasks.push(at);
        task.fan = Some(FanIndex(u32::try_from(place).unwrap()));
    }
    fans
}

fn random_fan(rng: &mut Rng) -> Fan {
    let share = |rng: &mut Rng| match rng.below(2) {
        0 => Share::Count(u32::try_from(rng.below(3)).unwrap()),
        _ => Share::Percent(50.0),
    };
    Fan {
        items: Items::Range(0, 3, 1),
        name: None,
        key: None,
        max_parallel: rng.chance(40).then(|| 1 + u32::try_from(rng.below(2)).unwrap()),
        min_success: rng.chance(20).then(|| share(rng)),
        max_failures: rng.chance(20).then(|| share(rng)),
        lockstep: rng.chance(30),
        tasks: vec![],
    }
}

fn random_task(rng: &mut Rng, dag: &str, at: usize) -> Task {
    let mut task = build::task(&format!("t{at}"));
    if rng.chance(50) {
        task.trigger_rule = *rng.pick(&TriggerRule::ALL);
    }
    task.when = rng.chance(15).then(|| "true".to_owned());
    task.chooser = rng.chance(15).then_some(Chooser::Branch);
    task.allow_failure = rng.chance(10);
    if rng.chance(15) {
        task.waits = vec![Wait {
            dag: DagId::from(*rng.pick(&["alpha", "beta", "elsewhere"])),
            task: None,
            matching: Matching::SameDate,
            timeout: Some(Duration::from_secs(1 + rng.below(300))),
        }];
    }
    if rng.chance(8) {
        // Mostly down the names, so that few nights drown in runs that call each other.
        let below = match dag {
            "alpha" => "beta",
            "beta" => "gamma",
            _ => "elsewhere",
        };
        let any = *rng.pick(&["alpha", "beta", "gamma"]);
        let (dag, wait) = (DagId::from(if rng.chance(25) { any } else { below }), rng.chance(80));
        task.work = Work::Call(Call { dag, params: serde_json::Map::new(), date: None, wait });
    }
    if rng.chance(10) {
        task.waits = vec![Wait {
            dag: DagId::from(dag),
            task: rng.chance(60).then(|| task.id.clone()),
            matching: Matching::Previous,
            timeout: Some(Duration::from_secs(1 + rng.below(3_000))),
        }];
    }
    task.setup = rng.chance(15);
    task.teardown = rng.chance(10).then_some(Teardown { fails_run: rng.chance(50) });
    task.timeout = rng.chance(30).then(|| Duration::from_secs(1 + rng.below(80)));
    task.pool = rng.chance(40).then(|| (*rng.pick(&["small", "wide"])).to_owned());
    task.pool_slots = 1 + u32::try_from(rng.below(2)).unwrap();
    task.priority = i32::try_from(rng.below(3)).unwrap();
    task.retry.retries = u32::try_from(rng.below(4)).unwrap();
    task.retry.backoff = *rng.pick(&[Backoff::Constant, Backoff::Linear, Backoff::Exponential(2.0)]);
    task.retry.jitter = rng.chance(50);
    if rng.chance(10) {
        task.retry.on_exit = vec![75];
    }
    if rng.chance(15) {
        task.hooks = random_hooks(rng);
    }
    task.deadline = rng.chance(30).then(|| random_deadline(rng));
    task
}

#[test]
fn every_night_ends_well() {
    #[expect(clippy::disallowed_methods, reason = "a person chooses the night to replay")]
    let chosen = std::env::var("NIGHTRUN_SEED").ok().and_then(|seed| seed.parse().ok());
    let seeds = chosen.map_or(0..NIGHTS, |seed: u64| seed..seed + 1);
    for seed in seeds {
        Night::new(seed).play();
    }
}
