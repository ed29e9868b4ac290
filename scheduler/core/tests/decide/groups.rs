//! Groups that run again as a whole: random ones for the nights, and tables of small ones.

use std::collections::BTreeMap;
use std::time::Duration;

use nightrun_core::dag::spec::{Dag, Group, Task, TriggerRule};
use nightrun_core::decide::{
    Choice, ClearRequest, Effect, Event, MarkRequest, Outcome, Outputs, Part, Reason, RunRequest, RunState,
    State, TaskState, Used, Values, step,
};
use nightrun_core::id::{AttemptId, RunId, TaskIndex};
use nightrun_core::time::Timestamp;

use crate::build;
use crate::memory::Memory;
use crate::rng::Rng;

/// Perhaps a group of some tasks, and perhaps another inside of it. What is done for each item is in none.
pub(crate) fn random(rng: &mut Rng, dag: &Dag) -> Vec<Group> {
    let mut groups = Vec::new();
    let mut inside: Vec<TaskIndex> = dag.places().filter(|at| dag.task(*at).fan.is_none()).collect();
    for id in ["outer", "inner"] {
        inside.retain(|_| rng.chance(60));
        if inside.is_empty() || !rng.chance(70) {
            break;
        }
        groups.push(Group {
            id: id.into(),
            label: None,
            parent: (id == "inner").then(|| "outer".into()),
            retries: u32::try_from(rng.below(3)).unwrap(),
            retry_delay: Duration::from_secs(if rng.chance(40) { 0 } else { rng.below(60) }),
            tasks: inside.clone(),
        });
    }
    groups
}

/// A run that nobody touched and that failed by its tasks has used up all tries of the groups around them.
pub(crate) fn assert_used_up(seed: u64, memory: &Memory) {
    for (id, run) in memory.runs.iter().filter(|(id, _)| !memory.touched.contains(id)) {
        let dag = &run.version.dag;
        let by_tasks = matches!(run.reason, Reason::TasksFailed { .. });
        for (at, task) in dag.places().zip(&dag.tasks).filter(|_| by_tasks) {
            let counts = !task.allow_failure && task.teardown.is_none_or(|teardown| teardown.fails_run);
            if run.tasks[at.at()].state != TaskState::Failed || !counts {
                continue;
            }
            for group in dag.groups.iter().filter(|group| group.tasks.contains(&at)) {
                let retried = run.retried.get(&group.id).copied().unwrap_or(0);
                assert_eq!(retried, group.retries, "seed {seed}: group {} of run {id}", group.id);
            }
        }
    }
}

const DUSK: Timestamp = Timestamp::from_nanos(1_795_000_000_000_000_000);

/// Run 1 of a DAG, its store, and its attempts that are at work.
struct Played {
    state: State,
    memory: Memory,
    dag: Dag,
    now: Timestamp,
    alive: Vec<AttemptId>,
    /// What began, in order: `load2` is the second attempt of `load`.
    began: Vec<String>,
}

/// `first`, then group `g` of `a` and `b` in a row, then `last`; and `aside` after `a`, outside of the group.
fn plain() -> Dag {
    let tasks = ["first", "a", "b", "last", "aside"].map(build::task).into();
    let mut dag = build::dag("it", tasks, &[(0, 1), (1, 2), (2, 3), (1, 4)]);
    dag.groups = vec![group("g", &[1, 2], 2, 60)];
    dag
}

fn group(id: &str, tasks: &[u32], retries: u32, delay: u64) -> Group {
    Group {
        id: id.into(),
        label: None,
        parent: None,
        retries,
        retry_delay: Duration::from_secs(delay),
        tasks: tasks.iter().copied().map(TaskIndex).collect(),
    }
}

impl Played {
    fn new(dag: Dag) -> Self {
        let mut played = Self {
            state: State::new(9, &BTreeMap::new()),
            memory: Memory::new(9, BTreeMap::new()),
            dag: dag.clone(),
            now: DUSK,
            alive: vec![],
            began: vec![],
        };
        played.decide(Event::DagsRead { read: vec![build::text(dag, 1)], gone: vec![], faults: vec![] });
        played.decide(Event::RunRequested(RunRequest {
            dag: "it".into(),
            params: Values::new(),
            logical_date: None,
            part: Part::default(),
            force: false,
            by: "ana".into(),
        }));
        played
    }

