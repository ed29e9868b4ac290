//! Business calendars: skipped and moved ticks, files that change, and schedules that are no cron expression.

use serde_json::{Value as Json, json};

use crate::town::{Server, Town, wait_for};

const CALENDAR: &str = "holidays:\n  - {date: 2026-12-25, name: Christmas}\n";

fn town(schedule: &str) -> Town {
    let town = Town::new();
    town.write("dags/calendars/office.yaml", CALENDAR);
    town.write("dags/it.yaml", &format!("schedule: {schedule}\ntasks: [{{id: a, run: echo}}]\n"));
    town
}

#[test]
fn next_says_what_is_skipped_and_what_is_moved() {
    let town = town("{cron: '0 6 * * *', calendar: office}");
    let next = "next it --after 2026-12-24T12:00:00Z -n 1";
    let said = town.nightrun(next).out;
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 4, "{said}");
    assert!(
        lines[0].starts_with("Fri 2026-12-25")
            && lines[0].ends_with("(skipped: Christmas, calendar `office`)")
    );
    assert!(lines[1].contains("skipped: Saturday") && lines[3].starts_with("Mon 2026-12-28"), "{said}");
    assert_eq!(town.nightrun(&format!("{next} --json")).json(), json!(["2026-12-28T06:00:00Z"]));

    let moving = "schedule: {cron: '0 6 * * *', calendar: office, on_holiday: previous_business_day}";
    town.write("dags/team/deep/it2.yaml", &format!("{moving}\ntasks: [{{id: a, run: echo}}]\n"));
    let said = town.nightrun("next dags/team/deep/it2.yaml --after 2026-12-23T12:00:00Z -n 2").out;
    assert!(said.contains("Mon 2026-12-28"), "the calendar of a folder above is found: {said}");
    let forward = moving.replace("previous", "next");
    town.write("dags/it3.yaml", &format!("{forward}\ntasks: [{{id: a, run: echo}}]\n"));
    let said = town.nightrun("next it3 --after 2026-12-24T12:00:00Z -n 1").out;
    assert!(said.ends_with("(moved from Fri 2026-12-25: Christmas, calendar `office`)\n"), "{said}");
}

#[test]
fn a_batch_takes_any_schedule_with_a_calendar_of_its_own() {
    let lines = [
        json!({"expr": "0 9 * * *", "tz": "UTC", "start": "2026-12-24T10:00:00Z", "n": 1,
               "calendar": {"holidays": ["2026-12-25"]}, "on_holiday": "next_business_day"}),
        json!({"schedule": [{"every": "6h"}, "0 1 * * *"], "tz": "UTC", "start": "2026-01-01T00:00:00Z", "n": 2}),
        json!({"schedule": {"business_day": -1}, "tz": "UTC", "start": "2026-01-01T00:00:00Z", "n": 1,
               "calendar": {"id": "own", "weekend": ["fri", "sat"]}}),
        json!({"expr": "0 9 * * *", "tz": "UTC", "start": "2026-12-24T10:00:00Z", "n": 1}),
        json!({"schedule": "@dayly", "tz": "UTC", "start": "2026-12-24T10:00:00Z", "n": 1}),
    ];
    let input = lines.map(|line| line.to_string()).join("\n");
    let said = Town::new().nightrun_reading("next --batch", &input).out;
    let answers: Vec<Json> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let expected = [
        json!(["2026-12-28T09:00:00Z"]),
        json!(["2026-01-01T01:00:00Z", "2026-01-01T06:00:00Z"]),
        json!(["2026-01-29T00:00:00Z"]),
        json!(["2026-12-25T09:00:00Z"]),
        json!({"error": "`@dayly` is no preset"}),
    ];
    assert_eq!(answers, expected);
}

#[test]
fn validate_looks_at_calendars_too() {
    let town = town("{cron: '0 6 * * *', calendar: ofice}");
    town.write("dags/calendars/office.yaml", "holidays: [12-32]\n");
    let said = town.nightrun("validate");
    assert_eq!(said.code, 1);
    for part in [
        "error[E307]: there is no calendar `ofice`",
        "did you mean `office`?",
        "error[E308]: `12-32` is no holiday",
    ] {
        assert!(said.err.contains(part), "{}", said.err);
    }
    assert!(
        said.err.contains(" --> dags/calendars/office.yaml:1:12") && said.err.contains("2 of 2 files"),
        "{}",
        said.err
    );
    let found = town.nightrun("validate dags/calendars/office.yaml --format json").json();
    assert_eq!((found.as_array().unwrap().len(), &found[0]["code"]), (1, &json!("E308")));
}

#[test]
fn calendars_are_shown_and_imported() {
    let town = town("'@daily'");
    let shown = town.nightrun("calendar show office --year 2026 --json").json();
    assert_eq!(shown["holidays"], json!([{"date": "2026-12-25", "name": "Christmas"}]));
    assert_eq!(shown["last_business_days"][4], "2026-05-29");
    assert_eq!(town.nightrun("calendar show offic").code, 2);
    let events = "BEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20200501\r\nRRULE:FREQ=YEARLY\r\nSUMMARY:May: day\r\nEND:VEVENT\r\n";
    town.write("may.ics", &format!("BEGIN:VCALENDAR\r\n{events}END:VCALENDAR\r\n"));
    let imported = town.nightrun("calendar import may.ics");
    assert_eq!(
        imported.out,
        "weekend: [sat, sun]\nholidays:\n  - {date: 05-01, since: 2020, name: \"May: day\"}\n"
    );
    town.write("dags/calendars/may.yaml", &imported.out);
    assert_eq!(town.nightrun("validate").code, 0);
}

fn ticks(server: &Server) -> Vec<Json> {
    server.get("/api/v1/dags/it/ticks?limit=500")["items"].as_array().cloned().unwrap_or_default()
}

#[test]
fn a_server_keeps_skipped_ticks_with_their_reason_and_reads_a_changed_calendar() {
    let town = town("{cron: '* * * * * *', calendar: office}");
    let all = "weekend: []\nholidays: [2020-01-01..2026-12-31, 2027-01-01..2036-12-31]\n";
    town.write("dags/calendars/office.yaml", all);
    let server = town.serve();
    let skipped = wait_for("a skipped tick", || ticks(&server).first().cloned());
    let reason = skipped["skipped"].as_str().unwrap();
    assert!(reason.starts_with("no business day: ") && reason.ends_with("(calendar `office`)"), "{reason}");
    assert_eq!(town.runs().len(), 0);
    town.write("dags/calendars/office.yaml", "weekend: []\n");
    wait_for("a run", || town.runs().first().cloned());
    assert_eq!(server.stop(), 0);
}

#[test]
fn once_is_once_and_continuous_goes_on() {
    let town = town("'@once'");
    let again = "schedule: '@continuous'\ntasks: [{id: a, run: echo}]\n";
    town.write("dags/again.yaml", again);
    let count = |dag: &str| town.runs().iter().filter(|run| run["dag"] == dag).count();
    let server = town.serve();
    wait_for("three runs", || (count("again") >= 3).then_some(()));
    server.kill();
    let server = town.serve();
    let before = count("again");
    wait_for("another run", || (count("again") > before).then_some(()));
    assert_eq!(count("it"), 1);
    assert_eq!(server.stop(), 0);
}
