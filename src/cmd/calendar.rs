//! `nightrun calendar`: what a calendar says of a year, and calendar files from iCalendar files.

use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;

use chrono::{Datelike, NaiveDate};
use nightrun_core::timetable::{Calendar, IcalEvent, YEARS, Zone, read_ical};
use nightrun_engine::clock::system_clock;
use serde::Serialize;
use serde_json::{Value as Json, json};

use super::told::{read, text};
use crate::calendars;
use crate::cli::{self, CalendarVerb};
use crate::client::Server;
use crate::config::{Config, Given};
use crate::failure::{Failure, OrFail, Verdict};
use crate::say;

pub(crate) fn calendar(args: cli::Calendar) -> Verdict {
    match args.verb {
        CalendarVerb::Show { name, year, dags, place, json } => {
            let server = Server::with(place, Given { dags: dags.dags, ..Given::default() })?;
            let year = year.unwrap_or_else(|| Zone::utc().civil(system_clock()()).year());
            let shown = match server.config() {
                Some(config) => in_folder(&name, year, config)?,
                None => there(&server, &name, year)?,
            };
            if json {
                say::json(&shown)?;
            } else {
                show(&shown);
            }
            Ok(ExitCode::SUCCESS)
        }
        CalendarVerb::Import { file } => import(&file),
    }
}

/// What a calendar says of a year.
#[derive(Serialize)]
struct Shown {
    id: String,
    description: Option<String>,
    year: i32,
    weekend: Vec<String>,
    holidays: Vec<Holiday>,
    last_business_days: Vec<String>,
}

#[derive(Serialize)]
struct Holiday {
    date: String,
    name: String,
}

/// As a server elsewhere has it.
fn there(server: &Server, name: &str, year: i32) -> Result<Shown, Failure> {
    let told: Option<Json> = server.find(&format!("/calendars/{}?year={year}", Server::segment(name)))?;
    let Some(mut told) = told else {
        let known: Vec<Json> = server.list("/calendars", usize::MAX)?;
        let names: Vec<String> = known.iter().map(|it| text(&it["calendar"])).collect();
        let help = if names.is_empty() { "there is none".into() } else { names.join(", ") };
        return Err(Failure::usage(format!("there is no calendar `{name}`")).help(help));
    };
    if told["faulty"] == json!(true) {
        return Err(Failure::new(format!("the file of calendar `{name}` has faults")));
    }
    let holidays = told["holidays"].as_object().into_iter().flatten();
    Ok(Shown {
        id: name.to_owned(),
        description: told["description"].as_str().map(str::to_owned),
        year,
        weekend: told["weekend"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|day| text(day).to_lowercase())
            .collect(),
        holidays: holidays.map(|(date, name)| Holiday { date: date.clone(), name: text(name) }).collect(),
        last_business_days: read(told["last_business_days"].take())?,
    })
}

fn in_folder(name: &str, year: i32, config: &Config) -> Result<Shown, Failure> {
    let read = calendars::of_folder(&config.dags, &config.dags).read;
    let calendar = match read.known.get(name) {
        Some(Some(calendar)) => calendar,
        Some(None) => {
            let failure = Failure::new(format!("the file of calendar `{name}` has faults"));
            return Err(failure.help("`nightrun validate` names them"));
        }
        None => {
            let names: Vec<_> = read.known.keys().map(String::as_str).collect();
            let help = if names.is_empty() { "there is none".into() } else { names.join(", ") };
            let failure = Failure::usage(format!("there is no calendar `{name}`"));
            return Err(failure.help(format!("in {}/calendars: {help}", config.dags.display())));
        }
    };
    let of_year = calendar.holidays().filter(|(date, _)| date.year() == year);
    Ok(Shown {
        id: name.to_owned(),
        description: read.descriptions.get(name).cloned(),
        year,
        weekend: calendar.weekend().iter().map(|day| day.to_string().to_lowercase()).collect(),
        holidays: of_year
            .map(|(date, name)| Holiday { date: date.to_string(), name: name.to_owned() })
            .collect(),
        last_business_days: last_days(calendar, year).iter().map(NaiveDate::to_string).collect(),
    })
}

fn show(shown: &Shown) {
    let about = shown.description.as_ref().map(|about| format!(": {about}")).unwrap_or_default();
    say::println(&format!("{}{about}\nweekend: {}", shown.id, shown.weekend.join(", ")));
    let day = |date: &str, form: &str| {
        let day = date.parse::<NaiveDate>().ok();
        day.map_or_else(|| date.to_owned(), |day| day.format(form).to_string())
    };
    for holiday in &shown.holidays {
        say::println(&format!("{}  {}", day(&holiday.date, "%a %Y-%m-%d"), holiday.name));
    }
    let last: Vec<String> = shown.last_business_days.iter().map(|date| day(date, "%a %m-%d")).collect();
    say::println(&format!("last business days: {}", last.join(", ")));
}

/// The last business day of each month that has one.
fn last_days(calendar: &Calendar, year: i32) -> Vec<NaiveDate> {
    let firsts = (1..=12).filter_map(|month| NaiveDate::from_ymd_opt(year, month, 1));
    firsts.filter_map(|first| calendar.nth_of_month(first, -1)).collect()
}

fn import(file: &Path) -> Verdict {
    let shown = file.display();
    let bytes = std::fs::read(file).or_fail(&shown)?;
    let events = read_ical(&String::from_utf8_lossy(&bytes))
        .map_err(|fault| Failure::new(format!("{shown}, line {}: {}", fault.line, fault.message)))?;
    if events.is_empty() {
        return Err(Failure::new(format!("{shown} has no events of whole days")));
    }
    let mut text = String::from("weekend: [sat, sun]\nholidays:\n");
    for event in events.iter().flat_map(split) {
        let keys = keys_of(&event).into_iter().map(|(key, value)| format!("{key}: {value}"));
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  - {{{}}}", keys.collect::<Vec<_>>().join(", "));
    }
    say::println(text.trim_end());
    Ok(ExitCode::SUCCESS)
}

/// Several days that come every year are one holiday each.
fn split(event: &IcalEvent) -> Vec<IcalEvent> {
    if event.until.is_none() {
        return vec![event.clone()];
    }
    let firsts = event.first.iter_days().take(usize::try_from(event.days).unwrap_or(1));
    firsts.map(|first| IcalEvent { first, days: 1, ..event.clone() }).collect()
}

/// An event as the keys of a holiday.
fn keys_of(event: &IcalEvent) -> Vec<(&'static str, String)> {
    let mut keys = Vec::new();
    if let Some(until) = event.until {
        keys.push(("date", event.first.format("%m-%d").to_string()));
        keys.push(("since", event.first.year().to_string()));
        if until < *YEARS.end() {
            keys.push(("until", until.to_string()));
        }
    } else if event.days == 1 {
        keys.push(("date", event.first.to_string()));
    } else {
        keys.push(("from", event.first.to_string()));
        keys.push(("to", event.days().last().unwrap_or(event.first).to_string()));
    }
    if !event.summary.is_empty() {
        keys.push(("name", json!(event.summary).to_string()));
    }
    keys
}
