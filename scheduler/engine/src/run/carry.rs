//! Carries orders out: gathers what an attempt needs, renders its templates, and hands it to the executor.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nightrun_core::dag::spec::Task;
use nightrun_core::decide::{
    CallRequest, Effect, Event, Item, Missing, Outcome, Run, State, Transition, Used, choice_of,
};
use nightrun_core::id::{AttemptId, HookId, InstanceId, RunId};
use nightrun_core::template;
use nightrun_core::time::Timestamp;
use nightrun_core::timetable::Zone;
use serde_json::{Map, Value as Json};

use super::handle::Handle;
use super::render::{self, Filled};
use super::scope::ScopeOf;
use super::values::RunValues;
use super::vars::Vars;
use super::{Parts, call, finish, plain, question, wait};
use crate::clock::Clock;
use crate::exec::environment::{self, Identity};
use crate::exec::files;
use crate::exec::{AttemptOrder, Executor, Registry, Word};
use crate::hook::Deliverer;
use crate::logs::LogPaths;
use crate::store::Reader;

/// A script longer than this is handed to its shell as a file; Linux takes 128 KiB in one argument.
const LONGEST_ARGUMENT: usize = 100 * 1024;

/// The shell of a `run:` whose DAG names none.
const DEFAULT_SHELL: [&str; 4] = ["bash", "-e", "-o", "pipefail"];

/// Between the loop and the executor.
pub(super) struct Carrier {
    paths: LogPaths,
    data: PathBuf,
    dags: PathBuf,
    executor: Arc<dyn Executor>,
    operators: Registry,
    environment: Vec<(String, String)>,
    store_id: String,
    clock: Clock,
    loop_: Handle,
    values: RunValues,
    vars: Vars,
    max_items: usize,
    reader: Reader,
    alive: HashSet<AttemptId>,
    deliverer: Deliverer,
    delivering: HashSet<HookId>,
    prepared: Option<RunId>,
}

/// What starting an attempt comes to.
enum Start {
    Process(AttemptOrder),
    Done(Map<String, Json>),
    Call(CallRequest),
}

/// What a task's work comes to: a program with what it adds to the environment, or nothing to run.
enum Prepared {
    Program(Vec<String>, Vec<(String, String)>),
    Done(Map<String, Json>),
    Call(CallRequest),
}

/// What the carrier reaches beside the executor.
pub(super) struct Doors {
    pub(super) reader: Reader,
    pub(super) deliverer: Deliverer,
}

impl Carrier {
    pub(super) fn new(parts: &Parts, loop_: Handle, values: RunValues, vars: Vars, doors: Doors) -> Self {
        let Doors { reader, deliverer } = doors;
        Self {
            paths: LogPaths::new(&parts.data),
            data: parts.data.clone(),
            dags: parts.dags.clone(),
            executor: parts.executor.clone(),
            operators: parts.operators.clone(),
            environment: parts.environment.clone(),
            store_id: parts.store_id.clone(),
            clock: parts.clock.clone(),
            loop_,
            values,
            vars,
            max_items: parts.max_items,
            reader,
            alive: HashSet::new(),
            deliverer,
            delivering: HashSet::new(),
            prepared: None,
        }
    }

    /// Takes in what has become durable.
    pub(super) fn remember(&mut self, facts: &[Transition], store: &Path) {
        self.values.remember(facts);
        self.vars.remember(facts);
        if let Err(fault) = self.values.look_again(facts, store) {
            tracing::error!(%fault, "outputs of a run that goes on cannot be read; its tasks will miss them");
        }
    }

    /// True when no attempt lives and no hook is being delivered.
    pub(super) fn is_idle(&self) -> bool {
        self.alive.is_empty() && self.delivering.is_empty()
    }

    /// The end of a hook's try has been decided.
    pub(super) fn forget_hook(&mut self, hook: HookId) {
        self.delivering.remove(&hook);
    }

    /// The end of an attempt has been decided: nothing of it is to come.
    pub(super) fn forget(&mut self, attempt: AttemptId) {
        self.alive.remove(&attempt);
    }

    /// Carries one order out. What goes wrong comes back as an event.
    pub(super) fn carry_out(&mut self, state: &State, effect: &Effect) {
        match effect {
            Effect::Launch(attempt) => self.launch(state, *attempt),
            Effect::Stop { attempt, force } => self.executor.stop(*attempt, *force),
            Effect::Evaluate(instance) => self.evaluate(state, *instance),
            Effect::Expand(instance) => self.expand(state, *instance),
            Effect::LookFor(instance) => self.look_for(state, *instance),
            Effect::Deliver { hook, number } => {
                self.delivering.insert(*hook);
                self.deliverer.deliver(*hook, *number);
            }
            Effect::Return { attempt, run } => self.look_up(*attempt, *run),
            Effect::RunEnded(_) => {}
            // The loop puts in what the store holds of it.
            Effect::Recall { backfill, run } => {
                self.loop_.tell(Event::RunRecalled { backfill: *backfill, run: *run, row: None });
            }
        }
    }

