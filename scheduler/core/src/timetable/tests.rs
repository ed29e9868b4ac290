//! Tests of timetables against recorded answers of other schedulers, and of the laws that hold anyway.

use proptest::prelude::*;
use serde::Deserialize;

use super::clock::ClockRule;
use super::*;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("the test's own time")
}

fn timetable(expression: &str, dst: Dst, zone: &str) -> Timetable {
    let cron = Cron::parse(expression, dst).unwrap_or_else(|fault| panic!("{expression}: {fault}"));
    Timetable::new(cron, Zone::parse(zone).unwrap())
}

fn fault(expression: &str) -> CronFault {
    Cron::parse(expression, Dst::Cron).unwrap_err()
}

/// The next `count` instants, in local time.
fn local(timetable: &Timetable, from: &str, count: usize) -> Vec<String> {
    std::iter::successors(timetable.next_after(at(from)), |last| timetable.next_after(*last))
        .take(count)
        .map(|instant| timetable.zone().civil(instant).format("%m-%d %H:%M%:z").to_string())
        .collect()
}

#[derive(Deserialize)]
struct Recorded {
    expr: String,
    tz: String,
    start: String,
    #[serde(alias = "expected")]
    next: Vec<String>,
}

fn agrees_with_recorded(lines: &str, dst: Dst) {
    for line in lines.lines() {
        let case: Recorded = serde_json::from_str(line).unwrap();
        let timetable = timetable(&case.expr, dst, &case.tz);
        let mut last = at(&case.start);
        for expected in &case.next {
            let next = timetable.next_after(last);
            assert_eq!(next, Some(at(expected)), "{timetable} after {last}");
            last = at(expected);
        }
    }
}

/// 700 answers of cronsim 2.8, which follows Debian's cron.
#[test]
fn fires_when_debian_cron_does() {
    agrees_with_recorded(include_str!("../../../../tests/conformance/cron.jsonl"), Dst::Cron);
}

/// 188 answers of `CronMixin` of Airflow 3.3.2, most of them around clock changes.
#[test]
fn fires_when_airflow_does() {
    agrees_with_recorded(include_str!("../../../../tests/conformance/cron_dst_airflow.jsonl"), Dst::Airflow);
}

#[test]
fn faults_say_what_is_wrong_where_and_what_to_do() {
    let cases = [
        ("75 0 * * *", "75", "minute 75 is out of range 0-59", None),
        ("0 24 * * *", "24", "hour 24 is out of range 0-23", None),
        ("0 0 0 * *", "0 * *", "day of month 0 is out of range 1-31", None),
        ("0 0 * * 8", "8", "day of week 8 is out of range 0-7", None),
        ("0 22-2 * * *", "22-2", "`22-2` runs backwards", Some("write `22-23,0-2`")),
        ("0 0 1 nov-jan *", "nov-jan", "`nov-jan` runs backwards", Some("write `11-12,1`")),
        ("0 0 * * 6-1", "6-1", "`6-1` runs backwards", Some("write `6,0-1`")),
        ("1,,2 0 * * *", "1,,2", "`1,,2` has an empty element", Some("take the surplus comma away")),
        ("0 0 * * FUN", "FUN", "`FUN` is no day of week", Some("did you mean `SUN`?")),
        ("0 0 1 MARCH *", "MARCH", "`MARCH` is no month", Some("did you mean `MAR`?")),
        ("0 x * * *", "x", "`x` is no hour", Some("write a number from 0 to 23")),
        ("*/0 * * * *", "0", "a step of 0 never moves on", Some("write a step of at least 1")),
        (
            "*/x * * * *",
            "x",
            "`x` is no step",
            Some("a step is a number, such as `*/5` for every fifth minute"),
        ),
        ("5- 0 * * *", "", "a minute is missing here", None),
        ("0 0 * * L", "L", "`L` does not say which weekday", Some("`5L` is the last Friday of the month")),
        (
            "0 0 * * 1#6",
            "1#6",
            "`#6` is out of range 1-5",
            Some("`MON#2` is the second Monday; for the last one write `MONL`"),
        ),
        (
            "0 0 30 2 *",
            "30 2 *",
            "this never fires: no date has day of month `30` and month `2`",
            Some("for the last day of the month write `L`"),
        ),
        (
            "0 0 */20 * 5#2",
            "*/20 * 5#2",
            "this never fires: no date has day of month `*/20`, month `*` and day of week `5#2`",
            None,
        ),
        (
            "0 0 * *",
            "0 0 * *",
            "a cron expression has five fields, this one 4",
            Some("minute, hour, day of month, month, day of week, such as `30 1 * * *`"),
        ),
        (
            "0 0 0 1 1 * 2026",
            "0 0 0 1 1 * 2026",
            "a cron expression has five fields, this one 7",
            Some(
                "five fields: minute, hour, day of month, month, day of week; a sixth for seconds; years have none",
            ),
        ),
        ("@dayly", "@dayly", "`@dayly` is no preset", Some("did you mean `@daily`?")),
        (
            "@every 5m",
            "@every 5m",
            "`@every 5m` is no preset",
            Some("write `every: 15m` for a fixed interval"),
        ),
    ];
    for (expression, part, message, help) in cases {
        let fault = fault(expression);
        assert_eq!((fault.message.as_str(), fault.help.as_deref()), (message, help), "{expression}");
        assert!(expression[fault.range.clone()].starts_with(part.split(' ').next().unwrap()), "{fault:?}");
    }
}

