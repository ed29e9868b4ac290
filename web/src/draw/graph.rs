//! A DAG as a drawing: tasks, folded groups as one box with counts by state, open groups as a frame around
//! what they hold. A frame is laid out on its own and then placed as one box, so that frames never overlap.

use std::collections::{BTreeMap, BTreeSet};

use nightrun_core::dag::spec::{Dag, Group};
use nightrun_core::decide::TaskState;
use nightrun_core::id::TaskIndex;
use serde::Serialize;

use super::label::{shorten, small_width, text_width};
use super::layered::{Line, Ports, Size, lay, round, to_f64};

/// Most boxes that are drawn; more are no picture any more.
const MAX_BOXES: usize = 500;

/// More tasks than this, and groups are folded unless somebody opens them.
const OPEN_UP_TO: usize = 40;

const LOW: f64 = 28.0;
const HIGH: f64 = 44.0;
const LABEL_MAX: usize = 26;
const MARGIN: f64 = 12.0;
const TITLE: f64 = 26.0;

/// Room above a box for the name of its rule.
const RULE: f64 = 15.0;

/// How many task instances are in each state.
pub(crate) type Tally = BTreeMap<TaskState, usize>;

/// Where a task is: itself, and its items where it is done for each of several.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Standing {
    pub(crate) state: Option<TaskState>,
    pub(crate) items: Tally,
}

/// Higher drawings are not made to fit in the height of a window: their names could not be read.
const FITS: i32 = 900;

/// A drawn graph.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(crate) struct Drawing {
    pub(crate) width: i32,
    pub(crate) height: i32,
    /// Whether it can be read where its height is made to fit a window.
    pub(crate) fits: bool,
    pub(crate) nodes: Vec<Node>,
    /// Open groups, outer ones first.
    pub(crate) frames: Vec<Frame>,
    pub(crate) edges: Vec<Edge>,
}

/// A line, as the `d` of an SVG path.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Edge {
    pub(crate) path: String,
    /// It leads from right to left.
    pub(crate) back: bool,
    /// From what to what, and by which rule; empty where it goes on outside a group.
    pub(crate) title: String,
}

/// One task or one folded group as a box.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(crate) struct Node {
    pub(crate) id: String,
    /// What it is called, shortened to fit.
    pub(crate) label: String,
    pub(crate) x: i32,
    pub(crate) y: i32,
    pub(crate) width: i32,
    pub(crate) height: i32,
    pub(crate) state: Option<TaskState>,
    /// What is in it by state, where it stands for several, each with its place in the line.
    pub(crate) tally: Vec<Count>,
    /// It is done once for each of several items.
    pub(crate) each: bool,
    /// When it runs, where that is not when all before it have succeeded.
    pub(crate) rule: Option<&'static str>,
    /// For a group: the groups that are folded once this one is open.
    pub(crate) opens: Option<String>,
    /// How many tasks it stands for.
    pub(crate) tasks: usize,
}

/// How many are in one state.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Count {
    pub(crate) state: TaskState,
    pub(crate) number: usize,
    /// How far right of the box's left border.
    pub(crate) x: i32,
}

/// One open group.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Frame {
    pub(crate) id: String,
    pub(crate) label: String,
    pub(crate) x: i32,
    pub(crate) y: i32,
    pub(crate) width: i32,
    pub(crate) height: i32,
    /// The groups that are folded once this one is too.
    pub(crate) folds: String,
}

/// Which groups are folded: those that were asked for, or all where the DAG is large.
pub(crate) fn folded(dag: &Dag, asked: Option<&str>) -> BTreeSet<String> {
    match asked {
        Some(asked) => {
            let known = |id: &&str| dag.groups.iter().any(|group| group.id == **id);
            asked.split(',').filter(known).map(ToOwned::to_owned).collect()
        }
        None if dag.tasks.len() > OPEN_UP_TO => every_group(dag),
        None => BTreeSet::new(),
    }
}

/// The ids of all groups.
pub(crate) fn every_group(dag: &Dag) -> BTreeSet<String> {
    dag.groups.iter().map(|group| group.id.clone()).collect()
}