    /// Makes an event of an executor's word; large outputs are read elsewhere and come as an event later.
    pub(super) fn hear(
        &mut self,
        state: &State,
        attempt: AttemptId,
        at: Timestamp,
        word: Word,
    ) -> Option<Event> {
        match word {
            Word::Started { pid } => Some(Event::AttemptStarted { attempt, pid, at }),
            Word::Ended(ended, used) => {
                let dag = &state.run(attempt.instance.run)?.version.dag;
                let end = finish::End { attempt, at, ended, used };
                finish::outcome(dag, &self.paths, &self.data, end, &self.loop_)
                    .map(|outcome| Event::AttemptFinished { attempt, at, outcome, used })
            }
        }
    }

    fn launch(&mut self, state: &State, attempt: AttemptId) {
        let Some(run) = state.run(attempt.instance.run) else { return };
        match self.start(run, attempt) {
            Ok(Start::Process(order)) => {
                self.alive.insert(attempt);
                self.executor.launch(order);
            }
            Ok(Start::Done(outputs)) => {
                let outcome = match choice_of(&run.version.dag, attempt.instance.task, &outputs) {
                    Ok(choice) => Outcome::Succeeded { outputs: finish::inline(outputs), choice },
                    Err(message) => Outcome::OutputsRefused(message),
                };
                self.tell_end(attempt, true, outcome);
            }
            Ok(Start::Call(request)) => {
                let (pid, at) = (std::process::id(), (self.clock)());
                self.loop_.tell(Event::Called { attempt, pid, at, request });
            }
            Err(message) => self.tell_end(attempt, false, Outcome::NotStarted(message)),
        }
    }

    /// What has come of a called run is read elsewhere: its outputs may be large.
    fn look_up(&self, attempt: AttemptId, run: RunId) {
        let (loop_, clock) = (self.loop_.clone(), self.clock.clone());
        let end = call::look_up(self.reader.clone(), self.data.clone(), run);
        tokio::spawn(async move {
            let end = end.await;
            loop_.tell(Event::CallReturned { attempt, at: clock(), end });
        });
    }

    fn tell_end(&self, attempt: AttemptId, started: bool, outcome: Outcome) {
        let at = (self.clock)();
        if started {
            // It ran in this process.
            self.loop_.tell(Event::AttemptStarted { attempt, pid: std::process::id(), at });
        }
        self.loop_.tell(Event::AttemptFinished { attempt, at, outcome, used: Used::default() });
    }

    fn evaluate(&self, state: &State, instance: InstanceId) {
        let Some(run) = state.run(instance.run) else { return };
        if let Some(event) = question::evaluate(&self.scope_of(run, instance, 1)) {
            self.loop_.tell(event);
        }
    }

    fn expand(&self, state: &State, instance: InstanceId) {
        let Some(run) = state.run(instance.run) else { return };
        if let Some(event) = question::expand(&self.scope_of(run, instance, 1), self.max_items) {
            self.loop_.tell(event);
        }
    }

    fn look_for(&self, state: &State, instance: InstanceId) {
        let Some(run) = state.run(instance.run) else { return };
        let waits = &run.version.dag.task(instance.task).waits;
        let missing = wait::missing(&self.reader, waits, run.logical_date).unwrap_or_else(|fault| {
            tracing::error!(%fault, "the runs of another DAG cannot be looked up");
            Some(Missing { what: "the store, which could not be read".into(), run: None })
        });
        self.loop_.tell(Event::LookedFor { instance, missing });
    }

    fn scope_of<'a>(&'a self, run: &'a Run, id: InstanceId, try_number: u32) -> ScopeOf<'a> {
        question::scope_of((run, id, try_number), (&self.values, &self.vars), &self.data)
    }

