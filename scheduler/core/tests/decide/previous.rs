//! Waiting for the run before: a date begins its work when the date before has done its own, through
//! failures, reruns, full houses and restarts.

use std::collections::BTreeMap;
use std::sync::Arc;

use nightrun_core::dag::spec::{CatchupPolicy, Dag, Matching, Wait};
use nightrun_core::decide::{
    Answer, BackfillOrder, BackfillRequest, Choice, ClearRequest, DagText, Effect, Event, MarkRequest,
    Outcome, Outputs, Part, Past, RunRequest, RunState, State, Step, TaskState, Transition, Used, Values,
    step,
};
use nightrun_core::id::RunId;
use nightrun_core::time::Timestamp;

use crate::memory::Memory;
use crate::ticks::{MINUTE, START, scheduled};

/// A scheduler whose DAG fires each minute; each try of a run's task ends as the table says.
struct Chain {
    now: Timestamp,
    state: State,
    memory: Memory,
    dag: Arc<Dag>,
    /// Runs whose next try fails.
    failing: Vec<RunId>,
    /// Runs in the order in which their tasks were launched.
    launched: Vec<RunId>,
}

fn waiting_dag(task: Option<&str>, max_active_runs: u32) -> Dag {
    let mut dag = scheduled("* * * * *", CatchupPolicy::All);
    dag.max_active_runs = max_active_runs;
    let (id, task) = (dag.id.clone(), task.map(str::to_owned));
    dag.tasks[0].waits = vec![Wait { dag: id, task, matching: Matching::Previous, timeout: None }];
    dag
}

impl Chain {
    fn new(dag: Dag) -> Self {
        let mut it = Self {
            now: START,
            state: State::new(4, &BTreeMap::new()),
            memory: Memory::new(4, BTreeMap::new()),
            dag: Arc::new(dag),
            failing: vec![],
            launched: vec![],
        };
        it.load();
        it
    }

    fn load(&mut self) {
        let (text, defaults) = ("".into(), [].into());
        let read =
            DagText { dag: self.dag.clone(), path: "it.yaml".into(), text, defaults, hash: "1".into() };
        self.decide(Event::DagsRead { read: vec![read], gone: vec![], faults: vec![] });
    }

    fn decide(&mut self, event: Event) -> Option<Answer> {
        let mut first = None;
        let mut events = std::collections::VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let Step { transitions, effects, answer } = step(&mut self.state, event, self.now);
            assert_eq!(self.state.check(self.now), Vec::<String>::new());
            first = first.or(answer);
            for transition in &transitions {
                self.memory.take(transition, self.now, &|_| self.dag.clone());
            }
            events.extend(effects.iter().filter_map(|effect| self.carry_out(effect)));
        }
        first
    }

    fn carry_out(&mut self, effect: &Effect) -> Option<Event> {
        match effect {
            Effect::Launch(attempt) => {
                let run = attempt.instance.run;
                self.launched.push(run);
                let fails = self.failing.contains(&run);
                self.failing.retain(|it| *it != run);
                let succeeded = Outcome::Succeeded { outputs: Outputs::new(), choice: Choice::Free };
                let outcome = if fails { Outcome::Exited(1) } else { succeeded };
                Some(Event::AttemptFinished {
                    attempt: *attempt,
                    at: self.now,
                    outcome,
                    used: Used::default(),
                })
            }
            Effect::LookFor(instance) => {
                let wait = &self.dag.task(instance.task).waits[0];
                let missing = self.memory.missing_before(instance.run, wait.task.as_deref());
                Some(Event::LookedFor { instance: *instance, missing })
            }
            _ => None,
        }
    }

    fn minutes(&mut self, number: u32) {
        let until = self.now.plus(MINUTE * number);
        while let Some(next) = self.state.next_deadline().filter(|next| *next <= until) {
            self.now = self.now.max(next);
            self.decide(Event::TimePassed);
        }
        self.now = until;
    }

    fn restart(&mut self) {
        self.state = State::restore(self.memory.snapshot(), true, self.now);
        self.decide(Event::Started);
        self.load();
    }

    fn rerun(&mut self, run: i64) {
        let request = ClearRequest { by: "ana".into(), ..ClearRequest::default() };
        let row = self.memory.runs.get(&RunId(run)).cloned().map(Box::new);
        let answer = self.decide(Event::ClearRequested { run: RunId(run), request, row });
        assert!(matches!(answer, Some(Answer::Cleared(_))), "{answer:?}");
    }

    /// The states of all runs, by their numbers.
    fn states(&self) -> String {
        let words: Vec<String> = self.memory.runs.values().map(|run| run.state.to_string()).collect();
        words.join(" ")
    }

    fn order(&self) -> Vec<i64> {
        self.launched.iter().map(|run| run.0).collect()
    }
}

