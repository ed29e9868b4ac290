//! Tasks that call other DAGs: one run an attempt, tied to it in one step, and nobody waits for himself.

use std::collections::BTreeMap;
use std::time::Duration;

use nightrun_core::dag::spec::{Call, Dag, Task, Work};
use nightrun_core::decide::{
    Answer, CallEnd, CallRequest, Choice, Effect, Event, Outcome, Outputs, Part, Reason, RunRequest,
    RunState, RunType, State, Step, TaskState, Transition, Used, Values, step,
};
use nightrun_core::id::{AttemptId, DagId, InstanceId, RunId, TaskIndex};
use nightrun_core::time::Timestamp;

use crate::build;

const DUSK: Timestamp = Timestamp::from_nanos(1_795_000_000_000_000_000);

fn calls(id: &str, dag: &str) -> Task {
    let call = Call { dag: dag.into(), params: serde_json::Map::new(), date: None, wait: true };
    Task { work: Work::Call(call), ..build::task(id) }
}

/// The only task of a run, and its first try.
fn first_try(run: i64) -> AttemptId {
    AttemptId { instance: InstanceId::whole(RunId(run), TaskIndex(0)), number: 1 }
}

/// A scheduler with one slot.
struct Stage {
    state: State,
    facts: Vec<Transition>,
    effects: Vec<Effect>,
}

impl Stage {
    fn new(dags: Vec<Dag>) -> Self {
        let mut stage =
            Self { state: State::new(1, &BTreeMap::new()), facts: Vec::new(), effects: Vec::new() };
        let read = dags.into_iter().map(|dag| build::text(dag, 1)).collect();
        stage.happens(Event::DagsRead { read, gone: vec![], faults: vec![] });
        stage
    }

    fn happens_at(&mut self, now: Timestamp, event: Event) -> Option<Answer> {
        let Step { transitions, effects, answer } = step(&mut self.state, event, now);
        assert_eq!(self.state.check(now), Vec::<String>::new());
        self.facts.extend(transitions);
        self.effects.extend(effects);
        answer
    }

    fn happens(&mut self, event: Event) -> Option<Answer> {
        self.happens_at(DUSK, event)
    }

    fn asks_for(&mut self, dag: &str) -> RunId {
        let (dag, params) = (DagId::from(dag), Values::new());
        let (part, by) = (Part::default(), "ana".to_owned());
        let request = RunRequest { dag, params, logical_date: None, part, force: false, by };
        match self.happens(Event::RunRequested(request)) {
            Some(Answer::Run(run)) => run,
            other => panic!("{other:?}"),
        }
    }

    fn calls(&mut self, attempt: AttemptId) {
        let request = CallRequest { params: Values::new(), logical_date: None };
        self.happens(Event::Called { attempt, pid: 7, at: DUSK, request });
    }

    fn ends(&mut self, attempt: AttemptId, outcome: Outcome) {
        self.happens(Event::AttemptFinished { attempt, at: DUSK, outcome, used: Used::default() });
    }

    fn returns(&mut self, attempt: AttemptId, run: i64, state: RunState) {
        let end = CallEnd { run: RunId(run), state, reason: Reason::Done, outputs: Ok(Outputs::new()) };
        self.happens(Event::CallReturned { attempt, at: DUSK, end });
    }

    fn state_of(&self, run: i64) -> Option<RunState> {
        self.state.run(RunId(run)).map(|run| run.state)
    }

    /// Where the only task of a run is.
    fn task(&self, run: i64) -> Option<TaskState> {
        self.state.run(RunId(run)).map(|run| run.state_of(TaskIndex(0)))
    }

    /// How runs and tasks ended, in their order.
    fn endings(&self) -> Vec<String> {
        let end = |fact: &Transition| match fact {
            Transition::RunMoved { run, to, .. } if to.is_final() => Some(format!("run {run} {to}")),
            Transition::TaskMoved { instance, to, .. } if to.is_final() => {
                Some(format!("task of {} {to}", instance.run))
            }
            _ => None,
        };
        self.facts.iter().filter_map(end).collect()
    }
}

fn done() -> Outcome {
    Outcome::Succeeded { outputs: Outputs::new(), choice: Choice::Free }
}

fn caller_and_called() -> Stage {
    let caller = build::dag("caller", vec![calls("call", "called")], &[]);
    let called = build::dag("called", vec![build::task("work")], &[]);
    Stage::new(vec![caller, called])
}

