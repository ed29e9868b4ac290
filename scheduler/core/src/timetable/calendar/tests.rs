//! Facts computed by other means: Easter by Lichtenberg's form of Gauss's rule, the rest by counting days.

use super::*;

fn date(text: &str) -> NaiveDate {
    text.parse().expect("the test's own date")
}

#[test]
fn easter_falls_where_the_church_has_it() {
    let known = [
        "1970-03-29",
        "1981-04-19",
        "2000-04-23",
        "2008-03-23",
        "2011-04-24",
        "2024-03-31",
        "2025-04-20",
        "2026-04-05",
        "2027-03-28",
        "2038-04-25",
        "2049-04-18",
        "2076-04-19",
        "2100-03-28",
    ];
    for known in known.map(date) {
        assert_eq!(Yearly::Easter(0).date(known.year()), Some(known));
    }
}

#[test]
fn weekdays_of_a_month_are_counted_from_both_ends() {
    let monday = Yearly::Weekday { month: 5, weekday: Weekday::Mon, nth: Nth::Last(1) };
    let thursday = Yearly::Weekday { month: 11, weekday: Weekday::Thu, nth: Nth::First(4) };
    for (year, last_monday, fourth_thursday) in [
        (2024, "2024-05-27", "2024-11-28"),
        (2026, "2026-05-25", "2026-11-26"),
        (2027, "2027-05-31", "2027-11-25"),
        (2028, "2028-05-29", "2028-11-23"),
    ] {
        assert_eq!(monday.date(year), Some(date(last_monday)));
        assert_eq!(thursday.date(year), Some(date(fourth_thursday)));
    }
}

#[test]
fn a_holiday_on_a_weekend_is_observed_nearby() {
    let mut calendar = Calendar::weekdays();
    for day in ["2026-07-04", "2027-07-04"] {
        calendar.add(date(day), &"Independence Day".into());
        calendar.observe(date(day), Observed::Nearest, &"Independence Day".into());
    }
    // 4 July 2026 is a Saturday, 4 July 2027 a Sunday.
    let off = |day: &str| calendar.day_off(date(day)).map(|off| off.day.to_string());
    assert_eq!(off("2026-07-03").as_deref(), Some("Independence Day (observed)"));
    assert_eq!(off("2027-07-05").as_deref(), Some("Independence Day (observed)"));
    assert_eq!((off("2026-07-06"), off("2027-07-02")), (None, None));
    assert_eq!(off("2026-07-05").as_deref(), Some("Sunday"));
}

#[test]
fn two_holidays_of_one_weekend_are_observed_on_two_days() {
    // In 2021 Christmas was a Saturday, in 2022 a Sunday; England observed these days.
    for (year, christmas, boxing) in [(2021, "2021-12-27", "2021-12-28"), (2022, "2022-12-27", "2022-12-26")]
    {
        let mut calendar = Calendar::weekdays();
        let days = [(25, "Christmas"), (26, "Boxing Day")];
        let days = days.map(|(day, name)| (NaiveDate::from_ymd_opt(year, 12, day).unwrap(), name.into()));
        for (day, name) in &days {
            calendar.add(*day, name);
        }
        for (day, name) in &days {
            calendar.observe(*day, Observed::Next, name);
        }
        let off = |day| calendar.day_off(date(day)).unwrap().day;
        assert!(off(christmas).starts_with("Christmas") && off(boxing).starts_with("Boxing"), "{year}");
        assert!(calendar.is_business_day(date(&format!("{year}-12-29"))));
    }
}

#[test]
fn a_calendar_without_business_days_has_none() {
    let all = [0, 1, 2, 3, 4, 5, 6].map(|day| Weekday::try_from(day).unwrap());
    let never = Calendar::new("never", &all);
    assert_eq!(never.from_on(date("2026-01-01")), None);
    assert_eq!(never.up_to(date("2026-01-01")), None);
    assert_eq!(never.nth_of_month(date("2026-01-01"), -1), None);
}

const ICAL: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20261224\r\n\
    DTEND;VALUE=DATE:20261227\r\nSUMMARY:Christ\r\n mas\\, all of it\r\nBEGIN:VALARM\r\nDURATION:PT5M\r\n\
    END:VALARM\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20200501\r\n\
    RRULE:FREQ=YEARLY;UNTIL=20220401\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nDTSTART:20260101T090000Z\r\n\
    END:VEVENT\r\nEND:VCALENDAR\r\n";

#[test]
fn whole_days_of_an_icalendar_file_are_read() {
    let events = read_ical(ICAL).unwrap();
    assert_eq!(events.len(), 2, "{events:?}");
    assert_eq!(events[0].summary, "Christmas, all of it");
    let days = |event: &IcalEvent| event.days().map(|day| day.to_string()).collect::<Vec<_>>();
    assert_eq!(days(&events[0]), ["2026-12-24", "2026-12-25", "2026-12-26"]);
    assert_eq!(days(&events[1]), ["2020-05-01", "2021-05-01"]);
}

#[test]
fn what_cannot_be_read_of_an_icalendar_file_has_its_line() {
    let weekly = ICAL.replace("FREQ=YEARLY", "FREQ=WEEKLY");
    for (text, line) in [("", 1), ("BEGIN:VEVENT", 1), (&*weekly, 14), (&ICAL[..200], 12)] {
        assert_eq!(read_ical(text).unwrap_err().line, line, "{:?}", read_ical(text));
    }
}
