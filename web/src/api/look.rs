//! What is around the DAGs: coming ticks, differences of versions, calendars, pools.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, Query};
use chrono::NaiveDate;
use nightrun_core::decide::Reason;
use nightrun_core::id::{DagId, VersionId};
use nightrun_core::time::Timestamp;
use nightrun_core::timetable::Calendar;
use nightrun_engine::run::calendar_folder;
use nightrun_engine::store::VersionText;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use similar::TextDiff;

use super::dags::is_known;
use super::{After, Limit, Listed, Paged, Told, read_number};
use crate::app::{Shared, State};
use crate::page::schedule::{Coming, coming_after, with_overlay};
use crate::problem::Problem;

/// Lines around each difference.
const AROUND: usize = 3;

/// How many tasks that are ready or at work are looked through.
const READY: u32 = 10_000;

/// Which coming ticks are told.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct From {
    /// Those after this instant; after now unless said.
    after: Option<Timestamp>,
    /// Also those between that the calendar skips.
    #[serde(default)]
    skipped: bool,
}

/// `GET /api/v1/dags/{dag}/next?after=&skipped=&limit=`: the coming ticks, with what becomes of those that people
/// hold up.
pub(crate) async fn next(
    State(site): Shared,
    Path(dag): Path<String>,
    Query(from): Query<From>,
    Query(limit): Query<Limit>,
) -> Told<Vec<Coming>> {
    let rows = limit.rows() as usize;
    let found = site.read(move |desk| {
        let Some(item) = desk.page.dag(&DagId::from(dag.as_str()), 0)? else { return Ok(None) };
        let spec = desk.spec(item.version)?.filter(|dag| dag.enabled);
        let after = from.after.unwrap_or(desk.now);
        let ticks = spec.map(|dag| coming_after(&dag, after, desk.now, (rows, from.skipped)));
        Ok(Some(with_overlay(ticks.unwrap_or_default(), &desk.page.overlay(&item.dag)?)))
    });
    found.await.map(Json)
}

/// With which version another is compared.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct With {
    /// The older one; the one before unless said.
    #[serde(default, deserialize_with = "read_number")]
    #[schemars(range(min = 0))]
    with: Option<i64>,
}

/// What changed between two versions of a DAG.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Difference {
    dag: DagId,
    old: VersionId,
    new: VersionId,
    /// As a unified diff; empty when the texts are the same.
    diff: String,
}

/// `GET /api/v1/dags/{dag}/versions/{version}/diff?with=`
pub(crate) async fn diff(
    State(site): Shared,
    Path((dag, new)): Path<(String, i64)>,
    Query(with): Query<With>,
) -> Told<Difference> {
    let found = site.read(move |desk| {
        let (dag, new) = (DagId::from(dag.as_str()), VersionId(new));
        if !is_known(desk, &dag)? {
            return Ok(None);
        }
        let old = match with.with {
            Some(old) => Some(VersionId(old)),
            None => desk.page.versions(&dag, Some(new), 1)?.pop().map(|it| it.version),
        };
        let Some(old) = old else { return Ok(None) };
        let (older, newer) = (desk.page.version(old)?, desk.page.version(new)?);
        let of_dag = |it: &VersionText| it.item.dag == dag;
        let (Some(older), Some(newer)) = (older.filter(of_dag), newer.filter(of_dag)) else {
            return Ok(None);
        };
        Ok(Some(Difference { diff: unified(&older, &newer), dag: dag.clone(), old, new }))
    });
    found.await.map(Json)
}

/// The differences of the texts, and of the folder defaults they were read with.
fn unified(old: &VersionText, new: &VersionText) -> String {
    let mut files: BTreeMap<&str, [&str; 2]> = BTreeMap::new();
    for (side, version) in [old, new].into_iter().enumerate() {
        for file in &version.defaults {
            files.entry(&file.path).or_default()[side] = &file.text;
        }
    }
    let named = |path: &str, version: &VersionText| format!("{path} (version {})", version.item.version.0);
    let one = |(from, to): (&str, &str), texts: [&str; 2]| {
        let diff = TextDiff::from_lines(texts[0], texts[1]);
        let shown =
            diff.unified_diff().context_radius(AROUND).header(&named(from, old), &named(to, new)).to_string();
        if texts[0] == texts[1] { String::new() } else { shown }
    };
    let defaults: String = files.into_iter().map(|(path, texts)| one((path, path), texts)).collect();
    defaults + &one((&old.item.path, &new.item.path), [&old.text, &new.text])
}

/// One calendar.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct CalendarTold {
    /// What schedules call it.
    calendar: String,
    /// What it says of itself.
    description: Option<String>,
    /// Days of the week that are off.
    weekend: Vec<String>,
    /// Names of its holidays by their dates; left out in a list.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    holidays: BTreeMap<String, String>,
    /// The last business day of each month of the year that was asked for; left out in a list.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    last_business_days: Vec<String>,
    /// Its file does not read: nothing can use it.
    faulty: bool,
}

