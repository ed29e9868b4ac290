//! Keys of a DAG.

use super::{Key, Shape, keys, words};
use crate::dag::spec::{CatchupPolicy, Overlap};

keys! {
    ID "id", Shape::Name, "", "nightly_sales",
        "The DAG's name, unique among all DAGs. Without it: the file's name without its ending.";
    DESCRIPTION "description", Shape::Text, "", "Load yesterday's orders",
        "One line for lists.";
    OWNER "owner", Shape::Text, "", "data-platform",
        "Who is asked when it breaks.";
    TAGS "tags", Shape::TextList, "[]", "[sales, nightly]",
        "Words to filter by.";
    DOC_MD "doc_md", Shape::Text, "", "'## What it does'",
        "A longer description in Markdown, shown on the DAG's page.";
    ENABLED "enabled", Shape::Boolean, "true", "false",
        "False: the DAG is loaded and shown, but nothing starts a run of it.";
    SCHEDULE "schedule", Shape::Schedule, "", "30 1 * * *",
        "When it fires: a cron expression, a preset such as `@daily`, a map, or a list of them. Without it only by hand.";
    TIMEZONE "timezone", Shape::Zone, "", "Europe/Paris",
        "The IANA zone of its schedule and of its dates. Without it: the scheduler's default zone, UTC unless configured.";
    START_DATE "start_date", Shape::Date, "", "2026-01-01",
        "No tick before it: a date (midnight in the DAG's zone) or an instant such as `2026-01-01T06:00:00Z`.";
    END_DATE "end_date", Shape::Date, "", "2099-12-31",
        "No tick after it: a date (that whole day counts) or an instant.";
    CATCHUP "catchup", Shape::Catchup(words::<CatchupPolicy>), "\"none\"", "latest",
        "What becomes of ticks that were missed: `none` fires, only the `latest`, or `all`. `false` is `none`, `true` is `all`.";
    CATCHUP_WINDOW "catchup_window", Shape::Duration, "", "2d",
        "Missed ticks older than this never fire. Under `catchup: none` it is how late a tick may still fire: 10m without this key.";
    CATCHUP_LIMIT "catchup_limit", Shape::Integer { min: 1, max: 100_000 }, "1000", "50",
        "At most so many missed ticks fire; the rest are skipped.";
    MAX_ACTIVE_RUNS "max_active_runs", Shape::Integer { min: 1, max: 10_000 }, "1", "3",
        "How many runs may be active at once.";
    OVERLAP "overlap", Shape::Word(words::<Overlap>), "\"queue\"", "skip",
        "What a new run does when that many are active: `queue` waits, `skip` leaves the tick out, `replace` cancels the oldest.";
    WAIT_FOR_PREVIOUS "wait_for_previous", Shape::Boolean, "false", "true",
        "A run begins its tasks only when the run before it, by logical date, has succeeded.";
    MAX_ACTIVE_TASKS "max_active_tasks", Shape::Integer { min: 1, max: 100_000 }, "", "16",
        "How many tasks of one run may run at once. Without it: no limit of its own.";
    TIMEOUT "timeout", Shape::Duration, "", "4h",
        "Longest a run may take; what is left of it then is canceled.";
    DEADLINE "deadline", Shape::Deadline, "", "{start_within: 10m, finish_by: \"06:30\", warn_before: 30m}",
        "By when a run must have begun and ended; else it is late, which `on_late` tells.";
    ON_SUCCESS "on_success", Shape::Hooks, "[]", "[{notify: {slack: ops}}]",
        "Steps that follow a run that succeeded.";
    ON_FAILURE "on_failure", Shape::Hooks, "[]", "[{notify: {email: ops@example.com, include: [log_tail, graph_link]}}]",
        "Steps that follow a run that failed, once for the run whatever number of its tasks failed.";
    ON_RETRY "on_retry", Shape::Hooks, "[]", "[{run: ./note.sh}]",
        "Steps that follow each failed try of any of its tasks that will be tried again.";
    ON_CANCEL "on_cancel", Shape::Hooks, "[]", "[{run: ./tidy_up.sh}]",
        "Steps that follow a run that was canceled.";
    ON_LATE "on_late", Shape::Hooks, "[]", "[{notify: {webhook: 'https://hooks.example.com/late'}}]",
        "Steps that follow a missed deadline of the run, or the warning before it.";
    ON_EXIT "on_exit", Shape::Hooks, "[]", "[{run: ./tidy_up.sh}]",
        "Steps that follow the end of a run, whatever it is.";
    FAIL_FAST "fail_fast", Shape::Boolean, "false", "true",
        "The first failure that counts cancels what is left of the run.";
    PARAMS "params", Shape::Params, "{}", "{region: {type: string, enum: [eu, us], default: eu}, limit: 1000}",
        "Typed inputs of a run, read as `{{ params.name }}`. A plain value is a default whose type is the type.";
    KEEP_RUNS "keep_runs", Shape::Integer { min: 1, max: 1_000_000 }, "", "100",
        "How many of its newest ended runs are kept; older ones are pruned. Without it: what the configuration says, else all.";
    KEEP_DAYS "keep_days", Shape::Integer { min: 1, max: 36_500 }, "", "30",
        "How many days a run is kept after its end. Without it: what the configuration says, else for ever.";
    VARS "vars", Shape::Vars, "[]", "[warehouse_url]",
        "Named values of the deployment that it uses, read as `{{ vars.name }}`: a list of names, or a map of names and defaults.";
    ENV "env", Shape::Env, "{}", "{PGTZ: UTC}",
        "Environment of every task; values are templates.";
    SHELL "shell", Shape::Command, "\"bash -e -o pipefail\"", "sh -e",
        "What runs the scripts in `run:`; the script follows `-c`.";
    WORKING_DIR "working_dir", Shape::Text, "", "scripts",
        "Where processes start; relative to the DAG file's folder, which it is without this key.";
    DEFAULTS "defaults", Shape::Defaults, "{}", "{retries: 2, retry_delay: 1m}",
        "Keys for every task that does not have them itself.";
    GROUPS "groups", Shape::Groups, "[]", "[{id: warehouse, label: Load the warehouse}]",
        "Names for several tasks: ends of dependencies, scopes of defaults, folds of the graph.";
    TASKS "tasks", Shape::Tasks, "", "[{id: extract, run: ./extract.sh}]",
        "The tasks. Those without a dependency between them run in parallel.";
}