#[test]
fn misleading_expressions_are_pointed_out() {
    let cases = [
        ("*/7 * * * *", "*/7", "`*/7` is uneven: after minute 56 comes minute 0, as 7 does not divide 60"),
        ("*/90 * * * *", "*/90", "`*/90` is only ever minute 0"),
        ("0 */5 * * *", "*/5", "`*/5` is uneven: after hour 20 comes hour 0, as 5 does not divide 24"),
        (
            "0 0 31 * *",
            "31",
            "day 31 does not come in February, April, June, September, November: nothing fires there",
        ),
        ("0 0 29 2 *", "29", "day 29 comes in February only in leap years"),
        ("3-3/2 * * * *", "3-3/2", "`3-3/2` goes on to the highest, not only 3"),
    ];
    for (expression, part, message) in cases {
        let warnings = Cron::parse(expression, Dst::Cron).unwrap().warnings().to_vec();
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert_eq!((&expression[warnings[0].range.clone()], warnings[0].message.as_str()), (part, message));
    }
    for plain in ["*/15 * * * *", "0 0 1,31 * *", "0 0 13 * 5", "0 0 L * *", "@daily", "0 */6 1 * *"] {
        assert_eq!(Cron::parse(plain, Dst::Cron).unwrap().warnings(), [], "{plain}");
    }
}

#[test]
fn a_stepped_star_beside_a_weekday_means_both_for_cron_and_either_for_airflow() {
    let (cron, airflow) =
        (timetable("0 0 */2 * MON", Dst::Cron, "UTC"), timetable("0 0 */2 * MON", Dst::Airflow, "UTC"));
    let from = "2026-06-01T12:00:00Z";
    assert_eq!(local(&cron, from, 2), ["06-15 00:00+00:00", "06-29 00:00+00:00"]);
    assert_eq!(local(&airflow, from, 3), ["06-03 00:00+00:00", "06-05 00:00+00:00", "06-07 00:00+00:00"]);
    let message = |dst| Cron::parse("0 0 */2 * MON", dst).unwrap().warnings().last().unwrap().message.clone();
    assert_eq!(
        message(Dst::Cron),
        "day of month `*/2` and day of week `MON` must both match; in Airflow either would do"
    );
    assert_eq!(
        message(Dst::Airflow),
        "day of month `*/2` and day of week `MON` need not both match, either will do; in cron both must"
    );
}

