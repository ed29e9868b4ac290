//! Boxes and lines from left to right: each box in the layer of its longest way from a root, layers ordered
//! so that few lines cross (barycenters), places chosen so that lines run flat.

use std::collections::BTreeSet;

/// Most places of lines on their way through layers; beyond that nothing is drawn.
const MAX_BENDS: usize = 20_000;

const GAP: f64 = 10.0;
const BEND_ROW: f64 = 12.0;
const LAYER_GAP: f64 = 56.0;
const PORT_GAP: f64 = 24.0;
const SWEEPS: usize = 12;

/// What is to be placed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Size {
    pub(super) width: f64,
    pub(super) height: f64,
    /// How far below its middle lines come in.
    pub(super) enter: f64,
    /// How far below its middle lines go out.
    pub(super) leave: f64,
}

/// One stretch of a line: from left to right.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Stretch {
    pub(super) from: (f64, f64),
    pub(super) to: (f64, f64),
}

/// A line in stretches; between two of them it runs straight.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line {
    /// The boxes between which it runs.
    pub(super) ends: (usize, usize),
    pub(super) stretches: Vec<Stretch>,
    /// It leads back to what is drawn further left: drawn the other way round.
    pub(super) back: bool,
}

impl Line {
    /// Moves it.
    pub(super) fn shift(&mut self, x: f64, y: f64) {
        for stretch in &mut self.stretches {
            for end in [&mut stretch.from, &mut stretch.to] {
                *end = (end.0 + x, end.1 + y);
            }
        }
    }

    /// As an SVG path.
    pub(super) fn path(&self) -> String {
        let piece = |(at, it): (usize, &Stretch)| {
            let middle = round(f64::midpoint(it.from.0, it.to.0));
            let (x1, y1, x2, y2) = (round(it.from.0), round(it.from.1), round(it.to.0), round(it.to.1));
            // A bend passes its layer in a straight line, between the boxes.
            let begin = if at == 0 { format!("M{x1} {y1}") } else { format!("H{x1}") };
            format!("{begin}C{middle} {y1} {middle} {y2} {x2} {y2}")
        };
        self.stretches.iter().enumerate().map(piece).collect::<Vec<_>>().concat()
    }
}

/// What was placed: left upper corners, and lines.
#[derive(Debug, Default)]
pub(super) struct Laid {
    pub(super) corners: Vec<(f64, f64)>,
    pub(super) lines: Vec<Line>,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// Where all lines from outside come in, and where all lines to outside go out: boxes of no size at either border.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Ports {
    pub(super) entry: Option<usize>,
    pub(super) exit: Option<usize>,
}

/// Places boxes by their lines; `None` when there is too much of them.
pub(super) fn lay(sizes: &[Size], lines: &BTreeSet<(usize, usize)>, ports: Ports) -> Option<Laid> {
    let mut layout = Layout::of(sizes, lines, ports)?;
    for sweep in 0..SWEEPS {
        layout.order(sweep % 2 == 0);
    }
    layout.stack();
    for sweep in 0..SWEEPS {
        layout.flatten(sweep % 2 == 0);
    }
    Some(layout.measure(sizes, ports))
}

/// A box, or a bend of a line that passes through a layer.
struct Spot {
    /// Its height with the room around it.
    room: f64,
    layer: usize,
    left: Vec<usize>,
    right: Vec<usize>,
    y: f64,
}

struct Layout {
    /// The boxes first, then the bends.
    spots: Vec<Spot>,
    /// The spots of each layer, from top to bottom.
    layers: Vec<Vec<usize>>,
    /// Each line as the spots it passes, and whether it leads back.
    ways: Vec<(Vec<usize>, bool)>,
}

