//! A store with a plausible past: DAG files as people write them, nights in which most went well, one in
//! which something broke. Facts are committed as the scheduler would have committed them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use nightrun_core::dag::spec::{Dag, HookOn, HookRetry, Lateness};
use nightrun_core::dag::{Known, Source, read};
use nightrun_core::decide::{
    AttemptState, Cause, HookState, Output, Outputs, Reason, RunState, RunType, TaskState, Transition, Used,
    Values,
};
use nightrun_core::id::{AttemptId, HookId, InstanceId, RunId, TaskIndex, VersionId};
use nightrun_core::time::Timestamp;
use nightrun_core::timetable::{Timetable, Zone};
use nightrun_engine::logs::LogPaths;
use nightrun_engine::run::Parse;
use nightrun_engine::store::{DATABASE, Writer};
use serde_json::{Value as Json, json};

/// How one attempt ends.
#[derive(Debug, Clone)]
pub(crate) enum End {
    /// Well, with these outputs.
    Well(Json),
    /// With this exit code.
    Exit(i32),
    /// It has not ended yet.
    Never,
}

/// What becomes of one task: how long it waits for a slot, and its attempts with their lengths.
#[derive(Debug, Clone)]
pub(crate) struct Story {
    pub(crate) wait: u64,
    pub(crate) attempts: Vec<(u64, End)>,
    pub(crate) log: String,
}

impl Story {
    pub(crate) fn well(seconds: u64) -> Self {
        Self { wait: 1, attempts: vec![(seconds, End::Well(json!({})))], log: String::new() }
    }

    pub(crate) fn fails(seconds: u64, code: i32) -> Self {
        Self { attempts: vec![(seconds, End::Exit(code))], ..Self::well(seconds) }
    }

    pub(crate) fn with(self, outputs: Json) -> Self {
        let seconds = self.attempts[0].0;
        Self { attempts: vec![(seconds, End::Well(outputs))], ..self }
    }

    pub(crate) fn saying(self, log: &str) -> Self {
        Self { log: log.into(), ..self }
    }
}

/// A past that is being made up.
pub(crate) struct History {
    pub(crate) data: PathBuf,
    pub(crate) dags: PathBuf,
    writer: Writer,
    facts: Vec<(Timestamp, Vec<Transition>)>,
    specs: BTreeMap<String, (VersionId, Arc<Dag>)>,
    runs: i64,
    versions: i64,
}

/// What the files are read with; the same pool as the scheduler of the scenes has.
fn known(now: Timestamp) -> Known {
    let mut known = Known::new(Zone::utc(), now);
    known.pools.insert("warehouse".into(), 1);
    known
}

/// Reads DAG texts as the scheduler does.
pub(crate) fn parse() -> Parse {
    let known = known(Timestamp::from_nanos(0));
    Arc::new(move |source| read(source, &known).dags.into_iter().next().map(Arc::new))
}

impl History {
    pub(crate) fn new(root: &Path) -> Self {
        let (data, dags) = (root.join("data"), root.join("dags"));
        fs::create_dir_all(&dags).unwrap();
        let writer = Writer::open(&data.join(DATABASE)).unwrap();
        Self { data, dags, writer, facts: vec![], specs: BTreeMap::new(), runs: 0, versions: 0 }
    }

    /// A DAG file that came into force at this instant.
    pub(crate) fn dag(&mut self, at: Timestamp, path: &str, text: &str) -> Arc<Dag> {
        let known = known(at);
        let reading = read(&Source::new(path, text), &known);
        assert!(!reading.dags.is_empty(), "{:#?}", reading.diagnostics);
        let dag = Arc::new(reading.dags.into_iter().next().unwrap());
        fs::write(self.dags.join(path), text).unwrap();
        self.versions += 1;
        let version = VersionId(self.versions);
        self.say(
            at,
            Transition::DagLoaded {
                dag: dag.id.clone(),
                version,
                hash: format!("{:032x}", 0x9e37_79b9_u128 * (1 + u128::from(self.versions.unsigned_abs()))),
                path: path.into(),
                text: text.into(),
                defaults: [].into(),
                tasks: dag.tasks.iter().map(|task| task.id.clone()).collect(),
                schedule: dag.timetable.as_ref().map(Timetable::fingerprint).unwrap_or_default(),
                cursor: at,
            },
        );
        self.specs.insert(dag.id.to_string(), (version, Arc::clone(&dag)));
        dag
    }

