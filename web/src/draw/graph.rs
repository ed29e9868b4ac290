//! A dependency graph from left to right: each task in the layer of its longest way from a root, layers
//! ordered so that few edges cross (barycenters), places chosen so that edges run flat.

use nightrun_core::dag::spec::Dag;
use serde::Serialize;

/// Most tasks that are drawn; more are no picture any more.
pub(crate) const MAX_TASKS: usize = 500;

/// Most places of edges on their way through layers; beyond that nothing is drawn either.
const MAX_BENDS: usize = 20_000;

const BOX_HEIGHT: f64 = 28.0;
const ROW: f64 = 38.0;
const BEND_ROW: f64 = 12.0;
const LAYER_GAP: f64 = 56.0;
const LABEL_MAX: usize = 26;
const SWEEPS: usize = 12;

/// A drawn graph.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Drawing {
    pub(crate) width: i32,
    pub(crate) height: i32,
    pub(crate) nodes: Vec<Node>,
    /// Each as the `d` of an SVG path.
    pub(crate) edges: Vec<String>,
}

/// One task as a box.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Node {
    /// The task's place in the file.
    pub(crate) task: usize,
    pub(crate) id: String,
    /// The id, shortened to fit.
    pub(crate) label: String,
    pub(crate) x: i32,
    pub(crate) y: i32,
    pub(crate) width: i32,
}

/// A task, or a bend of an edge that passes through a layer.
struct Spot {
    task: Option<usize>,
    layer: usize,
    left: Vec<usize>,
    right: Vec<usize>,
    y: f64,
}

struct Layout {
    spots: Vec<Spot>,
    /// The spots of each layer, from top to bottom.
    layers: Vec<Vec<usize>>,
    /// Each edge as the spots it passes.
    edges: Vec<Vec<usize>>,
}

/// Draws the graph; `None` when there is too much of it.
pub(crate) fn draw(dag: &Dag) -> Option<Drawing> {
    if dag.tasks.len() > MAX_TASKS {
        return None;
    }
    let mut layout = Layout::of(dag)?;
    for sweep in 0..SWEEPS {
        layout.order(sweep % 2 == 0);
    }
    layout.stack();
    for sweep in 0..SWEEPS {
        layout.flatten(sweep % 2 == 0);
    }
    Some(layout.measure(dag))
}

impl Layout {
    fn of(dag: &Dag) -> Option<Self> {
        let mut spots: Vec<Spot> = Vec::with_capacity(dag.tasks.len());
        for task in 0..dag.tasks.len() {
            spots.push(Spot { task: Some(task), layer: 0, left: Vec::new(), right: Vec::new(), y: 0.0 });
        }
        for at in dag.graph.order() {
            let layer = dag.graph.upstream(*at).map(|up| spots[up.at()].layer + 1).max();
            spots[at.at()].layer = layer.unwrap_or(0);
        }
        let mut edges = Vec::new();
        for from in dag.graph.order() {
            for to in dag.graph.downstream(*from) {
                edges.push(connect(&mut spots, from.at(), to.at()));
                if spots.len() > MAX_BENDS {
                    return None;
                }
            }
        }
        let depth = spots.iter().map(|spot| spot.layer + 1).max().unwrap_or(0);
        let mut layers = vec![Vec::new(); depth];
        for (at, spot) in spots.iter().enumerate() {
            layers[spot.layer].push(at);
        }
        Some(Self { spots, layers, edges })
    }

    /// Sorts each layer by the mean place of its neighbours on one side.
    fn order(&mut self, rightwards: bool) {
        let mut place = vec![0.0; self.spots.len()];
        for layer in self.walk(rightwards) {
            let mean = |at: &usize, place: &[f64]| mean_of(self.spots[*at].side(rightwards), |n| place[n]);
            let mut keyed: Vec<(f64, usize)> = Vec::with_capacity(self.layers[layer].len());
            for (rank, at) in self.layers[layer].iter().enumerate() {
                keyed.push((mean(at, &place).unwrap_or(to_f64(rank)), *at));
            }
            keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
            for (rank, (_, at)) in keyed.iter().enumerate() {
                place[*at] = to_f64(rank);
                self.layers[layer][rank] = *at;
            }
        }
    }

    /// Each layer from its top, without holes.
    fn stack(&mut self) {
        for layer in &self.layers {
            let mut y = 0.0;
            for at in layer {
                self.spots[*at].y = y;
                y += self.spots[*at].room();
            }
        }
    }

    /// Moves each layer towards its neighbours, keeping order and distance: the mean of the highest and
    /// of the lowest placement that both keep them.
    fn flatten(&mut self, rightwards: bool) {
        for layer in self.walk(rightwards) {
            let spots = &self.layers[layer];
            let wished: Vec<f64> = spots
                .iter()
                .map(|at| {
                    let spot = &self.spots[*at];
                    mean_of(spot.side(rightwards), |n| self.spots[n].y).unwrap_or(spot.y)
                })
                .collect();
            let gap = |above: usize, below: usize| {
                f64::midpoint(self.spots[spots[above]].room(), self.spots[spots[below]].room())
            };
            let (mut down, mut up) = (wished.clone(), wished);
            for at in 1..spots.len() {
                down[at] = down[at].max(down[at - 1] + gap(at - 1, at));
            }
            for at in (1..spots.len()).rev() {
                up[at - 1] = up[at - 1].min(up[at] - gap(at - 1, at));
            }
            for (rank, at) in self.layers[layer].clone().into_iter().enumerate() {
                self.spots[at].y = f64::midpoint(down[rank], up[rank]);
            }
        }
    }

