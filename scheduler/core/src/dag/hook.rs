//! What is done when a run or a task comes to a certain point: steps that run something or tell somebody.

use std::fmt;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::spec::Work;

/// The point at which a hook is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HookOn {
    /// It ended well.
    OnSuccess,
    /// It failed, and no try is left.
    OnFailure,
    /// A try failed, and another will follow.
    OnRetry,
    /// It was canceled.
    OnCancel,
    /// It missed a deadline, or is about to.
    OnLate,
    /// It ended, however.
    OnExit,
}

impl HookOn {
    /// Every point there is.
    pub const ALL: [Self; 6] =
        [Self::OnSuccess, Self::OnFailure, Self::OnRetry, Self::OnCancel, Self::OnLate, Self::OnExit];

    /// Its name in the DAG file, in SQL, JSON and pages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OnSuccess => "on_success",
            Self::OnFailure => "on_failure",
            Self::OnRetry => "on_retry",
            Self::OnCancel => "on_cancel",
            Self::OnLate => "on_late",
            Self::OnExit => "on_exit",
        }
    }

    /// The point of this name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|on| on.as_str() == text)
    }
}

impl fmt::Display for HookOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One step of a hook. Steps stand alone: none waits for another, and none changes the run.
#[derive(Debug, Clone, PartialEq)]
pub struct Hook {
    /// When it is due.
    pub on: HookOn,
    /// What it does.
    pub action: HookAction,
    /// Its environment, over the DAG's and the task's; values are templates.
    pub env: Vec<(String, String)>,
    /// Longest one try may take.
    pub timeout: Duration,
    /// What follows a try that failed.
    pub retry: HookRetry,
}

/// What a hook does.
#[derive(Debug, Clone, PartialEq)]
pub enum HookAction {
    /// `run:`: a shell script or an argv.
    Run(Work),
    /// `notify:`: tells somebody.
    Notify(Notify),
}

impl HookAction {
    /// What it is called in lists: `run`, `email`, `slack`, `webhook` or `command`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Run(_) => "run",
            Self::Notify(notify) => notify.channel.name(),
        }
    }
}

/// How often a hook is tried again, with waits that double from `delay` up to ten minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookRetry {
    /// Extra tries after the first.
    pub retries: u32,
    /// The wait before the first of them.
    pub delay: Duration,
}

/// A message to somebody.
#[derive(Debug, Clone, PartialEq)]
pub struct Notify {
    /// The way it goes.
    pub channel: Channel,
    /// Its first line, a template; `None`: one that says what happened.
    pub subject: Option<String>,
    /// Its text, a template; `None`: one that says what happened and why.
    pub message: Option<String>,
    /// What is added to it.
    pub include: Vec<Include>,
}

/// The way a message goes. A destination is a name of the configuration, or stands there itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Channel {
    /// Mail to these addresses, or to the one name of the configuration.
    Email(Vec<String>),
    /// An incoming webhook as Slack has them.
    Slack(String),
    /// JSON by HTTP POST, signed where the configuration has a secret.
    Webhook(String),
    /// A program and its arguments, with the message as JSON on its standard input.
    Command(Vec<String>),
}

impl Channel {
    /// Its key in the DAG file.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Email(_) => "email",
            Self::Slack(_) => "slack",
            Self::Webhook(_) => "webhook",
            Self::Command(_) => "command",
        }
    }
}

/// What is added to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Include {
    /// The end of the log of the attempt it is about.
    LogTail,
    /// The address of the run's graph.
    GraphLink,
}
