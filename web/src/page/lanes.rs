//! The night of each DAG: which of its runs have been, which are at work, which ticks are to come.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use nightrun_core::decide::RunState;
use nightrun_core::id::{DagId, RunId, VersionId};
use nightrun_core::time::Timestamp;
use nightrun_engine::store::{DagInForce, Fault, HoldItem, Overlay, RunFilter, RunItem, TickChangeItem};
use serde::Serialize;

use super::pace::usual;
use super::schedule::{Coming, coming, with_overlay};
use crate::app::Desk;
use crate::draw::lengths::shown;
use crate::draw::night::{Bar, Heap, Hour, Stretch, What, Window};
use crate::specs::Firing;
use crate::words;

/// DAGs with a line of their own.
const LINES: usize = 30;

/// The newest runs, among which those of the night are looked for.
const RECENT: u32 = 1_000;

/// Runs at work that are looked at.
const AT_WORK: u32 = 200;

/// The picture.
#[derive(Serialize)]
pub(super) struct Lanes {
    hours: Vec<Hour>,
    /// Where now is, of a thousand.
    now: u64,
    /// Those that matter most.
    dags: Vec<Lane>,
    /// How many DAGs have no line of their own, and what they do.
    others: usize,
    heaps: Vec<Heap>,
    /// How many ticks fire until then, whether that is all of them, and of how many DAGs.
    ticks: usize,
    cut: bool,
    due: usize,
    day: Day,
}

/// How the last day went.
#[derive(Serialize)]
struct Day {
    runs: usize,
    failed: usize,
    /// There are so many runs that not all of the day were looked at.
    at_least: bool,
}

impl Day {
    /// Among the newest runs.
    fn of(newest: &[RunItem], now: Timestamp) -> Self {
        let since = now.minus(Duration::from_hours(24));
        let ended = |run: &&RunItem| run.ended_at.is_some_and(|at| at >= since);
        Self {
            runs: newest.iter().filter(ended).count(),
            failed: newest.iter().filter(ended).filter(|run| run.state == RunState::Failed).count(),
            at_least: newest.len() == RECENT as usize && newest.last().as_ref().is_some_and(ended),
        }
    }
}

/// The line of one DAG.
#[derive(Serialize)]
struct Lane {
    dag: DagId,
    /// Its newest run.
    last: Option<Last>,
    /// Its next tick.
    next: Option<Coming>,
    /// How many follow until then, and whether that is all of them.
    more: usize,
    cut: bool,
    paused: bool,
    bars: Vec<Bar>,
}

#[derive(Serialize)]
struct Last {
    run: RunId,
    state: RunState,
    words: String,
}

/// What is known of one DAG before it is drawn.
struct Night {
    paused: bool,
    /// Newest first.
    runs: Vec<RunItem>,
    version: VersionId,
    firing: Firing,
}

impl Night {
    fn next(&self) -> Option<Timestamp> {
        self.firing.ticks().first().copied()
    }

    /// What an operator should see first: what failed, what is at work, then what is due next.
    fn rank(&self) -> (u8, Timestamp, Reverse<Option<RunId>>) {
        let (newest, next) = (self.runs.first(), self.next());
        let class = match (newest.map(|run| run.state), next) {
            (Some(RunState::Failed), _) => 0,
            (Some(state), _) if !state.is_final() => 1,
            (_, Some(_)) => 2,
            _ => 3,
        };
        let at = next.filter(|_| class == 2).unwrap_or(Timestamp::MAX);
        (class, at, Reverse(newest.map(|run| run.run_id)))
    }
}

/// Reads the night of all DAGs in force that are the business of whoever asks.
pub(super) fn lanes(
    desk: &Desk<'_>,
    window: Window,
    in_force: &[DagInForce],
    overlays: &Overlays,
) -> Result<Lanes, Fault> {
    let mut nights = ahead(desk, window, in_force)?;
    let newest = desk.runs(&RunFilter::default(), RECENT)?;
    let day = Day::of(&newest, desk.now);
    for run in runs(desk, window, newest)? {
        if let Some(night) = nights.get_mut(&run.dag) {
            night.runs.push(run);
        }
    }
    nights.retain(|_, night| !night.runs.is_empty() || night.next().is_some());
    let ticks = nights.values().map(|night| night.firing.ticks().len()).sum();
    let cut = nights.values().any(|night| night.firing.cut);
    let due = nights.values().filter(|night| night.next().is_some()).count();
    let mut ranked: Vec<(DagId, Night)> = nights.into_iter().collect();
    ranked.sort_by_cached_key(|(_, night)| night.rank());
    let others = ranked.split_off(LINES.min(ranked.len()));
    let began = others.iter().flat_map(|(_, night)| night.runs.iter().filter_map(|run| run.started_at));
    let heaps =
        window.heaps(began.chain(others.iter().flat_map(|(_, night)| night.firing.ticks().iter().copied())));
    let lanes = ranked.into_iter().map(|(dag, night)| lane(desk, window, dag, &night, overlays));
    Ok(Lanes {
        hours: window.hours(),
        now: window.x(desk.now),
        dags: lanes.collect::<Result<_, Fault>>()?,
        others: others.len(),
        heaps,
        ticks,
        cut,
        due,
        day,
    })
}

