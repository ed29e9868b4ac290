//! Keys of a `_defaults.yaml`: those of a DAG that make sense for all DAGs of a folder.

use super::{Key, dag};

/// All of them, in the order in which people write them.
pub(crate) static ALL: &[&Key] = &[
    &dag::OWNER,
    &dag::TAGS,
    &dag::ENABLED,
    &dag::TIMEZONE,
    &dag::CATCHUP,
    &dag::CATCHUP_WINDOW,
    &dag::CATCHUP_LIMIT,
    &dag::MAX_ACTIVE_RUNS,
    &dag::OVERLAP,
    &dag::MAX_ACTIVE_TASKS,
    &dag::TIMEOUT,
    &dag::FAIL_FAST,
    &dag::VARS,
    &dag::ENV,
    &dag::SHELL,
    &dag::WORKING_DIR,
    &dag::DEFAULTS,
];

/// Of these each entry is taken over by itself.
pub(crate) static JOINED: &[&Key] = &[&dag::VARS, &dag::ENV, &dag::DEFAULTS];
