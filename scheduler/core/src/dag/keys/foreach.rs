//! Keys of `foreach`.

use super::{Key, Shape, keys};

keys! {
    ITEMS "items", Shape::Items, "", "[eu, us]",
        "What it is done for: a list, a map, an expression that yields one, `{range: [0, 10]}`, or `{matrix: {region: [eu, us], day: [1, 2]}}`.";
    AS "as", Shape::Identifier, "", "region",
        "What templates call the item, beside `item`.";
    KEY "key", Shape::Text, "", "\"{{ item.name }}\"",
        "What people see of an item beside its number; a template. Without it: the item itself where it is short, or the key of a map.";
    MAX_PARALLEL "max_parallel", Shape::Integer { min: 1, max: 100_000 }, "", "4",
        "How many attempts of it may run at once. Without it: no limit of its own.";
    MIN_SUCCESS "min_success", Shape::Share, "", "95%",
        "The fewest items that must succeed, as a number or in per cent of those that were not skipped. Without it: all.";
    MAX_FAILURES "max_failures", Shape::Share, "", "2",
        "The most items that may fail, as a number or in per cent.";
    LOCKSTEP "lockstep", Shape::Boolean, "false", "true",
        "In a group: a task begins for any item only when the tasks before it have ended for all items.";
}
