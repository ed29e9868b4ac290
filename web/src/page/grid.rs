//! The last runs of a DAG against its tasks.

use std::time::Duration;

use axum::extract::{Path, Query};
use nightrun_core::decide::{RunState, RunType};
use nightrun_core::id::RunId;
use nightrun_core::time::{Timestamp, show_duration};
use nightrun_core::timetable::Zone;
use nightrun_engine::store::{GridRun, RunItem};
use serde::{Deserialize, Serialize};

use super::dag::view;
use super::graph::{Folds, GraphView};
use super::{Did, Shown};
use crate::app::Shared;
use crate::draw::graph::{every_group, joined};
use crate::draw::grid;
use crate::words;

#[derive(Serialize)]
struct GridView {
    columns: Vec<Column>,
    rows: Vec<grid::Row>,
    tasks: usize,
    /// All groups, as an address has them; empty: there are none.
    groups: String,
    any_folded: bool,
    any_open: bool,
    /// As they were asked for, for links to other runs.
    folded: String,
    /// Older runs come before this one.
    older: Option<RunId>,
    /// Only runs that stand before this one are shown.
    before: Option<i64>,
    /// The months of the columns, each with how many columns it has.
    months: Vec<(String, usize)>,
    /// How long the longest of them took.
    longest: Option<String>,
    /// How many tasks are not green in all of them, and whether only those are shown.
    trouble: usize,
    only: bool,
    /// What it will do, where it has not done anything yet.
    graph: Option<GraphView>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Before {
    before: Option<i64>,
    only: Option<Only>,
}

/// Which tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Only {
    /// Those that are not green in each run.
    Trouble,
}

#[derive(Serialize)]
struct Column {
    run: RunId,
    state: RunState,
    run_type: RunType,
    /// `21 Nov 02:30`, on the DAG's clock where that is known.
    day: String,
    /// The same without the month, which stands above it.
    short: String,
    /// It is of another version of the DAG than the run before it.
    turn: bool,
    logical_date: Timestamp,
    took: Option<String>,
    /// How long it took beside the longest, in pixels of a bar.
    height: u64,
}

/// Pixels of the bar of the longest run.
const BAR: u128 = 40;

/// `GET /dags/{dag}?folded=&before=&only=`
pub(crate) async fn overview(
    site: Shared,
    Path(dag): Path<String>,
    Query(asked): Query<Folds>,
    Query(Before { before, only }): Query<Before>,
    Query(did): Query<Did>,
) -> Shown {
    view(site, (dag, did), "dag_grid.html", move |desk, item, spec| {
        let tasks = spec.map_or(0, |dag| dag.tasks.len());
        let count = grid::runs_for(tasks);
        let grid = desk.page.grid_before(&item.dag, before.map(RunId), count)?;
        let current: Vec<String> =
            spec.map(|dag| dag.tasks.iter().map(|task| task.id.clone()).collect()).unwrap_or_default();
        let longest = grid.runs.iter().map(|it| length(&it.run, desk.now)).max().unwrap_or_default();
        let zone = spec.map_or_else(Zone::utc, |dag| dag.zone.clone());
        let mut rows = grid::rows(&grid, &current);
        let all = rows.len();
        let trouble = rows.iter().filter(|row| !row.is_green()).count();
        let (mut folded, groups) = spec.map(|dag| (asked.of(dag), every_group(dag))).unwrap_or_default();
        let only = only.is_some();
        if only {
            // What is looked for must not lie in a folded group.
            folded.clear();
            rows.retain(|row| !row.is_green());
        }
        let full = grid.runs.len() == count as usize;
        let runs: Vec<&GridRun> = grid.runs.iter().rev().collect();
        let columns = runs.iter().enumerate().map(|(at, it)| {
            let turn = at > 0 && runs[at - 1].version != it.version;
            Column { turn, ..column(&it.run, &zone, desk.now, longest) }
        });
        Ok(GridView {
            columns: columns.collect(),
            months: months(runs.iter().map(|it| zone.civil(it.run.logical_date).format("%b %Y").to_string())),
            longest: (!longest.is_zero()).then(|| show_duration(longest)),
            trouble,
            only,
            graph: (grid.runs.is_empty() && before.is_none()).then(|| GraphView::of(spec, &asked, None, &[])),
            tasks: all,
            rows: match spec {
                Some(dag) => grid::grouped(rows, dag, &folded),
                None => rows,
            },
            groups: joined(&groups),
            any_folded: !folded.is_empty(),
            any_open: folded.len() < groups.len(),
            folded: joined(&folded),
            older: grid.runs.last().map(|it| it.run.run_id).filter(|_| full),
            before,
        })
    })
    .await
}

/// Each month once, with how many columns it has.
fn months(names: impl Iterator<Item = String>) -> Vec<(String, usize)> {
    let mut months: Vec<(String, usize)> = Vec::new();
    for name in names {
        match months.last_mut().filter(|(last, _)| *last == name) {
            Some((_, columns)) => *columns += 1,
            None => months.push((name, 1)),
        }
    }
    months
}

/// How long a run took or takes.
fn length(run: &RunItem, now: Timestamp) -> Duration {
    run.started_at.map_or(Duration::ZERO, |begin| run.ended_at.unwrap_or(now).since(begin))
}

fn column(run: &RunItem, zone: &Zone, now: Timestamp, longest: Duration) -> Column {
    let there = zone.civil(run.logical_date);
    let height = (length(run, now).as_nanos() * BAR).div_ceil(longest.as_nanos().max(1));
    Column {
        run: run.run_id,
        state: run.state,
        run_type: run.run_type,
        day: there.format("%d %b %H:%M").to_string(),
        short: there.format("%d %H:%M").to_string(),
        turn: false,
        logical_date: run.logical_date,
        took: words::took(run.started_at, run.ended_at, now),
        height: u64::try_from(height).unwrap_or(0),
    }
}