    fn decide(&mut self, event: Event) {
        let step = step(&mut self.state, event, self.now);
        assert_eq!(self.state.check(self.now), Vec::<String>::new());
        let dag = std::sync::Arc::new(self.dag.clone());
        step.transitions.iter().for_each(|fact| self.memory.take(fact, self.now, &|_| dag.clone()));
        for effect in step.effects {
            if let Effect::Launch(attempt) = effect {
                self.began.push(format!("{}{}", self.dag.task(attempt.instance.task).id, attempt.number));
                self.alive.push(attempt);
            }
        }
    }

    /// Ends the attempt of this name.
    fn ends(&mut self, name: &str, well: bool) {
        let of = |it: &AttemptId| format!("{}{}", self.dag.task(it.instance.task).id, it.number);
        let at = self.alive.iter().position(|it| of(it) == name);
        let attempt = self.alive.remove(at.unwrap_or_else(|| panic!("{name} is at work: {:?}", self.began)));
        let good = Outcome::Succeeded { outputs: Outputs::new(), choice: Choice::Free };
        let outcome = if well { good } else { Outcome::Exited(1) };
        self.decide(Event::AttemptFinished { attempt, at: self.now, outcome, used: Used::default() });
    }

    fn succeed(&mut self, names: &[&str]) {
        for name in names {
            self.ends(name, true);
        }
    }

    fn wait(&mut self, seconds: u64) {
        self.now = self.now.plus(Duration::from_secs(seconds));
        self.decide(Event::TimePassed);
    }

    /// The scheduler dies, and starts again with what the store holds.
    fn crash(&mut self) {
        self.alive.clear();
        self.state = State::restore(self.memory.snapshot(), true, self.now);
        self.decide(Event::Started);
    }

    /// Where each task is, as the store has it.
    fn states(&self) -> String {
        let tasks = &self.memory.runs[&RunId(1)].tasks;
        tasks.iter().map(|task| task.state.to_string()).collect::<Vec<_>>().join(" ")
    }

    fn why(&self, task: usize) -> String {
        self.memory.runs[&RunId(1)].tasks[task].reason.to_string()
    }

    fn verdict(&self) -> RunState {
        self.memory.runs[&RunId(1)].state
    }
}

#[test]
fn a_group_runs_again_as_a_whole_when_it_is_quiet_and_its_delay_is_over() {
    let mut it = Played::new(plain());
    it.succeed(&["first1", "a1"]);
    it.ends("b1", false);
    assert_eq!(it.states(), "success success up_for_retry waiting starting", "`aside` has begun on `a`");
    assert_eq!(it.why(2), "waits for group `g` to run again (try 2 of 3), after: exit code 1");
    it.succeed(&["aside1"]);
    assert_eq!(it.states(), "success waiting waiting waiting success");
    let why =
        "waits for group `g` to run again at 2026-11-18T11:07:40Z (try 2 of 3), after: `b`: exit code 1";
    assert_eq!(it.why(1), why);
    it.wait(59);
    assert_eq!(it.states(), "success waiting waiting waiting success");
    it.wait(1);
    assert_eq!(it.states(), "success starting waiting waiting success");
    it.succeed(&["a2", "b2", "last1"]);
    assert_eq!(it.verdict(), RunState::Success);
    assert_eq!(it.began.join(" "), "first1 a1 b1 aside1 a2 b2 last1");
}

#[test]
fn only_the_last_failure_is_final_and_seen_by_what_comes_after() {
    let mut it = Played::new(plain());
    it.succeed(&["first1", "a1", "aside1"]);
    for (a, b) in [("a2", "b1"), ("a3", "b2")] {
        it.ends(b, false);
        it.wait(60);
        it.succeed(&[a]);
    }
    it.ends("b3", false);
    assert_eq!(it.states(), "success success failed upstream_failed success");
    assert_eq!((it.verdict(), it.memory.again.len()), (RunState::Failed, 2));
}

#[test]
fn no_task_of_the_group_begins_while_a_failure_is_held_back() {
    let tasks = ["a", "b", "c", "last"].map(build::task).into();
    let mut dag = build::dag("it", tasks, &[(0, 2), (1, 3), (2, 3)]);
    dag.groups = vec![group("g", &[0, 1, 2], 1, 0)];
    let mut it = Played::new(dag);
    it.ends("b1", false);
    assert_eq!(it.states(), "starting up_for_retry waiting waiting", "`a` goes to its end");
    it.succeed(&["a1"]);
    assert_eq!(it.began.join(" "), "a1 b1 a2 b2", "`c` did not begin");
    it.succeed(&["a2", "b2", "c1", "last1"]);
    assert_eq!(it.verdict(), RunState::Success);
}

