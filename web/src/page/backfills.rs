//! Runs for a stretch of the past: which there are, how far they have come, and a new one, shown before it is made.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Form, Path, Query};
use axum::response::{IntoResponse, Redirect, Response};
use nightrun_core::dag::spec::Dag;
use nightrun_core::decide::{
    BackfillMode, BackfillOrder, BackfillPlan, BackfillRequest, BackfillState, Take,
};
use nightrun_core::id::{BackfillId, DagId, RunId};
use nightrun_core::time::Timestamp;
use nightrun_core::timetable::Zone;
use nightrun_engine::store::{BackfillDate, BackfillShow, Fault};
use serde::Serialize;

use super::dag::{Head, view};
use super::form::{again, compare, instant, said, seal, sentences};
use super::params::{Field, Typed, fields, read};
use super::schedule::local;
use super::{Did, Sheet, Shown, Watch, show};
use crate::app::{Shared, Site, State};
use crate::problem::Problem;

/// Backfills listed.
const LISTED: u32 = 50;

/// Most dates that are shown.
const DATES: usize = 1_000;

/// Parts of a bar of progress.
const BAR: u32 = 1_000;

/// What is said of one backfill.
#[derive(Serialize)]
struct Line {
    #[serde(flatten)]
    item: BackfillShow,
    is_final: bool,
    total: u32,
    /// Its bar: a state, where it begins, how wide it is.
    bar: Vec<(&'static str, u32, u32)>,
}

impl Line {
    fn of(item: BackfillShow) -> Self {
        let parts = [("success", item.done), ("failed", item.failed), ("running", item.active)];
        let total = item.done + item.failed + item.active + item.left;
        let (mut bar, mut x) = (Vec::new(), 0);
        for (state, count) in parts {
            let width = count * BAR / total.max(1);
            bar.push((state, x, width));
            x += width;
        }
        Self { is_final: item.state.is_final(), total, bar, item }
    }
}

#[derive(Serialize)]
struct ListView {
    items: Vec<Line>,
    /// The DAG takes one: it has a schedule.
    scheduled: bool,
}

/// `GET /dags/{dag}/backfills`
pub(crate) async fn list(site: Shared, Path(dag): Path<String>, Query(did): Query<Did>) -> Shown {
    view(site, (dag, did), "dag_backfills.html", |desk, item, spec| {
        let items = desk.page.backfills(Some(&item.dag), LISTED)?;
        let scheduled = spec.is_some_and(|dag| dag.timetable.is_some());
        Ok(ListView { items: items.into_iter().map(Line::of).collect(), scheduled })
    })
    .await
}

#[derive(Serialize)]
struct OneBody {
    line: Line,
    dates: Vec<BackfillDate>,
    more: usize,
}

/// `GET /backfills/{backfill}`
pub(crate) async fn one(State(site): Shared, Path(id): Path<i64>, Query(did): Query<Did>) -> Shown {
    show(&site, "backfill.html", "dags", did, move |desk| {
        let Some(item) = desk.page.backfill(BackfillId(id))? else { return Ok(None) };
        let mut dates = desk.page.backfill_dates(item.backfill)?;
        let more = dates.len().saturating_sub(DATES);
        dates.truncate(DATES);
        let watch = Watch { dags: vec![item.dag.clone()], runs: active(&dates), all: false };
        let title = format!("{} backfill {}", item.dag, item.backfill);
        Ok(Some(Sheet { title, watch, body: OneBody { line: Line::of(item), dates, more } }))
    })
    .await
}

/// Runs whose ends move the bar.
fn active(dates: &[BackfillDate]) -> Vec<RunId> {
    let at_work = dates.iter().filter(|date| date.state.is_some_and(|state| !state.is_final()));
    at_work.filter_map(|date| date.run_id.as_ref()?.parse().ok().map(RunId)).collect()
}

type Went = Result<Redirect, Problem>;

/// `POST /backfills/{backfill}/pause`
pub(crate) async fn pause(State(site): Shared, Path(id): Path<i64>) -> Went {
    steer(&site, id, BackfillState::Paused, "backfill-paused").await
}

/// `POST /backfills/{backfill}/resume`
pub(crate) async fn resume(State(site): Shared, Path(id): Path<i64>) -> Went {
    steer(&site, id, BackfillState::Running, "backfill-resumed").await
}

/// `POST /backfills/{backfill}/cancel`
pub(crate) async fn cancel(State(site): Shared, Path(id): Path<i64>) -> Went {
    steer(&site, id, BackfillState::Canceled, "backfill-canceled").await
}

async fn steer(site: &Site, id: i64, to: BackfillState, did: &str) -> Went {
    site.steer(BackfillId(id), to, "web".into(), None).await?;
    Ok(Redirect::to(&format!("/backfills/{id}?did={did}")))
}

#[derive(Serialize)]
struct NewBody {
    head: Head,
    zone: String,
    typed: Typed,
    fields: Vec<Field>,
    plan: Option<Preview>,
    refused: Vec<String>,
}

/// What would be done.
#[derive(Serialize)]
struct Preview {
    rows: Vec<Date>,
    /// Dates that are not shown.
    more: usize,
    runs: usize,
    left_out: usize,
    max_active: u32,
    seal: String,
}

#[derive(Serialize)]
struct Date {
    instant: Timestamp,
    /// On the clocks of the DAG.
    local: Option<String>,
    action: &'static str,
    run: Option<RunId>,
    why: String,
}

impl Preview {
    fn of(plan: &BackfillPlan, zone: &Zone) -> Self {
        let left_out = plan.items.iter().filter(|item| matches!(item.take, Take::Skip(_))).count();
        let row = |(instant, take): (Timestamp, &Take)| {
            let (action, run, why) = match take {
                Take::Run => ("run", None, String::new()),
                Take::Rerun(run) => ("rerun", Some(*run), String::new()),
                Take::Skip(reason) => ("skip", None, reason.to_string()),
            };
            Date { instant, local: local(instant, zone), action, run, why }
        };
        Self {
            rows: plan.items.iter().take(DATES).map(|item| row((item.instant, &item.take))).collect(),
            more: plan.items.len().saturating_sub(DATES),
            runs: plan.items.len() - left_out,
            left_out,
            max_active: plan.max_active,
            seal: seal(&plan.to_json()),
        }
    }
}

/// `GET /dags/{dag}/backfills/new?from=&to=&mode=&order=&max_active=&force=&param.x=`: changes nothing.
pub(crate) async fn form(
    State(site): Shared,
    Path(dag): Path<String>,
    Query(typed): Query<Typed>,
) -> Result<Response, Problem> {
    look(&site, dag, typed, None).await
}

/// `POST /dags/{dag}/backfills`: what was seen, or the form again if that is not what would happen any more.
pub(crate) async fn post(
    State(site): Shared,
    Path(dag): Path<String>,
    Form(typed): Form<Typed>,
) -> Result<Response, Problem> {
    let id = DagId::from(dag.as_str());
    let done = async {
        let request = request(&site, &dag, &typed).await?;
        let plan = site.backfill(id.clone(), request.clone()).await?;
        compare(text(&typed, "seen"), &plan.to_json())?;
        site.backfill(id, BackfillRequest { dry_run: false, ..request }).await
    };
    match done.await {
        Ok(plan) => Ok(Redirect::to(&match plan.backfill {
            Some(id) => format!("/backfills/{id}?did=backfill-made"),
            None => format!("/dags/{dag}/backfills"),
        })
        .into_response()),
        Err(problem) => look(&site, dag, typed, Some(problem)).await,
    }
}

/// The form, and what it would do once a stretch is typed.
async fn look(
    site: &Arc<Site>,
    dag: String,
    typed: Typed,
    problem: Option<Problem>,
) -> Result<Response, Problem> {
    let plan = if text(&typed, "from").is_empty() && text(&typed, "to").is_empty() {
        Ok(None)
    } else {
        match request(site, &dag, &typed).await {
            Ok(request) => site.backfill(DagId::from(dag.as_str()), request).await.map(Some),
            Err(problem) => Err(problem),
        }
    };
    let (plan, problem) = match (plan, problem) {
        (Ok(plan), problem) => (plan, problem),
        (Err(now), before) => (None, Some(before.unwrap_or(now))),
    };
    match problem {
        None => page(site, dag, typed, plan, None).await.map(IntoResponse::into_response),
        Some(problem) => Ok(again(problem, |it| page(site, dag, typed, plan, Some(it))).await),
    }
}

async fn page(
    site: &Arc<Site>,
    dag: String,
    typed: Typed,
    plan: Option<BackfillPlan>,
    problem: Option<Problem>,
) -> Shown {
    show(site, "backfill_new.html", "dags", Did::default(), move |desk| {
        let Some(item) = desk.page.dag(&DagId::from(dag.as_str()), 1)? else { return Ok(None) };
        let spec = desk.spec(item.version)?;
        let zone = zone(spec.as_deref());
        let body = NewBody {
            head: Head::of(desk, &item, spec.as_deref())?,
            zone: zone.name().to_owned(),
            fields: spec.map(|dag| fields(&dag, &typed)).unwrap_or_default(),
            plan: plan.as_ref().map(|plan| Preview::of(plan, &zone)),
            refused: sentences(problem.as_ref()),
            typed,
        };
        Ok(Some(Sheet { title: format!("Backfill {}", item.dag), watch: Watch::default(), body }))
    })
    .await
}

fn zone(spec: Option<&Dag>) -> Zone {
    spec.map_or_else(Zone::utc, |dag| dag.zone.clone())
}

/// A dry run of what was typed; times are those of the DAG's clocks.
async fn request(site: &Arc<Site>, dag: &str, typed: &Typed) -> Result<BackfillRequest, Problem> {
    let id = DagId::from(dag);
    let spec = site.read(move |desk| -> Result<_, Fault> {
        let Some(item) = desk.page.dag(&id, 0)? else { return Ok(None) };
        desk.spec(item.version).map(Some)
    });
    let spec = spec.await?;
    let zone = zone(spec.as_deref());
    let params = read(spec.as_deref(), typed)?;
    let begin = |name: &str| {
        let text = said(text(typed, name));
        let text = text.ok_or_else(|| Problem::unprocessable("say from when and to when"))?;
        instant(&text, site.now(), &zone)
    };
    let max_active = said(text(typed, "max_active"));
    let wrong = |_| Problem::unprocessable("`runs at once` is a whole number");
    Ok(BackfillRequest {
        from: begin("from")?,
        to: day_end(text(typed, "to"), &zone).map_or_else(|| begin("to"), Ok)?,
        mode: match text(typed, "mode") {
            "failed" => BackfillMode::Failed,
            "all" => BackfillMode::All,
            _ => BackfillMode::Missing,
        },
        order: if text(typed, "order") == "newest" { BackfillOrder::Newest } else { BackfillOrder::Oldest },
        max_active: max_active.map(|text| text.parse().map_err(wrong)).transpose()?,
        // What failed runs again with the params it had.
        params: if text(typed, "mode") == "failed" { BTreeMap::default() } else { params },
        force: typed.contains_key("force"),
        dry_run: true,
        by: "web".into(),
        why: said(text(typed, "why")),
    })
}

/// A bare date as an end means the whole of that day.
fn day_end(text: &str, zone: &Zone) -> Option<Timestamp> {
    let noon = zone.read_instant(&format!("{} 12:00", text.trim()))?;
    // Days have up to 25 hours, so that a day after noon is on the next day whatever the clocks do.
    let next = zone.civil(noon.plus(Duration::from_hours(24))).format("%Y-%m-%d").to_string();
    Some(Timestamp::from_nanos(zone.read_instant(&next)?.nanos().saturating_sub(1)))
}

fn text<'a>(typed: &'a Typed, name: &str) -> &'a str {
    typed.get(name).map_or("", String::as_str)
}
