//! What happened in a run that was played.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use nightrun_core::case::Spot;
use nightrun_core::dag::spec::{Dag, FanIndex};
use nightrun_core::decide::{Item, Output, Reason, RunState, TaskState, Transition};
use nightrun_core::id::TaskIndex;
use nightrun_core::time::Timestamp;
use serde_json::{Map, Value as Json};

use crate::hook::Told;

/// All that happened in one run.
#[derive(Debug)]
pub struct Story {
    /// Why there was no run.
    pub refused: Option<String>,
    /// Where the run is at the end; not in a final state when nothing more could happen.
    pub state: RunState,
    /// Why it is there.
    pub reason: Option<Reason>,
    /// How long it took by its own clock.
    pub took: Duration,
    /// What was played of each task and item.
    pub played: BTreeMap<Spot, Played>,
    /// Hooks that became due, in that order.
    pub told: Vec<Told>,
    pub(super) items: BTreeMap<FanIndex, Vec<Item>>,
    began: Timestamp,
    starts: u32,
}

/// What happened to one task or item.
#[derive(Debug, Default)]
pub struct Played {
    /// Where it is at the end; `None`: it never moved.
    pub state: Option<TaskState>,
    /// Why it is there.
    pub reason: Option<Reason>,
    /// How many attempts there were.
    pub attempts: u32,
    /// The place of its first attempt among all that began.
    pub start: Option<u32>,
    /// What it handed on.
    pub outputs: Map<String, Json>,
    /// What its last attempt ran, as people read it; then as a shell gets it.
    pub commands: Vec<String>,
}

impl Story {
    pub(super) fn new(began: Timestamp) -> Self {
        Self {
            refused: None,
            state: RunState::Queued,
            reason: None,
            took: Duration::ZERO,
            played: BTreeMap::new(),
            told: Vec::new(),
            items: BTreeMap::new(),
            began,
            starts: 0,
        }
    }

    /// Takes in what became true at this instant.
    pub(super) fn take(&mut self, now: Timestamp, fact: &Transition) {
        match fact {
            Transition::RunMoved { to, reason, .. } => {
                self.state = *to;
                self.reason = Some(reason.clone());
                self.took = now.since(self.began);
            }
            Transition::TaskMoved { instance, to, reason, .. } => {
                let played = self.at((*instance).into());
                (played.state, played.reason) = (Some(*to), Some(reason.clone()));
            }
            Transition::TaskReasoned { instance, reason } => {
                self.at((*instance).into()).reason = Some(reason.clone());
            }
            Transition::Expanded { fan, tasks, items, .. } => {
                self.items.insert(*fan, items.clone());
                let count = u32::try_from(items.len()).unwrap_or(u32::MAX);
                for task in tasks {
                    for item in 1..=count {
                        self.at(Spot { task: *task, item });
                    }
                    self.at(Spot { task: *task, item: 0 }).state = Some(TaskState::Expanded);
                }
            }
            Transition::AttemptCreated { attempt } => {
                let spot = Spot::from(attempt.instance);
                for spot in BTreeSet::from([spot, spot.whole()]) {
                    let start = self.starts;
                    self.at(spot).start.get_or_insert(start);
                }
                self.starts += 1;
                let played = self.at(spot);
                played.attempts = attempt.number;
                played.state = Some(TaskState::Starting);
                played.commands.clear();
            }
            Transition::AttemptEnded { attempt, outputs, .. } => {
                let inline = |(name, output): (&String, &Output)| match output {
                    Output::Inline(value) => Some((name.clone(), value.clone())),
                    Output::Spilled { .. } => None,
                };
                self.at(attempt.instance.into()).outputs = outputs.iter().filter_map(inline).collect();
            }
            _ => {}
        }
    }

    /// What was played of a task or item, to be added to.
    pub(super) fn at(&mut self, spot: Spot) -> &mut Played {
        self.played.entry(spot).or_default()
    }

    /// How many items a task had.
    pub fn items(&self, task: TaskIndex) -> u32 {
        let last = self.played.range(Spot { task, item: 0 }..=Spot { task, item: u32::MAX }).next_back();
        last.map_or(0, |(spot, _)| spot.item)
    }

    /// What later tasks see of a task: of one with a `foreach` lists in the order of its items.
    pub fn outputs(&self, dag: &Dag, spot: Spot) -> Map<String, Json> {
        let own = |spot: Spot| self.played.get(&spot).map(|played| &played.outputs);
        if dag.task(spot.task).fan.is_none() || spot.item > 0 {
            return own(spot).cloned().unwrap_or_default();
        }
        let items: Vec<_> = (1..=self.items(spot.task)).map(|item| own(Spot { item, ..spot })).collect();
        let names: BTreeSet<&String> = items.iter().flatten().flat_map(|outputs| outputs.keys()).collect();
        let value = |outputs: Option<&Map<String, Json>>, name: &String| {
            outputs.and_then(|outputs| outputs.get(name)).cloned().unwrap_or(Json::Null)
        };
        names
            .into_iter()
            .map(|name| (name.clone(), items.iter().map(|outputs| value(*outputs, name)).collect()))
            .collect()
    }
}
