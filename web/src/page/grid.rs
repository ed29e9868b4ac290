//! The last runs of a DAG against its tasks.

use axum::extract::{Path, Query};
use nightrun_core::dag::spec::Dag;
use nightrun_core::decide::{RunState, RunType};
use nightrun_core::id::RunId;
use nightrun_core::time::Timestamp;
use nightrun_engine::store::RunItem;
use serde::{Deserialize, Serialize};

use super::dag::view;
use super::graph::Folds;
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
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Before {
    before: Option<i64>,
}

#[derive(Serialize)]
struct Column {
    run: RunId,
    state: RunState,
    run_type: RunType,
    /// `21 Nov 02:30`, on the DAG's clock where that is known.
    day: String,
    logical_date: Timestamp,
    took: Option<String>,
    /// How long it took beside the longest, in pixels of a bar.
    height: u64,
}

/// Pixels of the bar of the longest run.
const BAR: u128 = 40;

/// `GET /dags/{dag}?folded=&before=`
pub(crate) async fn overview(
    site: Shared,
    Path(dag): Path<String>,
    Query(asked): Query<Folds>,
    Query(Before { before }): Query<Before>,
    Query(did): Query<Did>,
) -> Shown {
    view(site, (dag, did), "dag_grid.html", move |desk, item, spec| {
        let tasks = spec.map_or(0, |dag| dag.tasks.len());
        let count = grid::runs_for(tasks);
        let grid = desk.page.grid_before(&item.dag, before.map(RunId), count)?;
        let current: Vec<String> =
            spec.map(|dag| dag.tasks.iter().map(|task| task.id.clone()).collect()).unwrap_or_default();
        let longest = grid.runs.iter().map(|it| length(&it.run, desk.now)).max().unwrap_or(1).max(1);
        let rows = grid::rows(&grid, &current);
        let (folded, groups) = spec.map(|dag| (asked.of(dag), every_group(dag))).unwrap_or_default();
        let full = grid.runs.len() == count as usize;
        Ok(GridView {
            columns: grid.runs.iter().rev().map(|it| column(&it.run, spec, desk.now, longest)).collect(),
            tasks: rows.len(),
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

/// How long a run took or takes, in nanoseconds.
fn length(run: &RunItem, now: Timestamp) -> u128 {
    run.started_at.map_or(0, |begin| run.ended_at.unwrap_or(now).since(begin).as_nanos())
}

fn column(run: &RunItem, spec: Option<&Dag>, now: Timestamp, longest: u128) -> Column {
    let day = spec.map(|dag| dag.zone.civil(run.logical_date).format("%d %b %H:%M").to_string());
    Column {
        run: run.run_id,
        state: run.state,
        run_type: run.run_type,
        day: day.unwrap_or_else(|| run.logical_date.to_chrono().format("%d %b %H:%M").to_string()),
        logical_date: run.logical_date,
        took: words::took(run.started_at, run.ended_at, now),
        height: u64::try_from((length(run, now) * BAR).div_ceil(longest)).unwrap_or(0),
    }
}