#[test]
fn two_restricted_day_fields_mean_either() {
    let either = timetable("0 0 13 * 5", Dst::Cron, "UTC");
    assert_eq!(
        local(&either, "2026-06-06T00:00:00Z", 3).concat(),
        "06-12 00:00+00:0006-13 00:00+00:0006-19 00:00+00:00"
    );
}

#[test]
fn special_days_are_found_in_every_month() {
    // 2026: the 31st of January is a Saturday, the 28th of February a Saturday, the 1st of March a Sunday.
    let cases = [
        ("0 0 L * *", "01-31 02-28 03-31"),
        ("0 0 LW * *", "01-30 02-27 03-31"),
        ("0 0 31W * *", "01-30 02-27 03-31"),
        ("0 0 1W * *", "01-01 02-02 03-02"),
        ("0 0 15W * *", "01-15 02-16 03-16"),
        ("0 0 * * 5L", "01-30 02-27 03-27"),
        ("0 0 * * L5", "01-30 02-27 03-27"),
        ("0 0 * * friL", "01-30 02-27 03-27"),
        ("0 0 * * MON#2", "01-12 02-09 03-09"),
        ("0 0 * * 7#5", "03-29 05-31 08-30"),
        ("0 0 1,L * *", "01-31 02-01 02-28"),
        ("0 0 * * FRI-SUN", "01-02 01-03 01-04"),
        ("0 0 ? * 7", "01-04 01-11 01-18"),
        ("0 0 1 2/5 ?", "02-01 07-01 12-01"),
    ];
    for (expression, days) in cases {
        for dst in [Dst::Cron, Dst::Airflow] {
            let found = local(&timetable(expression, dst, "UTC"), "2026-01-01T12:00:00Z", 3);
            let found: Vec<_> = found.iter().map(|instant| &instant[..5]).collect();
            // The first of January is past at noon.
            let days = days.strip_prefix("01-01 ").map_or(days.to_owned(), |rest| format!("{rest} 04-01"));
            assert_eq!(found.join(" "), days, "{expression}");
        }
    }
}

#[test]
fn the_dialect_of_airflow_is_that_of_croniter() {
    let cases = [
        ("0 22-2 * * *", "0 0-2,22,23 * * *"),
        ("0 22-6/3 * * *", "0 2,5,22 * * *"),
        ("50-10 3 * * *", "0-10,50-59 3 * * *"),
        ("0 0 * * 5-7", "0 0 * * 0,5,6"),
        ("0 0 * * 1/2", "0 0 * * 1,3,5"),
        ("7-7/20 3 * * *", "0,20,40 3 * * *"),
        ("59/15 3 * * *", "59 3 * * *"),
        // `#` and `W` leave nothing of the other day field.
        ("0 0 1 * 5#2", "0 0 * * 5#2"),
        ("0 0 15W * 5", "0 0 15W * *"),
        // A field that names every day is a star only beside a star.
        ("0 0 */2 * 0-6", "0 0 */2 * *"),
    ];
    for (expression, plain) in cases {
        let fingerprints = [expression, plain].map(|text| timetable(text, Dst::Airflow, "UTC").fingerprint());
        assert_eq!(fingerprints[0], fingerprints[1], "{expression}");
    }
    let every_day = timetable("0 0 15 * 0-6", Dst::Airflow, "UTC");
    assert_eq!(local(&every_day, "2026-01-01T12:00:00Z", 1), ["01-02 00:00+00:00"]);
}

#[test]
fn a_sixth_field_is_seconds_first_in_cron_and_last_in_airflow() {
    for (expression, dst) in [("30 0 12 * * *", Dst::Cron), ("0 12 * * * 30", Dst::Airflow)] {
        let next = timetable(expression, dst, "UTC").next_after(at("2026-01-01T00:00:00Z"));
        assert_eq!(next, Some(at("2026-01-01T12:00:30Z")), "{expression}");
    }
}

