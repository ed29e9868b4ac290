//! A year of a DAG's runs, day by day.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use axum::extract::{Path, Query};
use chrono::{Datelike, Days, NaiveDate, NaiveTime};
use nightrun_core::dag::spec::Dag;
use nightrun_core::decide::RunState;
use nightrun_core::id::DagId;
use nightrun_core::time::Timestamp;
use nightrun_core::timetable::Zone;
use nightrun_engine::store::Fault;
use serde::{Deserialize, Serialize};

use super::dag::view;
use super::{Did, Shown};
use crate::app::{Desk, Shared};
use crate::draw::year::{DaySum, Year, draw};

/// So far ahead ticks are drawn.
const AHEAD: Duration = Duration::from_hours(24 * 35);

#[derive(Debug, Deserialize)]
pub(crate) struct Asked {
    year: Option<i32>,
}

#[derive(Serialize)]
struct View {
    /// Set where a calendar year was asked for; else it is the twelve months up to today.
    year: Option<i32>,
    this_year: i32,
    drawing: Year,
    /// From when until when each day of the drawing is, for a list of runs.
    bounds: Vec<(String, String)>,
    months: Vec<Month>,
    zone: String,
    /// Older runs of this year were not read: there are too many.
    cut: bool,
}

#[derive(Serialize)]
struct Month {
    name: String,
    from: String,
    to: String,
    runs: u32,
    failed: u32,
    canceled: u32,
    /// Successful runs of those that are over, in percent.
    share: Option<u32>,
    success: u32,
}

/// `GET /dags/{dag}/calendar?year=`
pub(crate) async fn page(site: Shared, Path(dag): Path<String>, Query(asked): Query<Asked>) -> Shown {
    view(site, (dag, Did::default()), "dag_year.html", move |desk, item, spec| {
        let zone = spec.map_or_else(Zone::utc, |dag: &Dag| dag.zone.clone());
        let today = zone.civil(desk.now).date_naive();
        let year = asked.year.filter(|year| (1970..=2100).contains(year));
        let (first, last) = stretch(year, today);
        let end = midnight(&zone, next(last));
        let (runs, all) = desk.page.run_dates(&item.dag, midnight(&zone, first), end)?;
        let (sums, months) = sum(&runs, &zone);
        let planned =
            spec.filter(|_| year.is_none() && !item.retired).map(|dag| planned(dag, &zone, desk.now));
        let planned = planned.unwrap_or_default();
        // A year that is not over begins with its first run: what was before says nothing.
        let first = sums.keys().next().copied().or(Some(today)).filter(|_| year.is_none()).unwrap_or(first);
        let last = planned.last().copied().map_or(last, |day| day.max(last));
        let drawing = draw(&sums, &planned, first, last);
        Ok(View {
            year,
            this_year: today.year(),
            bounds: drawing.days.iter().map(|day| bounds(&zone, day.date, day.date)).collect(),
            drawing,
            months,
            zone: zone.name().to_owned(),
            cut: !all,
        })
    })
    .await
}

/// The runs of a year, or of the year up to today: the day of each on the DAG's clock, and where it is.
pub(crate) fn states(
    desk: &Desk<'_>,
    dag: &DagId,
    spec: Option<&Dag>,
    year: Option<i32>,
) -> Result<Vec<(NaiveDate, RunState)>, Fault> {
    let zone = spec.map_or_else(Zone::utc, |dag: &Dag| dag.zone.clone());
    let (first, last) = stretch(year, zone.civil(desk.now).date_naive());
    let (runs, _) = desk.page.run_dates(dag, midnight(&zone, first), midnight(&zone, next(last)))?;
    Ok(runs.into_iter().map(|(date, state)| (zone.civil(date).date_naive(), state)).collect())
}

/// The days of the next weeks on which its schedule ticks.
fn planned(dag: &Dag, zone: &Zone, now: Timestamp) -> BTreeSet<NaiveDate> {
    let until = now.plus(AHEAD);
    let (mut days, mut from) = (BTreeSet::new(), now);
    // One tick of each day is enough.
    while let Some(at) =
        dag.enabled.then(|| dag.instants_after(from).next()).flatten().filter(|at| *at < until)
    {
        let day = zone.civil(at).date_naive();
        days.insert(day);
        from = midnight(zone, next(day)).minus(Duration::from_nanos(1)).max(at);
    }
    days
}

/// A calendar year, or the year up to today.
fn stretch(year: Option<i32>, today: NaiveDate) -> (NaiveDate, NaiveDate) {
    let day = |year, month, day| NaiveDate::from_ymd_opt(year, month, day).unwrap_or(today);
    match year {
        Some(year) => (day(year, 1, 1), day(year, 12, 31)),
        None => (today - Days::new(364), today),
    }
}

fn next(date: NaiveDate) -> NaiveDate {
    date.checked_add_days(Days::new(1)).unwrap_or(date)
}

fn midnight(zone: &Zone, date: NaiveDate) -> Timestamp {
    zone.instant_of(date.and_time(NaiveTime::MIN)).unwrap_or(Timestamp::MAX)
}

/// What to ask the list of runs for: dates where they are the list's own, else instants.
fn bounds(zone: &Zone, first: NaiveDate, last: NaiveDate) -> (String, String) {
    if zone.name() == "UTC" {
        return (first.to_string(), last.to_string());
    }
    (midnight(zone, first).to_rfc3339(), midnight(zone, next(last)).to_rfc3339())
}

fn sum(runs: &[(Timestamp, RunState)], zone: &Zone) -> (BTreeMap<NaiveDate, DaySum>, Vec<Month>) {
    let mut days: BTreeMap<NaiveDate, DaySum> = BTreeMap::new();
    let mut months: BTreeMap<NaiveDate, Month> = BTreeMap::new();
    for (date, state) in runs {
        let day = zone.civil(*date).date_naive();
        let sum = DaySum::add(days.get(&day).copied(), *state);
        days.insert(day, sum);
        let first = day.with_day(1).unwrap_or(day);
        let month = months.entry(first).or_insert_with(|| month(zone, first));
        month.runs += 1;
        month.failed += u32::from(*state == RunState::Failed);
        month.canceled += u32::from(*state == RunState::Canceled);
        month.success += u32::from(*state == RunState::Success);
    }
    let mut months: Vec<Month> = months.into_values().rev().collect();
    for month in &mut months {
        let over = month.success + month.failed + month.canceled;
        month.share = (month.success * 100).checked_div(over);
    }
    (days, months)
}

fn month(zone: &Zone, first: NaiveDate) -> Month {
    let last = first + Days::new(u64::from(first.num_days_in_month()) - 1);
    let (from, to) = bounds(zone, first, last);
    let name = first.format("%B %Y").to_string();
    Month { name, from, to, runs: 0, failed: 0, canceled: 0, share: None, success: 0 }
}
