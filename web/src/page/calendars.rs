//! Business calendars: their days of this year and the next, and the DAGs that are scheduled by them.

use std::collections::BTreeMap;

use axum::extract::Query;
use chrono::{Datelike, NaiveDate};
use nightrun_core::id::DagId;
use nightrun_core::timetable::{Calendar, Timetable, YEARS, Zone};
use nightrun_engine::run::calendar_folder;
use nightrun_engine::store::Fault;
use serde::{Deserialize, Serialize};

use super::{Did, Sheet, Shown, Watch, show};
use crate::app::{Desk, Shared, State};

/// DAGs named beside each calendar.
const NAMED: usize = 20;

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Asked {
    year: Option<i32>,
}

#[derive(Serialize)]
struct Body {
    calendars: Vec<Shelf>,
    /// The first of the two years that are shown.
    year: i32,
    this_year: i32,
}

#[derive(Serialize)]
struct Shelf {
    name: String,
    about: Option<String>,
    weekend: String,
    years: Vec<Year>,
    dags: Vec<DagId>,
    more: usize,
    /// Its own file has faults.
    faulty: bool,
}

#[derive(Serialize)]
struct Year {
    number: i32,
    days: Vec<Day>,
    business_days: usize,
    last_days: Vec<String>,
}

#[derive(Serialize)]
struct Day {
    date: String,
    name: String,
    /// It would be off anyway.
    weekend: bool,
    past: bool,
}

/// What is known of one calendar.
#[derive(Default)]
struct Found {
    calendar: Option<Calendar>,
    about: Option<String>,
    dags: Vec<DagId>,
}

/// `GET /calendars?year=`
pub(crate) async fn list(State(site): Shared, Query(asked): Query<Asked>) -> Shown {
    show(&site, "calendars.html", "calendars", Did::default(), move |desk| {
        let today = Zone::utc().civil(desk.now).date_naive();
        let this_year = today.year();
        let year = asked.year.unwrap_or(this_year).clamp(*YEARS.start(), *YEARS.end() - 1);
        let found = found(desk)?.into_iter();
        let calendars = found.map(|(name, found)| shelf(name, found, year, today)).collect();
        let body = Body { calendars, year, this_year };
        Ok(Some(Sheet { title: "Calendars".into(), watch: Watch { all: true, ..Watch::default() }, body }))
    })
    .await
}

/// The calendars of the DAG folder, and those that DAGs of other folders were read with.
fn found(desk: &Desk<'_>) -> Result<BTreeMap<String, Found>, Fault> {
    let read = calendar_folder(&desk.site.app.dags).read;
    let mut all: BTreeMap<String, Found> = BTreeMap::new();
    for (name, calendar) in read.known {
        let about = read.descriptions.get(&name).cloned();
        all.insert(name, Found { calendar: calendar.map(|it| (*it).clone()), about, dags: Vec::new() });
    }
    for (dag, version) in desk.page.in_force_with("calendar")? {
        let Some(spec) = desk.spec(version)? else { continue };
        for calendar in spec.timetable.iter().flat_map(Timetable::calendars) {
            let found = all.entry(calendar.id().to_owned()).or_default();
            found.calendar.get_or_insert_with(|| calendar.clone());
            if found.dags.last() != Some(&dag) {
                found.dags.push(dag.clone());
            }
        }
    }
    Ok(all)
}

fn shelf(name: String, found: Found, year: i32, today: NaiveDate) -> Shelf {
    let Found { calendar, about, mut dags } = found;
    let more = dags.len().saturating_sub(NAMED);
    dags.truncate(NAMED);
    let weekend =
        calendar.as_ref().map(|it| it.weekend().iter().map(ToString::to_string).collect::<Vec<_>>());
    Shelf {
        name,
        about,
        weekend: weekend.map(|days| days.join(", ")).unwrap_or_default(),
        years: calendar
            .iter()
            .flat_map(|it| [one_year(it, year, today), one_year(it, year + 1, today)])
            .collect(),
        dags,
        more,
        faulty: calendar.is_none(),
    }
}

fn one_year(calendar: &Calendar, year: i32, today: NaiveDate) -> Year {
    let day = |(date, name): (NaiveDate, &str)| Day {
        date: date.format("%a %-d %b").to_string(),
        name: name.to_owned(),
        weekend: calendar.weekend().contains(&date.weekday()),
        past: date < today,
    };
    let first = NaiveDate::from_ymd_opt(year, 1, 1);
    let days =
        first.into_iter().flat_map(|first| first.iter_days().take_while(move |day| day.year() == year));
    let firsts = (1..=12).filter_map(|month| NaiveDate::from_ymd_opt(year, month, 1));
    let last = firsts.filter_map(|first| calendar.nth_of_month(first, -1));
    Year {
        number: year,
        days: calendar.holidays().filter(|(date, _)| date.year() == year).map(day).collect(),
        business_days: days.filter(|day| calendar.is_business_day(*day)).count(),
        last_days: last.map(|day| day.format("%a %-d %b").to_string()).collect(),
    }
}