    fn start(&mut self, run: &Run, attempt: AttemptId) -> Result<Start, String> {
        let at = attempt.instance.task;
        let task = run.version.dag.task(at);
        if self.prepared != Some(run.id) {
            self.paths
                .prepare(run.id)
                .map_err(|fault| format!("the run's folder cannot be made: {}", files::explained(&fault)))?;
            self.prepared = Some(run.id);
        }
        let texts = render::texts_of(run, task);
        let scope = self.scope_of(run, attempt.instance, attempt.number).build(&texts)?;
        let own = render::fill_env(run, task, &scope)?;
        let (argv, values) = match self.prepare((task, &run.version.dag.zone), attempt, &scope, &own)? {
            Prepared::Program(argv, values) => (argv, values),
            Prepared::Done(outputs) => return Ok(Start::Done(outputs)),
            Prepared::Call(request) => return Ok(Start::Call(request)),
        };
        let parent = Path::new(&run.version.path).parent().filter(|parent| *parent != Path::new(""));
        let folder = parent.map_or_else(|| self.dags.clone(), |parent| self.dags.join(parent));
        let working_dir = match &task.working_dir {
            Some(dir) => folder.join(render::render(dir, &scope)?),
            None => folder,
        };
        self.write_context(run, attempt)?;
        let identity = Identity {
            dag: run.version.dag.id.as_str(),
            task: &task.id,
            attempt,
            run_type: run.run_type.as_str(),
            logical_date: run.logical_date,
            data_interval: run.interval,
            output: self.paths.output(attempt).to_string_lossy().into_owned(),
            context: self.paths.context(attempt).to_string_lossy().into_owned(),
            store_id: &self.store_id,
        };
        let item = task.fan.and_then(|fan| self.values.item(attempt.instance, fan));
        let env = environment::build(
            &self.environment,
            &identity,
            own,
            values.into_iter().chain(item.into_iter().flat_map(item_env)).collect(),
        );
        Ok(Start::Process(AttemptOrder {
            attempt,
            argv,
            env,
            working_dir,
            log: self.paths.log(attempt),
            stdout: task.capture.map(|_| self.paths.stdout(attempt)),
        }))
    }

    fn prepare(
        &self,
        (task, zone): (&Task, &Zone),
        attempt: AttemptId,
        scope: &template::Scope,
        own: &[(String, String)],
    ) -> Result<Prepared, String> {
        match render::fill(task, scope, zone, &self.operators)? {
            Filled::Shell(text, shell) => {
                if let Some(argv) = self.plain_command(&shell, &text.script, own) {
                    return Ok(Prepared::Program(argv, Vec::new()));
                }
                let mut argv = shell;
                if text.script.len() > LONGEST_ARGUMENT {
                    argv.push(self.write_script(attempt, &text.script)?);
                } else {
                    argv.extend(["-c".to_owned(), text.script]);
                }
                Ok(Prepared::Program(argv, text.env))
            }
            Filled::Program(argv, env) => Ok(Prepared::Program(argv, env)),
            Filled::Script(text, interpreter, args) => {
                let file = self.write_script(attempt, &text)?;
                let argv = interpreter.into_iter().chain([file]).chain(args).collect();
                Ok(Prepared::Program(argv, Vec::new()))
            }
            Filled::Done(outputs) => Ok(Prepared::Done(outputs)),
            Filled::Call(request) => Ok(Prepared::Call(request)),
        }
    }

    /// The words of a script that needs no shell: one plain command for the default shell, whose start
    /// nothing in the task's own environment changes.
    fn plain_command(&self, shell: &[String], script: &str, own: &[(String, String)]) -> Option<Vec<String>> {
        let changed = own.iter().any(|(name, _)| matches!(name.as_str(), "PATH" | "BASH_ENV"));
        let path = self.environment.iter().find(|(name, _)| name == "PATH")?;
        if changed || *shell != DEFAULT_SHELL { None } else { plain::words(script, &path.1) }
    }

    fn write_script(&self, attempt: AttemptId, text: &str) -> Result<String, String> {
        let path = self.paths.script(attempt);
        std::fs::write(&path, text)
            .map_err(|fault| format!("its script cannot be written: {}", files::explained(&fault)))?;
        Ok(path.to_string_lossy().into_owned())
    }

    fn write_context(&self, run: &Run, attempt: AttemptId) -> Result<(), String> {
        let context = self.scope_of(run, attempt.instance, attempt.number).context()?;
        std::fs::write(self.paths.context(attempt), context.to_string())
            .map_err(|fault| format!("its context cannot be written: {fault}"))
    }
}

/// An item of a `foreach` as environment: its number, and itself where it is no long text.
fn item_env((item, index): (&Item, u32)) -> Vec<(String, String)> {
    const LONGEST: usize = 32 * 1024;
    let text = match &item.value {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    };
    let mut env = vec![("NIGHTRUN_ITEM_INDEX".to_owned(), index.to_string())];
    if text.len() <= LONGEST && !text.contains('\0') {
        env.push(("NIGHTRUN_ITEM".to_owned(), text));
    }
    env
}
