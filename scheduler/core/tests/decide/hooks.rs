//! Which hooks become due for which end, once for each root cause; deadlines and their alarms.

use std::collections::BTreeMap;
use std::time::Duration;

use nightrun_core::dag::spec::{Dag, Deadline, Finish, HookOn, Lateness, Task};
use nightrun_core::decide::Part;
use nightrun_core::decide::{
    Answer, Choice, Effect, Event, HookState, Outcome, Outputs, RunRequest, State, Step, Transition, Used,
    Values, step,
};
use nightrun_core::id::{DagId, HookId, RunId};
use nightrun_core::time::Timestamp;

use crate::build;

const DUSK: Timestamp = Timestamp::from_nanos(1_795_000_000_000_000_000);

fn second(n: u64) -> Timestamp {
    DUSK.plus(Duration::from_secs(n))
}

/// A scheduler with one DAG, and all that it said.
struct Stage {
    state: State,
    now: Timestamp,
    facts: Vec<Transition>,
    delivered: Vec<(HookId, u32)>,
}

impl Stage {
    fn new(dag: Dag) -> Self {
        let state = State::new(4, &BTreeMap::new());
        let mut stage = Self { state, now: DUSK, facts: vec![], delivered: vec![] };
        let read = vec![build::text(dag, 1)];
        stage.happens(Event::DagsRead { read, gone: vec![], faults: vec![] });
        stage
    }

    fn happens(&mut self, event: Event) -> (Vec<Effect>, Option<Answer>) {
        let Step { transitions, effects, answer } = step(&mut self.state, event, self.now);
        assert_eq!(self.state.check(self.now), Vec::<String>::new());
        self.facts.extend(transitions);
        for effect in &effects {
            if let Effect::Deliver { hook, number } = effect {
                self.delivered.push((*hook, *number));
            }
        }
        (effects, answer)
    }

    fn passes(&mut self, seconds: u64) {
        self.now = second(seconds);
        self.happens(Event::TimePassed);
    }

    /// Runs the DAG; each attempt ends at once as `outcome` says of its task and number.
    fn plays(&mut self, outcome: impl Fn(&str, u32) -> Outcome) -> RunId {
        let dag = DagId::from("nightly");
        let request = RunRequest {
            dag,
            params: Values::new(),
            logical_date: None,
            force: false,
            part: Part::default(),
            by: "test".into(),
        };
        let (mut effects, answer) = self.happens(Event::RunRequested(request));
        let Some(Answer::Run(run)) = answer else { panic!("no run") };
        loop {
            let mut next = Vec::new();
            for effect in effects {
                if let Effect::Launch(attempt) = effect {
                    let Some(it) = self.state.run(run) else { continue };
                    let task = it.version.dag.task(attempt.instance.task).id.clone();
                    let outcome = outcome(&task, attempt.number);
                    next.extend(
                        self.happens(Event::AttemptFinished {
                            attempt,
                            at: self.now,
                            outcome,
                            used: Used::default(),
                        })
                        .0,
                    );
                }
            }
            if next.is_empty() {
                match self.state.next_deadline() {
                    Some(at) if self.state.run(run).is_some() => {
                        self.now = at;
                        next = self.happens(Event::TimePassed).0;
                    }
                    _ => return run,
                }
            }
            effects = next;
        }
    }

    /// Every hook that became due: the task it is of, and its point.
    fn due(&self) -> Vec<(String, String)> {
        let name = |of: &Option<nightrun_core::id::TaskIndex>| of.map_or("-".into(), |at| at.to_string());
        let due = self.facts.iter().filter_map(|fact| match fact {
            Transition::HookDue { of, on, .. } => Some((name(of), on.to_string())),
            _ => None,
        });
        due.collect()
    }

    fn late(&self) -> Vec<(Option<u32>, Lateness, Timestamp)> {
        let late = self.facts.iter().filter_map(|fact| match fact {
            Transition::Late { task, kind, due, .. } => Some((task.map(|it| it.0), *kind, *due)),
            _ => None,
        });
        late.collect()
    }
}

fn succeeded() -> Outcome {
    Outcome::Succeeded { outputs: Outputs::new(), choice: Choice::Free }
}

fn hooked(id: &str, retries: u32) -> Task {
    let mut task = build::task(id);
    task.hooks = HookOn::ALL.into_iter().map(|on| build::hook(on, 0)).collect();
    task.retry.retries = retries;
    task
}

