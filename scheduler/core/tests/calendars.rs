//! Schedules with calendars, business days and intervals against instants that were worked out day by day
//! by other means, over clock changes of ten zones and leap years.

use std::collections::BTreeMap;

use nightrun_core::dag::spec::Dag;
use nightrun_core::dag::{Calendars, Known, Source, read, read_calendars};
use nightrun_core::diag::{Code, Style};
use nightrun_core::time::Timestamp;
use nightrun_core::timetable::{Tick, Zone};
use serde::Deserialize;
use serde_json::{Value as Json, json};

#[derive(Deserialize)]
struct Case {
    schedule: Json,
    calendar: Option<Json>,
    tz: String,
    start: String,
    instants: Vec<String>,
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn calendar(text: &str) -> Calendars {
    read_calendars(&[Source::new("calendars/business.yaml", text)], &BTreeMap::new())
}

/// A DAG of this schedule, whose calendar `business` says `holidays`.
fn dag(schedule: &Json, holidays: Option<&Json>, zone: &str) -> Dag {
    let mut known = Known::new(Zone::parse(zone).unwrap(), at("2026-11-21T00:00:00Z"));
    known.calendars = holidays.map(|it| calendar(&it.to_string()).known).unwrap_or_default();
    let text = json!({"schedule": schedule, "tasks": [{"id": "a", "run": "true"}]}).to_string();
    let reading = read(&Source::new("it.yaml", &text), &known);
    assert!(reading.diagnostics.iter().all(|it| !it.is_error()), "{:#?}", reading.diagnostics);
    reading.dags.into_iter().next().unwrap()
}

#[test]
fn instants_are_those_that_were_worked_out_day_by_day() {
    let cases = include_str!("../../../tests/conformance/calendars.jsonl");
    for line in cases.lines() {
        let case: Case = serde_json::from_str(line).unwrap();
        let dag = dag(&case.schedule, case.calendar.as_ref(), &case.tz);
        let found: Vec<Timestamp> = dag.instants_after(at(&case.start)).take(case.instants.len()).collect();
        let shown: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(shown, case.instants, "{line}");
        let timetable = dag.timetable.as_ref().unwrap();
        for pair in found.windows(2) {
            assert_eq!(timetable.previous_before(pair[1]), Some(pair[0]), "{line}");
        }
        let fires =
            dag.ticks_after(at(&case.start)).filter(|tick| tick.skipped.is_none()).map(|tick| tick.at);
        assert_eq!(fires.take(found.len()).collect::<Vec<_>>(), found, "{line}");
    }
}

#[test]
fn entries_that_meet_fire_once_and_a_calendar_of_one_does_not_hold_the_others_back() {
    let schedule = json!([
        {"cron": "0 6 * * *", "calendar": "business"},
        {"cron": "0 6 * * fri"},
        {"at": ["2026-12-25T06:00", "2026-12-26T06:00"]},
    ]);
    let dag = dag(&schedule, Some(&json!({"id": "business", "holidays": ["12-24", "12-25"]})), "UTC");
    let ticks: Vec<Tick> = dag.ticks_after(at("2026-12-23T07:00:00Z")).take(4).collect();
    let days: Vec<_> = ticks.iter().map(|tick| (tick.at.to_string(), tick.skipped.is_none())).collect();
    let expected = [("2026-12-24", false), ("2026-12-25", true), ("2026-12-26", true), ("2026-12-27", false)];
    assert_eq!(days, expected.map(|(day, fires)| (format!("{day}T06:00:00Z"), fires)));
    assert_eq!(ticks[0].skipped.as_ref().unwrap().to_string(), "12-24, calendar `business`");
}

#[test]
fn a_calendar_without_business_days_ends_every_search_soon() {
    let nothing = json!({"id": "business", "weekend": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]});
    for policy in ["skip", "next_business_day", "previous_business_day"] {
        let mut known = Known::new(Zone::utc(), at("2026-11-21T00:00:00Z"));
        known.calendars = calendar(&nothing.to_string()).known;
        let schedule = format!("schedule: {{cron: '* * * * *', calendar: business, on_holiday: {policy}}}");
        let reading =
            read(&Source::new("it.yaml", &format!("{schedule}\ntasks: [{{id: a, run: b}}]")), &known);
        assert_eq!(reading.diagnostics[0].code, Code::NeverFires, "{policy}");
    }
}

#[test]
fn a_fingerprint_changes_with_the_days_of_a_calendar_and_not_with_its_words() {
    let print = |calendar: Json| {
        let schedule = json!({"cron": "0 6 * * *", "calendar": "business"});
        dag(&schedule, Some(&calendar), "UTC").timetable.unwrap().fingerprint()
    };
    let first = print(json!({"id": "business", "holidays": ["12-25"]}));
    assert_eq!(first, print(json!({"id": "business", "holidays": [{"date": "12-25", "name": "Christmas"}]})));
    assert_ne!(first, print(json!({"id": "business", "holidays": ["12-25", "12-26"]})));
    assert_ne!(first, print(json!({"id": "business", "weekend": ["sun"], "holidays": ["12-25"]})));
}

#[test]
fn calendars_include_each_other_but_not_in_a_circle() {
    let files = [
        ("calendars/base.yaml", "weekend: [sun]\nholidays: [01-01]"),
        ("calendars/more.yaml", "include: [base]\nholidays: [05-01]"),
        ("calendars/one.yaml", "include: [two]"),
        ("calendars/two.yaml", "include: [one]"),
        ("calendars/lost.yaml", "include: [bas]"),
        ("calendars/more2.yaml", "id: more\nholidays: []"),
    ];
    let read = read_calendars(&files.map(|(path, text)| Source::new(path, text)), &BTreeMap::new());
    let more = read.known["more"].as_ref().unwrap();
    let off = |day: &str| !more.is_business_day(day.parse().unwrap());
    assert!(off("2026-01-01") && off("2026-05-01") && off("2026-05-03") && !off("2026-05-02"));
    let faulty: Vec<_> = read.faults.iter().map(|(path, faults)| (&**path, faults[0].code)).collect();
    assert_eq!(
        faulty,
        [
            ("calendars/more2.yaml", Code::BadCalendar),
            ("calendars/lost.yaml", Code::UnknownCalendar),
            ("calendars/one.yaml", Code::UnknownCalendar),
            ("calendars/two.yaml", Code::BadCalendar),
        ]
    );
}

#[test]
fn all_faults_of_a_calendar_are_found_in_one_pass_with_their_places() {
    let text = include_str!("../../../tests/calendars/bad.yaml");
    let icals = [("half.ics".to_owned(), b"BEGIN:VCALENDAR\nBEGIN:VEVENT\n".to_vec())];
    let read = read_calendars(&[Source::new("calendars/bad.yaml", text)], &icals.into());
    let shown: Vec<String> = read.faults[0].1.iter().map(|it| it.render(text, Style::Plain)).collect();
    insta::assert_snapshot!(shown.join("\n\n"));
}

#[test]
fn no_piece_of_a_calendar_is_too_strange_to_be_answered() {
    let text = include_str!("../../../tests/calendars/bad.yaml");
    for end in (0..text.len()).filter(|end| text.is_char_boundary(*end)) {
        for strange in ["", "-9999999999", "\u{fe0f}", "[[", "9999-12-31"] {
            let piece = format!("{}{strange}", &text[..end]);
            let icals = [("half.ics".to_owned(), piece.clone().into_bytes())];
            let read = read_calendars(&[Source::new("calendars/bad.yaml", &piece)], &icals.into());
            assert_eq!(read.known.len(), 1);
        }
    }
}
