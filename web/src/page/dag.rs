//! One DAG: what its last runs came to, how it hangs together, when it fires, what its file says.

use std::collections::BTreeMap;

use axum::extract::{Path, Query};
use nightrun_core::dag::DefaultsFile;
use nightrun_core::dag::spec::Dag;
use nightrun_core::decide::RunState;
use nightrun_core::id::{DagId, RunId, VersionId};
use nightrun_core::time::Timestamp;
use nightrun_engine::store::{DagItem, Fault, TickChangeItem, TickItem, VersionItem, VersionText};
use serde::Serialize;

use super::between::{Ties, ties};
use super::graph::{Folds, GraphView};
use super::schedule::{Coming, coming, local, with_overlay};
use super::{Did, Sheet, Shown, Watch, show};
use crate::app::{Desk, Shared};
use crate::draw::graph::Standing;
use crate::source::{self, Line};

/// Coming ticks shown.
const TICKS_AHEAD: usize = 5;

/// Ticks and versions shown of the past.
const PAST: u32 = 50;

/// What stands above each view of a DAG.
#[derive(Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is one mark on the page")]
pub(super) struct Head {
    pub(super) dag: DagId,
    pub(super) path: String,
    description: Option<String>,
    doc: Option<String>,
    owner: Option<String>,
    tags: Vec<String>,
    schedule: Option<String>,
    next: Option<Coming>,
    paused: bool,
    retired: bool,
    enabled: bool,
    readable: bool,
    /// A run takes params, so it is asked for by a form.
    asks: bool,
    tasks: usize,
    faults: usize,
    last: Option<Last>,
}

#[derive(Serialize)]
struct Last {
    run: RunId,
    state: RunState,
    reason: String,
}

impl Head {
    pub(super) fn of(desk: &Desk<'_>, item: &DagItem, spec: Option<&Dag>) -> Result<Self, Fault> {
        let last = match item.recent.first() {
            Some(mark) => {
                let reason = desk.page.run_reason(mark.run_id)?.map(|it| it.to_string()).unwrap_or_default();
                Some(Last { run: mark.run_id, state: mark.state, reason })
            }
            None => None,
        };
        let faults = desk.page.faults(Some(&item.path))?;
        let overlay = desk.page.overlay(&item.dag)?;
        Ok(Self {
            dag: item.dag.clone(),
            path: item.path.clone(),
            description: spec.and_then(|dag| dag.description.clone()),
            doc: spec.and_then(|dag| dag.doc_md.clone()),
            owner: spec.and_then(|dag| dag.owner.clone()),
            tags: spec.map(|dag| dag.tags.clone()).unwrap_or_default(),
            schedule: spec.and_then(|dag| dag.timetable.as_ref()).map(ToString::to_string),
            next: spec.and_then(|dag| with_overlay(coming(dag, desk.now, 1), &overlay).pop()),
            paused: item.paused,
            retired: item.retired,
            enabled: spec.is_some_and(|dag| dag.enabled),
            readable: spec.is_some(),
            asks: spec.is_some_and(|dag| !dag.params.is_empty()),
            tasks: spec.map_or(0, |dag| dag.tasks.len()),
            faults: faults.iter().filter_map(|file| file.faults.as_array()).map(Vec::len).sum(),
            last,
        })
    }
}

/// A view of one DAG, with its head; 404 when there is none of that name.
pub(super) async fn view<T: Serialize + 'static>(
    site: Shared,
    (dag, did): (String, Did),
    template: &'static str,
    build: impl FnOnce(&Desk<'_>, &DagItem, Option<&Dag>) -> Result<T, Fault> + Send + 'static,
) -> Shown {
    #[derive(Serialize)]
    struct Body<T> {
        head: Head,
        ties: Ties,
        view: T,
    }
    show(&site.0, template, "dags", did, move |desk| {
        let Some(item) = desk.page.dag(&DagId::from(dag.as_str()), 1)? else { return Ok(None) };
        let spec = desk.spec(item.version)?;
        let head = Head::of(desk, &item, spec.as_deref())?;
        let ties = ties(desk, &item.dag, spec.as_deref())?;
        let view = build(desk, &item, spec.as_deref())?;
        let watch = Watch { dags: vec![item.dag.clone()], runs: watched(desk, &item)?, all: false };
        Ok(Some(Sheet { title: item.dag.to_string(), watch, body: Body { head, ties, view } }))
    })
    .await
}

/// Runs whose changes matter on a page of this DAG.
fn watched(desk: &Desk<'_>, item: &DagItem) -> Result<Vec<RunId>, Fault> {
    let runs = desk.page.dag(&item.dag, 10)?.map(|item| item.recent).unwrap_or_default();
    Ok(runs.into_iter().filter(|mark| !mark.state.is_final()).map(|mark| mark.run_id).collect())
}

