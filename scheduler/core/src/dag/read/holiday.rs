//! One holiday of a calendar file: a date, several days, or a rule that gives a day each year.

use std::ops::RangeInclusive;
use std::sync::Arc;

use chrono::{Datelike, Month, NaiveDate, Weekday};

use super::Reader;
use super::entry::Owner;
use super::schedule::day;
use super::value::as_written;
use crate::dag::keys::{Level, calendar::holiday as keys};
use crate::dag::tree::{Kind, Map, Node};
use crate::diag::{Code, Fault, Span};
use crate::timetable::{Nth, Observed, YEARS, Yearly};

const HELP: &str = "write a date `2026-12-25`, days `2026-12-24..2026-12-31`, a day of each year `12-25`, \
                    `last monday of may` or `easter+1`";

/// A holiday as the file has it.
#[derive(Debug, Clone)]
pub(super) struct Holiday {
    pub(super) name: Arc<str>,
    kind: Days,
}

#[derive(Debug, Clone)]
enum Days {
    These(Vec<NaiveDate>),
    Yearly { rule: Yearly, observed: Option<Observed>, years: RangeInclusive<i32> },
}

/// What a text says when a holiday is.
#[derive(Clone, Copy)]
enum When {
    Days(NaiveDate, NaiveDate),
    Yearly(Yearly),
}

impl Holiday {
    pub(super) fn days(name: &str, days: Vec<NaiveDate>) -> Self {
        Self { name: name.into(), kind: Days::These(days) }
    }

    /// Its days, in the years of calendars.
    pub(super) fn dates(&self) -> Vec<NaiveDate> {
        match &self.kind {
            Days::These(days) => days.clone(),
            Days::Yearly { rule, years, .. } => years.clone().filter_map(|year| rule.date(year)).collect(),
        }
    }

    /// On which other day it is observed.
    pub(super) fn observed(&self) -> Option<Observed> {
        match &self.kind {
            Days::These(_) => None,
            Days::Yearly { observed, .. } => *observed,
        }
    }
}

impl Reader<'_> {
    pub(super) fn holiday(&mut self, item: &Node<'_>, observed: Option<Observed>) -> Option<Holiday> {
        let Kind::Map(map) = &item.kind else {
            let Some(text) = as_written(item) else {
                let message = format!("a holiday is a date, a rule or a map, and this is {}", item.what());
                self.faults.add(Fault::new(Code::WrongType, item.at, message).help(HELP));
                return None;
            };
            let when = self.when(text, item.at)?;
            return self.of(when, text, observed, YEARS, item.at);
        };
        self.check_keys(map, Owner { level: Level::Holiday, name: "a holiday" });
        let name = self.read(map, &keys::NAME, Self::owned_text);
        let observed = self.read(map, &keys::OBSERVED, Self::word).or(observed);
        let since = self.read(map, &keys::SINCE, Self::integer).unwrap_or(*YEARS.start());
        let until = self.read(map, &keys::UNTIL, Self::integer).unwrap_or(*YEARS.end());
        let (when, text) = self.when_of(map, item.at)?;
        let years = since.max(*YEARS.start())..=until.min(*YEARS.end());
        if years.is_empty() {
            let message = format!("the holiday comes in no year from {since} to {until}");
            self.faults
                .add(Fault::new(Code::BadCalendar, item.at, message).help("exchange `since` and `until`"));
        }
        self.of(when, &name.unwrap_or(text), observed, years, item.at)
    }

    /// The one of `date`, `from` and `to`, `month` and `weekday` that the map has.
    fn when_of(&mut self, map: &Map<'_>, at: Span) -> Option<(When, String)> {
        let date = self.read(map, &keys::DATE, |reader, key, node| {
            let text = as_written(node).or_else(|| reader.wrong_type(key, node))?;
            Some((reader.when(text, node.at)?, text.to_owned()))
        });
        let from = self.read(map, &keys::FROM, |reader, _, node| reader.plain_date(node));
        let to = self.read(map, &keys::TO, |reader, _, node| reader.plain_date(node));
        let month = self.read(map, &keys::MONTH, Self::integer::<u32>);
        let nth = self.read(map, &keys::NTH, Self::integer::<i32>);
        let weekday = self.read(map, &keys::WEEKDAY, |reader, key, node| {
            let text = reader.some_text(key, node)?;
            weekday_of(reader, text, node.at)
        });
        let has = |key: &str| map.get(key).is_some();
        let days = has(keys::FROM.name) || has(keys::TO.name);
        let counted = has(keys::MONTH.name) || has(keys::WEEKDAY.name) || has(keys::NTH.name);
        let ways = u8::from(has(keys::DATE.name)) + u8::from(days) + u8::from(counted);
        if ways != 1 {
            let message = "a holiday has either `date`, or `from` and `to`, or `month`, `weekday` and `nth`";
            self.faults.add(
                Fault::new(Code::BadCalendar, at, message)
                    .help("for example `{date: 12-25, name: Christmas}`"),
            );
            return None;
        }
        if let Some(date) = date {
            return Some(date);
        }
        if days {
            if let (Some(from), Some(to)) = (from, to) {
                return Some((When::Days(from, to), format!("{from} to {to}")));
            }
            self.incomplete(has(keys::FROM.name) && has(keys::TO.name), "`from` and `to`", at);
        } else if counted {
            let complete = has(keys::MONTH.name) && has(keys::WEEKDAY.name) && has(keys::NTH.name);
            self.incomplete(complete, "`month`, `weekday` and `nth`", at);
            let (month, weekday, count) = (month?, weekday?, nth?);
            let Some(nth) = nth_of(count) else {
                let message = "`nth` counts from 1, or from -1 at the end of the month";
                self.faults.add(Fault::new(Code::BadCalendar, at, message));
                return None;
            };
            let text = format!("{weekday} {count} of month {month}");
            return Some((When::Yearly(Yearly::Weekday { month, weekday, nth }), text));
        }
        None
    }

    fn incomplete(&mut self, complete: bool, keys: &str, at: Span) {
        if !complete {
            self.faults.add(Fault::new(Code::BadCalendar, at, format!("a holiday takes {keys} together")));
        }
    }

    fn of(
        &mut self,
        when: When,
        name: &str,
        observed: Option<Observed>,
        years: RangeInclusive<i32>,
        at: Span,
    ) -> Option<Holiday> {
        match when {
            When::Yearly(rule) => {
                Some(Holiday { name: name.into(), kind: Days::Yearly { rule, observed, years } })
            }
            When::Days(from, to) => {
                let length = (to - from).num_days();
                if !(0..=3660).contains(&length) {
                    let message = format!("`{from}` to `{to}` are no days of a holiday");
                    let help = "the first day comes first, and ten years are the most";
                    self.faults.add(Fault::new(Code::BadCalendar, at, message).help(help));
                    return None;
                }
                let days = from.iter_days().take_while(|date| *date <= to).collect();
                Some(Holiday::days(name, days))
            }
        }
    }

    fn plain_date(&mut self, node: &Node<'_>) -> Option<NaiveDate> {
        let text = as_written(node).unwrap_or_default();
        let date = day(text);
        if date.is_none() {
            let fault = Fault::new(Code::BadCalendar, node.at, format!("`{text}` is no date"));
            self.faults.add(fault.help("write a day as `2026-12-25`"));
        }
        date
    }

    fn when(&mut self, text: &str, at: Span) -> Option<When> {
        let when = read_when(text);
        if when.is_none() {
            let message = format!("`{text}` is no holiday");
            self.faults.add(Fault::new(Code::BadCalendar, at, message).help(HELP));
        }
        when
    }
}

