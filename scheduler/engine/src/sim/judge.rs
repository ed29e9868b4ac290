//! What was expected of a run beside what happened.

use std::fmt::Display;

use nightrun_core::case::{Case, Ending, Spot};
use nightrun_core::dag::spec::Dag;
use nightrun_core::decide::{Reason, TaskState};
use nightrun_core::time::show_duration;
use serde::Serialize;
use serde_json::{Map, Value as Json};

use super::expected;
use super::story::{Played, Story};

/// One expectation that did not come true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mismatch {
    /// Of what something was expected.
    pub what: String,
    /// What was expected.
    pub expected: String,
    /// What happened.
    pub actual: String,
    /// Why that happened.
    pub why: Option<String>,
}

/// Every expectation of a case that did not come true; none: it passed.
pub fn judge(case: &Case, dag: &Dag, story: &Story) -> Vec<Mismatch> {
    let mut judge = Judge { dag, story, found: Vec::new() };
    if let Some(refusal) = &story.refused {
        judge.differs("the run", "it begins", "it was refused", Some(refusal.clone()));
        return judge.found;
    }
    judge.run(case);
    case.mocks.keys().for_each(|spot| judge.exists(*spot));
    case.expect.tasks.iter().for_each(|(spot, ending)| judge.ending(*spot, ending));
    judge.order(&case.expect.order);
    case.expect.outputs.iter().for_each(|(spot, outputs)| judge.outputs(*spot, outputs));
    case.expect.commands.iter().for_each(|(spot, command)| judge.command(*spot, command));
    case.expect.not_run.iter().for_each(|spot| judge.not_run(*spot));
    if let Some(expected) = &case.expect.notifications {
        judge.found.extend(expected::differences(expected, &story.told, dag));
    }
    judge.found
}

struct Judge<'a> {
    dag: &'a Dag,
    story: &'a Story,
    found: Vec<Mismatch>,
}

