//! DAGs, their runs, their ticks, and the faults of files.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, Query};
use nightrun_core::dag::spec::{Dag, Param, Var};
use nightrun_core::id::{DagId, RunId, VersionId};
use nightrun_core::time::Timestamp;
use nightrun_engine::store::{
    DagItem, FileFaults, Overlay, RunFilter, RunItem, TickItem, VersionItem, VersionText,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Limit, Listed, Told};
use crate::app::{Desk, Shared, State};
use crate::page::schedule::coming;
use crate::problem::Problem;

/// Last runs told of each DAG.
const RECENT: u32 = 14;

/// Coming ticks told of one DAG.
const AHEAD: usize = 5;

#[derive(Debug, Deserialize)]
pub(crate) struct After {
    after: Option<String>,
}

/// A DAG as the store has it, and what its file says about it.
#[derive(Serialize)]
pub(crate) struct DagTold {
    #[serde(flatten)]
    item: DagItem,
    description: Option<String>,
    owner: Option<String>,
    tags: Vec<String>,
    enabled: bool,
    schedule: Option<String>,
    timezone: Option<String>,
    next_ticks: Vec<Timestamp>,
    /// What becomes of those that people hold up, skip or move.
    next_notes: BTreeMap<Timestamp, String>,
    params: Vec<Param>,
    vars: Vec<Var>,
    /// What is wrong with its file; while there are errors, the last good version stays in force.
    faults: Value,
    tasks: Vec<Value>,
}

impl DagTold {
    fn of(item: DagItem, (spec, faults): (Option<&Dag>, Value), overlay: &Overlay, now: Timestamp) -> Self {
        let ticks: Vec<Timestamp> = spec
            .map(|dag| coming(dag, now, AHEAD).into_iter().map(|tick| tick.at).collect())
            .unwrap_or_default();
        Self {
            next_notes: ticks.iter().filter_map(|at| Some((*at, overlay.note(*at)?))).collect(),
            item,
            description: spec.and_then(|dag| dag.description.clone()),
            owner: spec.and_then(|dag| dag.owner.clone()),
            tags: spec.map(|dag| dag.tags.clone()).unwrap_or_default(),
            enabled: spec.is_some_and(|dag| dag.enabled),
            schedule: spec.and_then(|dag| dag.timetable.as_ref()).map(|table| table.text().to_owned()),
            timezone: spec.map(|dag| dag.zone.name().to_owned()),
            next_ticks: ticks,
            params: spec.map(|dag| dag.params.clone()).unwrap_or_default(),
            vars: spec.map(|dag| dag.vars.clone()).unwrap_or_default(),
            faults,
            tasks: spec.map(tasks).unwrap_or_default(),
        }
    }
}

fn tasks(dag: &Dag) -> Vec<Value> {
    let told = dag.tasks.iter().enumerate().map(|(at, task)| {
        let place = nightrun_core::id::TaskIndex(u32::try_from(at).unwrap_or(u32::MAX));
        let upstream: Vec<&str> = dag.graph.upstream(place).map(|up| dag.task(up).id.as_str()).collect();
        json!({ "id": task.id, "depends_on": upstream, "trigger_rule": task.trigger_rule.as_str() })
    });
    told.collect()
}

/// `GET /api/v1/dags?after=&limit=`
pub(crate) async fn list(
    State(site): Shared,
    Query(after): Query<After>,
    Query(limit): Query<Limit>,
) -> Told<Listed<DagItem>> {
    let rows = limit.rows();
    let after = after.after.map(|after| DagId::from(after.as_str()));
    let items = site.read(move |desk| desk.dags(after, rows, RECENT).map(Some)).await?;
    Ok(Json(Listed::new(items, rows, |item| item.dag.to_string())))
}

