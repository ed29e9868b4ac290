//! In which order the tasks of a run are listed: under their groups, folded ones as one line, a page at a time.

use std::collections::BTreeSet;

use nightrun_core::dag::spec::Dag;
use nightrun_core::decide::TaskState;
use nightrun_engine::store::{RunShow, TaskShow};
use serde::Serialize;

use crate::draw::gantt::Line;
use crate::draw::graph::{Tally, homes, joined, weight};

/// Most items of one task on the page, unless a state is asked for.
pub(super) const ITEMS_SHOWN: usize = 100;

/// A line of the list, and in how many groups it stands.
pub(super) struct Entry<'a> {
    pub(super) depth: usize,
    pub(super) line: Line<'a>,
    /// What its group is, where it is the heading of one.
    pub(super) heading: Option<Heading>,
}

/// How a group stands.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Heading {
    pub(super) id: String,
    pub(super) label: String,
    pub(super) state: TaskState,
    /// How many of its task instances are in each state, what matters most first.
    counts: Vec<(TaskState, usize)>,
    open: bool,
    /// The groups that are folded once this one is pressed.
    folded: String,
}

impl Entry<'_> {
    /// A word for its place, to go on from.
    fn mark(&self) -> String {
        match (&self.heading, &self.line) {
            (None, Line::Task(task)) => {
                format!("{}.{}", task.task.0, task.item.map(|item| item.to_string()).unwrap_or_default())
            }
            (Some(heading), _) => heading.id.clone(),
            (None, Line::Group(..)) => String::new(),
        }
    }
}

/// So many lines after the marked one, and the mark of the last where there are more.
pub(super) fn page<'a>(
    mut all: Vec<Entry<'a>>,
    after: &str,
    rows: usize,
) -> (Vec<Entry<'a>>, Option<String>) {
    let begin = all.iter().position(|entry| entry.mark() == after).map_or(0, |at| at + 1);
    let mut shown = all.split_off(begin);
    let more = shown.len() > rows;
    shown.truncate(rows);
    let next = shown.last().filter(|_| more).map(Entry::mark);
    (shown, next)
}

/// Every task instance in this state, in the order of the file.
pub(super) fn in_state(run: &RunShow, state: TaskState) -> Vec<Entry<'_>> {
    let instances = run.tasks.iter().flat_map(|task| std::iter::once(task).chain(&task.items));
    instances.filter(|task| task.state == state).map(|task| entry(task, 0)).collect()
}

/// The tasks with their items under their groups; those of folded groups are left out.
pub(super) fn grouped<'a>(
    run: &'a RunShow,
    dag: Option<&'a Dag>,
    folded: &'a BTreeSet<String>,
) -> Vec<Entry<'a>> {
    let homes = dag.map(homes).unwrap_or_default();
    let chain = |task: &TaskShow| -> Vec<&str> {
        let Some(dag) = dag else { return Vec::new() };
        let home = homes.get(task.task.at()).copied().flatten();
        let mut groups: Vec<&str> = std::iter::successors(home, |id| parent(dag, id)).collect();
        groups.reverse();
        groups
    };
    let placed: Vec<(Vec<&str>, &TaskShow)> = run.tasks.iter().map(|task| (chain(task), task)).collect();
    let mut sorted = Vec::new();
    let outline = Outline { dag, folded, placed: &placed };
    outline.put(&mut sorted, 0, &(0..placed.len()).collect::<Vec<_>>());
    sorted
}

fn parent<'a>(dag: &'a Dag, id: &str) -> Option<&'a str> {
    dag.groups.iter().find(|group| group.id == id)?.parent.as_deref()
}

fn entry(task: &TaskShow, depth: usize) -> Entry<'_> {
    Entry { depth, line: Line::Task(task), heading: None }
}

/// Tasks with the groups in which they stand, the outermost first.
struct Outline<'a, 'b> {
    dag: Option<&'a Dag>,
    folded: &'a BTreeSet<String>,
    placed: &'b [(Vec<&'a str>, &'a TaskShow)],
}

impl<'a> Outline<'a, '_> {
    /// Puts tasks that share their first `depth` groups.
    fn put(&self, sorted: &mut Vec<Entry<'a>>, depth: usize, tasks: &[usize]) {
        let mut seen = BTreeSet::new();
        for at in tasks {
            let (groups, task) = &self.placed[*at];
            let Some(group) = groups.get(depth) else {
                sorted.push(entry(task, depth));
                sorted.extend(telling(task).into_iter().map(|item| entry(item, depth)));
                continue;
            };
            if !seen.insert(*group) {
                continue;
            }
            let inner: Vec<usize> =
                tasks.iter().copied().filter(|at| self.placed[*at].0.get(depth) == Some(group)).collect();
            sorted.push(self.head(group, depth, &inner));
            if !self.folded.contains(*group) {
                self.put(sorted, depth + 1, &inner);
            }
        }
    }

    fn head(&self, id: &str, depth: usize, inner: &[usize]) -> Entry<'a> {
        let open = !self.folded.contains(id);
        let mut folded = self.folded.clone();
        if open {
            folded.insert(id.to_owned());
        } else {
            folded.remove(id);
        }
        let tasks: Vec<&TaskShow> = inner.iter().map(|at| self.placed[*at].1).collect();
        let mut tally = Tally::new();
        for task in &tasks {
            let own = task.items.is_empty().then_some(*task);
            for one in own.into_iter().chain(&task.items) {
                *tally.entry(one.state).or_default() += 1;
            }
        }
        let mut counts: Vec<(TaskState, usize)> = tally.into_iter().collect();
        counts.sort_by_key(|(state, _)| std::cmp::Reverse(weight(*state)));
        let state = counts.first().map_or(TaskState::Waiting, |(state, _)| *state);
        let group = self.dag.and_then(|dag| dag.groups.iter().find(|group| group.id == id));
        let label = group.and_then(|group| group.label.clone()).unwrap_or_else(|| id.to_owned());
        let heading = Heading { id: id.to_owned(), label, state, counts, open, folded: joined(&folded) };
        Entry { depth, line: Line::Group(state, tasks), heading: Some(heading) }
    }
}

/// So many items of a task that the page stays light, those that did not end well before others.
fn telling(task: &TaskShow) -> Vec<&TaskShow> {
    let mut items: Vec<&TaskShow> = task.items.iter().collect();
    if items.len() > ITEMS_SHOWN {
        let well = |item: &TaskShow| matches!(item.state, TaskState::Success | TaskState::Skipped);
        items.sort_by_key(|item| (well(item), item.item));
        items.truncate(ITEMS_SHOWN);
        items.sort_by_key(|item| item.item);
    }
    items
}