impl Judge<'_> {
    fn differs(
        &mut self,
        what: impl Display,
        expected: impl Display,
        actual: impl Display,
        why: Option<String>,
    ) {
        let (what, expected, actual) = (what.to_string(), expected.to_string(), actual.to_string());
        self.found.push(Mismatch { what, expected, actual, why });
    }

    fn run(&mut self, case: &Case) {
        let story = self.story;
        if !story.state.is_final() {
            self.differs("the run", "it ends", "nothing more can happen", self.what_waits());
        } else if let Some(state) = case.expect.state.filter(|state| *state != story.state) {
            self.differs("the run", state, story.state, self.why_so());
        }
        if let Some(took) = case.expect.took.filter(|took| *took != story.took) {
            let actual = show_duration(story.took);
            self.differs("the time it took", show_duration(took), actual, None);
        }
    }

    /// Why the run ended as it did, and what was wrong with the first task that failed.
    fn why_so(&self) -> Option<String> {
        let reason = self.story.reason.as_ref().filter(|reason| **reason != Reason::Done)?;
        let failed = |(_, played): &(&Spot, &Played)| played.state == Some(TaskState::Failed);
        let first = self.story.played.iter().find(failed).and_then(|(spot, played)| {
            Some(format!("; {}: {}", spot.name(self.dag), played.reason.as_ref()?))
        });
        Some(format!("{reason}{}", first.unwrap_or_default()))
    }

    /// The first task that waits, and why.
    fn what_waits(&self) -> Option<String> {
        let open = |played: &Played| played.state.is_some_and(|state| !state.is_final());
        let (spot, played) = self.story.played.iter().find(|(_, played)| open(played))?;
        let (name, state) = (spot.name(self.dag), played.state?);
        let reason = played.reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
        Some(format!("{name} is {state}{reason}"))
    }

    fn exists(&mut self, spot: Spot) {
        let items = self.story.items(spot.task);
        if spot.item > items && items > 0 {
            let what = format!("the mock of {}", spot.name(self.dag));
            self.differs(what, "that there is such an item", format!("{items} items"), None);
        }
    }

    fn ending(&mut self, spot: Spot, ending: &Ending) {
        let name = spot.name(self.dag);
        let (played, why) = (self.story.played.get(&spot), self.why(spot));
        let state = played.and_then(|played| played.state);
        if let Some(expected) = ending.state.filter(|expected| Some(*expected) != state) {
            self.differs(format!("task {name}"), expected, self.shown(spot, state), why.clone());
        }
        let attempts = played.map_or(0, |played| played.attempts);
        if let Some(expected) = ending.attempts.filter(|expected| *expected != attempts) {
            self.differs(format!("attempts of {name}"), expected, attempts, why.clone());
        }
        let reason = played.and_then(|played| played.reason.as_ref());
        if let Some(expected) = &ending.reason
            && !reason.is_some_and(|reason| is_like(reason, expected))
        {
            let actual = reason.map_or_else(|| "none".to_owned(), ToString::to_string);
            self.differs(format!("the reason of {name}"), expected, actual, None);
        }
        let items = self.story.items(spot.task);
        if let Some(expected) = ending.items.filter(|expected| *expected != items) {
            self.differs(format!("items of {name}"), expected, items, why);
        }
    }

    /// A state as people read it; an item that does not exist has none.
    fn shown(&self, spot: Spot, state: Option<TaskState>) -> String {
        match state {
            Some(state) => state.to_string(),
            None if spot.item > self.story.items(spot.task) => {
                format!("no such item: there are {}", self.story.items(spot.task))
            }
            None => "never began".to_owned(),
        }
    }

    fn why(&self, spot: Spot) -> Option<String> {
        let reason = self.story.played.get(&spot)?.reason.as_ref();
        reason.filter(|reason| **reason != Reason::Done).map(ToString::to_string)
    }

    fn order(&mut self, order: &[Spot]) {
        let start = |spot: &Spot| self.story.played.get(spot).and_then(|played| played.start);
        if order.iter().map(start).is_sorted() && order.iter().all(|spot| start(spot).is_some()) {
            return;
        }
        let mut begun: Vec<Spot> = order.iter().copied().filter(|spot| start(spot).is_some()).collect();
        begun.sort_by_key(start);
        let names =
            |spots: &[Spot]| spots.iter().map(|spot| spot.name(self.dag)).collect::<Vec<_>>().join(", ");
        let missing: Vec<Spot> = order.iter().copied().filter(|spot| start(spot).is_none()).collect();
        let why = if missing.is_empty() { None } else { Some(format!("never began: {}", names(&missing))) };
        let (expected, actual) = (names(order), names(&begun));
        self.differs("the order of starts", expected, actual, why);
    }

    fn outputs(&mut self, spot: Spot, expected: &Map<String, Json>) {
        let actual = self.story.outputs(self.dag, spot);
        for (name, expected) in expected {
            let what = format!("output {name} of {}", spot.name(self.dag));
            match actual.get(name) {
                Some(actual) if actual == expected => {}
                Some(actual) => self.differs(what, expected, actual, None),
                None => self.differs(what, expected, "none", self.why(spot)),
            }
        }
    }

    fn command(&mut self, spot: Spot, expected: &str) {
        let expected = expected.trim_end();
        let name = spot.name(self.dag);
        let commands = self.story.played.get(&spot).map(|played| played.commands.as_slice());
        match commands.unwrap_or_default() {
            [] => self.differs(format!("the command of {name}"), expected, "none", self.why(spot)),
            commands if commands.iter().any(|command| command == expected) => {}
            [shown, ..] => self.differs(format!("the command of {name}"), expected, shown, None),
        }
    }

    fn not_run(&mut self, spot: Spot) {
        let Some(played) = self.story.played.get(&spot) else { return };
        if played.start.is_some() {
            let state = self.shown(spot, played.state);
            self.differs(format!("task {}", spot.name(self.dag)), "it does not run", state, self.why(spot));
        }
    }
}

fn is_like(reason: &Reason, expected: &str) -> bool {
    reason.kind() == expected || reason.to_string().contains(expected)
}