#[test]
fn a_call_makes_one_run_gives_its_slot_to_it_and_ends_as_it_does() {
    let mut stage = caller_and_called();
    stage.asks_for("caller");
    stage.calls(first_try(1));
    stage.calls(first_try(1));
    let made = |fact: &&Transition| matches!(fact, Transition::RunCreated { run_type: RunType::Call, .. });
    assert_eq!(stage.facts.iter().filter(made).count(), 1, "a word that comes twice makes no second run");
    assert_eq!((stage.task(1), stage.task(2)), (Some(TaskState::Running), Some(TaskState::Starting)));
    stage.ends(first_try(2), done());
    assert_eq!(stage.effects.last(), Some(&Effect::Return { attempt: first_try(1), run: RunId(2) }));
    stage.returns(first_try(1), 2, RunState::Success);
    assert_eq!(stage.endings(), ["task of 2 success", "run 2 success", "task of 1 success", "run 1 success"]);
}

#[test]
fn what_ends_the_caller_ends_what_it_called_first() {
    let mut stage = caller_and_called();
    stage.asks_for("caller");
    stage.calls(first_try(1));
    stage.happens(Event::CancelRequested { run: RunId(1), by: "ana".into() });
    assert_eq!((stage.state_of(1), stage.state_of(2)), (Some(RunState::Stopping), Some(RunState::Stopping)));
    stage.ends(first_try(2), Outcome::Signaled(15));
    stage.returns(first_try(1), 2, RunState::Canceled);
    assert_eq!(
        stage.endings(),
        ["task of 2 canceled", "run 2 canceled", "task of 1 canceled", "run 1 canceled"]
    );
}

#[test]
fn a_call_that_takes_too_long_ends_its_run_and_fails() {
    let mut call = calls("call", "called");
    call.timeout = Some(Duration::from_mins(1));
    let called = build::dag("called", vec![build::task("work")], &[]);
    let mut stage = Stage::new(vec![build::dag("caller", vec![call], &[]), called]);
    stage.asks_for("caller");
    stage.calls(first_try(1));
    stage.happens_at(DUSK.plus(Duration::from_mins(1)), Event::TimePassed);
    assert_eq!((stage.task(1), stage.state_of(2)), (Some(TaskState::Stopping), Some(RunState::Stopping)));
    stage.ends(first_try(2), Outcome::Signaled(15));
    stage.returns(first_try(1), 2, RunState::Canceled);
    assert_eq!(stage.endings().last().unwrap(), "run 1 failed");
}

#[test]
fn max_active_runs_holds_a_called_run_as_it_holds_others() {
    let mut stage = caller_and_called();
    stage.asks_for("called");
    stage.asks_for("caller");
    stage.ends(first_try(1), done());
    stage.asks_for("called");
    stage.calls(first_try(2));
    assert_eq!((stage.state_of(3), stage.state_of(4)), (Some(RunState::Running), Some(RunState::Queued)));
    stage.ends(first_try(3), done());
    assert_eq!(stage.state_of(4), Some(RunState::Running));
}

#[test]
fn a_run_never_waits_for_a_place_that_it_holds_itself() {
    // Each has room for one run. The last called would wait for the first, which waits for it.
    let ring = |id: &str, next: &str| build::dag(id, vec![calls("call", next)], &[]);
    let mut stage = Stage::new(vec![ring("a", "b"), ring("b", "a")]);
    stage.asks_for("a");
    stage.calls(first_try(1));
    stage.calls(first_try(2));
    assert_eq!(stage.state_of(3), Some(RunState::Running));
    // Two runs that nobody called, each of which calls the other's DAG.
    let mut stage = Stage::new(vec![ring("a", "b"), ring("b", "a")]);
    stage.asks_for("a");
    stage.asks_for("b");
    stage.calls(first_try(1));
    assert_eq!(stage.state_of(3), Some(RunState::Running), "run 2 is about to wait for a run of `a`");
}

#[test]
fn a_pause_holds_a_called_run_up_even_one_that_no_limit_holds() {
    let mut stage = Stage::new(vec![build::dag("a", vec![calls("call", "a")], &[])]);
    stage.asks_for("a");
    let pause = |paused| Event::PauseRequested { dag: Some("a".into()), paused, by: "ana".into(), why: None };
    stage.happens(pause(true));
    stage.calls(first_try(1));
    assert_eq!(stage.state_of(2), Some(RunState::Queued));
    stage.happens(pause(false));
    assert_eq!(stage.state_of(2), Some(RunState::Running));
}

#[test]
fn what_a_call_waits_for_is_never_pruned() {
    let mut stage = caller_and_called();
    stage.asks_for("caller");
    stage.calls(first_try(1));
    stage.ends(first_try(2), done());
    stage.happens(Event::PruneRequested { runs: vec![RunId(2)], versions: vec![], by: "ana".into() });
    assert!(!stage.facts.iter().any(|fact| matches!(fact, Transition::Pruned { .. })));
    stage.returns(first_try(1), 2, RunState::Success);
    stage.happens(Event::PruneRequested { runs: vec![RunId(2)], versions: vec![], by: "ana".into() });
    assert!(stage.facts.iter().any(|fact| matches!(fact, Transition::Pruned { .. })));
}
