//! The dependency graph of one DAG: tasks by their place in the file, edges from upstream to downstream.

use petgraph::Direction;
use petgraph::algo::{tarjan_scc, toposort};
use petgraph::graph::{DiGraph, NodeIndex};

use crate::id::TaskIndex;

/// An acyclic graph of tasks.
#[derive(Debug, Clone)]
pub struct Graph {
    edges: DiGraph<(), ()>,
    order: Vec<TaskIndex>,
}

impl PartialEq for Graph {
    fn eq(&self, other: &Self) -> bool {
        self.order.len() == other.order.len()
            && (0..self.len()).all(|t| self.upstream(index(t)).eq(other.upstream(index(t))))
    }
}

/// The tasks of one dependency cycle, each the upstream of the next, the last of the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ring(pub Vec<TaskIndex>);

impl Graph {
    /// A graph of `tasks` tasks with `edges` as (upstream, downstream); every cycle found otherwise.
    pub fn new(tasks: usize, edges: &[(TaskIndex, TaskIndex)]) -> Result<Self, Vec<Ring>> {
        let mut graph = DiGraph::with_capacity(tasks, edges.len());
        for _ in 0..tasks {
            graph.add_node(());
        }
        for (upstream, downstream) in edges {
            graph.add_edge(node(*upstream), node(*downstream), ());
        }
        match toposort(&graph, None) {
            Ok(order) => Ok(Self { order: order.into_iter().map(task).collect(), edges: graph }),
            Err(_) => Err(rings(&graph)),
        }
    }

    /// How many tasks there are.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// True when there is no task at all.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Direct upstreams of a task.
    pub fn upstream(&self, of: TaskIndex) -> impl Iterator<Item = TaskIndex> + '_ {
        self.edges.neighbors_directed(node(of), Direction::Incoming).map(task)
    }

    /// Direct downstreams of a task.
    pub fn downstream(&self, of: TaskIndex) -> impl Iterator<Item = TaskIndex> + '_ {
        self.edges.neighbors_directed(node(of), Direction::Outgoing).map(task)
    }

    /// All tasks, each after its upstreams.
    pub fn order(&self) -> &[TaskIndex] {
        &self.order
    }

    /// Everything that can be reached downstream of `from`, as a mask over all tasks; `from` not counted.
    pub fn descendants(&self, from: &[TaskIndex]) -> Vec<bool> {
        self.reach(from, Direction::Outgoing)
    }

    /// Everything that can be reached upstream of `from`, as a mask over all tasks; `from` not counted.
    pub fn ancestors(&self, from: &[TaskIndex]) -> Vec<bool> {
        self.reach(from, Direction::Incoming)
    }

    /// For each task the longest path from it to an end, counted in tasks (1 for a leaf).
    pub fn heights(&self) -> Vec<u32> {
        let mut heights = vec![1; self.len()];
        for at in self.order.iter().rev() {
            heights[at.at()] = 1 + self.downstream(*at).map(|d| heights[d.at()]).max().unwrap_or(0);
        }
        heights
    }

    fn reach(&self, from: &[TaskIndex], direction: Direction) -> Vec<bool> {
        let mut seen = vec![false; self.len()];
        let mut left: Vec<NodeIndex> = from.iter().copied().map(node).collect();
        while let Some(at) = left.pop() {
            for next in self.edges.neighbors_directed(at, direction) {
                if !std::mem::replace(&mut seen[next.index()], true) {
                    left.push(next);
                }
            }
        }
        seen
    }
}

/// One shortest ring of every strongly connected part.
fn rings(graph: &DiGraph<(), ()>) -> Vec<Ring> {
    let mut found: Vec<Ring> = tarjan_scc(graph)
        .into_iter()
        .filter(|part| part.len() > 1 || graph.contains_edge(part[0], part[0]))
        .map(|part| shortest_ring(graph, &part))
        .collect();
    found.sort_by_key(|ring| ring.0[0]);
    found
}

/// Breadth first from the part's first task back to itself.
fn shortest_ring(graph: &DiGraph<(), ()>, part: &[NodeIndex]) -> Ring {
    let start = *part.iter().min().expect("a strongly connected part has a node");
    let mut came_from = std::collections::HashMap::new();
    let mut queue = std::collections::VecDeque::from([start]);
    while let Some(at) = queue.pop_front() {
        for next in graph.neighbors_directed(at, Direction::Outgoing) {
            if next == start {
                let mut ring = vec![task(at)];
                let mut back = at;
                while back != start {
                    back = came_from[&back];
                    ring.push(task(back));
                }
                ring.reverse();
                return Ring(ring);
            }
            if let std::collections::hash_map::Entry::Vacant(place) = came_from.entry(next) {
                place.insert(at);
                queue.push_back(next);
            }
        }
    }
    unreachable!("every node of a strongly connected part lies on a ring")
}

fn node(at: TaskIndex) -> NodeIndex {
    NodeIndex::new(at.at())
}

fn task(at: NodeIndex) -> TaskIndex {
    index(at.index())
}

fn index(at: usize) -> TaskIndex {
    TaskIndex(u32::try_from(at).expect("a DAG file has fewer than 2^32 tasks"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(tasks: usize, edges: &[(u32, u32)]) -> Result<Graph, Vec<Ring>> {
        Graph::new(tasks, &edges.iter().map(|(a, b)| (TaskIndex(*a), TaskIndex(*b))).collect::<Vec<_>>())
    }

    #[test]
    fn every_task_comes_after_its_upstreams() {
        let diamond = graph(4, &[(3, 1), (3, 2), (1, 0), (2, 0)]).unwrap();
        let place = |t: u32| diamond.order().iter().position(|x| *x == TaskIndex(t)).unwrap();
        assert!(place(3) < place(1) && place(3) < place(2) && place(1) < place(0) && place(2) < place(0));
        assert_eq!(diamond.heights(), [1, 2, 2, 3]);
        assert_eq!(diamond.descendants(&[TaskIndex(1)]), [true, false, false, false]);
        assert_eq!(diamond.ancestors(&[TaskIndex(0)]), [false, true, true, true]);
    }

    #[test]
    fn each_ring_is_shown_whole_and_shortest() {
        let rings = graph(6, &[(0, 1), (1, 2), (2, 0), (1, 0), (4, 4), (4, 5)]).unwrap_err();
        assert_eq!(rings, [Ring(vec![TaskIndex(0), TaskIndex(1)]), Ring(vec![TaskIndex(4)])]);
    }
}
