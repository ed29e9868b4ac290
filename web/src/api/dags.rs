//! DAGs, their runs, their ticks, and the faults of files.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, Query};
use nightrun_core::dag::spec::{Dag, Param, Var};
use nightrun_core::decide::RunState;
use nightrun_core::id::{DagId, RunId, VersionId};
use nightrun_core::time::Timestamp;
use nightrun_core::timetable::Timetable;
use nightrun_engine::store::{
    DagItem, Fault, FileFaults, Overlay, RunFilter, RunItem, TickItem, VersionItem, VersionText,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{After, Before, Limit, Listed, Paged, Told};
use crate::app::{Desk, Shared, State};
use crate::page::schedule::coming;
use crate::problem::Problem;

/// Last runs told of each DAG.
const RECENT: u32 = 14;

/// Coming ticks told of one DAG.
const AHEAD: usize = 5;

/// DAGs read at once while a page fills.
const BATCH: u32 = 500;

/// A DAG in a list: as the store has it, what its file says about it, and when it fires next.
#[derive(Serialize, JsonSchema)]
pub(crate) struct DagLine {
    #[serde(flatten)]
    item: DagItem,
    #[serde(flatten)]
    says: Says,
    /// When it fires next.
    next: Option<Timestamp>,
    /// What becomes of that, where somebody holds it up, skipped or moved it.
    next_note: Option<String>,
    /// The same in a word: `skipped`, `moved`, `hold 3`.
    next_mark: Option<String>,
    /// What is wrong with its file.
    faults: Value,
}

impl DagLine {
    fn of(item: DagItem, desk: &Desk<'_>) -> Result<Self, Fault> {
        let spec = desk.spec(item.version)?;
        let next = spec.as_ref().and_then(|spec| spec.instants_after(desk.now.max(item.cursor)).next());
        let overlay = next.map(|_| desk.page.overlay(&item.dag)).transpose()?.unwrap_or_default();
        let faults = if item.fault_count > 0 { desk.page.faults(Some(&item.path))?.pop() } else { None };
        Ok(Self {
            says: Says::of(spec.as_deref()),
            next_note: next.and_then(|next| overlay.note(next)),
            next_mark: next.and_then(|next| overlay.short_note(next)),
            next,
            faults: faults.map_or(json!([]), |found| found.faults),
            item,
        })
    }
}

/// What the file of a DAG says of it as a whole.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Says {
    description: Option<String>,
    owner: Option<String>,
    tags: Vec<String>,
    enabled: bool,
    /// As it was written.
    schedule: Option<String>,
    /// The same with its zone.
    timetable: Option<String>,
    timezone: Option<String>,
}

impl Says {
    pub(super) fn of(spec: Option<&Dag>) -> Self {
        Self {
            description: spec.and_then(|dag| dag.description.clone()),
            owner: spec.and_then(|dag| dag.owner.clone()),
            tags: spec.map(|dag| dag.tags.clone()).unwrap_or_default(),
            enabled: spec.is_some_and(|dag| dag.enabled),
            schedule: spec.and_then(|dag| dag.timetable.as_ref()).map(|table| table.text().to_owned()),
            timetable: spec.and_then(|dag| dag.timetable.as_ref()).map(Timetable::to_string),
            timezone: spec.map(|dag| dag.zone.name().to_owned()),
        }
    }
}

/// A DAG as the store has it, and what its file says about it.
#[derive(Serialize, JsonSchema)]
pub(crate) struct DagTold {
    #[serde(flatten)]
    item: DagItem,
    #[serde(flatten)]
    says: Says,
    /// All that has a schedule is paused.
    everything_paused: bool,
    next_ticks: Vec<Timestamp>,
    /// What becomes of those that people hold up, skip or move.
    next_notes: BTreeMap<Timestamp, String>,
    #[schemars(with = "Vec<Value>")]
    params: Vec<Param>,
    #[schemars(with = "Vec<Value>")]
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
            says: Says::of(spec),
            everything_paused: false,
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

/// Which DAGs a list has.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub(crate) struct Which {
    /// Every word of it is in their id, description, owner or tags.
    q: Option<String>,
    /// They have this tag.
    tag: Option<String>,
    /// They belong to this owner.
    owner: Option<String>,
    /// Their last run is in this state.
    state: Option<RunState>,
    /// They are paused, or not.
    paused: Option<bool>,
    /// No file defines them any more, or one does.
    retired: Option<bool>,
}

