//! What runs again, or runs alone, finds its setups made, and they are cleaned up after it.

use nightrun_core::dag::spec::{Dag, Task, Teardown, TriggerRule};
use nightrun_core::decide::{
    Answer, Choice, ClearRequest, Effect, Event, Outcome, Outputs, Part, RunRequest, State, TaskState,
    Transition, Used, Values, step,
};
use nightrun_core::id::{AttemptId, RunId};
use nightrun_core::time::Timestamp;

use crate::build;

const NOW: Timestamp = Timestamp::from_nanos(1_795_000_000_000_000_000);

/// A DAG from words: `create+` is a setup, `remove-` a teardown, `work` neither; edges by name.
fn dag(tasks: &str, edges: &str) -> Dag {
    let names: Vec<&str> = tasks.split(' ').map(|it| it.trim_end_matches(['+', '-'])).collect();
    let place = |name: &str| names.iter().position(|it| *it == name).unwrap();
    let edges: Vec<_> = edges
        .split(' ')
        .map(|edge| edge.split_once('>').unwrap())
        .map(|(above, below)| (place(above), place(below)))
        .collect();
    let task = |word: &str| Task {
        setup: word.ends_with('+'),
        teardown: word.ends_with('-').then_some(Teardown { fails_run: false }),
        trigger_rule: if word.ends_with('-') {
            TriggerRule::AllDoneSetupSuccess
        } else {
            TriggerRule::AllSuccess
        },
        ..build::task(word.trim_end_matches(['+', '-']))
    };
    build::dag("it", tasks.split(' ').map(task).collect(), &edges)
}

/// Run 1 of a DAG, and its attempts that are at work.
struct Played {
    state: State,
    alive: Vec<AttemptId>,
}

impl Played {
    fn new(dag: Dag, part: Part) -> Self {
        let mut state = State::new(9, &std::collections::BTreeMap::new());
        let read = vec![build::text(dag, 1)];
        let _ = step(&mut state, Event::DagsRead { read, gone: vec![], faults: vec![] }, NOW);
        let request = RunRequest {
            dag: "it".into(),
            params: Values::new(),
            logical_date: None,
            part,
            force: false,
            by: "ana".into(),
        };
        let mut played = Self { state, alive: vec![] };
        played.decide(Event::RunRequested(request));
        played
    }

    fn decide(&mut self, event: Event) -> Option<Answer> {
        let step = step(&mut self.state, event, NOW);
        assert_eq!(self.state.check(NOW), Vec::<String>::new());
        for effect in step.effects {
            if let Effect::Launch(attempt) = effect {
                self.alive.push(attempt);
            }
        }
        step.answer
    }

    fn name(&self, attempt: AttemptId) -> String {
        self.state.run(RunId(1)).unwrap().version.dag.task(attempt.instance.task).id.clone()
    }

    /// Ends what is at work until only these are.
    fn play_until_only(mut self, waits: &[&str], failing: &[&str]) -> Self {
        while let Some(at) = self.alive.iter().position(|it| !waits.contains(&&*self.name(*it))) {
            let attempt = self.alive.remove(at);
            let outcome = if failing.contains(&&*self.name(attempt)) {
                Outcome::Exited(1)
            } else {
                Outcome::Succeeded { outputs: Outputs::new(), choice: Choice::Free }
            };
            self.decide(Event::AttemptFinished { attempt, at: NOW, outcome, used: Used::default() });
        }
        self
    }

    /// What a rerun would take along: `task: why`, in one line.
    fn dry_run(&mut self, request: ClearRequest) -> String {
        let request = ClearRequest { dry_run: true, ..request };
        match self.decide(Event::ClearRequested { run: RunId(1), request, row: None }) {
            Some(Answer::Cleared(plan)) => plan
                .tasks
                .iter()
                .map(|change| format!("{}: {}", change.task, change.why))
                .collect::<Vec<_>>()
                .join(", "),
            other => format!("{other:?}"),
        }
    }
}

fn task(name: &str) -> ClearRequest {
    ClearRequest { tasks: vec![name.into()], ..ClearRequest::default() }
}

/// One that keeps the run from its end, apart from everything else.
const ASIDE: &str = "aside";