/// `extract` before `load` before `report`, each and the DAG with a hook at every point.
fn nightly(retries: u32) -> Dag {
    let tasks = ["extract", "load", "report"].map(|id| hooked(id, retries)).to_vec();
    let mut dag = build::dag("nightly", tasks, &[(0, 1), (1, 2)]);
    dag.hooks = HookOn::ALL.into_iter().map(|on| build::hook(on, 0)).collect();
    dag
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(of, on)| ((*of).to_owned(), (*on).to_owned())).collect()
}

#[test]
fn a_success_has_the_hooks_of_each_task_and_of_the_run() {
    let mut stage = Stage::new(nightly(0));
    stage.plays(|_, _| succeeded());
    let ends = ["0", "1", "2", "-"].map(|of| [(of, "on_success"), (of, "on_exit")]).concat();
    assert_eq!(stage.due(), pairs(&ends));
}

#[test]
fn one_failure_alerts_once_and_what_it_blocked_does_not() {
    let mut stage = Stage::new(nightly(0));
    stage.plays(|_, _| Outcome::Exited(1));
    assert_eq!(
        stage.due(),
        pairs(&[("0", "on_failure"), ("0", "on_exit"), ("-", "on_failure"), ("-", "on_exit")])
    );
    let named = stage.facts.iter().find_map(|fact| match fact {
        Transition::HookDue { of: None, cause, .. } => Some(cause.failed.iter().map(|at| at.0).collect()),
        _ => None,
    });
    assert_eq!(named, Some(vec![0]), "the root cause, not what it blocked");
}

#[test]
fn a_failed_try_that_is_followed_by_another_is_a_retry_and_no_failure() {
    let mut stage = Stage::new(nightly(2));
    stage.plays(|task, number| if task == "load" && number < 3 { Outcome::Exited(1) } else { succeeded() });
    let due = stage.due();
    let count = |of: &str, on: &str| due.iter().filter(|(o, p)| o == of && p == on).count();
    assert_eq!((count("1", "on_retry"), count("-", "on_retry")), (2, 2));
    assert_eq!((count("1", "on_failure"), count("-", "on_failure"), count("-", "on_success")), (0, 0, 1));
}

#[test]
fn a_cancel_tells_of_the_run_and_of_what_was_at_work() {
    let mut stage = Stage::new(nightly(0));
    let request = RunRequest {
        dag: DagId::from("nightly"),
        params: Values::new(),
        logical_date: None,
        force: false,
        part: Part::default(),
        by: "test".into(),
    };
    let (effects, answer) = stage.happens(Event::RunRequested(request));
    let Some(Answer::Run(run)) = answer else { panic!("no run") };
    stage.happens(Event::CancelRequested { run, by: "test".into() });
    let Some(Effect::Launch(attempt)) = effects.first() else { panic!("nothing was launched") };
    stage.happens(Event::AttemptFinished {
        attempt: *attempt,
        at: DUSK,
        outcome: Outcome::Signaled(15),
        used: Used::default(),
    });
    assert_eq!(
        stage.due(),
        pairs(&[("0", "on_cancel"), ("0", "on_exit"), ("-", "on_cancel"), ("-", "on_exit")])
    );
}

#[test]
fn a_hook_is_tried_until_it_is_delivered_or_its_tries_are_used_up() {
    for (failures, tries, state) in
        [(0, 1, HookState::Delivered), (2, 3, HookState::Delivered), (9, 4, HookState::Failed)]
    {
        let mut dag = build::dag("nightly", vec![build::task("extract")], &[]);
        dag.hooks = vec![build::hook(HookOn::OnExit, 3)];
        let mut stage = Stage::new(dag);
        stage.plays(|_, _| succeeded());
        let mut waits = Vec::new();
        while let Some((hook, number)) = stage.delivered.pop() {
            let error = (number <= failures).then(|| "nobody answers".to_owned());
            // A word that comes twice, or about another try, changes nothing.
            stage.happens(Event::HookTried { hook, number: number + 1, error: None });
            stage.happens(Event::HookTried { hook, number, error: error.clone() });
            stage.happens(Event::HookTried { hook, number, error });
            if let Some(at) = stage.state.next_deadline() {
                waits.push(at.since(stage.now).as_secs());
                stage.now = at;
                stage.happens(Event::TimePassed);
            }
        }
        let tried: Vec<(u32, HookState)> = stage
            .facts
            .iter()
            .filter_map(|fact| match fact {
                Transition::HookTried { number, state, .. } => Some((*number, *state)),
                _ => None,
            })
            .collect();
        assert_eq!(tried.last(), Some(&(tries, state)));
        assert_eq!(tried.len(), tries as usize);
        assert_eq!(waits, [10, 20, 40][..tries as usize - 1]);
    }
}

