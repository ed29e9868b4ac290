//! A store with a past: the scheduler's own decisions about runs whose processes are made up.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use nightrun_core::dag::{Known, Source, read};
use nightrun_core::decide::{
    Choice, DagText, Effect, Event, Outcome, Outputs, Part, RunRequest, State, Transition, Used, Values, step,
};
use nightrun_core::id::DagId;
use nightrun_core::time::Timestamp;
use nightrun_core::timetable::Zone;
use nightrun_engine::store::Writer;

/// How much has been.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    pub(crate) dags: usize,
    pub(crate) tasks: usize,
    /// Of each DAG, a day apart; the last is of yesterday.
    pub(crate) runs: usize,
}

impl Size {
    /// How many task instances that makes.
    pub(crate) fn instances(self) -> usize {
        self.dags * self.tasks * self.runs
    }
}

/// Every how-many-th attempt fails.
const FAILS: i64 = 97;

/// A batch is handed to the store once it has so many facts.
const BATCH: usize = 10_000;

const DAY: Duration = Duration::from_hours(24);

/// The text of one DAG: four chains that begin at one task and meet in another.
fn text(tasks: usize) -> String {
    let above = |at: usize| match at {
        0 => String::new(),
        at if at + 1 == tasks => {
            let ends = (at.saturating_sub(4).max(1)..at).map(|end| format!("t{end}"));
            format!(", depends_on: [{}]", ends.collect::<Vec<_>>().join(", "))
        }
        at => format!(", depends_on: [t{}]", at.saturating_sub(4)),
    };
    let task = |at: usize| format!("  - {{id: t{at}, run: 'true', allow_failure: true{}}}\n", above(at));
    let tasks: String = (0..tasks).map(task).collect();
    format!("schedule: '0 3 * * *'\nmax_active_runs: 100\ntasks:\n{tasks}")
}

/// Writes the DAG files and a store in which they have run.
pub(crate) async fn write(dags: &Path, database: &Path, size: Size) {
    std::fs::create_dir_all(dags).expect("a folder");
    let yesterday = (nightrun_engine::clock::system_clock())().minus(DAY);
    let begun = yesterday.minus(DAY * u32::try_from(size.runs).expect("a count"));
    let mut world = World {
        state: State::new(u32::MAX, &BTreeMap::new()),
        writer: Writer::open(database).expect("a store"),
        facts: Vec::new(),
        now: begun,
    };
    let known = Known::new(Zone::utc(), begun);
    let text: Arc<str> = text(size.tasks).into();
    let loaded = |at: usize| {
        let path = format!("dag{at:04}.yaml");
        std::fs::write(dags.join(&path), text.as_bytes()).expect("a file");
        let dag = read(&Source::new(&path, text.as_bytes()), &known).dags.remove(0);
        let (text, defaults) = (text.clone(), [].into());
        DagText { dag: Arc::new(dag), hash: path.clone(), path, text, defaults }
    };
    let loaded: Vec<DagText> = (0..size.dags).map(loaded).collect();
    let names: Vec<DagId> = loaded.iter().map(|text| text.dag.id.clone()).collect();
    // Nothing fires: each run is asked for.
    world.decide(Event::PauseRequested { dag: None, paused: true, by: "past".into(), why: None }).await;
    world.decide(Event::DagsRead { read: loaded, gone: vec![], faults: vec![] }).await;
    for run in 0..size.runs {
        world.now = begun.plus(DAY * u32::try_from(run).expect("a count"));
        for dag in &names {
            world.run(dag).await;
        }
    }
    world.now = yesterday;
    world.decide(Event::PauseRequested { dag: None, paused: false, by: "past".into(), why: None }).await;
    world.flush().await;
    world.writer.close().expect("closed");
}

struct World {
    state: State,
    writer: Writer,
    facts: Vec<Transition>,
    now: Timestamp,
}

impl World {
    async fn run(&mut self, dag: &DagId) {
        let request = RunRequest {
            dag: dag.clone(),
            params: Values::new(),
            logical_date: Some(self.now),
            part: Part::default(),
            force: true,
            by: "past".into(),
        };
        let mut coming = VecDeque::from([Event::RunRequested(request)]);
        while let Some(event) = coming.pop_front() {
            for effect in self.decide(event).await {
                let Effect::Launch(attempt) = effect else { continue };
                self.now = self.now.plus(Duration::from_millis(700));
                let number = attempt.instance.run.0 * 31 + i64::from(attempt.instance.task.0);
                let succeeded = Outcome::Succeeded { outputs: Outputs::new(), choice: Choice::Free };
                let outcome = if number % FAILS == 0 { Outcome::Exited(1) } else { succeeded };
                let at = self.now.plus(Duration::from_millis(400));
                coming.push_back(Event::AttemptStarted { attempt, pid: 1, at: self.now });
                coming.push_back(Event::AttemptFinished { attempt, at, outcome, used: Used::default() });
            }
        }
    }

    async fn decide(&mut self, event: Event) -> Vec<Effect> {
        let decided = step(&mut self.state, event, self.now);
        self.facts.extend(decided.transitions);
        if self.facts.len() >= BATCH {
            self.flush().await;
        }
        decided.effects
    }

    async fn flush(&mut self) {
        let facts = std::mem::take(&mut self.facts);
        self.writer.commit(self.now, facts).await.expect("stored");
    }
}