#[test]
fn a_rerun_takes_the_setups_along_that_its_tasks_need() {
    let one = ("create+ work remove- after aside", "create>work work>remove create>remove work>after");
    let bare = ("create+ work after aside", "create>work work>after");
    let nested = (
        "cluster+ table+ work drop- shut- aside",
        "cluster>table table>work work>drop table>drop drop>shut cluster>shut work>shut",
    );
    let two = (
        "a+ b+ work other undo_a- undo_b- aside",
        "a>work b>work a>other work>undo_a other>undo_a a>undo_a b>undo_b work>undo_b",
    );
    let table = [
        (one, task("work"), "create: setup of `work`, work: chosen, remove: teardown of `create`"),
        (one, task("after"), "after: chosen"),
        (one, task("remove"), "remove: chosen"),
        (one, task("create"), "create: chosen, remove: teardown of `create`"),
        (
            one,
            ClearRequest { only: true, ..task("work") },
            "create: setup of `work`, work: chosen, remove: teardown of `create`",
        ),
        (one, ClearRequest { without_setups: true, ..task("work") }, "work: chosen"),
        (
            one,
            ClearRequest { upstream: true, ..task("work") },
            "create: upstream of what was chosen, work: chosen, remove: teardown of `create`",
        ),
        (
            one,
            ClearRequest { downstream: true, ..task("work") },
            "create: setup of `work`, work: chosen, remove: downstream of what was chosen, after: downstream of what was chosen",
        ),
        (bare, task("after"), "create: setup of `after`, after: chosen"),
        (
            nested,
            task("work"),
            "cluster: setup of `work`, table: setup of `work`, work: chosen, drop: teardown of `table`, shut: teardown of `cluster`",
        ),
        (
            nested,
            task("table"),
            "cluster: setup of `table`, table: chosen, drop: teardown of `table`, shut: teardown of `cluster`",
        ),
        (two, task("other"), "a: setup of `other`, other: chosen, undo_a: teardown of `a`"),
        (
            two,
            task("work"),
            "a: setup of `work`, b: setup of `work`, work: chosen, undo_a: teardown of `a`, undo_b: teardown of `b`",
        ),
    ];
    for ((tasks, edges), request, expected) in table {
        let mut played = Played::new(dag(tasks, edges), Part::default()).play_until_only(&[ASIDE], &[]);
        assert_eq!(played.dry_run(request.clone()), expected, "{tasks} {edges} {request:?}");
    }
}

#[test]
fn what_a_failed_task_blocked_finds_its_setups_too() {
    let dag = dag("first create+ work remove- aside", "first>work create>work work>remove create>remove");
    let mut played = Played::new(dag, Part::default()).play_until_only(&[ASIDE], &["first"]);
    let expected =
        "first: failed, create: setup of `work`, work: blocked by `first`, remove: teardown of `create`";
    assert_eq!(played.dry_run(ClearRequest::default()), expected);
}

#[test]
fn a_setup_that_still_stands_does_not_run_again() {
    let it =
        || dag("create+ work slow remove-", "create>work create>slow work>remove slow>remove create>remove");
    let mut played = Played::new(it(), Part::default()).play_until_only(&["slow"], &["work"]);
    assert_eq!(played.dry_run(ClearRequest::default()), "work: failed");
}

#[test]
fn a_setup_that_was_left_out_stays_out() {
    let it = dag("create+ work remove- aside", "create>work work>remove create>remove");
    let part = Part { skip: vec!["create".into()], ..Part::default() };
    let mut played = Played::new(it, part).play_until_only(&[ASIDE], &[]);
    assert_eq!(played.dry_run(task("work")), "work: chosen");
}

#[test]
fn a_part_of_a_dag_has_its_setups_unless_they_are_left_out() {
    let it = || {
        dag(
            "first create+ work remove- after",
            "first>create create>work work>remove create>remove work>after",
        )
    };
    let part = |only: &[&str], from: &[&str], skip: &[&str]| {
        let all = |names: &[&str]| names.iter().map(|it| (*it).to_owned()).collect();
        Part { only: all(only), from: all(from), skip: all(skip) }
    };
    let table = [
        (part(&["work"], &[], &[]), "create work remove"),
        (part(&["after"], &[], &[]), "after"),
        (part(&["create"], &[], &[]), "create remove"),
        (part(&["remove"], &[], &[]), "remove"),
        (part(&[], &["work"], &[]), "create work remove after"),
        (part(&["work"], &[], &["create"]), "work"),
        (part(&["work"], &[], &["remove"]), "create work"),
        (part(&[], &[], &["create"]), "first work remove after"),
    ];
    for (part, expected) in table {
        let mut state = State::new(9, &std::collections::BTreeMap::new());
        let read = vec![build::text(it(), 1)];
        let _ = step(&mut state, Event::DagsRead { read, gone: vec![], faults: vec![] }, NOW);
        let request = RunRequest {
            dag: "it".into(),
            params: Values::new(),
            logical_date: None,
            part: part.clone(),
            force: false,
            by: "ana".into(),
        };
        let left: Vec<_> = step(&mut state, Event::RunRequested(request), NOW)
            .transitions
            .into_iter()
            .filter_map(|it| match it {
                Transition::TaskMoved { instance, to: TaskState::Skipped, .. } => Some(instance.task),
                _ => None,
            })
            .collect();
        let dag = it();
        let runs: Vec<_> =
            dag.places().filter(|at| !left.contains(at)).map(|at| dag.task(at).id.clone()).collect();
        assert_eq!(runs.join(" "), expected, "{part:?}");
    }
}