impl Which {
    /// Those with this tag and this owner.
    pub(super) fn of(tag: Option<String>, owner: Option<String>) -> Self {
        Self { tag, owner, ..Self::default() }
    }

    fn has_item(&self, item: &DagItem) -> bool {
        let last = item.recent.first().map(|mark| mark.state);
        self.state.is_none_or(|state| last == Some(state))
            && self.paused.is_none_or(|paused| item.paused == paused)
            && self.retired.is_none_or(|retired| item.retired == retired)
    }

    /// What the file says is looked at only where somebody asks.
    pub(super) fn asks_files(&self) -> bool {
        self.q.is_some() || self.tag.is_some() || self.owner.is_some()
    }

    pub(super) fn has(&self, dag: &Dag) -> bool {
        let owner = dag.owner.as_deref().unwrap_or_default();
        let words = || {
            let description = dag.description.as_deref().unwrap_or_default();
            format!("{} {owner} {} {description}", dag.id, dag.tags.join(" ")).to_lowercase()
        };
        let said = |q: &String| {
            let text = words();
            q.to_lowercase().split_whitespace().all(|word| text.contains(word))
        };
        self.owner.as_ref().is_none_or(|wanted| owner == wanted)
            && self.tag.as_ref().is_none_or(|tag| dag.tags.contains(tag))
            && self.q.as_ref().is_none_or(said)
    }

    /// Those DAGs by their ids, from `after` on, at most `limit`.
    fn list(&self, desk: &Desk<'_>, mut after: Option<DagId>, limit: u32) -> Result<Vec<DagItem>, Fault> {
        let mut found = Vec::new();
        loop {
            let items = desk.dags(after, BATCH, RECENT)?;
            let ended = items.len() < BATCH as usize;
            after = items.last().map(|item| item.dag.clone());
            for item in items {
                let spec = if self.asks_files() { desk.spec(item.version)? } else { None };
                let fits = !self.asks_files() || spec.is_some_and(|dag| self.has(&dag));
                if fits && self.has_item(&item) {
                    found.push(item);
                }
                if found.len() == limit as usize {
                    return Ok(found);
                }
            }
            if ended {
                return Ok(found);
            }
        }
    }
}

/// `GET /api/v1/dags?q=&tag=&owner=&state=&paused=&retired=&after=&limit=`
pub(crate) async fn list(
    State(site): Shared,
    Query(which): Query<Which>,
    Query(after): Query<After>,
    Query(limit): Query<Limit>,
) -> Paged<DagLine> {
    let rows = limit.rows();
    let after = after.after.map(|after| DagId::from(after.as_str()));
    let items = site.read(move |desk| {
        let items = which.list(desk, after, rows)?;
        items.into_iter().map(|item| DagLine::of(item, desk)).collect::<Result<Vec<_>, _>>().map(Some)
    });
    Ok(Listed::new(items.await?, rows, "after", |line| line.item.dag.to_string()))
}

/// `GET /api/v1/dags/{dag}`
pub(crate) async fn one(State(site): Shared, Path(dag): Path<String>) -> Told<DagTold> {
    let told = site.read(move |desk| {
        let Some(item) = desk.page.dag(&DagId::from(dag.as_str()), RECENT)? else { return Ok(None) };
        let spec = desk.spec(item.version)?;
        let overlay = desk.page.overlay(&item.dag)?;
        let faults = desk.page.faults(Some(&item.path))?.pop().map_or(json!([]), |found| found.faults);
        let told = DagTold::of(item, (spec.as_deref(), faults), &overlay, desk.now);
        Ok(Some(DagTold { everything_paused: desk.page.everything_paused()?, ..told }))
    });
    told.await.map(Json)
}

