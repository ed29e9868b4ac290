//! Keys of `deadline`.

use super::{Key, Shape, keys};

keys! {
    START_WITHIN "start_within", Shape::Duration, "", "10m",
        "A run begins within this of its logical date, a task within this of the begin of its run; else it is late.";
    FINISH_WITHIN "finish_within", Shape::Duration, "", "2h",
        "It ends within this of its begin; else it is late.";
    FINISH_BY "finish_by", Shape::FinishBy, "", "\"06:30\"",
        "It ends by this time of day, the first in the DAG's zone at or after the logical date, or within this duration of the logical date; else it is late.";
    WARN_BEFORE "warn_before", Shape::Duration, "", "30m",
        "A warning this long before the deadline for its end.";
}