#[test]
fn a_failed_date_holds_up_those_after_it_until_it_is_run_again() {
    for task in [None, Some("only")] {
        let mut it = Chain::new(waiting_dag(task, 3));
        it.failing = vec![RunId(2)];
        it.minutes(5);
        assert_eq!(it.states(), "success failed running running running", "{task:?}");
        it.rerun(2);
        assert_eq!(it.states(), "success success success success success", "{task:?}");
        assert_eq!(it.order(), [1, 2, 2, 3, 4, 5], "{task:?}");
    }
}

#[test]
fn a_date_that_is_run_again_begins_although_those_that_wait_for_it_fill_the_house() {
    for restarts in [false, true] {
        let mut it = Chain::new(waiting_dag(None, 1));
        it.failing = vec![RunId(2)];
        it.minutes(4);
        assert_eq!(it.states(), "success failed running queued");
        if restarts {
            it.restart();
        }
        it.rerun(2);
        assert_eq!(it.states(), "success success success success", "restarts: {restarts}");
    }
}

#[test]
fn marking_what_failed_lets_the_next_date_go() {
    let mut it = Chain::new(waiting_dag(Some("only"), 3));
    it.failing = vec![RunId(1)];
    it.minutes(2);
    assert_eq!(it.states(), "failed running");
    let state = TaskState::Skipped;
    let request =
        MarkRequest { task: "only".into(), item: None, state, dry_run: false, by: "ana".into(), why: None };
    let row = it.memory.runs.get(&RunId(1)).cloned().map(Box::new);
    it.decide(Event::MarkRequested { run: RunId(1), request, row });
    assert_eq!(it.states(), "success success");
}

#[test]
fn a_run_by_hand_waits_for_its_date_and_nothing_waits_for_it() {
    let mut it = Chain::new(waiting_dag(None, 3));
    it.minutes(1);
    it.failing = vec![RunId(2)];
    let request = RunRequest {
        dag: "it".into(),
        params: Values::new(),
        logical_date: None,
        part: Part::default(),
        force: false,
        by: "ana".into(),
    };
    it.decide(Event::RunRequested(request));
    it.minutes(1);
    assert_eq!(it.states(), "success failed success");
}

#[test]
fn one_failed_date_of_many_stops_the_work_there_and_loses_nothing_over_restarts() {
    for bad in 1..8 {
        let mut it = Chain::new(waiting_dag(None, 2));
        it.failing = vec![RunId(bad)];
        for minute in 0..9 {
            it.minutes(1);
            if minute % 2 == bad % 2 {
                it.restart();
            }
        }
        let done = it.memory.runs.values().filter(|run| run.state == RunState::Success).count();
        assert_eq!(i64::try_from(done).unwrap(), bad - 1, "up to run {bad}");
        it.rerun(bad);
        assert!(it.memory.runs.values().all(|run| run.state == RunState::Success), "{}", it.states());
        let mut tries = it.order();
        tries.dedup();
        assert!(tries.is_sorted(), "{tries:?}");
    }
}

#[test]
fn a_backfill_goes_from_the_oldest_date_on() {
    let mut it = Chain::new(waiting_dag(None, 2));
    it.minutes(1);
    let request = |order| BackfillRequest {
        from: START.minus(MINUTE * 5),
        to: START,
        mode: nightrun_core::decide::BackfillMode::Missing,
        order,
        max_active: Some(3),
        params: Values::new(),
        force: false,
        dry_run: false,
        by: "ana".into(),
        why: None,
    };
    let ask =
        |order| Event::BackfillRequested { dag: "it".into(), request: request(order), past: Past::default() };
    let Some(Answer::Refused(refusal)) = it.decide(ask(BackfillOrder::Newest)) else {
        panic!("it is refused")
    };
    assert_eq!(refusal.to_string(), "a run of DAG `it` waits for the one before it: take the oldest first");
    it.failing = vec![RunId(3)];
    it.decide(ask(BackfillOrder::Oldest));
    assert_eq!(it.states(), "success success failed running running running", "three at once wait");
    it.rerun(3);
    assert!(it.memory.runs.values().all(|run| run.state == RunState::Success), "{}", it.states());
    assert_eq!(it.memory.runs.len(), 6);
}

/// A crash may lose what was ordered, never what was decided.
#[test]
fn a_wait_is_looked_at_again_by_the_next_scheduler() {
    let mut it = Chain::new(waiting_dag(None, 3));
    it.failing = vec![RunId(1)];
    it.minutes(2);
    let request = ClearRequest { by: "ana".into(), ..ClearRequest::default() };
    let row = it.memory.runs.get(&RunId(1)).cloned().map(Box::new);
    let step = step(&mut it.state, Event::ClearRequested { run: RunId(1), request, row }, it.now);
    for transition in &step.transitions {
        it.memory.take(transition, it.now, &|_| it.dag.clone());
    }
    assert!(step.transitions.iter().any(|it| matches!(it, Transition::RunCleared { .. })));
    it.restart();
    it.minutes(1);
    assert_eq!(it.states(), "success success success");
}
