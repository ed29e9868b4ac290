//! Keys that are not keys here: those of a later version, and those of other tools, with the cure.

use super::Level;

/// True for a key of the language that this version does not carry out yet.
pub(crate) fn later(level: Level, key: &str) -> bool {
    let keys: &[&str] = match level {
        Level::Dag => &["secrets", "priority"],
        Level::Task | Level::Defaults => &[
            "user",
            "retry_immediately",
            "max_active",
            "executor",
            "resources",
            "cache",
            "secrets",
            "compensate",
            "on_lost",
        ],
        Level::Schedule => &["on"],
        Level::Folder
        | Level::Group
        | Level::Param
        | Level::Foreach
        | Level::Wait
        | Level::Calendar
        | Level::Holiday
        | Level::Deadline
        | Level::Hook
        | Level::Notify => &[],
    };
    keys.contains(&key)
}

/// What to write for a key of another tool.
pub(crate) fn cure(key: &str) -> Option<&'static str> {
    CURES.iter().find(|(foreign, _)| foreign.contains(&key)).map(|(_, cure)| *cure)
}

const CURES: &[(&[&str], &str)] = &[
    (
        &["needs", "depends", "dependencies", "upstream", "after", "requires", "upstream_tasks"],
        "write `depends_on: [extract]`",
    ),
    (&["downstream", "before", "next"], "dependencies are named from below: the later task has `depends_on`"),
    (
        &["command", "cmd", "commands", "bash_command", "bash", "exec", "args", "argv", "entrypoint"],
        "write `run: ./extract.sh` for a shell, or `run: [program, argument]` without one",
    ),
    (
        &["steps", "jobs", "operators", "nodes", "stages"],
        "write `tasks:`, a list of maps that each have an `id`",
    ),
    (&["name", "task_id", "dag_id", "key"], "write `id:`"),
    (&["dag", "dags"], "the keys of the DAG stand at the top of the file, without a name above them"),
    (
        &["retry_policy", "retryPolicy", "retryStrategy", "retry", "retry_strategy"],
        "Dagu's `retry_policy.limit` is `retries` here, `interval_sec` is `retry_delay: 30s`",
    ),
    (
        &["max_attempts", "max_retries", "retry_limit", "retry_count"],
        "write `retries: 2`: extra tries after the first",
    ),
    (
        &["retry_interval", "retry_delay_sec", "interval_sec", "retry_delay_seconds"],
        "write `retry_delay: 30s`",
    ),
    (&["retry_exponential_backoff"], "write `retry_backoff: exponential`"),
    (
        &["schedule_interval", "cron", "triggers", "on", "timetable", "schedules", "crontab"],
        "write `schedule: \"30 1 * * *\"` at the top of the file",
    ),
    (
        &["trigger"],
        "`trigger_rule` says how upstreams must have ended; `schedule`, at the top of the file, when runs start",
    ),
    (&["rule", "run_if", "runs_on_condition"], "write `trigger_rule: all_done`"),
    (&["if", "condition", "preconditions", "skip_if", "only_if"], "write `when: \"{{ params.limit > 0 }}\"`"),
    (
        &[
            "continue_on_error",
            "continue_on",
            "continueOn",
            "continue-on-error",
            "ignore_errors",
            "allowFailure",
        ],
        "write `allow_failure: true`",
    ),
    (
        &["max_active_tis_per_dag", "max_active_tis_per_dagrun", "task_concurrency"],
        "draw from a pool instead: `pool: warehouse`; `max_active_tasks` of the DAG limits one run",
    ),
    (
        &["concurrency", "max_parallel", "max_active_steps", "parallelism", "dag_concurrency"],
        "write `max_active_tasks` on the DAG: how many tasks of one run may run at once",
    ),
    (
        &["concurrency_policy", "concurrencyPolicy", "overlap_policy"],
        "write `overlap: queue`, `skip` or `replace`",
    ),
    (
        &[
            "execution_timeout",
            "timeout_sec",
            "timeout_minutes",
            "timeout-minutes",
            "dagrun_timeout",
            "activeDeadlineSeconds",
            "timeoutSec",
        ],
        "write `timeout: 30m`",
    ),
    (
        &["sla", "slas"],
        "write `deadline: {finish_within: 2h}` and `on_late`; `timeout` ends what takes too long",
    ),
    (
        &["default_args", "default", "task_defaults", "base"],
        "write `defaults:`; its keys are those of a task",
    ),
    (&["environment", "envs", "variables", "env_vars"], "write `env: {NAME: value}`"),
    (&["parameters", "inputs", "arguments", "parameter"], "write `params:`"),
    (
        &["python_callable", "callable", "code", "python", "function"],
        "write `script: |` with Python code, and `interpreter: python3`",
    ),
    (&["operator", "uses", "plugin", "action"], "write `type:`, with its arguments in `with:`"),
    (
        &["image", "container", "docker", "container_image"],
        "tasks are processes of this machine: write `run: [docker, run, --rm, image, command]`",
    ),
    (
        &["dir", "cwd", "workdir", "workingDir", "working_directory", "working-directory"],
        "write `working_dir:`",
    ),
    (&["tz", "time_zone", "zone"], "write `timezone: Europe/Paris`"),
    (&["xcom_push", "do_xcom_push", "output", "outs"], "write `outputs: [rows]`, or `capture: last_line`"),
    (&["priority_weight", "weight"], "write `priority: 10`"),
    (&["label", "labels", "tag"], "write `tags: [sales]` on the DAG"),
    (
        &["log_dir", "logDir", "hist_retention_days", "histRetentionDays"],
        "it is set for the whole scheduler, not per file",
    ),
    (
        &[
            "email",
            "email_on_failure",
            "mail_on",
            "mailOn",
            "handlers",
            "handler_on",
            "on_failure_callback",
            "on_success_callback",
            "on_retry_callback",
            "hooks",
            "notifications",
        ],
        "write `on_failure: {notify: {email: ops@example.com}}`; there are on_success, on_retry, on_cancel, on_late and on_exit, too",
    ),
    (&["depends_on_past"], "write `wait_for_previous: true`"),
    (
        &["wait_for_downstream"],
        "write `wait_for_previous: true` at the top of the DAG: each run then waits for the whole run before it",
    ),
    (&["is_paused_upon_creation", "disabled", "paused", "suspend"], "write `enabled: false`"),
    (
        &["apiVersion", "kind", "metadata", "spec", "version"],
        "leave it out: the keys of the DAG stand at the top of the file",
    ),
];