/// As an address has them.
pub(crate) fn joined(folded: &BTreeSet<String>) -> String {
    folded.iter().map(String::as_str).collect::<Vec<_>>().join(",")
}

/// Draws the graph, or of each task only what is shown; `None` when there is too much of it.
pub(crate) fn draw(
    dag: &Dag,
    folded: &BTreeSet<String>,
    standing: &[Standing],
    shown: Option<&[bool]>,
) -> Option<Drawing> {
    let painter = Painter { dag, folded, standing, shown, home: homes(dag) };
    let whole = painter.level(None)?;
    let above = whole.nodes.iter().any(|(_, y, node)| node.rule.is_some() && *y < RULE);
    Some(whole.at(2.0, if above { RULE } else { 2.0 }))
}

/// The innermost group of each task.
pub(crate) fn homes(dag: &Dag) -> Vec<Option<&str>> {
    let mut homes: Vec<(usize, Option<&str>)> = vec![(0, None); dag.tasks.len()];
    for group in &dag.groups {
        let depth = depth(dag, group);
        for task in &group.tasks {
            if depth > homes[task.at()].0 {
                homes[task.at()] = (depth, Some(&group.id));
            }
        }
    }
    homes.into_iter().map(|(_, group)| group).collect()
}

/// How many groups a group stands in, itself counted too.
fn depth(dag: &Dag, group: &Group) -> usize {
    let parent = |group: &&Group| {
        let parent = group.parent.as_deref()?;
        dag.groups.iter().find(|it| it.id == parent)
    };
    std::iter::successors(Some(group), parent).take(dag.groups.len()).count()
}

struct Painter<'a> {
    dag: &'a Dag,
    folded: &'a BTreeSet<String>,
    standing: &'a [Standing],
    /// The tasks that are drawn; none: all.
    shown: Option<&'a [bool]>,
    home: Vec<Option<&'a str>>,
}

/// What stands at one level: a task, or a group.
enum Child<'a> {
    Task(usize),
    Group(&'a Group),
}

/// A part of a drawing, around its own origin.
struct Block {
    size: Size,
    nodes: Vec<(f64, f64, Node)>,
    frames: Vec<(f64, f64, Frame)>,
    lines: Vec<Wire>,
}

/// A line and what it says.
struct Wire {
    line: Line,
    title: String,
}

impl<'a> Painter<'a> {
    /// Everything in a group, or in the DAG itself.
    fn level(&self, group: Option<&Group>) -> Option<Block> {
        let id = group.map(|group| group.id.as_str());
        let children = self.children(id);
        if children.len() > MAX_BOXES {
            return None;
        }
        let mut blocks = Vec::new();
        for child in &children {
            blocks.push(match child {
                Child::Task(task) => self.task(*task),
                Child::Group(group) if self.folded.contains(&group.id) => self.fold(group),
                Child::Group(group) => self.level(Some(group))?,
            });
        }
        let (lines, ports) = self.lines(&children);
        let ends = [ports.entry, ports.exit].into_iter().flatten().map(|_| Size::default());
        let sizes: Vec<Size> = blocks.iter().map(|block| block.size).chain(ends).collect();
        let laid = lay(&sizes, &lines, ports)?;
        // A port stands on the border itself.
        let side = |port: Option<usize>| if port.is_some() { 0.0 } else { MARGIN };
        let (left, right, top, bottom) = match group {
            Some(_) => (side(ports.entry), side(ports.exit), TITLE, MARGIN),
            None => (0.0, 0.0, 0.0, 0.0),
        };
        let label = group.map(|group| label_of(group, LABEL_MAX)).unwrap_or_default();
        let needed = if group.is_some() { text_width(&label) + 44.0 } else { 0.0 };
        let width = (laid.width + left + right).max(needed);
        let height = laid.height + top + bottom;
        let port = |at: Option<usize>| at.map_or(0.0, |at| laid.corners[at].1 + top - height / 2.0);
        let size = Size { width, height, enter: port(ports.entry), leave: port(ports.exit) };
        let mut whole = Block { size, nodes: vec![], frames: vec![], lines: vec![] };
        if let Some(group) = group {
            whole.frames.push((0.0, 0.0, self.frame(group, label, size)));
        }
        let stretched = laid.width + left + right;
        for (block, (x, y)) in blocks.into_iter().zip(&laid.corners) {
            whole.take(block, x + left, y + top);
        }
        for mut line in laid.lines {
            line.shift(left, top);
            // What goes out goes out at the border, however wide the title makes the frame.
            if let Some(last) =
                line.stretches.last_mut().filter(|last| last.to.0 >= stretched && right == 0.0)
            {
                last.to.0 = width;
            }
            let title = self.title(&children, line.ends);
            whole.lines.push(Wire { line, title });
        }
        (whole.nodes.len() <= MAX_BOXES).then_some(whole)
    }