/// What the schedules say; a paused one says nothing.
fn ahead(desk: &Desk<'_>, window: Window, in_force: &[DagInForce]) -> Result<BTreeMap<DagId, Night>, Fault> {
    let mut nights = BTreeMap::new();
    for of in in_force {
        let firing = if of.paused { Firing::none() } else { desk.firing(of.version, window.until)? };
        let night = Night { paused: of.paused, runs: Vec::new(), version: of.version, firing };
        nights.insert(of.dag.clone(), night);
    }
    Ok(nights)
}

/// The runs of the window, newest first, as far as the newest ones and those at work reach back.
fn runs(desk: &Desk<'_>, window: Window, newest: Vec<RunItem>) -> Result<Vec<RunItem>, Fault> {
    let mut runs = newest;
    for state in [RunState::Running, RunState::Stopping] {
        runs.extend(desk.runs(&RunFilter { state: Some(state), ..RunFilter::default() }, AT_WORK)?);
    }
    let mut seen = BTreeSet::new();
    runs.retain(|run| {
        let reaches_in = run.ended_at.is_none_or(|end| end >= window.from);
        reaches_in && run.started_at.is_some() && seen.insert(run.run_id)
    });
    runs.sort_by_key(|run| Reverse(run.run_id));
    Ok(runs)
}

fn lane(
    desk: &Desk<'_>,
    window: Window,
    dag: DagId,
    night: &Night,
    overlays: &Overlays,
) -> Result<Lane, Fault> {
    let usual = usual(desk, &dag)?;
    let mut stretches: Vec<Stretch> = Vec::new();
    for run in &night.runs {
        let Some(from) = run.started_at else { continue };
        let to = run.ended_at.unwrap_or(desk.now);
        stretches.push(Stretch { what: What::Run(run.run_id, run.state), from, to });
        let likely =
            usual.map(|usual| from.plus(usual)).filter(|end| !run.state.is_final() && *end > desk.now);
        stretches.extend(likely.map(|to| Stretch { what: What::Likely, from: desk.now, to }));
    }
    let overlay = overlays.of(&dag);
    let (ticks, cut) = (night.firing.ticks(), night.firing.cut);
    for at in ticks {
        let what = overlay.short_note(*at).map_or(What::Due, What::Changed);
        stretches.push(Stretch { what, from: *at, to: at.plus(usual.unwrap_or_default()) });
    }
    if let Some(from) = ticks.last().filter(|_| cut) {
        stretches.push(Stretch { what: What::Due, from: *from, to: window.until });
    }
    // Also what comes after the night: without it, a DAG with a schedule would look like one that has none.
    let spec = if night.paused { None } else { desk.spec(night.version)? };
    let next = spec.and_then(|dag| with_overlay(coming(&dag, desk.now, 1), &overlay).pop());
    Ok(Lane {
        bars: window.line(&dag, stretches),
        last: night.runs.first().map(|run| last(run, usual, desk.now)),
        more: ticks.len().saturating_sub(1),
        cut,
        next,
        paused: night.paused,
        dag,
    })
}

fn last(run: &RunItem, usual: Option<Duration>, now: Timestamp) -> Last {
    let took = words::took(run.started_at, run.ended_at, now).unwrap_or_default();
    let words = match (run.ended_at, usual) {
        (Some(ended), _) => words::from_now(ended, now),
        (None, Some(usual)) => format!("{took} of usually {}", shown(usual)),
        (None, None) => took,
    };
    Last { run: run.run_id, state: run.state, words }
}

/// What people have laid over all schedules, read once.
pub(crate) struct Overlays {
    pub(crate) holds: Vec<HoldItem>,
    changed: BTreeMap<DagId, Vec<TickChangeItem>>,
}

impl Overlays {
    pub(crate) fn read(desk: &Desk<'_>) -> Result<Self, Fault> {
        let mut changed: BTreeMap<DagId, Vec<TickChangeItem>> = BTreeMap::new();
        for item in desk.changed_ticks()? {
            changed.entry(item.dag.clone()).or_default().push(item);
        }
        Ok(Self { holds: desk.theirs(desk.page.holds()?), changed })
    }

    /// What lies over the schedule of one DAG.
    pub(crate) fn of(&self, dag: &DagId) -> Overlay {
        let theirs = |hold: &&HoldItem| hold.dags.as_ref().is_none_or(|dags| dags.contains(dag));
        Overlay {
            holds: self.holds.iter().filter(theirs).cloned().collect(),
            changed: self.changed.get(dag).cloned().unwrap_or_default(),
        }
    }
}