impl Layout {
    fn of(sizes: &[Size], lines: &BTreeSet<(usize, usize)>, ports: Ports) -> Option<Self> {
        let onwards = forwards(sizes.len(), lines);
        let mut spots: Vec<Spot> = layers(sizes.len(), &onwards, ports)
            .into_iter()
            .zip(sizes)
            .map(|(layer, size)| Spot::new(layer, size.height + GAP))
            .collect();
        let mut ways = Vec::new();
        for (from, to, back) in onwards {
            ways.push((connect(&mut spots, from, to), back));
            if spots.len() > MAX_BENDS {
                return None;
            }
        }
        let depth = spots.iter().map(|spot| spot.layer + 1).max().unwrap_or(0);
        let mut layers = vec![Vec::new(); depth];
        for (at, spot) in spots.iter().enumerate() {
            layers[spot.layer].push(at);
        }
        Some(Self { spots, layers, ways })
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

    /// Each layer from its top, without holes; places are those of the middles.
    fn stack(&mut self) {
        for layer in &self.layers {
            let mut top = 0.0;
            for at in layer {
                let room = self.spots[*at].room;
                self.spots[*at].y = top + room / 2.0;
                top += room;
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
                f64::midpoint(self.spots[spots[above]].room, self.spots[spots[below]].room)
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

    fn measure(&self, sizes: &[Size], ports: Ports) -> Laid {
        let boxes = || self.spots.iter().take(sizes.len()).zip(sizes);
        let tops = boxes().map(|(spot, size)| spot.y - size.height / 2.0);
        let bends = || self.spots.iter().skip(sizes.len()).map(|spot| spot.y);
        let top = tops.chain(bends()).fold(f64::INFINITY, f64::min);
        let bottoms = boxes().map(|(spot, size)| spot.y + size.height / 2.0);
        let bottom = bottoms.chain(bends()).fold(f64::NEG_INFINITY, f64::max);
        let (lefts, rights) = self.columns(sizes, ports);
        let corner = |(spot, size): (&Spot, &Size)| (lefts[spot.layer], spot.y - size.height / 2.0 - top);
        let leaves = |at: usize| match sizes.get(at) {
            Some(size) => (lefts[self.spots[at].layer] + size.width, self.spots[at].y - top + size.leave),
            None => (rights[self.spots[at].layer], self.spots[at].y - top),
        };
        let enters = |at: usize| {
            let below = sizes.get(at).map_or(0.0, |size| size.enter);
            (lefts[self.spots[at].layer], self.spots[at].y - top + below)
        };
        let ends = |way: &[usize], back: bool| match (way.first().copied(), way.last().copied()) {
            (Some(left), Some(right)) if back => (right, left),
            (left, right) => (left.unwrap_or(0), right.unwrap_or(0)),
        };
        let line = |(way, back): &(Vec<usize>, bool)| Line {
            ends: ends(way, *back),
            stretches: way
                .windows(2)
                .map(|pair| Stretch { from: leaves(pair[0]), to: enters(pair[1]) })
                .collect(),
            back: *back,
        };
        Laid {
            corners: boxes().map(corner).collect(),
            lines: self.ways.iter().map(line).collect(),
            width: rights.last().copied().unwrap_or(0.0),
            height: if sizes.is_empty() { 0.0 } else { bottom - top },
        }
    }

    /// Left and right border of each layer; a layer is as wide as its widest box.
    fn columns(&self, sizes: &[Size], ports: Ports) -> (Vec<f64>, Vec<f64>) {
        let (mut lefts, mut rights) = (Vec::new(), Vec::new());
        let mut x = 0.0;
        let last = self.layers.len().saturating_sub(2);
        for (at, layer) in self.layers.iter().enumerate() {
            let widths = layer.iter().filter_map(|spot| sizes.get(*spot)).map(|size| size.width);
            let width = widths.fold(0.0, f64::max);
            lefts.push(x);
            rights.push(x + width);
            let beside_port = (at == 0 && ports.entry.is_some()) || (at == last && ports.exit.is_some());
            x += width + if beside_port { PORT_GAP } else { LAYER_GAP };
        }
        (lefts, rights)
    }
}

impl Spot {
    fn new(layer: usize, room: f64) -> Self {
        Self { room, layer, left: Vec::new(), right: Vec::new(), y: 0.0 }
    }

    fn side(&self, rightwards: bool) -> &[usize] {
        if rightwards { &self.left } else { &self.right }
    }
}

/// Lines in an order in which each comes after all that lead to its begin. Where they run in a circle (boxes
/// stand for several tasks), one of them is turned round.
fn forwards(count: usize, lines: &BTreeSet<(usize, usize)>) -> Vec<(usize, usize, bool)> {
    let mut open = vec![0_usize; count];
    for (_, to) in lines {
        open[*to] += 1;
    }
    let mut left: BTreeSet<usize> = (0..count).collect();
    let mut rank = vec![0; count];
    let mut next = 0;
    // The first of those that nothing leads to, or in a circle the first at all.
    while let Some(at) = left.iter().copied().find(|at| open[*at] == 0).or(left.first().copied()) {
        left.remove(&at);
        rank[at] = next;
        next += 1;
        for (_, to) in lines.range((at, 0)..(at + 1, 0)) {
            open[*to] = open[*to].saturating_sub(1);
        }
    }
    let turn = |(from, to): &(usize, usize)| {
        let back = rank[*from] > rank[*to];
        if back { (*to, *from, true) } else { (*from, *to, false) }
    };
    let mut onwards: Vec<(usize, usize, bool)> = lines.iter().map(turn).collect();
    onwards.sort_by_key(|(from, to, _)| (rank[*from], rank[*to]));
    onwards
}

/// The layer of each box: one more than the last of those before it, ports at either end.
fn layers(count: usize, onwards: &[(usize, usize, bool)], ports: Ports) -> Vec<usize> {
    let first = usize::from(ports.entry.is_some());
    let mut layers = vec![first; count];
    if let Some(entry) = ports.entry {
        layers[entry] = 0;
    }
    for (from, to, _) in onwards {
        layers[*to] = layers[*to].max(layers[*from] + 1);
    }
    if let Some(exit) = ports.exit {
        let others = (0..count).filter(|at| *at != exit).map(|at| layers[at] + 1).max();
        layers[exit] = others.unwrap_or(first);
    }
    layers
}

/// Joins two boxes, with a bend in each layer between them.
fn connect(spots: &mut Vec<Spot>, from: usize, to: usize) -> Vec<usize> {
    let mut way = vec![from];
    for layer in spots[from].layer + 1..spots[to].layer {
        spots.push(Spot::new(layer, BEND_ROW));
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

#[expect(clippy::cast_precision_loss, reason = "a drawing has far fewer than 2^52 places")]
pub(super) fn to_f64(number: usize) -> f64 {
    number as f64
}

#[expect(clippy::cast_possible_truncation, reason = "a drawing is far smaller than 2^31 pixels")]
pub(super) fn round(number: f64) -> i32 {
    number.round() as i32
}