    /// Tasks and groups that stand right in a group, in the order of the file.
    fn children(&self, group: Option<&str>) -> Vec<Child<'a>> {
        let shown = |task: usize| self.shown.is_none_or(|shown| shown[task]);
        let tasks = (0..self.dag.tasks.len()).filter(|task| self.home[*task] == group && shown(*task));
        let has_any = |it: &Group| it.tasks.iter().any(|task| shown(task.at()));
        let groups = self.dag.groups.iter().filter(|it| it.parent.as_deref() == group && has_any(it));
        let first = |group: &Group| group.tasks.first().map_or(0, |task| task.at());
        let mut children: Vec<(usize, Child<'a>)> = tasks.map(|task| (task, Child::Task(task))).collect();
        children.extend(groups.map(|group| (first(group), Child::Group(group))));
        children.sort_by_key(|(first, _)| *first);
        children.into_iter().map(|(_, child)| child).collect()
    }

    /// The lines between the children, and to and from what is outside by a port at either border.
    fn lines(&self, children: &[Child<'_>]) -> (BTreeSet<(usize, usize)>, Ports) {
        let mut place: Vec<Option<usize>> = vec![None; self.dag.tasks.len()];
        for (at, child) in children.iter().enumerate() {
            match child {
                Child::Task(task) => place[*task] = Some(at),
                Child::Group(group) => group.tasks.iter().for_each(|task| place[task.at()] = Some(at)),
            }
        }
        let shown = |task: TaskIndex| self.shown.is_none_or(|shown| shown[task.at()]);
        let (mut inner, mut coming, mut going) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for from in self.dag.places() {
            if !shown(from) {
                continue;
            }
            for to in self.dag.graph.downstream(from).filter(|to| shown(*to)) {
                match (place[from.at()], place[to.at()]) {
                    (Some(from), Some(to)) if from != to => drop(inner.insert((from, to))),
                    (None, Some(to)) => drop(coming.insert(to)),
                    (Some(from), None) => drop(going.insert(from)),
                    _ => {}
                }
            }
        }
        let entry = (!coming.is_empty()).then_some(children.len());
        let exit = (!going.is_empty()).then_some(children.len() + usize::from(entry.is_some()));
        inner.extend(entry.into_iter().flat_map(|entry| coming.iter().map(move |to| (entry, *to))));
        inner.extend(exit.into_iter().flat_map(|exit| going.iter().map(move |from| (*from, exit))));
        (inner, Ports { entry, exit })
    }

    /// What a line between two children says.
    fn title(&self, children: &[Child<'_>], (from, to): (usize, usize)) -> String {
        let (Some(from), Some(to)) = (children.get(from), children.get(to)) else { return String::new() };
        let name = |child: &Child<'_>| match child {
            Child::Task(task) => self.dag.tasks[*task].id.clone(),
            Child::Group(group) => group.id.clone(),
        };
        let rule = match to {
            Child::Task(task) => self.dag.tasks[*task].trigger_rule.as_str(),
            Child::Group(_) => return format!("{} → {}", name(from), name(to)),
        };
        format!("{} → {}: {}", name(from), name(to), rule.replace('_', " "))
    }

    fn task(&self, at: usize) -> Block {
        let task = &self.dag.tasks[at];
        let standing = self.standing.get(at).cloned().unwrap_or_default();
        let each = task.fan.is_some();
        let node = Node {
            id: task.id.clone(),
            label: shorten(&task.id, LABEL_MAX),
            state: standing.state,
            each,
            rule: Some(task.trigger_rule.as_str()).filter(|rule| *rule != "all_success"),
            tasks: 1,
            ..Node::default()
        };
        Block::of(node, &standing.items, each)
    }

    /// A folded group: the state that matters most, and how many are in each.
    fn fold(&self, group: &Group) -> Block {
        let mut tally = Tally::new();
        for task in &group.tasks {
            let Some(standing) = self.standing.get(task.at()) else { continue };
            let own = standing.state.filter(|_| standing.items.is_empty()).map(|state| (state, 1));
            for (state, count) in own.into_iter().chain(standing.items.iter().map(|(at, n)| (*at, *n))) {
                *tally.entry(state).or_default() += count;
            }
        }
        let mut left = self.folded.clone();
        left.remove(&group.id);
        let node = Node {
            id: group.id.clone(),
            label: label_of(group, LABEL_MAX),
            state: tally.keys().copied().max_by_key(|state| weight(*state)),
            opens: Some(joined(&left)),
            tasks: group.tasks.len(),
            ..Node::default()
        };
        Block::of(node, &tally, true)
    }

    fn frame(&self, group: &Group, label: String, size: Size) -> Frame {
        let mut folded = self.folded.clone();
        folded.insert(group.id.clone());
        Frame {
            id: group.id.clone(),
            label,
            x: 0,
            y: 0,
            width: round(size.width),
            height: round(size.height),
            folds: joined(&folded),
        }
    }
}

impl Block {
    /// A box of its own; `high` where it has a second line.
    fn of(mut node: Node, tally: &Tally, high: bool) -> Self {
        let mut x = if node.state.is_some() { 32.0 } else { 12.0 };
        for (state, count) in tally {
            node.tally.push(Count { state: *state, number: *count, x: round(x) });
            x += to_f64(count.to_string().len()) * 7.0 + 26.0;
        }
        let second = if tally.is_empty() && high { 110.0 } else { x + 4.0 };
        let sign = if node.opens.is_some() { 12.0 } else { 0.0 };
        let rule = node.rule.map_or(0.0, small_width);
        let width = (text_width(&node.label) + 44.0 + sign).max(if high { second } else { 0.0 }).max(rule);
        let height = if high { HIGH } else { LOW };
        (node.width, node.height) = (round(width), round(height));
        let size = Size { width, height, enter: 0.0, leave: 0.0 };
        Self { size, nodes: vec![(0.0, 0.0, node)], frames: vec![], lines: vec![] }
    }

