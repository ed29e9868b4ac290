//! `nightrun next --batch`: one question a line, one answer a line.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::process::ExitCode;

use nightrun_core::dag::spec::Dag;
use nightrun_core::dag::{Known, Reading, Source, read, read_calendars};
use nightrun_core::diag::Diagnostic;
use nightrun_core::time::Timestamp;
use nightrun_core::timetable::{Cron, Dst, Timetable, Zone};
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use super::next::MOST;
use crate::failure::{OrFail, Verdict};
use crate::say;

/// One question: a cron expression, or anything that `schedule` takes in a DAG file.
#[derive(Debug, Deserialize)]
struct Question {
    expr: Option<String>,
    schedule: Option<Json>,
    tz: String,
    start: String,
    n: usize,
    dst: Option<String>,
    /// What a calendar file would say.
    calendar: Option<Json>,
    on_holiday: Option<String>,
}

pub(super) fn batch() -> Verdict {
    for line in std::io::stdin().lock().lines() {
        let line = line.or_fail("standard input")?;
        if line.trim().is_empty() {
            continue;
        }
        say::json(&answer(&line).unwrap_or_else(|fault| json!({ "error": fault })))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn answer(line: &str) -> Result<Json, String> {
    let question: Question = serde_json::from_str(line).map_err(|fault| fault.to_string())?;
    let dst = match question.dst.as_deref() {
        None | Some("cron") => Dst::Cron,
        Some("airflow") => Dst::Airflow,
        Some(other) => return Err(format!("`{other}` is neither cron nor airflow")),
    };
    let zone = Zone::parse(&question.tz)?;
    let start =
        || Timestamp::parse(&question.start).ok_or_else(|| format!("`{}` is no instant", question.start));
    let count = question.n.min(MOST);
    let found: Vec<Timestamp> = match &question.expr {
        Some(expr) if question.schedule.is_none() && question.calendar.is_none() => {
            let cron = Cron::parse(expr, dst).map_err(|fault| fault.message)?;
            let timetable = Timetable::new(cron, zone);
            let next = |at: &Timestamp| timetable.next_after(*at);
            std::iter::successors(next(&start()?), next).take(count).collect()
        }
        _ => dag_of(&question, zone)?.instants_after(start()?).take(count).collect(),
    };
    Ok(found.iter().map(ToString::to_string).collect())
}

/// A DAG with the schedule that was asked for.
fn dag_of(question: &Question, zone: Zone) -> Result<Dag, String> {
    let schedule = match (&question.schedule, &question.expr) {
        (Some(_), Some(_)) => return Err("`expr` and `schedule` stand in one question".into()),
        (Some(schedule), None) => schedule.clone(),
        (None, Some(expr)) => json!(expr),
        (None, None) => return Err("missing field `expr`".into()),
    };
    let mut known = Known::new(zone, Timestamp::from_nanos(0));
    let mut more = Map::new();
    if let Some(dst) = &question.dst {
        more.insert("dst".into(), json!(dst));
    }
    if let Some(calendar) = &question.calendar {
        let text = calendar.to_string();
        let read = read_calendars(&[Source::new("calendar.yaml", &text)], &BTreeMap::new());
        let faults: Vec<_> = read.faults.into_iter().flat_map(|(_, faults)| faults).collect();
        refuse(&faults)?;
        more.extend(read.known.keys().next().map(|id| ("calendar".to_owned(), json!(id))));
        known.calendars = read.known;
    }
    if let Some(on_holiday) = &question.on_holiday {
        more.insert("on_holiday".into(), json!(on_holiday));
    }
    let schedule = with(schedule, &more);
    let tasks = [json!({"id": "it", "run": "true"})];
    let text = json!({"id": "it", "timezone": question.tz, "schedule": schedule, "tasks": tasks}).to_string();
    let Reading { dags, diagnostics, .. } = read(&Source::new("question.yaml", &text), &known);
    refuse(&diagnostics)?;
    dags.into_iter().next().ok_or_else(|| "the schedule cannot be read".into())
}

/// Each entry of a schedule, with these keys where it has none of them.
fn with(schedule: Json, more: &Map<String, Json>) -> Json {
    match schedule {
        Json::String(_) if more.is_empty() => schedule,
        Json::String(text) => with(json!({ "cron": text }), more),
        Json::Array(entries) => entries.into_iter().map(|entry| with(entry, more)).collect(),
        Json::Object(mut entry) => {
            for (key, value) in more {
                // Only an expression is read under rules for clock changes.
                if (key != "dst" || entry.contains_key("cron")) && !entry.contains_key(key) {
                    entry.insert(key.clone(), value.clone());
                }
            }
            Json::Object(entry)
        }
        other => other,
    }
}

fn refuse(faults: &[Diagnostic]) -> Result<(), String> {
    faults.iter().find(|fault| fault.is_error()).map_or(Ok(()), |fault| Err(fault.message.clone()))
}
