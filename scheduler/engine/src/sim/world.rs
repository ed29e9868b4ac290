//! The world around the core while a run is played: a clock that jumps to what comes next, and an executor
//! that only knows how attempts end.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use nightrun_core::case::{Case, Mock, Spot};
use nightrun_core::dag::spec::Dag;
use nightrun_core::decide::{
    AccessBook, Answer, DagText, Effect, Event, Force, Outcome, Part, RunRequest, Snapshot, State,
    Transition, Used, choice_of, step,
};
use nightrun_core::id::{AttemptId, InstanceId};
use nightrun_core::time::Timestamp;
use serde_json::Value as Json;

use super::fake;
use super::{Setting, Story};
use crate::run::render::{self, Filled};
use crate::run::values::RunValues;
use crate::run::{ScopeOf, Vars, command, finish, question};

/// What nobody says has no process.
const NO_PID: u32 = 0;

/// One run, and all around it.
pub(super) struct World<'a> {
    pub(super) case: &'a Case,
    pub(super) setting: &'a Setting,
    pub(super) state: State,
    pub(super) now: Timestamp,
    /// What will happen, by its instant and the order in which it was found out.
    coming: BTreeMap<(Timestamp, u64), Event>,
    found: u64,
    values: RunValues,
    pub(super) vars: Vars,
    pub(super) story: Story,
    over: bool,
    /// What is played, and where its file is.
    pub(super) dag: Option<(Arc<Dag>, String)>,
    /// The making of its run.
    pub(super) made: Option<Transition>,
}

impl<'a> World<'a> {
    pub(super) fn new(case: &'a Case, setting: &'a Setting) -> Self {
        let snapshot = Snapshot {
            slots: setting.slots,
            pools: setting.pools.clone(),
            paused: false,
            next_run: 1,
            next_version: 1,
            access: AccessBook::default(),
            cursors: BTreeMap::new(),
            dags: Vec::new(),
            runs: Vec::new(),
            next_hook: 1,
            hooks: Vec::new(),
            next_backfill: 1,
            backfills: Vec::new(),
            ahead: BTreeSet::new(),
            holds: Vec::new(),
            next_hold: 1,
            changed_ticks: Vec::new(),
        };
        Self {
            case,
            setting,
            state: State::restore(snapshot, false, case.at).with_others(),
            now: case.at,
            coming: BTreeMap::new(),
            found: 0,
            values: RunValues::default(),
            vars: vars_of(case),
            story: Story::new(case.at),
            over: false,
            dag: None,
            made: None,
        }
    }

    pub(super) fn play(mut self, dag: DagText) -> Story {
        let request = RunRequest {
            dag: dag.dag.id.clone(),
            params: self.case.params.clone(),
            logical_date: Some(self.case.at),
            part: Part::default(),
            force: true,
            by: "nightrun test".into(),
        };
        self.dag = Some((dag.dag.clone(), dag.path.clone()));
        self.turn(Event::DagsRead { read: vec![dag], gone: vec![], faults: vec![] });
        if let Some(Answer::Refused(refusal)) = self.turn(Event::RunRequested(request)) {
            self.story.refused = Some(refusal.to_string());
            return self.story;
        }
        while !self.over
            && let Some(event) = self.next()
        {
            self.turn(event);
        }
        self.story
    }

    /// What comes next; the clock stands there then. A timer goes after what happens at the same instant.
    fn next(&mut self) -> Option<Event> {
        let first = self.coming.first_key_value().map(|((at, _), _)| *at);
        match (first, self.state.next_deadline()) {
            (Some(at), deadline) if deadline.is_none_or(|deadline| at <= deadline) => {
                self.now = self.now.max(at);
                self.coming.pop_first().map(|(_, event)| event)
            }
            (_, Some(deadline)) => {
                self.now = self.now.max(deadline);
                Some(Event::TimePassed)
            }
            (_, None) => None,
        }
    }

    fn turn(&mut self, event: Event) -> Option<Answer> {
        let decided = step(&mut self.state, event, self.now);
        decided.transitions.iter().for_each(|fact| self.story.take(self.now, fact));
        decided.transitions.iter().for_each(|fact| self.tell(fact));
        self.values.remember(&decided.transitions);
        decided.effects.iter().for_each(|effect| self.carry_out(effect));
        decided.answer
    }