#[test]
fn presets_in_any_case_mean_what_they_say() {
    let cases = [
        ("@HOURLY", "0 * * * *"),
        ("@midnight", "0 0 * * *"),
        (" @Weekly ", "0 0 * * SUN"),
        ("@quarterly", "0 0 1 1,4,7,10 *"),
        ("@annually", "0 0 1 JAN *"),
    ];
    for (preset, expression) in cases {
        let fingerprints = [preset, expression].map(|text| timetable(text, Dst::Cron, "UTC").fingerprint());
        assert_eq!(fingerprints[0], fingerprints[1]);
    }
}

#[test]
fn a_time_the_clock_jumps_over_fires_after_the_jump() {
    let cron = timetable("0,30 2 * * *", Dst::Cron, "Europe/Paris");
    let airflow = timetable("30 2 * * *", Dst::Airflow, "Europe/Paris");
    let wildcard = timetable("*/30 2 * * *", Dst::Cron, "Europe/Paris");
    let from = "2026-03-28T12:00:00Z";
    assert_eq!(local(&cron, from, 2), ["03-29 03:00+02:00", "03-30 02:00+02:00"]);
    assert_eq!(local(&airflow, from, 2), ["03-29 03:30+02:00", "03-30 02:30+02:00"]);
    assert_eq!(local(&wildcard, from, 1), ["03-30 02:00+02:00"]);
    assert_eq!(
        cron.note(at("2026-03-29T01:00:00Z")).unwrap(),
        "2026-03-29 02:00 does not exist in Europe/Paris, the clock jumps from 02:00 to 03:00: fires at 03:00"
    );
    assert_eq!(
        airflow.note(at("2026-03-29T01:30:00Z")).unwrap(),
        "2026-03-29 02:30 does not exist in Europe/Paris, the clock jumps from 02:00 to 03:00: fires at 03:30"
    );
    assert_eq!(cron.note(at("2026-03-30T00:00:00Z")), None);
}

#[test]
fn a_time_that_comes_twice_fires_once_unless_it_follows_real_time() {
    let cron = timetable("30 2 * * *", Dst::Cron, "Europe/Paris");
    let airflow = timetable("30 2 * * *", Dst::Airflow, "Europe/Paris");
    let wildcard = timetable("*/30 2 * * *", Dst::Cron, "Europe/Paris");
    let from = "2026-10-24T12:00:00Z";
    assert_eq!(local(&cron, from, 2), ["10-25 02:30+02:00", "10-26 02:30+01:00"]);
    assert_eq!(local(&airflow, from, 2), ["10-25 02:30+01:00", "10-26 02:30+01:00"]);
    let both = ["10-25 02:00+02:00", "10-25 02:30+02:00", "10-25 02:00+01:00", "10-25 02:30+01:00"];
    assert_eq!(local(&wildcard, from, 4), both);
    assert_eq!(
        cron.note(at("2026-10-25T00:30:00Z")).unwrap(),
        "2026-10-25 02:30 comes twice in Europe/Paris, the clock goes back from 03:00 to 02:00: fires at the first"
    );
    // Asked within the repeated hour, none of them fires in the past.
    let second_pass = at("2026-10-25T01:10:00Z");
    assert_eq!(cron.next_after(second_pass), Some(at("2026-10-26T01:30:00Z")));
    assert_eq!(cron.previous_before(second_pass), Some(at("2026-10-25T00:30:00Z")));
}

#[test]
fn hourly_runs_of_airflow_keep_their_distance_over_a_half_hour_change() {
    let timetable = timetable("15 * * * *", Dst::Airflow, "Australia/Lord_Howe");
    let expected = ["04-05 01:15+11:00", "04-05 01:45+10:30", "04-05 02:15+10:30"];
    assert_eq!(local(&timetable, "2026-04-04T14:00:00Z", 3), expected);
    assert_eq!(
        timetable.note(at("2026-04-04T15:15:00Z")).unwrap(),
        "the clock in Australia/Lord_Howe changed since the last firing: the time between counts"
    );
}

