//! Keys of a task.

use super::{Key, Shape, keys, words};
use crate::dag::spec::{Capture, TriggerRule};

/// What a task is, rather than how it is run: each task says it itself, never `defaults`.
pub(crate) static OWN: &[&str] = &[
    "id",
    "description",
    "run",
    "type",
    "with",
    "script",
    "depends_on",
    "outputs",
    "setup",
    "teardown",
    "fail_run",
    "group",
    "foreach",
    "wait_for",
];

keys! {
    ID "id", Shape::Name, "", "extract",
        "The task's name, unique in its DAG.";
    DESCRIPTION "description", Shape::Text, "", "Fetch the orders",
        "One line about it.";
    RUN "run", Shape::Run, "", "./extract.sh --day {{ ds }}",
        "A script for the shell, or a list of program and arguments without a shell. Values in `{{ }}` reach it as data, never as code.";
    TYPE "type", Shape::Text, "", "noop",
        "The operator that does the work, with its arguments in `with`.";
    WITH "with", Shape::Arguments, "{}", "{connection: warehouse}",
        "Arguments of the operator; text in them is a template.";
    SCRIPT "script", Shape::Text, "", "print(6 * 7)",
        "A script in another language, run by `interpreter`. It is no template: read the environment or `$NIGHTRUN_CONTEXT`.";
    INTERPRETER "interpreter", Shape::Command, "", "python3 -u",
        "What runs `script`, with its options; the script's file is the last argument.";
    DEPENDS_ON "depends_on", Shape::Ids, "[]", "[extract]",
        "Tasks that end before this one starts.";
    GROUP "group", Shape::Name, "", "warehouse",
        "The group it belongs to.";
    WAIT_FOR "wait_for", Shape::Waits, "[]", "[{dag: orders, task: publish, timeout: 2h}]",
        "Runs of other DAGs, or tasks of them, that must have ended well before it begins; it holds no slot meanwhile.";
    WAIT_FOR_PREVIOUS "wait_for_previous", Shape::Boolean, "false", "true",
        "It begins only when the same task of the run before has succeeded or was skipped; it holds no slot meanwhile.";
    FOREACH "foreach", Shape::Foreach, "", "{items: [eu, us], as: region}",
        "It is done once for each of these items, each with attempts and a log of its own.";
    TRIGGER_RULE "trigger_rule", Shape::Word(words::<TriggerRule>), "\"all_success\"", "all_done",
        "How those tasks must have ended for this one to run.";
    WHEN "when", Shape::Condition, "", "\"{{ params.limit > 0 }}\"",
        "An expression; when it is false the task is skipped.";
    SETUP "setup", Shape::Boolean, "false", "true",
        "It makes ready what a task with `teardown: true` right after it cleans up.";
    TEARDOWN "teardown", Shape::Boolean, "false", "true",
        "It cleans up: it runs when all before it have ended and a setup right before it has succeeded, and its failure does not fail the run.";
    FAIL_RUN "fail_run", Shape::Boolean, "false", "true",
        "The failure of this teardown fails the run.";
    ALLOW_FAILURE "allow_failure", Shape::Boolean, "false", "true",
        "Its failure neither fails the run nor stops tasks that want it to succeed.";
    ENV "env", Shape::Env, "{}", "{PGTZ: UTC}",
        "Its own environment, over the DAG's; values are templates.";
    SHELL "shell", Shape::Command, "\"bash -e -o pipefail\"", "sh -e",
        "What runs the script in `run`; the script follows `-c`.";
    WORKING_DIR "working_dir", Shape::Text, "", "scripts",
        "Where its process starts; relative to the DAG file's folder.";
    RETRIES "retries", Shape::Integer { min: 0, max: 1_000 }, "0", "2",
        "Extra tries after a failed one.";
    RETRY_DELAY "retry_delay", Shape::Duration, "\"1s\"", "1m",
        "The wait before the first extra try.";
    RETRY_BACKOFF "retry_backoff", Shape::Backoff, "\"constant\"", "exponential",
        "How that wait grows: `constant`, `linear`, `exponential` (doubles), or a factor of at least 1.";
    MAX_RETRY_DELAY "max_retry_delay", Shape::Duration, "", "10m",
        "The wait never exceeds this.";
    RETRY_JITTER "retry_jitter", Shape::Boolean, "false", "true",
        "Adds up to one more wait, so that many tasks do not try again at once.";
    RETRY_ON_EXIT "retry_on_exit", Shape::ExitCodes, "[]", "[75]",
        "Only these exit codes are tried again. Empty: every failure.";
    SKIP_ON_EXIT "skip_on_exit", Shape::ExitCodes, "[99]", "[99]",
        "Exit codes that mean: skipped.";
    TIMEOUT "timeout", Shape::Duration, "", "30m",
        "Longest one attempt may take.";
    GRACE "grace", Shape::Duration, "\"10s\"", "30s",
        "How long a process that was told to end may take before it is killed.";
    DEADLINE "deadline", Shape::Deadline, "", "{finish_within: 2h, warn_before: 30m}",
        "By when it must have begun and ended; else it is late, which `on_late` tells.";
    ON_SUCCESS "on_success", Shape::Hooks, "[]", "[{notify: {slack: ops}}]",
        "Steps that follow its success.";
    ON_FAILURE "on_failure", Shape::Hooks, "[]", "[{notify: {email: ops@example.com, include: [log_tail]}}]",
        "Steps that follow its failure, once no try is left. What it blocks does not fail by itself.";
    ON_RETRY "on_retry", Shape::Hooks, "[]", "[{run: ./note.sh}]",
        "Steps that follow each failed try after which it is tried again.";
    ON_CANCEL "on_cancel", Shape::Hooks, "[]", "[{run: ./tidy_up.sh}]",
        "Steps that follow when it is canceled after it had begun.";
    ON_LATE "on_late", Shape::Hooks, "[]", "[{notify: {slack: ops}}]",
        "Steps that follow a missed deadline of the task, or the warning before it.";
    ON_EXIT "on_exit", Shape::Hooks, "[]", "[{run: ./tidy_up.sh}]",
        "Steps that follow its end, whatever it is, once it had begun.";
    POOL "pool", Shape::Text, "", "warehouse",
        "The pool it draws slots from.";
    POOL_SLOTS "pool_slots", Shape::Integer { min: 1, max: 100_000 }, "1", "2",
        "How many slots of the pool it takes.";
    PRIORITY "priority", Shape::Integer { min: -1_000_000, max: 1_000_000 }, "0", "10",
        "Higher goes first in the queue.";
    OUTPUTS "outputs", Shape::Identifiers, "[]", "[rows, files]",
        "Names of its outputs. A missing one, and one not named here, fails the attempt. Without it: any.";
    CAPTURE "capture", Shape::Word(words::<Capture>), "", "last_line",
        "What of its standard output becomes the output `return_value`.";
}