    fn carry_out(&mut self, effect: &Effect) {
        match effect {
            Effect::Launch(attempt) => self.launch(*attempt),
            Effect::Stop { attempt, force } => self.stop(*attempt, *force),
            Effect::Evaluate(instance) => self.answer(*instance, |scope, _| question::evaluate(scope)),
            Effect::Expand(instance) => self.answer(*instance, question::expand),
            Effect::LookFor(instance) => self.look_for(*instance),
            Effect::RunEnded(_) => self.over = true,
            // Nobody is told of what is only played: see `tell`. No past is to be filled in, and a call is an
            // attempt that ends as the case says: it makes no run.
            Effect::Deliver { .. } | Effect::Recall { .. } | Effect::Return { .. } => {}
        }
    }

    fn answer(&mut self, instance: InstanceId, answer: impl FnOnce(&ScopeOf<'_>, usize) -> Option<Event>) {
        let Some(run) = self.state.run(instance.run) else { return };
        let scope = question::scope_of((run, instance, 1), (&self.values, &self.vars), Path::new(""));
        if let Some(event) = answer(&scope, self.setting.max_items) {
            self.comes(self.now, event);
        }
    }

    pub(super) fn comes(&mut self, at: Timestamp, event: Event) {
        self.found += 1;
        self.coming.insert((at, self.found), event);
    }

    fn launch(&mut self, attempt: AttemptId) {
        match self.start(attempt) {
            Ok(end) => {
                self.comes(self.now, Event::AttemptStarted { attempt, pid: NO_PID, at: self.now });
                if let Some((at, outcome)) = end {
                    self.comes(at, Event::AttemptFinished { attempt, at, outcome, used: Used::default() });
                }
            }
            Err(message) => {
                let outcome = Outcome::NotStarted(message);
                self.comes(
                    self.now,
                    Event::AttemptFinished { attempt, at: self.now, outcome, used: Used::default() },
                );
            }
        }
    }

    /// Fills in the templates as a real start does; the end of the attempt, if it has one of its own.
    fn start(&mut self, attempt: AttemptId) -> Result<Option<(Timestamp, Outcome)>, String> {
        let Some(run) = self.state.run(attempt.instance.run) else { return Ok(None) };
        let (dag, at) = (run.version.dag.clone(), attempt.instance.task);
        let task = dag.task(at);
        let scope = question::scope_of(
            (run, attempt.instance, attempt.number),
            (&self.values, &self.vars),
            Path::new(""),
        );
        let scope = scope.build(&render::texts_of(run, task))?;
        render::fill_env(run, task, &scope)?;
        if let Some(dir) = &task.working_dir {
            render::render(dir, &scope)?;
        }
        let filled = render::fill(task, &scope, &dag.zone, &self.setting.operators)?;
        let spot = Spot::from(attempt.instance);
        let commands = &mut self.story.at(spot).commands;
        commands.push(command(&task.work, &scope)?);
        if let Filled::Shell(text, _) = &filled {
            commands.push(text.script.trim_end().to_owned());
        }
        let told = self.case.mock(spot, attempt.number);
        if let (None, Filled::Done(outputs)) = (told, filled) {
            let outcome = match choice_of(&dag, at, &outputs) {
                Ok(choice) => Outcome::Succeeded { outputs: finish::inline(outputs), choice },
                Err(message) => Outcome::OutputsRefused(message),
            };
            return Ok(Some((self.now, outcome)));
        }
        let untold = Mock::success();
        let mock = told.unwrap_or(&untold);
        let outcome = match (fake::outcome(&dag, at, mock), told) {
            (Some(Outcome::OutputsRefused(message)), None) => {
                Some(Outcome::OutputsRefused(format!("{message} (the case says nothing of this task)")))
            }
            (outcome, _) => outcome,
        };
        Ok(outcome.map(|outcome| (self.now.plus(mock.after), outcome)))
    }

    /// An imagined process obeys at once.
    fn stop(&mut self, attempt: AttemptId, force: Force) {
        let is_its_end = |event: &Event| matches!(event, Event::AttemptFinished { attempt: ended, at, .. } if *ended == attempt && *at > self.now);
        self.coming.retain(|_, event| !is_its_end(event));
        let signal = match force {
            Force::Term => 15,
            Force::Kill => 9,
        };
        let outcome = Outcome::Signaled(signal);
        self.comes(
            self.now,
            Event::AttemptFinished { attempt, at: self.now, outcome, used: Used::default() },
        );
    }
}

/// The vars that a case gives; those of the environment and of a store would make it hang on where it is played.
fn vars_of(case: &Case) -> Vars {
    let mut vars = Vars::default();
    let set = |(name, value): (&String, &Json)| Transition::VarSet {
        name: name.clone(),
        value: Some(value.clone()),
        by: "nightrun test".into(),
    };
    vars.remember(&case.vars.iter().map(set).collect::<Vec<_>>());
    vars
}