    /// Takes another one in, at this place.
    fn take(&mut self, other: Self, x: f64, y: f64) {
        self.nodes.extend(other.nodes.into_iter().map(|(left, top, node)| (left + x, top + y, node)));
        self.frames.extend(other.frames.into_iter().map(|(left, top, it)| (left + x, top + y, it)));
        self.lines.extend(other.lines.into_iter().map(|mut wire| {
            wire.line.shift(x, y);
            wire
        }));
    }

    /// As it is drawn, at this place.
    fn at(self, x: f64, y: f64) -> Drawing {
        let node =
            |(left, top, node): (f64, f64, Node)| Node { x: round(left + x), y: round(top + y), ..node };
        let frame =
            |(left, top, it): (f64, f64, Frame)| Frame { x: round(left + x), y: round(top + y), ..it };
        let edge = |Wire { mut line, title }: Wire| {
            line.shift(x, y);
            Edge { path: line.path(), back: line.back, title }
        };
        let height = round(self.size.height + y + 2.0);
        Drawing {
            width: round(self.size.width + 2.0 * x),
            height,
            fits: height <= FITS,
            nodes: self.nodes.into_iter().map(node).collect(),
            frames: self.frames.into_iter().map(frame).collect(),
            edges: self.lines.into_iter().map(edge).collect(),
        }
    }
}

/// Which of several states a folded group shows: trouble first, then what moves, then what is over.
pub(crate) fn weight(state: TaskState) -> u8 {
    match state {
        TaskState::Failed => 13,
        TaskState::UpstreamFailed => 12,
        TaskState::UpForRetry => 11,
        TaskState::Stopping => 10,
        TaskState::Running => 9,
        TaskState::Starting => 8,
        TaskState::Expanded => 7,
        TaskState::Queued => 6,
        TaskState::Deferred => 5,
        TaskState::Canceled => 4,
        TaskState::Waiting => 3,
        TaskState::Success => 2,
        TaskState::Skipped => 1,
        TaskState::Removed => 0,
    }
}

fn label_of(group: &Group, longest: usize) -> String {
    shorten(group.label.as_deref().unwrap_or(&group.id), longest)
}

#[cfg(test)]
mod tests {
    use nightrun_core::dag::{Known, Source, read};
    use nightrun_core::time::Timestamp;
    use nightrun_core::timetable::Zone;

