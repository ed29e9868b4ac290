//! A DAG for a run that was made of another version of it: a run knows its tasks by their places, so each keeps
//! the place it has there.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::spec::{Backoff, Dag, Fan, Group, Retry, Task, TriggerRule, Work};
use crate::graph::Graph;
use crate::id::TaskIndex;

impl Dag {
    /// The DAG with its tasks where a run has those of these ids: a task that the DAG has no more keeps its place
    /// without edges, and tasks that the run does not have stand behind. `None`: all stand there already.
    pub fn arranged(&self, ids: &[&str]) -> Option<Self> {
        let own = || self.tasks.iter().map(|task| task.id.as_str());
        if ids.len() <= self.tasks.len() && own().zip(ids).all(|(own, id)| own == *id) {
            return None;
        }
        let places: HashMap<&str, TaskIndex> = own().zip(self.places()).collect();
        let known: HashSet<&str> = ids.iter().copied().collect();
        let behind = own().filter(|id| !known.contains(id));
        let order: Vec<&str> = ids.iter().copied().chain(behind).collect();
        let at: HashMap<&str, TaskIndex> = order.iter().copied().zip((0..).map(TaskIndex)).collect();
        let moved = |old: &TaskIndex| at[self.task(*old).id.as_str()];
        let all_moved = |old: &[TaskIndex]| old.iter().map(moved).collect::<Vec<_>>();
        let task = |id: &&str| places.get(id).map_or_else(|| gone(id), |old| self.task(*old).clone());
        let edges = self.places().flat_map(|below| {
            self.graph.upstream(below).map(move |above| (above, below)).collect::<Vec<_>>()
        });
        let edges: Vec<_> = edges.map(|(above, below)| (moved(&above), moved(&below))).collect();
        Some(Self {
            tasks: order.iter().map(task).collect(),
            // The same edges between the same tasks make no ring.
            graph: Graph::new(order.len(), &edges).ok()?,
            groups: self
                .groups
                .iter()
                .map(|group| Group { tasks: all_moved(&group.tasks), ..group.clone() })
                .collect(),
            fans: self.fans.iter().map(|fan| Fan { tasks: all_moved(&fan.tasks), ..fan.clone() }).collect(),
            ..self.clone()
        })
    }
}

/// What stands for a task that the DAG has no more: it never runs.
fn gone(id: &str) -> Task {
    Task {
        id: id.to_owned(),
        description: None,
        fan: None,
        work: Work::Argv(vec!["true".into()]),
        trigger_rule: TriggerRule::AllSuccess,
        when: None,
        waits: Vec::new(),
        chooser: None,
        setup: false,
        teardown: None,
        allow_failure: false,
        env: Vec::new(),
        working_dir: None,
        retry: Retry {
            retries: 0,
            delay: Duration::ZERO,
            backoff: Backoff::Constant,
            max_delay: None,
            jitter: false,
            on_exit: Vec::new(),
        },
        skip_on_exit: Vec::new(),
        timeout: None,
        grace: Duration::ZERO,
        deadline: None,
        pool: None,
        pool_slots: 1,
        priority: 0,
        outputs: Vec::new(),
        capture: None,
        hooks: Vec::new(),
    }
}