/// `GET /api/v1/dags/{dag}/runs?before=&limit=`
pub(crate) async fn runs(
    State(site): Shared,
    Path(dag): Path<String>,
    Query(before): Query<Before>,
    Query(limit): Query<Limit>,
) -> Paged<RunItem> {
    let rows = limit.rows();
    let items = site.read(move |desk| {
        let dag = DagId::from(dag.as_str());
        if !is_known(desk, &dag)? {
            return Ok(None);
        }
        let filter = RunFilter { dag: Some(dag), before: before.before.map(RunId), ..RunFilter::default() };
        desk.page.runs(&filter, rows).map(Some)
    });
    Ok(Listed::new(items.await?, rows, "before", |item| item.run_id.to_string()))
}

/// `GET /api/v1/dags/{dag}/versions?before=&limit=`
pub(crate) async fn versions(
    State(site): Shared,
    Path(dag): Path<String>,
    Query(before): Query<Before>,
    Query(limit): Query<Limit>,
) -> Paged<VersionItem> {
    let rows = limit.rows();
    let items = site.read(move |desk| {
        let (dag, before) = (DagId::from(dag.as_str()), before.before.map(VersionId));
        if is_known(desk, &dag)? { desk.page.versions(&dag, before, rows).map(Some) } else { Ok(None) }
    });
    Ok(Listed::new(items.await?, rows, "before", |item| item.version.0.to_string()))
}

/// A version of a DAG with its text, and what that says.
#[derive(Serialize, JsonSchema)]
pub(crate) struct VersionTold {
    #[serde(flatten)]
    text: VersionText,
    /// It is in force.
    current: bool,
    #[serde(flatten)]
    says: Says,
    #[schemars(with = "Vec<Value>")]
    params: Vec<Param>,
    #[schemars(with = "Vec<Value>")]
    vars: Vec<Var>,
    /// The ids of its tasks.
    tasks: Vec<String>,
}

/// `GET /api/v1/dags/{dag}/versions/{version}`: its text, and what it was read with.
pub(crate) async fn version(
    State(site): Shared,
    Path((dag, version)): Path<(String, i64)>,
) -> Told<VersionTold> {
    let found = site.read(move |desk| {
        let found = desk.page.version(VersionId(version))?.filter(|found| found.item.dag.as_str() == dag);
        let Some(text) = found else { return Ok(None) };
        let in_force = desk.page.dag(&text.item.dag, 0)?.filter(|dag| !dag.retired);
        let spec = desk.spec(text.item.version)?;
        let spec = spec.as_deref();
        Ok(Some(VersionTold {
            current: in_force.is_some_and(|dag| dag.version == text.item.version),
            says: Says::of(spec),
            params: spec.map(|dag| dag.params.clone()).unwrap_or_default(),
            vars: spec.map(|dag| dag.vars.clone()).unwrap_or_default(),
            tasks: spec.map(|dag| dag.tasks.iter().map(|task| task.id.clone()).collect()).unwrap_or_default(),
            text,
        }))
    });
    found.await.map(Json)
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct BeforeInstant {
    /// Where the page before ended: its `next`.
    #[schemars(with = "Option<Timestamp>")]
    before: Option<String>,
}

/// `GET /api/v1/dags/{dag}/ticks?before=INSTANT&limit=`
pub(crate) async fn ticks(
    State(site): Shared,
    Path(dag): Path<String>,
    Query(before): Query<BeforeInstant>,
    Query(limit): Query<Limit>,
) -> Paged<TickItem> {
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
    Ok(Listed::new(items.await?, rows, "before", |item| item.instant.to_rfc3339()))
}

/// `GET /api/v1/faults?after=&limit=`
pub(crate) async fn faults(
    State(site): Shared,
    Query(after): Query<After>,
    Query(limit): Query<Limit>,
) -> Paged<FileFaults> {
    let all = site.read(|desk| desk.faults().map(Some)).await?;
    Ok(Listed::cut(all, after.after.as_deref(), limit.rows(), |file| file.path.clone()))
}

pub(super) fn is_known(desk: &Desk<'_>, dag: &DagId) -> Result<bool, Fault> {
    Ok(desk.page.dag(dag, 0)?.is_some())
}