/// `GET /dags/{dag}/graph?folded=`: the states are those of the latest run.
pub(crate) async fn graph(
    site: Shared,
    Path(dag): Path<String>,
    Query(asked): Query<Folds>,
    Query(did): Query<Did>,
) -> Shown {
    view(site, (dag, did), "dag_graph.html", move |desk, item, spec| {
        let grid = desk.page.grid(&item.dag, 1)?;
        let Some(last) = grid.runs.first() else { return Ok(GraphView::of(spec, &asked, None, &[])) };
        let ids = grid.versions.get(&last.version).map_or(&[][..], Vec::as_slice);
        let mut known: BTreeMap<&str, Standing> = BTreeMap::new();
        for (task, item, state) in &last.tasks {
            let Some(id) = ids.get(task.at()) else { continue };
            let standing = known.entry(id).or_default();
            if *item == 0 {
                standing.state = Some(*state);
            } else {
                *standing.items.entry(*state).or_default() += 1;
            }
        }
        let tasks = spec.into_iter().flat_map(|dag| &dag.tasks);
        let standing: Vec<Standing> =
            tasks.map(|task| known.remove(task.id.as_str()).unwrap_or_default()).collect();
        Ok(GraphView::of(spec, &asked, Some(last.run.run_id), &standing))
    })
    .await
}

#[derive(Serialize)]
struct ScheduleView {
    coming: Vec<Coming>,
    /// Moved ticks whose own time has passed.
    late: Vec<TickChangeItem>,
    ticks: Vec<Tick>,
    zone: Option<String>,
    /// Ticks before this one follow on the next page.
    older: Option<Timestamp>,
    newest: bool,
}

#[derive(Debug, Default, serde::Deserialize)]
pub(crate) struct TicksBefore {
    before: Option<String>,
}

#[derive(Serialize)]
struct Tick {
    #[serde(flatten)]
    item: TickItem,
    local: Option<String>,
}

/// `GET /dags/{dag}/schedule?before=`
pub(crate) async fn schedule(
    site: Shared,
    Path(dag): Path<String>,
    Query(asked): Query<TicksBefore>,
    Query(did): Query<Did>,
) -> Shown {
    view(site, (dag, did), "dag_schedule.html", move |desk, item, spec| {
        let before = asked.before.as_deref().and_then(Timestamp::parse);
        let ticks = desk.page.ticks(&item.dag, before, PAST)?;
        let older = ticks.last().map(|tick| tick.instant).filter(|_| ticks.len() == PAST as usize);
        let overlay = desk.page.overlay(&item.dag)?;
        let coming_ticks = spec.map(|dag| coming(dag, desk.now, TICKS_AHEAD)).unwrap_or_default();
        let local = |tick: &TickItem| spec.and_then(|dag| local(tick.instant, &dag.zone));
        Ok(ScheduleView {
            coming: with_overlay(coming_ticks, &overlay),
            late: overlay.late(desk.now).cloned().collect(),
            older,
            newest: before.is_none(),
            ticks: ticks.into_iter().map(|item| Tick { local: local(&item), item }).collect(),
            zone: spec.map(|dag| dag.zone.name().to_owned()),
        })
    })
    .await
}

#[derive(Serialize)]
struct FileView {
    version: VersionItem,
    in_force: bool,
    versions: Vec<VersionItem>,
    /// The `_defaults.yaml` that the version was read with, the farthest first.
    defaults: Vec<DefaultsFile>,
    /// The lines are those of the file on disk, which has faults, not those of the version in force.
    on_disk: bool,
    lines: Vec<Line>,
}

#[derive(Debug, serde::Deserialize)]
pub(crate) struct AskedVersion {
    version: Option<i64>,
}

/// `GET /dags/{dag}/file?version=N`
pub(crate) async fn file(site: Shared, Path(dag): Path<String>, Query(asked): Query<AskedVersion>) -> Shown {
    view(site, (dag, Did::default()), "dag_file.html", move |desk, item, _| {
        let wanted = asked.version.map_or(item.version, VersionId);
        let found = match desk.page.version(wanted)?.filter(|found| found.item.dag == item.dag) {
            Some(found) => Some(found),
            None => desk.page.version(item.version)?,
        };
        let found = found.ok_or_else(|| Fault::Other("a DAG has no version".into()))?;
        let VersionText { item: version, text, defaults } = found;
        let in_force = version.version == item.version;
        let faults = desk.page.faults(Some(&item.path))?.pop().map(|it| it.faults).filter(|_| in_force);
        let disk = faults.as_ref().and_then(|_| desk.site.dag_file(&item.path));
        Ok(FileView {
            in_force,
            version,
            defaults,
            versions: desk.page.versions(&item.dag, None, PAST)?,
            on_disk: disk.as_ref().is_some_and(|disk| *disk != text),
            lines: source::lines(disk.as_deref().unwrap_or(&text), faults.as_ref()),
        })
    })
    .await
}