    /// A file that gives no DAG; its faults are found at this instant.
    pub(crate) fn broken(&mut self, at: Timestamp, path: &str, text: &str) {
        let reading = read(&Source::new(path, text), &Known::new(Zone::utc(), at));
        fs::write(self.dags.join(path), text).unwrap();
        let faults = serde_json::to_value(&reading.diagnostics).unwrap();
        self.say(at, Transition::FaultsFound { path: path.into(), faults });
    }

    pub(crate) fn say(&mut self, at: Timestamp, fact: Transition) {
        self.facts.push((at, vec![fact]));
    }

    /// A run of a DAG that begins at this instant and goes as told, task by task.
    pub(crate) fn run(
        &mut self,
        dag: &str,
        at: Timestamp,
        tick: bool,
        story: impl Fn(&str) -> Story,
    ) -> RunId {
        let (version, spec) = self.specs[dag].clone();
        self.runs += 1;
        let run = RunId(self.runs);
        let day = Duration::from_hours(24);
        let mut made = vec![Transition::RunCreated {
            run,
            dag: spec.id.clone(),
            version,
            run_type: if tick { RunType::Scheduled } else { RunType::Manual },
            logical_date: at,
            interval_start: at.minus(day),
            interval_end: at,
            params: spec.resolve_params(&Values::new()).unwrap(),
            reason: Reason::MaxActiveRuns { limit: 1 },
            by: if tick { "schedule".into() } else { "web".into() },
            backfill: None,
            parent: None,
        }];
        if tick {
            let (dag, run) = (spec.id.clone(), Some(run));
            made.push(Transition::Ticked { dag, instant: at, run, skipped: None });
        }
        self.facts.push((at, made));
        self.move_run(at, run, RunState::Queued, RunState::Running, Reason::Active);
        let mut teller = Teller { run, spec: &spec, ends: vec![None; spec.tasks.len()], facts: vec![] };
        let data = self.data.clone();
        for place in spec.graph.order() {
            teller.tell(*place, at, &story(&spec.task(*place).id), &data);
        }
        let ends = teller.ends;
        self.facts.extend(teller.facts);
        if ends.iter().all(Option::is_some) {
            let last = ends.iter().flatten().map(|(at, _)| *at).max().unwrap_or(at);
            let bad = |end: &Option<(Timestamp, TaskState)>| {
                end.is_some_and(|(_, state)| matches!(state, TaskState::Failed | TaskState::UpstreamFailed))
            };
            let failed = ends.iter().filter(|end| bad(end)).count();
            let first = ends.iter().position(|end| end.is_some_and(|(_, state)| state == TaskState::Failed));
            let (state, reason) = match first {
                None => (RunState::Success, Reason::Done),
                Some(first) => (
                    RunState::Failed,
                    Reason::TasksFailed {
                        count: u32::try_from(failed).unwrap(),
                        first: spec.tasks[first].id.clone(),
                    },
                ),
            };
            self.move_run(last, run, RunState::Running, state, reason);
        }
        run
    }

    /// A run is late at this instant, and nobody could be told.
    pub(crate) fn late(&mut self, run: RunId, at: Timestamp) {
        let late = Some((Lateness::LateFinish, at));
        let (state, reason) = ("running".to_owned(), Reason::Active);
        let cause = Cause { instance: None, attempt: 0, state, reason, late, failed: vec![] };
        let retry = HookRetry { retries: 0, delay: Duration::from_secs(10) };
        let (hook, on, action) = (HookId(1), HookOn::OnLate, "slack".to_owned());
        let due = Transition::HookDue { hook, run, of: None, on, step: 0, action, retry, cause };
        let error = Some("chat.example.com answered <503>".to_owned());
        let (number, state) = (1, HookState::Failed);
        let tried = Transition::HookTried { hook, run, number, state, error, retry_at: None };
        let told = Transition::Late { run, task: None, kind: Lateness::LateFinish, due: at };
        self.facts.push((at, vec![told, due, tried]));
    }

    fn move_run(&mut self, at: Timestamp, run: RunId, from: RunState, to: RunState, reason: Reason) {
        self.facts.push((at, vec![Transition::RunMoved { run, from, to, reason }]));
    }

