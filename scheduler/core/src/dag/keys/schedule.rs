//! Keys of the map form of `schedule`.

use super::{Key, Shape, keys, words};
use crate::timetable::{Dst, OnHoliday};

keys! {
    CRON "cron", Shape::Cron, "", "30 1 * * *",
        "A cron expression or a preset such as `@daily`.";
    EVERY "every", Shape::Duration, "", "15m",
        "A fixed interval, counted from `start` or `start_date`, else from midnight UTC of 1970-01-01.";
    AT "at", Shape::Dates, "", "[2026-12-31T23:00:00+01:00]",
        "Exactly these instants; without an offset they are read in the zone.";
    BUSINESS_DAY "business_day", Shape::BusinessDay, "", "last",
        "A business day of each month: `first`, `last`, `3` for the third, `-2` for the last but one.";
    AT_TIME "at_time", Shape::TimesOfDay, "\"00:00\"", "\"18:00\"",
        "At which time of the `business_day`, or at which times.";
    TIMEZONE "timezone", Shape::Zone, "", "Europe/Paris",
        "The zone on whose wall clock the expression is read.";
    DST "dst", Shape::Word(words::<Dst>), "\"cron\"", "airflow",
        "What happens to local times that a clock change leaves out or repeats: as `cron` does it, or as `airflow`.";
    CALENDAR "calendar", Shape::Name, "", "fr_business",
        "Which days are business days: the `id` of a file in `calendars/`. Without it Monday to Friday.";
    ON_HOLIDAY "on_holiday", Shape::Word(words::<OnHoliday>), "\"skip\"", "next_business_day",
        "What becomes of a tick on a day that is no business day of the `calendar`.";
    JITTER "jitter", Shape::Duration, "", "5m",
        "Each tick fires up to so much later, always by the same amount; its logical date stays.";
    START "start", Shape::Date, "", "2026-01-01",
        "No tick before it; the same as `start_date`.";
    END "end", Shape::Date, "", "2099-12-31",
        "No tick after it; the same as `end_date`.";
}
