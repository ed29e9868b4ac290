//! The keys of a file of cases, each once, as the keys of a DAG file are.

use super::{Action, AwaitedEnd};
use crate::dag::keys::{Words, words};
use crate::dag::spec::HookOn;
use crate::decide::{RunState, TaskState};

/// Of the whole file.
pub(super) mod suite {
    use crate::dag::keys::{Key, Shape, keys};

    keys! {
        DAG "dag", Shape::Text, "", "nightly.yaml",
            "The DAG that is tested: a file beside this one, or an id; without it the file of the same name.";
        CASES "cases", Shape::AnyList, "", "[{name: all is well, expect: {state: success}}]",
            "What is played, each case on its own.";
    }
}

/// Of one case.
pub(super) mod case {
    use crate::dag::keys::{Key, Shape, keys};

    keys! {
        NAME "name", Shape::Text, "", "a failed load is tried twice",
            "What it shows, unique in its file.";
        AT "at", Shape::Date, "\"2026-01-01T00:00:00Z\"", "2026-01-02T01:30",
            "The clock's time at the begin, and the logical date of the run.";
        PARAMS "params", Shape::Arguments, "{}", "{region: eu}",
            "Params of the run; the DAG's defaults hold for the others.";
        VARS "vars", Shape::Arguments, "{}", "{bucket: s3://test}",
            "Values of the DAG's vars; its defaults hold for the others.";
        TASKS "tasks", Shape::Arguments, "{}", "{extract: {outputs: {rows: 10}}}",
            "How attempts end, by task or item of a task; without it an attempt succeeds at once.";
        WAIT_FOR "wait_for", Shape::Arguments, "{}", "{orders: {after: 10m}, orders.publish: never}",
            "What becomes of the runs and tasks of other DAGs that are waited for; without it they have succeeded before.";
        EXPECT "expect", Shape::Arguments, "", "{state: success}",
            "What must have happened when the run is over.";
    }
}

/// Of the end of an attempt.
pub(super) mod mock {
    use crate::dag::keys::{Key, Shape, keys};

    keys! {
        EXIT "exit", Shape::Integer { min: 0, max: 255 }, "0", "1",
            "Its exit code.";
        SIGNAL "signal", Shape::Integer { min: 1, max: 64 }, "", "9",
            "The signal that ends it.";
        TIMEOUT "timeout", Shape::Boolean, "false", "true",
            "It does not end by itself.";
        LOST "lost", Shape::Boolean, "false", "true",
            "Its end is unknown, as after a crash of the scheduler.";
        AFTER "after", Shape::Duration, "\"0s\"", "5s",
            "How long it takes.";
        OUTPUTS "outputs", Shape::Arguments, "{}", "{rows: 10}",
            "What it hands on.";
        STDOUT "stdout", Shape::Text, "\"\"", "10 rows",
            "What it prints, for `capture`.";
    }
}

/// Of what becomes of a run or a task of another DAG.
pub(super) mod awaited {
    use super::AwaitedEnd;
    use crate::dag::keys::{Key, Shape, keys};

    keys! {
        STATE "state", Shape::Word(super::words::<AwaitedEnd>), "\"success\"", "failed",
            "How it ends. What waits for it goes on when it is a success.";
        AFTER "after", Shape::Duration, "\"0s\"", "10m",
            "How long after the begin of the case it ends.";
    }
}

/// Of what is expected.
pub(super) mod expect {
    use crate::dag::keys::{Key, Shape, keys};
    use crate::decide::RunState;

    keys! {
        STATE "state", Shape::Word(super::words::<RunState>), "", "failed",
            "How the run ended.";
        TASKS "tasks", Shape::Arguments, "{}", "{extract: success, load: {state: failed, attempts: 2}}",
            "How tasks ended.";
        ORDER "order", Shape::Ids, "[]", "[extract, load]",
            "These began in this order.";
        OUTPUTS "outputs", Shape::Arguments, "{}", "{extract: {rows: 10}}",
            "What tasks handed on; others than those named do not matter.";
        COMMANDS "commands", Shape::Arguments, "{}", "{extract: ./extract.sh --day 2026-01-02}",
            "What the last attempts of tasks ran, with the values in place.";
        NOT_RUN "not_run", Shape::Ids, "[]", "[publish]",
            "No attempt of these began.";
        TOOK "took", Shape::Duration, "", "2m",
            "How long the run took, by its own clock.";
        NOTIFICATIONS "notifications", Shape::AnyList, "", "[on_failure, {event: on_failure, task: load, to: ops}]",
            "All hooks that became due, in any order; an empty list: none.";
    }
}

/// Of a hook that is expected to become due.
pub(super) mod notification {
    use super::{Action, HookOn};
    use crate::dag::keys::{Key, Shape, keys};

    keys! {
        EVENT "event", Shape::Word(super::words::<HookOn>), "", "on_failure",
            "The point at which it became due.";
        TASK "task", Shape::Text, "", "load",
            "The task, or with `load[1]` the item, whose hook it is. Without it: a hook of the DAG.";
        ACTION "action", Shape::Word(super::words::<Action>), "", "email",
            "What it does.";
        TO "to", Shape::Recipients, "", "ops@example.com",
            "Where the message goes, as the DAG file names it.";
        SUBJECT "subject", Shape::Text, "", "nightly failed",
            "A part of the first line of the message.";
        MESSAGE "message", Shape::Text, "", "exit code 1",
            "A part of the text of the message.";
        COMMAND "command", Shape::Text, "", "./roll_back.sh 2026-01-02",
            "What it runs, with the values in place.";
        BODY "body", Shape::Arguments, "{}", "{state: failed, failed: [load]}",
            "Of the message as JSON; others than those named do not matter.";
    }
}

/// Of the end of a task.
pub(super) mod ending {
    use crate::dag::keys::{Key, Shape, keys};
    use crate::decide::TaskState;

    keys! {
        STATE "state", Shape::Word(super::words::<TaskState>), "", "failed",
            "Its state.";
        ATTEMPTS "attempts", Shape::Integer { min: 0, max: 1_000_000 }, "", "2",
            "How many attempts there were.";
        REASON "reason", Shape::Text, "", "exit code 1",
            "A part of its reason, or the name of its kind.";
        ITEMS "items", Shape::Integer { min: 0, max: 1_000_000 }, "", "3",
            "How many items its `foreach` had.";
    }
}

impl Words for RunState {
    /// Those in which it ends.
    const WORDS: &'static [(&'static str, Self)] =
        &[("success", Self::Success), ("failed", Self::Failed), ("canceled", Self::Canceled)];
}

impl Words for TaskState {
    /// Those in which it ends.
    const WORDS: &'static [(&'static str, Self)] = &[
        ("success", Self::Success),
        ("failed", Self::Failed),
        ("upstream_failed", Self::UpstreamFailed),
        ("skipped", Self::Skipped),
        ("canceled", Self::Canceled),
    ];
}

impl Words for AwaitedEnd {
    const WORDS: &'static [(&'static str, Self)] =
        &[("success", Self::Success), ("failed", Self::Failed), ("never", Self::Never)];
}

impl Words for HookOn {
    const WORDS: &'static [(&'static str, Self)] = &{
        let mut words = [("", Self::OnExit); Self::ALL.len()];
        let mut at = 0;
        while at < words.len() {
            words[at] = (Self::ALL[at].as_str(), Self::ALL[at]);
            at += 1;
        }
        words
    };
}

impl Words for Action {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("run", Self("run")),
        ("email", Self("email")),
        ("slack", Self("slack")),
        ("webhook", Self("webhook")),
        ("command", Self("command")),
    ];
}