    /// Writes all of it, in the order of time, and closes the store.
    pub(crate) async fn write(mut self) -> (PathBuf, PathBuf) {
        self.facts.sort_by_key(|(at, _)| *at);
        let mut last = None;
        for (at, facts) in std::mem::take(&mut self.facts) {
            last = Some(self.writer.commit(at, facts));
        }
        if let Some(last) = last {
            last.await.unwrap();
        }
        self.writer.close().unwrap();
        (self.data, self.dags)
    }
}

/// Tells what becomes of each task of one run.
struct Teller<'a> {
    run: RunId,
    spec: &'a Dag,
    ends: Vec<Option<(Timestamp, TaskState)>>,
    facts: Vec<(Timestamp, Vec<Transition>)>,
}

impl Teller<'_> {
    fn tell(&mut self, place: TaskIndex, begin: Timestamp, story: &Story, data: &Path) {
        let up: Vec<_> = self.spec.graph.upstream(place).map(|up| self.ends[up.at()]).collect();
        if up.iter().any(Option::is_none) {
            return;
        }
        let ready = up.iter().flatten().map(|(at, _)| *at).max().unwrap_or(begin);
        let instance = InstanceId { run: self.run, task: place, item: 0 };
        let bad = |state: TaskState| matches!(state, TaskState::Failed | TaskState::UpstreamFailed);
        let rule = self.spec.task(place).trigger_rule;
        if up.iter().flatten().any(|(_, state)| bad(*state)) && rule.as_str() == "all_success" {
            return self.end(
                instance,
                ready,
                TaskState::Waiting,
                TaskState::UpstreamFailed,
                Reason::Rule { rule },
            );
        }
        self.moved(instance, ready, TaskState::Waiting, TaskState::Queued, Reason::Slots);
        let mut now = ready.plus(Duration::from_secs(story.wait));
        for (at, (seconds, end)) in story.attempts.iter().enumerate() {
            let attempt = AttemptId { instance, number: u32::try_from(at + 1).unwrap() };
            log(data, attempt, &story.log);
            if at > 0 {
                self.moved(instance, now, TaskState::UpForRetry, TaskState::Queued, Reason::Slots);
            }
            let started =
                Transition::AttemptStarted { attempt, pid: 4242, at: now, state: AttemptState::Running };
            self.facts.push((now, vec![Transition::AttemptCreated { attempt }, started]));
            now = now.plus(Duration::from_secs(*seconds));
            let (state, code, outputs, reason) = match end {
                End::Never => return,
                End::Well(outputs) => (AttemptState::Success, 0, put_out(outputs), Reason::Done),
                End::Exit(code) => {
                    (AttemptState::Failed, *code, Outputs::new(), Reason::Exit { code: *code })
                }
            };
            let exit_code = Some(code);
            let ended = Transition::AttemptEnded {
                attempt,
                state,
                at: now,
                exit_code,
                signal: None,
                reason: reason.clone(),
                outputs,
                used: Used { cpu_us: Some(seconds * 250_000), peak_bytes: Some(48 << 20) },
            };
            self.facts.push((now, vec![ended]));
            match state {
                AttemptState::Success => {
                    return self.end(instance, now, TaskState::Running, TaskState::Success, reason);
                }
                _ if at + 1 < story.attempts.len() => {
                    let retry_at = now.plus(Duration::from_secs(30));
                    let reason = Reason::Retry { at: retry_at, after: reason.to_string() };
                    self.moved(instance, now, TaskState::Running, TaskState::UpForRetry, reason);
                    now = retry_at;
                }
                _ => return self.end(instance, now, TaskState::Running, TaskState::Failed, reason),
            }
        }
    }

    fn end(&mut self, instance: InstanceId, at: Timestamp, from: TaskState, to: TaskState, reason: Reason) {
        self.ends[instance.task.at()] = Some((at, to));
        self.moved(instance, at, from, to, reason);
    }

    fn moved(&mut self, instance: InstanceId, at: Timestamp, from: TaskState, to: TaskState, reason: Reason) {
        self.facts.push((at, vec![Transition::TaskMoved { instance, from, to, reason }]));
    }
}

fn put_out(outputs: &Json) -> Outputs {
    let outputs = outputs.as_object().unwrap();
    outputs.iter().map(|(name, value)| (name.clone(), Output::Inline(value.clone()))).collect()
}

fn log(data: &Path, attempt: AttemptId, text: &str) {
    let paths = LogPaths::new(data);
    paths.prepare(attempt.instance.run).unwrap();
    fs::write(paths.log(attempt), text).unwrap();
}