    use super::*;

    const NESTED: &str = "id: nested
groups: [{id: inner, group: outer}, {id: outer}, {id: beside}]
tasks:
  - {id: a, run: x}
  - {id: b, group: inner, depends_on: [a], run: x}
  - {id: c, group: inner, depends_on: [b], run: x}
  - {id: d, group: outer, depends_on: [a, c], run: x}
  - {id: e, group: beside, depends_on: [a], run: x}
  - {id: f, depends_on: [beside, d], run: x}
";

    /// Left, top, right and bottom.
    type Box = [i32; 4];

    fn drawn(asked: &str) -> (BTreeMap<String, Box>, BTreeMap<String, Box>) {
        let known = Known::new(Zone::utc(), Timestamp::from_nanos(0));
        let dag = read(&Source::new("nested.yaml", NESTED), &known).dags.remove(0);
        let drawing = draw(&dag, &folded(&dag, Some(asked)), &[], None).unwrap();
        let node = |it: Node| (it.id, [it.x, it.y, it.x + it.width, it.y + it.height]);
        let frame = |it: Frame| (it.id, [it.x, it.y, it.x + it.width, it.y + it.height]);
        (drawing.nodes.into_iter().map(node).collect(), drawing.frames.into_iter().map(frame).collect())
    }

    fn holds(outer: Box, inner: Box) -> bool {
        outer[0] <= inner[0] && outer[1] <= inner[1] && outer[2] >= inner[2] && outer[3] >= inner[3]
    }

    fn touch(one: Box, other: Box) -> bool {
        one[0] < other[2] && other[0] < one[2] && one[1] < other[3] && other[1] < one[3]
    }

    #[test]
    fn frames_hold_what_is_theirs_and_nothing_else() {
        let (nodes, frames) = drawn("");
        for (frame, own) in [("inner", "bc"), ("outer", "bcd"), ("beside", "e")] {
            for (task, place) in &nodes {
                assert_eq!(holds(frames[frame], *place), own.contains(task), "{task} in {frame}");
                assert_eq!(touch(frames[frame], *place), own.contains(task), "{task} and {frame}");
            }
        }
        assert!(holds(frames["outer"], frames["inner"]) && !touch(frames["outer"], frames["beside"]));
        assert!(nodes["a"][2] < frames["inner"][0] && frames["inner"][2] < nodes["d"][0]);
    }

    #[test]
    fn a_folded_group_is_one_box_and_hides_what_is_in_it() {
        for (asked, boxes) in
            [("inner", "a d e f inner"), ("outer,inner", "a e f outer"), ("x", "a b c d e f")]
        {
            let nodes = drawn(asked).0;
            assert_eq!(nodes.keys().map(String::as_str).collect::<Vec<_>>().join(" "), boxes, "{asked}");
        }
    }
}