#[test]
fn a_run_that_does_not_begin_or_end_in_time_is_told_once() {
    let mut dag = build::dag("nightly", vec![build::task("extract")], &[]);
    dag.deadline = Some(Deadline {
        start_within: Some(Duration::from_secs(10)),
        finish: Some(Finish::After(Duration::from_secs(100))),
        warn_before: Some(Duration::from_secs(30)),
    });
    dag.hooks = vec![build::hook(HookOn::OnLate, 0)];
    let mut stage = Stage::new(dag);
    stage.happens(Event::PauseRequested { dag: None, paused: true, by: "test".into(), why: None });
    let request = RunRequest {
        dag: DagId::from("nightly"),
        params: Values::new(),
        logical_date: None,
        force: false,
        part: Part::default(),
        by: "test".into(),
    };
    stage.happens(Event::RunRequested(request));
    for seconds in [9, 10, 11, 69, 70, 99, 100, 101, 500] {
        stage.passes(seconds);
    }
    assert_eq!(
        stage.late(),
        [
            (None, Lateness::LateStart, second(10)),
            (None, Lateness::Warning, second(70)),
            (None, Lateness::LateFinish, second(100))
        ]
    );
    assert_eq!(stage.due().len(), 3);
}

#[test]
fn a_warning_that_comes_with_its_deadline_is_left_out_and_what_ended_is_never_late() {
    let mut task = build::task("extract");
    task.deadline = Some(Deadline {
        start_within: Some(Duration::from_secs(10)),
        finish: Some(Finish::Within(Duration::from_mins(1))),
        warn_before: Some(Duration::from_secs(30)),
    });
    let mut late = Stage::new(build::dag("nightly", vec![task.clone()], &[]));
    let request = |dag: &str| RunRequest {
        dag: DagId::from(dag),
        params: Values::new(),
        logical_date: None,
        force: false,
        part: Part::default(),
        by: "test".into(),
    };
    late.happens(Event::RunRequested(request("nightly")));
    late.passes(3_600);
    assert_eq!(late.late(), [(Some(0), Lateness::LateFinish, second(60))]);
    let mut early = Stage::new(build::dag("nightly", vec![task], &[]));
    early.plays(|_, _| succeeded());
    early.passes(3_600);
    assert_eq!(early.late(), []);
    assert_eq!(early.state.next_deadline(), None, "nothing stays armed of a run that is over");
}

#[test]
fn deadlines_of_a_tick_count_from_it_and_those_of_a_run_of_the_past_from_its_making() {
    // Fires at each full hour; DUSK is 2026-11-18T11:06:40Z.
    let mut dag = build::dag("nightly", vec![build::task("extract")], &[]);
    let cron =
        nightrun_core::timetable::Cron::parse("0 * * * *", nightrun_core::timetable::Dst::Cron).unwrap();
    dag.timetable = Some(nightrun_core::timetable::Timetable::new(cron, dag.zone.clone()));
    dag.catchup.policy = nightrun_core::dag::spec::CatchupPolicy::All;
    dag.max_active_runs = 9;
    dag.deadline = Some(Deadline {
        start_within: None,
        finish: Some(Finish::After(Duration::from_mins(30))),
        warn_before: None,
    });
    let mut stage = Stage::new(dag);
    // The scheduler was asleep for more than three hours: the newest tick is 14:00, and it is 14:20 now.
    let (now, minute) = (Timestamp::parse("2026-11-18T14:20:00Z").unwrap(), 60);
    stage.passes(now.since(DUSK).as_secs());
    assert_eq!(stage.late(), []);
    stage.passes(now.since(DUSK).as_secs() + 11 * minute);
    assert_eq!(stage.late(), [(None, Lateness::LateFinish, now.plus(Duration::from_mins(10)))]);
    stage.passes(now.since(DUSK).as_secs() + 31 * minute);
    assert_eq!(stage.late()[1..], vec![(None, Lateness::LateFinish, now.plus(Duration::from_mins(30))); 2]);
}