/// `GET /api/v1/dags/{dag}`
pub(crate) async fn one(State(site): Shared, Path(dag): Path<String>) -> Told<DagTold> {
    let told = site.read(move |desk| {
        let Some(item) = desk.page.dag(&DagId::from(dag.as_str()), RECENT)? else { return Ok(None) };
        let spec = desk.spec(item.version)?;
        let overlay = desk.page.overlay(&item.dag)?;
        let faults = desk.page.faults(Some(&item.path))?.pop().map_or(json!([]), |found| found.faults);
        Ok(Some(DagTold::of(item, (spec.as_deref(), faults), &overlay, desk.now)))
    });
    told.await.map(Json)
}

#[derive(Debug, Deserialize)]
pub(crate) struct Before {
    before: Option<i64>,
}

/// `GET /api/v1/dags/{dag}/runs?before=&limit=`
pub(crate) async fn runs(
    State(site): Shared,
    Path(dag): Path<String>,
    Query(before): Query<Before>,
    Query(limit): Query<Limit>,
) -> Told<Listed<RunItem>> {
    let rows = limit.rows();
    let items = site.read(move |desk| {
        let dag = DagId::from(dag.as_str());
        if !is_known(desk, &dag)? {
            return Ok(None);
        }
        let filter = RunFilter { dag: Some(dag), before: before.before.map(RunId), ..RunFilter::default() };
        desk.page.runs(&filter, rows).map(Some)
    });
    Ok(Json(Listed::new(items.await?, rows, |item| item.run_id.to_string())))
}

/// `GET /api/v1/dags/{dag}/versions?before=&limit=`
pub(crate) async fn versions(
    State(site): Shared,
    Path(dag): Path<String>,
    Query(before): Query<Before>,
    Query(limit): Query<Limit>,
) -> Told<Listed<VersionItem>> {
    let rows = limit.rows();
    let items = site.read(move |desk| {
        let (dag, before) = (DagId::from(dag.as_str()), before.before.map(VersionId));
        if is_known(desk, &dag)? { desk.page.versions(&dag, before, rows).map(Some) } else { Ok(None) }
    });
    Ok(Json(Listed::new(items.await?, rows, |item| item.version.0.to_string())))
}

/// `GET /api/v1/dags/{dag}/versions/{version}`: its text, and what it was read with.
pub(crate) async fn version(
    State(site): Shared,
    Path((dag, version)): Path<(String, i64)>,
) -> Told<VersionText> {
    let found = site.read(move |desk| {
        Ok(desk.page.version(VersionId(version))?.filter(|found| found.item.dag.as_str() == dag))
    });
    found.await.map(Json)
}

#[derive(Debug, Deserialize)]
pub(crate) struct BeforeInstant {
    before: Option<String>,
}

/// `GET /api/v1/dags/{dag}/ticks?before=INSTANT&limit=`
pub(crate) async fn ticks(
    State(site): Shared,
    Path(dag): Path<String>,
    Query(before): Query<BeforeInstant>,
    Query(limit): Query<Limit>,
) -> Told<Listed<TickItem>> {
    let rows = limit.rows();
    let before = match before.before {
        None => None,
        Some(text) => Some(Timestamp::parse(&text).ok_or_else(|| {
            Problem::bad_request(format!("`before` is an RFC 3339 time, which `{text}` is not"))
        })?),
    };
    let items = site.read(move |desk| {
        let dag = DagId::from(dag.as_str());
        if is_known(desk, &dag)? { desk.page.ticks(&dag, before, rows).map(Some) } else { Ok(None) }
    });
    Ok(Json(Listed::new(items.await?, rows, |item| item.instant.to_rfc3339())))
}

/// `GET /api/v1/faults`
pub(crate) async fn faults(State(site): Shared) -> Told<Listed<FileFaults>> {
    let items = site.read(|desk| desk.page.faults(None).map(Some)).await?;
    Ok(Json(Listed { items, next: None }))
}

fn is_known(desk: &Desk<'_>, dag: &DagId) -> Result<bool, nightrun_engine::store::Fault> {
    Ok(desk.page.dag(dag, 0)?.is_some())
}
