//! Keys of a step of a hook, and of its `notify`.

use super::{Key, Shape, keys};

keys! {
    RUN "run", Shape::Run, "", "./tidy_up.sh {{ run.state }}",
        "A script for the shell, or a list of program and arguments without a shell. Values in `{{ }}` reach it as data.";
    NOTIFY "notify", Shape::Notify, "", "{email: ops@example.com}",
        "Tells somebody: by `email`, `slack`, `webhook` or `command`.";
    ENV "env", Shape::Env, "{}", "{LEVEL: page}",
        "Its environment, over that of the DAG and the task; values are templates.";
    TIMEOUT "timeout", Shape::Duration, "", "1m",
        "Longest one try may take. Without it: 10m for `run`, 30s for `notify`.";
    RETRIES "retries", Shape::Integer { min: 0, max: 100 }, "", "3",
        "Extra tries after a failed one. Without it: none for `run`, 5 for `notify`.";
    RETRY_DELAY "retry_delay", Shape::Duration, "\"10s\"", "1m",
        "The wait before the first extra try; it doubles for each, up to ten minutes.";
}

/// Keys of `notify`.
pub(crate) mod notify {
    use super::{Key, Shape, keys};
    use crate::dag::keys::words;
    use crate::dag::spec::Include;

    keys! {
        EMAIL "email", Shape::Recipients, "", "ops@example.com",
            "An address, a list of addresses, or a name of the configuration.";
        SLACK "slack", Shape::Text, "", "ops",
            "An incoming webhook of Slack or of what speaks its language: a name of the configuration, or its address.";
        WEBHOOK "webhook", Shape::Text, "", "https://hooks.example.com/nightrun",
            "An address that takes JSON by HTTP POST, or a name of the configuration, which can sign it.";
        COMMAND "command", Shape::Command, "", "[./alert.py, ops]",
            "A program with its arguments; the message comes as JSON on its standard input.";
        SUBJECT "subject", Shape::Text, "", "'{{ dag.id }} needs a look'",
            "The first line of the message, a template.";
        MESSAGE "message", Shape::Text, "", "'{{ task.id }} failed: {{ error }}'",
            "The text of the message, a template. Without it: what happened and why.";
        INCLUDE "include", Shape::Words(words::<Include>), "[]", "[log_tail, graph_link]",
            "What is added to the message.";
    }
}
