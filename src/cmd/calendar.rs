//! `nightrun calendar`: what a calendar says of a year, and calendar files from iCalendar files.

use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;

use chrono::{Datelike, NaiveDate};
use nightrun_core::timetable::{Calendar, IcalEvent, YEARS, Zone, read_ical};
use nightrun_engine::clock::system_clock;
use serde_json::{Value as Json, json};

use crate::calendars;
use crate::cli::{self, CalendarVerb};
use crate::config::{Config, Given};
use crate::failure::{Failure, OrFail, Verdict};
use crate::say;

pub(crate) fn calendar(args: cli::Calendar) -> Verdict {
    match args.verb {
        CalendarVerb::Show { name, year, dags, json } => {
            let config = Config::load(Given { dags: dags.dags, ..Given::default() })?;
            let year = year.unwrap_or_else(|| Zone::utc().civil(system_clock()()).year());
            show(&name, year, &config, json)
        }
        CalendarVerb::Import { file } => import(&file),
    }
}

fn show(name: &str, year: i32, config: &Config, as_json: bool) -> Verdict {
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
    let holidays: Vec<_> = calendar.holidays().filter(|(date, _)| date.year() == year).collect();
    let last = last_days(calendar, year);
    let weekend: Vec<String> = calendar.weekend().iter().map(|day| day.to_string().to_lowercase()).collect();
    if as_json {
        let holidays: Vec<Json> =
            holidays.iter().map(|(date, name)| json!({"date": date.to_string(), "name": name})).collect();
        let last: Vec<String> = last.iter().map(NaiveDate::to_string).collect();
        let description = read.descriptions.get(name);
        say::json(&json!({
            "id": name, "description": description, "year": year, "weekend": weekend,
            "holidays": holidays, "last_business_days": last,
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let about = read.descriptions.get(name).map(|about| format!(": {about}")).unwrap_or_default();
    say::println(&format!("{name}{about}\nweekend: {}", weekend.join(", ")));
    for (date, name) in holidays {
        say::println(&format!("{}  {name}", date.format("%a %Y-%m-%d")));
    }
    let last: Vec<String> = last.iter().map(|day| day.format("%a %m-%d").to_string()).collect();
    say::println(&format!("last business days: {}", last.join(", ")));
    Ok(ExitCode::SUCCESS)
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
