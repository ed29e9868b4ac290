//! Keys of a calendar file, and of one of its holidays in its map form.

use super::{Key, Shape, keys, words};
use crate::timetable::Observed;

keys! {
    ID "id", Shape::Name, "", "fr_business",
        "What schedules call it. Without it: the file's name without its ending.";
    DESCRIPTION "description", Shape::Text, "", "French working days",
        "One line for lists.";
    WEEKEND "weekend", Shape::Weekdays, "[\"sat\", \"sun\"]", "[fri, sat]",
        "The days of the week on which no business is done.";
    HOLIDAYS "holidays", Shape::Holidays, "[]", "[2026-12-24, 12-25, last monday of may, easter+1]",
        "Dates, days that come every year, or maps that say more.";
    OBSERVED "observed", Shape::Word(words::<Observed>), "", "nearest",
        "On which working day a yearly holiday is observed that falls on a weekend. Without it: on none.";
    INCLUDE "include", Shape::Names, "[]", "[target2]",
        "Other calendars whose weekend and holidays count here too.";
    ICAL "ical", Shape::TextList, "[]", "[holidays.ics]",
        "iCalendar files beside this one, whose events of whole days are holidays.";
}

/// Keys of one holiday.
pub(crate) mod holiday {
    use super::super::{Key, Shape, keys, words};
    use super::Observed;

    keys! {
        NAME "name", Shape::Text, "", "Bastille Day",
            "What it is called where a tick is skipped for it.";
        DATE "date", Shape::Holiday, "", "07-14",
            "A date, a day of each year, or a rule such as `last monday of may` or `easter+1`.";
        FROM "from", Shape::Date, "", "2026-12-24",
            "The first day of several.";
        TO "to", Shape::Date, "", "2026-12-31",
            "The last day of several.";
        MONTH "month", Shape::Integer { min: 1, max: 12 }, "", "5",
            "The month of a weekday that comes every year.";
        WEEKDAY "weekday", Shape::Weekday, "", "monday",
            "The day of the week of a weekday that comes every year.";
        NTH "nth", Shape::Integer { min: -5, max: 5 }, "", "-1",
            "Which of these weekdays in its month: 1 the first, -1 the last.";
        OBSERVED "observed", Shape::Word(words::<Observed>), "", "next",
            "On which working day it is observed when it falls on a weekend.";
        SINCE "since", Shape::Integer { min: 1, max: 9999 }, "", "2020",
            "The first year in which it comes.";
        UNTIL "until", Shape::Integer { min: 1, max: 9999 }, "", "2030",
            "The last year in which it comes.";
    }
}