fn read_when(text: &str) -> Option<When> {
    if let Some((from, to)) = text.split_once("..") {
        return Some(When::Days(day(from.trim())?, day(to.trim())?));
    }
    if let Some(date) = day(text) {
        return Some(When::Days(date, date));
    }
    let lower = text.to_lowercase();
    if let Some(rest) = lower.strip_prefix("easter") {
        let rest = rest.replace(' ', "");
        let signed = rest.is_empty() || rest.starts_with(['+', '-']);
        let days: i32 = if rest.is_empty() { 0 } else { rest.parse().ok()? };
        return (signed && days.abs() <= 200).then_some(When::Yearly(Yearly::Easter(days)));
    }
    // In a leap year every day of a year exists.
    if let Some(date) = (text.len() == 5).then(|| day(&format!("2024-{text}"))).flatten() {
        return Some(When::Yearly(Yearly::Fixed { month: date.month(), day: date.day() }));
    }
    let words: Vec<&str> = lower.split_whitespace().collect();
    let [nth, weekday, "of" | "in", month] = words[..] else { return None };
    let nth = match nth {
        "first" | "1st" => Nth::First(1),
        "second" | "2nd" => Nth::First(2),
        "third" | "3rd" => Nth::First(3),
        "fourth" | "4th" => Nth::First(4),
        "fifth" | "5th" => Nth::First(5),
        "last" => Nth::Last(1),
        _ => return None,
    };
    let month: Month = month.parse().ok()?;
    Some(When::Yearly(Yearly::Weekday {
        month: month.number_from_month(),
        weekday: weekday.parse().ok()?,
        nth,
    }))
}

fn nth_of(count: i32) -> Option<Nth> {
    let places = u8::try_from(count.unsigned_abs()).ok().filter(|places| (1..=5).contains(places))?;
    Some(if count > 0 { Nth::First(places) } else { Nth::Last(places) })
}

pub(super) fn weekday_of(reader: &mut Reader<'_>, text: &str, at: Span) -> Option<Weekday> {
    let day = text.parse().ok();
    if day.is_none() {
        let fault = Fault::new(Code::BadCalendar, at, format!("`{text}` is no day of the week"));
        reader.faults.add(fault.help("write mon, tue, wed, thu, fri, sat or sun"));
    }
    day
}