impl CalendarTold {
    fn new(id: &str, calendar: Option<&Calendar>, description: Option<&String>) -> Self {
        let weekend = calendar.map(|it| it.weekend().iter().map(ToString::to_string).collect());
        Self {
            calendar: id.to_owned(),
            description: description.cloned(),
            weekend: weekend.unwrap_or_default(),
            holidays: BTreeMap::new(),
            last_business_days: Vec::new(),
            faulty: calendar.is_none(),
        }
    }
}

/// `GET /api/v1/calendars?after=&limit=`
pub(crate) async fn calendars(
    State(site): Shared,
    Query(after): Query<After>,
    Query(limit): Query<Limit>,
) -> Paged<CalendarTold> {
    let found = site.read(|desk| {
        let read = calendar_folder(&desk.site.app.dags).read;
        let told = |(id, calendar): (&String, &Option<std::sync::Arc<Calendar>>)| {
            CalendarTold::new(id, calendar.as_deref(), read.descriptions.get(id))
        };
        Ok(Some(read.known.iter().map(told).collect::<Vec<_>>()))
    });
    Ok(Listed::cut(found.await?, after.after.as_deref(), limit.rows(), |it| it.calendar.clone()))
}

/// Which holidays are told.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Year {
    /// Those of this year; of all years unless said.
    #[schemars(range(min = 1970, max = 2100))]
    year: Option<i32>,
}

/// `GET /api/v1/calendars/{calendar}?year=`
pub(crate) async fn calendar(
    State(site): Shared,
    Path(id): Path<String>,
    Query(year): Query<Year>,
) -> Told<CalendarTold> {
    if year.year.is_some_and(|year| !(1970..=2100).contains(&year)) {
        return Err(Problem::bad_request("`year` is 1970 to 2100"));
    }
    let found = site.read(move |desk| {
        let read = calendar_folder(&desk.site.app.dags).read;
        let Some(calendar) = read.known.get(&id) else { return Ok(None) };
        let mut told = CalendarTold::new(&id, calendar.as_deref(), read.descriptions.get(&id));
        let wanted = year.year.map_or_else(String::new, |year| format!("{year}-"));
        let holidays = calendar.iter().flat_map(|it| it.holidays());
        let holidays = holidays.map(|(date, name)| (date.to_string(), name.to_owned()));
        told.holidays = holidays.filter(|(date, _)| date.starts_with(&wanted)).collect();
        let firsts = year
            .year
            .into_iter()
            .flat_map(|year| (1..=12).filter_map(move |month| NaiveDate::from_ymd_opt(year, month, 1)));
        let last = |first| calendar.as_ref().and_then(|calendar| calendar.nth_of_month(first, -1));
        told.last_business_days = firsts.filter_map(last).map(|day| day.to_string()).collect();
        Ok(Some(told))
    });
    found.await.map(Json)
}

/// One pool, and who wants of it.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct PoolTold {
    /// Its name; none: the slots of the server.
    pool: Option<String>,
    /// How many slots it has.
    slots: u32,
    /// How many are taken.
    taken: u32,
    /// How many tasks wait for one.
    waiting: u32,
}

/// `GET /api/v1/pools`: the slots of the server, then each pool.
pub(crate) async fn pools(State(site): Shared) -> Told<Vec<PoolTold>> {
    let found = site.read(|desk| {
        let (pools, slots) = (&desk.site.app.pools, desk.site.app.slots);
        let of = |(pool, slots): (&String, &u32)| PoolTold::free(Some(pool.clone()), *slots);
        let mut told = vec![PoolTold::free(None, slots)];
        told.extend(pools.iter().map(of));
        for task in desk.page.ready_tasks(READY)? {
            let spec = desk.page.version_of(task.instance.run)?.map(|version| desk.spec(version));
            let spec = spec.transpose()?.flatten();
            let work = spec.as_ref().map(|dag| dag.task(task.instance.task));
            let pool = work.and_then(|work| work.pool.clone());
            // A call that waits for its run holds nothing.
            let taken = task.state.holds_slot() && !matches!(task.reason, Reason::Called { .. });
            let takes = work.map_or(1, |work| work.pool_slots);
            for told in &mut told {
                let counts = told.pool.is_none() || told.pool == pool;
                let takes = if told.pool.is_none() { 1 } else { takes };
                told.taken += if counts && taken { takes } else { 0 };
                told.waiting += u32::from(told.pool == waits_for(&task.reason) && waits(&task.reason));
            }
        }
        Ok(Some(told))
    });
    found.await.map(Json)
}

impl PoolTold {
    fn free(pool: Option<String>, slots: u32) -> Self {
        Self { pool, slots, taken: 0, waiting: 0 }
    }
}

pub(super) fn waits(reason: &Reason) -> bool {
    matches!(reason, Reason::Slots | Reason::Pool { .. } | Reason::PoolTooSmall { .. })
}

pub(super) fn waits_for(reason: &Reason) -> Option<String> {
    match reason {
        Reason::Pool { pool } | Reason::PoolTooSmall { pool, .. } => Some(pool.clone()),
        _ => None,
    }
}