#[test]
fn gaps_ahead_names_the_days_on_which_a_fixed_time_does_not_exist() {
    let skipped =
        timetable("30 2 * * *", Dst::Cron, "Europe/Paris").gaps_ahead(at("2026-01-01T00:00:00Z"), 2);
    let expected =
        [("2026-03-29T02:30:00", "2026-03-29T01:00:00Z"), ("2027-03-28T02:30:00", "2027-03-28T01:00:00Z")];
    let expected =
        expected.map(|(local, fires)| SkippedTime { local: local.parse().unwrap(), fires: at(fires) });
    assert_eq!(skipped, expected);
    for calm in ["0 4 * * *", "*/5 2 * * *"] {
        assert_eq!(timetable(calm, Dst::Cron, "Europe/Paris").gaps_ahead(at("2026-01-01T00:00:00Z"), 5), []);
    }
}

#[test]
fn the_fingerprint_follows_the_meaning_not_the_spelling() {
    let print = |expression, dst, zone| timetable(expression, dst, zone).fingerprint();
    let daily = print("0 9 * * 1-5", Dst::Cron, "Europe/Paris");
    assert_eq!(daily, print("00  9 ? * mon-fri", Dst::Cron, "europe/paris"));
    assert_ne!(daily, print("0 9 * * 1-5", Dst::Airflow, "Europe/Paris"));
    assert_ne!(daily, print("0 9 * * 1-5", Dst::Cron, "Europe/London"));
    assert_ne!(daily, print("0 9 * * *", Dst::Cron, "Europe/Paris"));
    assert_ne!(print("0 9 L * *", Dst::Cron, "UTC"), print("0 9 28-31 * *", Dst::Cron, "UTC"));
}

#[test]
fn zones_go_by_their_names() {
    assert_eq!(Zone::parse("europe/PARIS").unwrap().name(), "Europe/Paris");
    assert_eq!(Zone::parse("UTC"), Ok(Zone::utc()));
    assert_eq!(
        Zone::parse("Europe/Pari").unwrap_err(),
        "there is no time zone `Europe/Pari`; did you mean `Europe/Paris`?"
    );
    assert!(rules_version().ends_with("(bundled)"), "{}", rules_version());
}

#[test]
fn a_local_date_is_an_instant_even_when_its_midnight_is_missing() {
    let instant = |zone: &str, local: &str| Zone::parse(zone).unwrap().instant_of(local.parse().unwrap());
    assert_eq!(instant("Europe/Paris", "2026-01-01T00:00:00"), Some(at("2025-12-31T23:00:00Z")));
    assert_eq!(instant("Africa/Cairo", "2024-04-26T00:00:00"), Some(at("2024-04-25T22:00:00Z")));
    assert_eq!(instant("Europe/Paris", "2026-10-25T02:30:00.5"), Some(at("2026-10-25T00:30:00.5Z")));
    assert_eq!(instant("UTC", "9999-01-01T00:00:00"), None);
}

#[test]
fn schedules_end_where_the_calendar_does() {
    let daily = timetable("0 0 * * *", Dst::Cron, "UTC");
    assert_eq!(daily.next_after(at("2100-12-31T00:00:00Z")), None);
    assert_eq!(daily.next_after(Timestamp::MAX), None);
    assert_eq!(daily.previous_before(Timestamp::MAX), Some(at("2100-12-31T00:00:00Z")));
    assert_eq!(daily.previous_before(at("1970-01-01T00:00:00Z")), None);
    assert_eq!(daily.next_after(Timestamp::from_nanos(i64::MIN)), Some(at("1970-01-01T00:00:00Z")));
}

/// One element of a field of values `min` to `max`.
fn element(min: u32, max: u32) -> impl Strategy<Value = String> {
    (min..=max, min..=max, 1..9_u32, 0..4_u8).prop_map(|(a, b, step, form)| match form {
        0 => format!("{}-{}", a.min(b), a.max(b)),
        1 => format!("{a}/{step}"),
        _ => a.to_string(),
    })
}