    fn walk(&self, rightwards: bool) -> Vec<usize> {
        let layers = 0..self.layers.len();
        if rightwards { layers.collect() } else { layers.rev().collect() }
    }

    fn measure(&self, dag: &Dag) -> Drawing {
        let top = self.spots.iter().map(|spot| spot.y).fold(f64::INFINITY, f64::min);
        let y = |at: usize| self.spots[at].y - top + BOX_HEIGHT / 2.0 + 2.0;
        let labels: Vec<String> = dag.tasks.iter().map(|task| shorten(&task.id)).collect();
        let (lefts, rights) = self.columns(&labels);
        let leaves = |at: usize| match self.spots[at].task {
            Some(task) => lefts[self.spots[at].layer] + box_width(&labels[task]),
            None => rights[self.spots[at].layer],
        };
        let nodes = (0..dag.tasks.len())
            .map(|task| Node {
                task,
                id: dag.tasks[task].id.clone(),
                x: round(lefts[self.spots[task].layer]),
                y: round(y(task) - BOX_HEIGHT / 2.0),
                width: round(box_width(&labels[task])),
                label: labels[task].clone(),
            })
            .collect();
        let edges = self.edges.iter().map(|edge| {
            let piece = |(at, pair): (usize, &[usize])| {
                let (from, to) = (pair[0], pair[1]);
                let (x1, x2) = (leaves(from), lefts[self.spots[to].layer]);
                let (x1, middle, x2) = (round(x1), round(f64::midpoint(x1, x2)), round(x2));
                let (y1, y2) = (round(y(from)), round(y(to)));
                // A bend passes its layer in a straight line, between the boxes.
                let begin = if at == 0 { format!("M{x1} {y1}") } else { format!("H{x1}") };
                format!("{begin}C{middle} {y1} {middle} {y2} {x2} {y2}")
            };
            edge.windows(2).enumerate().map(piece).collect::<Vec<_>>().concat()
        });
        let bottom = (0..self.spots.len()).map(y).fold(0.0, f64::max);
        Drawing {
            width: round(rights.last().copied().unwrap_or(0.0)) + 4,
            height: round(bottom + BOX_HEIGHT / 2.0 + 4.0),
            nodes,
            edges: edges.collect(),
        }
    }

    /// Left and right border of each layer; a layer is as wide as its widest box.
    fn columns(&self, labels: &[String]) -> (Vec<f64>, Vec<f64>) {
        let (mut lefts, mut rights) = (Vec::new(), Vec::new());
        let mut x = 2.0;
        for layer in &self.layers {
            let boxes = layer.iter().filter_map(|at| self.spots[*at].task);
            let width = boxes.map(|task| box_width(&labels[task])).fold(0.0, f64::max);
            lefts.push(x);
            rights.push(x + width);
            x += width + LAYER_GAP;
        }
        (lefts, rights)
    }
}

impl Spot {
    fn side(&self, rightwards: bool) -> &[usize] {
        if rightwards { &self.left } else { &self.right }
    }

    fn room(&self) -> f64 {
        if self.task.is_some() { ROW } else { BEND_ROW }
    }
}

/// Joins two tasks, with a bend in each layer between them.
fn connect(spots: &mut Vec<Spot>, from: usize, to: usize) -> Vec<usize> {
    let mut way = vec![from];
    for layer in spots[from].layer + 1..spots[to].layer {
        spots.push(Spot { task: None, layer, left: Vec::new(), right: Vec::new(), y: 0.0 });
        way.push(spots.len() - 1);
    }
    way.push(to);
    for pair in way.windows(2) {
        spots[pair[0]].right.push(pair[1]);
        spots[pair[1]].left.push(pair[0]);
    }
    way
}

fn mean_of(of: &[usize], place: impl Fn(usize) -> f64) -> Option<f64> {
    (!of.is_empty()).then(|| of.iter().map(|at| place(*at)).sum::<f64>() / to_f64(of.len()))
}

fn shorten(label: &str) -> String {
    if label.len() <= LABEL_MAX { label.into() } else { format!("{}…", &label[..LABEL_MAX - 1]) }
}

/// Room for the sign, the label in a 12 px system font, and a margin.
fn box_width(label: &str) -> f64 {
    to_f64(label.chars().count()) * 7.0 + 44.0
}

#[expect(clippy::cast_precision_loss, reason = "a drawing has far fewer than 2^52 places")]
fn to_f64(number: usize) -> f64 {
    number as f64
}

#[expect(clippy::cast_possible_truncation, reason = "a drawing is far smaller than 2^31 pixels")]
fn round(number: f64) -> i32 {
    number.round() as i32
}
