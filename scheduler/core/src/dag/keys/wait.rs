//! Keys of one entry of `wait_for`.

use super::{Key, Shape, keys};

keys! {
    DAG "dag", Shape::Name, "", "orders",
        "The other DAG.";
    TASK "task", Shape::Name, "", "publish",
        "One of its tasks. Without it: its whole run.";
    MATCH "match", Shape::Word(matches), "\"same_date\"", "latest_covering",
        "Which of its runs: that of the `same_date`, the `latest_covering` (the newest whose logical date is not after ours), or the one at an `offset`.";
    OFFSET "offset", Shape::Text, "", "-1d",
        "For `match: offset`: how far its logical date is from ours; negative is earlier.";
    TIMEOUT "timeout", Shape::Duration, "", "2h",
        "Longest it waits. Without it: until it is there.";
}

/// The words of `match`.
pub(crate) fn matches() -> Vec<&'static str> {
    vec!["same_date", "latest_covering", "offset"]
}