#[test]
fn a_crash_at_any_point_changes_nothing_of_it() {
    let mut it = Played::new(plain());
    it.succeed(&["first1", "a1"]);
    it.ends("b1", false);
    it.crash();
    assert_eq!(it.states(), "success waiting waiting waiting waiting", "`aside` was lost, so waits for `a`");
    it.crash();
    it.wait(60);
    it.succeed(&["a2", "aside2"]);
    it.ends("b2", false);
    it.crash();
    it.wait(60);
    it.succeed(&["a3"]);
    it.ends("b3", false);
    assert_eq!(it.verdict(), RunState::Failed, "two retries are two over all crashes");
}

#[test]
fn a_failure_that_does_not_count_makes_nobody_run_again() {
    let spec = plain();
    let mut dag = spec.clone();
    dag.tasks[2] = Task { allow_failure: true, ..build::task("b") };
    let mut it = Played::new(dag);
    it.succeed(&["first1", "a1", "aside1"]);
    it.ends("b1", false);
    it.succeed(&["last1"]);
    assert_eq!((it.verdict(), it.memory.again.len()), (RunState::Success, 0));
    // What runs after all of it does so after the last try alone.
    let mut dag = spec;
    dag.tasks[3] = Task { trigger_rule: TriggerRule::AllDone, ..build::task("last") };
    dag.fail_fast = true;
    let mut it = Played::new(dag);
    it.succeed(&["first1", "a1", "aside1"]);
    it.ends("b1", false);
    assert_eq!(it.states(), "success waiting waiting waiting success", "fail_fast does not see it");
}

#[test]
fn a_group_inside_another_uses_its_own_tries_first_and_has_them_again() {
    let mut dag = plain();
    dag.groups = vec![group("outer", &[0, 1, 2], 1, 0), group("inner", &[1, 2], 1, 0)];
    dag.groups[1].parent = Some("outer".into());
    let mut it = Played::new(dag);
    it.succeed(&["first1", "a1", "aside1"]);
    it.ends("b1", false);
    it.succeed(&["a2"]);
    it.ends("b2", false);
    it.succeed(&["first2", "a3"]);
    it.ends("b3", false);
    it.succeed(&["a4"]);
    it.ends("b4", false);
    let tries: Vec<_> =
        it.memory.again.iter().map(|(_, group, number)| format!("{group} {number}")).collect();
    assert_eq!(tries, ["inner 2", "outer 2", "inner 2"]);
    assert_eq!(it.verdict(), RunState::Failed);
}

#[test]
fn a_cancel_a_mark_and_a_rerun_decide_over_the_group() {
    let failed_once = || {
        let mut it = Played::new(plain());
        it.succeed(&["first1", "a1"]);
        it.ends("b1", false);
        it
    };
    let mut it = failed_once();
    it.decide(Event::CancelRequested { run: RunId(1), by: "ana".into() });
    it.decide(Event::AttemptFinished {
        attempt: it.alive[0],
        at: it.now,
        outcome: Outcome::Signaled(15),
        used: Used::default(),
    });
    assert_eq!(it.states(), "success success canceled canceled canceled");

    let mut it = failed_once();
    let request = MarkRequest {
        task: "b".into(),
        item: None,
        state: TaskState::Success,
        dry_run: false,
        by: "ana".into(),
        why: None,
    };
    it.decide(Event::MarkRequested { run: RunId(1), request, row: None });
    it.succeed(&["last1", "aside1"]);
    assert_eq!((it.verdict(), it.memory.again.len()), (RunState::Success, 0));

    let mut it = failed_once();
    let request = ClearRequest { tasks: vec!["b".into()], by: "ana".into(), ..ClearRequest::default() };
    it.decide(Event::ClearRequested { run: RunId(1), request, row: None });
    it.succeed(&["aside1"]);
    for (a, b) in [("a2", "b2"), ("a3", "b3")] {
        it.ends(b, false);
        it.wait(60);
        it.succeed(&[a]);
    }
    it.ends("b4", false);
    assert_eq!(it.verdict(), RunState::Failed, "the count began anew");
}
