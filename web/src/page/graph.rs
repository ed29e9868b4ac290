//! The graph of a DAG with the states of a run on it, which of its groups are folded, and which part of it is drawn
//! where all of it would be no picture.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use nightrun_core::dag::spec::Dag;
use nightrun_core::id::{RunId, TaskIndex};
use serde::{Deserialize, Serialize};

use crate::draw::graph::{Drawing, Standing, draw, every_group, folded, joined, weight};
use crate::draw::part::{Part, around};

/// Most tasks of a part.
const PART: usize = 80;

/// Most names that a search gives.
const FOUND: usize = 60;

/// Which groups somebody wants folded: ids with commas between them. And around which task they want to look.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Folds {
    folded: Option<String>,
    near: Option<String>,
}

impl Folds {
    /// Which groups of a DAG are folded.
    pub(super) fn of(&self, dag: &Dag) -> BTreeSet<String> {
        folded(dag, self.folded.as_deref())
    }
}

/// A graph with the states of one run on it.
#[derive(Default, Serialize)]
pub(super) struct GraphView {
    drawing: Option<Drawing>,
    run: Option<RunId>,
    tasks: usize,
    /// All groups, as an address has them; empty: there are none.
    groups: String,
    /// Some group is folded.
    any_folded: bool,
    /// Some group is open.
    any_open: bool,
    /// Tasks that made the run as long as it was.
    critical: Vec<String>,
    /// What was searched for.
    near: String,
    /// Tasks with that in their names, where it is not the name of one.
    found: Vec<String>,
    around: Option<Around>,
}

/// Only a part is drawn.
#[derive(Serialize)]
struct Around {
    task: String,
    steps: usize,
    count: usize,
    /// Nobody asked for it: all is too much.
    huge: bool,
}

impl GraphView {
    pub(super) fn of(spec: Option<&Dag>, asked: &Folds, run: Option<RunId>, standing: &[Standing]) -> Self {
        let near = asked.near.as_deref().unwrap_or_default().trim().to_owned();
        let Some(dag) = spec else { return Self { run, near, ..Self::default() } };
        let folded = folded(dag, asked.folded.as_deref());
        let groups = every_group(dag);
        let mut view = Self {
            run,
            tasks: dag.tasks.len(),
            groups: joined(&groups),
            any_folded: !folded.is_empty(),
            any_open: folded.len() < groups.len(),
            ..Self::default()
        };
        let found = found(dag, &near);
        let centre = if let [only] = found[..] {
            Some((only, false))
        } else {
            view.found = found.iter().take(FOUND).map(|at| dag.task(*at).id.clone()).collect();
            view.drawing = draw(dag, &folded, standing, None);
            view.drawing.is_none().then(|| (foremost(dag, standing), true))
        };
        if let Some((task, huge)) = centre.filter(|_| !dag.tasks.is_empty()) {
            let Part { shown, count, steps } = around(dag, task, PART);
            view.drawing = draw(dag, &BTreeSet::new(), standing, Some(&shown));
            view.around = Some(Around { task: dag.task(task).id.clone(), steps, count, huge });
        }
        Self { near, ..view }
    }

    /// With these tasks marked.
    pub(super) fn marking(self, critical: Vec<String>) -> Self {
        Self { critical, ..self }
    }
}

/// The task of this name, or all with this in their names.
fn found(dag: &Dag, near: &str) -> Vec<TaskIndex> {
    if near.is_empty() {
        return Vec::new();
    }
    if let Some(task) = dag.find(near) {
        return vec![task];
    }
    let word = near.to_lowercase();
    dag.places().filter(|at| dag.task(*at).id.to_lowercase().contains(&word)).collect()
}

/// The task whose state matters most, the first of the file among equals.
fn foremost(dag: &Dag, standing: &[Standing]) -> TaskIndex {
    let state = |at: &TaskIndex| standing.get(at.at()).and_then(|it| it.state).map_or(0, weight);
    dag.places().min_by_key(|at| Reverse(state(at))).unwrap_or(TaskIndex(0))
}
