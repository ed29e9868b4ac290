//! Keys of the map form of `schedule`.

use super::{Key, Shape, keys, words};
use crate::timetable::Dst;

keys! {
    CRON "cron", Shape::Cron, "", "30 1 * * *",
        "A cron expression or a preset such as `@daily`.";
    TIMEZONE "timezone", Shape::Zone, "", "Europe/Paris",
        "The zone on whose wall clock the expression is read.";
    DST "dst", Shape::Word(words::<Dst>), "\"cron\"", "airflow",
        "What happens to local times that a clock change leaves out or repeats: as `cron` does it, or as `airflow`.";
    START "start", Shape::Date, "", "2026-01-01",
        "No tick before it; the same as `start_date`.";
    END "end", Shape::Date, "", "2099-12-31",
        "No tick after it; the same as `end_date`.";
}