fn field(min: u32, max: u32) -> impl Strategy<Value = String> {
    let list = prop::collection::vec(element(min, max), 1..3).prop_map(|elements| elements.join(","));
    prop_oneof![Just("*".to_owned()), (2..20_u32).prop_map(|step| format!("*/{step}")), list]
}

/// Any expression that is dense enough to fire within a few years.
fn expression() -> impl Strategy<Value = String> {
    let day = prop_oneof![3 => Just("*".to_owned()), 1 => field(1, 28), 1 => Just("L".into()), 1 => Just("15W".into())];
    let weekday = prop_oneof![3 => Just("*".to_owned()), 1 => field(0, 6), 1 => Just("5L".into()), 1 => Just("1#2".into())];
    let hour = prop_oneof![field(0, 23), field(0, 4)];
    (field(0, 59), hour, day, weekday)
        .prop_map(|(minute, hour, day, weekday)| format!("{minute} {hour} {day} * {weekday}"))
}

fn zone() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "UTC",
        "Europe/Paris",
        "America/New_York",
        "America/St_Johns",
        "Africa/Cairo",
        "America/Sao_Paulo",
        "Australia/Lord_Howe",
        "Africa/Casablanca",
        "Antarctica/Troll",
    ])
}

/// An instant between 2015 and 2030, as often as not within hours of a clock change.
fn instant() -> impl Strategy<Value = (i64, Option<usize>)> {
    (0..473_000_000_i64, prop::option::of(0..12_usize))
}

fn place((seconds, change): (i64, Option<usize>), zone: &Zone) -> Timestamp {
    let from = at("2015-01-01T00:00:00Z");
    let near = change.and_then(|change| zone.changes_after(from).nth(change));
    let seconds =
        near.map_or(from.seconds() + seconds, |change| change.at.seconds() + seconds % 14_400 - 7_200);
    Timestamp::from_seconds(seconds).expect("within the years")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn next_and_previous_walk_one_sequence(
        expression in expression(),
        zone in zone(),
        instant in instant(),
        airflow in any::<bool>(),
    ) {
        let dst = if airflow { Dst::Airflow } else { Dst::Cron };
        // A day field that is never met is a fault, and no subject of this law.
        let Ok(cron) = Cron::parse(&expression, dst) else { return Ok(()) };
        let rule = cron.rule();
        let timetable = Timetable::new(cron, Zone::parse(zone).unwrap());
        let instant = place(instant, timetable.zone());
        let (next, previous) = (timetable.next_after(instant).unwrap(), timetable.previous_before(instant).unwrap());
        prop_assert!(previous < instant && instant < next);
        // Airflow's schedules of every hour know no sequence where they pause over a clock change, or
        // where the change is no whole hour.
        let whole = expression.ends_with("* * *") && zone != "Australia/Lord_Howe";
        if rule == ClockRule::AirflowElapsed && !whole {
            return Ok(());
        }
        prop_assert!(timetable.previous_before(next).unwrap() <= instant, "{timetable} around {instant}: {next}");
        prop_assert!(timetable.next_after(previous).unwrap() >= instant, "{timetable} around {instant}: {previous}");
        let second = timetable.next_after(next).unwrap();
        prop_assert_eq!(timetable.previous_before(second), Some(next), "{} at {}", timetable, instant);
        let nanosecond = std::time::Duration::from_nanos(1);
        prop_assert_eq!(timetable.next_after(next.minus(nanosecond)), Some(next));
        prop_assert_eq!(timetable.previous_before(next.plus(nanosecond)), Some(next));
    }

    #[test]
    fn no_text_is_too_strange_to_be_answered(text in "[-0-9*?/,#@LWA-Fa-z é\t]{0,30}", airflow in any::<bool>()) {
        let dst = if airflow { Dst::Airflow } else { Dst::Cron };
        if let Err(fault) = Cron::parse(&text, dst) {
            prop_assert!(text.get(fault.range.clone()).is_some(), "{fault:?}");
        }
    }
}
