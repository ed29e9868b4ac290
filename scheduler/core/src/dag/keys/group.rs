//! Keys of a group.

use super::{Key, Shape, keys};

keys! {
    ID "id", Shape::Name, "", "warehouse",
        "The group's name, unique among groups and tasks; tasks name it in `group`, others in `depends_on`.";
    LABEL "label", Shape::Text, "", "Load the warehouse",
        "What pages call it.";
    GROUP "group", Shape::Name, "", "night",
        "The group it stands in.";
    DEPENDS_ON "depends_on", Shape::Ids, "[]", "[extract]",
        "Tasks or groups that end before its first tasks start.";
    DEFAULTS "defaults", Shape::Defaults, "{}", "{retries: 2, pool: warehouse}",
        "Keys for each of its tasks that does not have them itself.";
    RETRIES "retries", Shape::Integer { min: 0, max: 1_000 }, "0", "2",
        "How often all of it runs again when one of its tasks has failed for good.";
    RETRY_DELAY "retry_delay", Shape::Duration, "\"1s\"", "1m",
        "The wait before each time it runs again.";
    FOREACH "foreach", Shape::Foreach, "", "{items: [eu, us], as: region}",
        "The whole group is done once for each of these items.";
}
