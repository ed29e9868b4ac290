//! Keys of a task that `defaults` may hold: how it is run, rather than what it is.

use std::time::Duration;

use super::Reader;
use super::hook::DraftHook;
use super::value::{as_written, unknown_word};
use crate::dag::keys::{Key, Level, task as keys};
use crate::dag::spec::{Backoff, Capture, Deadline, Retry, TriggerRule};
use crate::dag::tree::{Kind, Map, Node, Value};
use crate::diag::{Code, Fault, Span};

/// What a task has of itself or by default. Nodes are kept where their templates are still to be checked.
#[derive(Clone)]
pub(crate) struct Settings<'n, 'a> {
    pub(crate) trigger_rule: (TriggerRule, Option<Span>),
    pub(crate) when: Option<&'n Node<'a>>,
    pub(crate) allow_failure: bool,
    pub(crate) wait_for_previous: bool,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) env_node: Option<&'n Node<'a>>,
    pub(crate) shell: Vec<String>,
    pub(crate) working_dir: Option<&'n Node<'a>>,
    pub(crate) interpreter: Option<Vec<String>>,
    pub(crate) retry: Retry,
    pub(crate) skip_on_exit: Vec<i32>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) grace: Duration,
    pub(crate) pool: Option<(String, Span)>,
    pub(crate) pool_slots: (u32, Span),
    pub(crate) priority: i32,
    pub(crate) capture: Option<Capture>,
    pub(crate) deadline: Option<Deadline>,
    pub(crate) hooks: Vec<DraftHook<'n, 'a>>,
}

impl Default for Settings<'_, '_> {
    fn default() -> Self {
        Self {
            trigger_rule: (TriggerRule::AllSuccess, None),
            when: None,
            allow_failure: false,
            wait_for_previous: false,
            env: Vec::new(),
            env_node: None,
            shell: ["bash", "-e", "-o", "pipefail"].map(str::to_owned).to_vec(),
            working_dir: None,
            interpreter: None,
            retry: Retry {
                retries: 0,
                delay: Duration::from_secs(1),
                backoff: Backoff::Constant,
                max_delay: None,
                jitter: false,
                on_exit: Vec::new(),
            },
            skip_on_exit: vec![99],
            timeout: None,
            grace: Duration::from_secs(10),
            pool: None,
            pool_slots: (1, Span::default()),
            priority: 0,
            capture: None,
            deadline: None,
            hooks: Vec::new(),
        }
    }
}

impl Reader<'_> {
    /// The settings of a map over those of `base`, key by key.
    pub(super) fn settings<'n, 'a>(&mut self, map: &'n Map<'a>, base: &Settings<'n, 'a>) -> Settings<'n, 'a> {
        let placed_text =
            |r: &mut Self, key: &Key, node: &Node<'_>| Some((r.some_text(key, node)?.to_owned(), node.at));
        let rule = |r: &mut Self, key: &Key, node: &Node<'_>| Some((r.word(key, node)?, Some(node.at)));
        let slots = |r: &mut Self, key: &Key, node: &Node<'_>| Some((r.integer(key, node)?, node.at));
        let texty = |r: &mut Self, key: &Key, node: &'n Node<'a>| r.some_text(key, node).map(|_| node);
        let mut settings = Settings {
            trigger_rule: self.read(map, &keys::TRIGGER_RULE, rule).unwrap_or(base.trigger_rule),
            when: self.read(map, &keys::WHEN, Self::condition).or(base.when),
            allow_failure: self.read(map, &keys::ALLOW_FAILURE, Self::boolean).unwrap_or(base.allow_failure),
            wait_for_previous: self
                .read(map, &keys::WAIT_FOR_PREVIOUS, Self::boolean)
                .unwrap_or(base.wait_for_previous),
            env: self.read(map, &keys::ENV, Self::env).unwrap_or_else(|| base.env.clone()),
            env_node: map.get(keys::ENV.name).or(base.env_node),
            shell: self.read(map, &keys::SHELL, Self::command).unwrap_or_else(|| base.shell.clone()),
            working_dir: self.read(map, &keys::WORKING_DIR, texty).or(base.working_dir),
            interpreter: self
                .read(map, &keys::INTERPRETER, Self::command)
                .or_else(|| base.interpreter.clone()),
            retry: self.retry(map, &base.retry),
            skip_on_exit: self
                .read(map, &keys::SKIP_ON_EXIT, Self::exit_codes)
                .unwrap_or_else(|| base.skip_on_exit.clone()),
            timeout: self.read(map, &keys::TIMEOUT, Self::duration).or(base.timeout),
            grace: self.read(map, &keys::GRACE, Self::duration_from_zero).unwrap_or(base.grace),
            pool: self.read(map, &keys::POOL, placed_text).or_else(|| base.pool.clone()),
            pool_slots: self.read(map, &keys::POOL_SLOTS, slots).unwrap_or(base.pool_slots),
            priority: self.read(map, &keys::PRIORITY, Self::integer).unwrap_or(base.priority),
            capture: self.read(map, &keys::CAPTURE, Self::word).or(base.capture),
            deadline: self.read(map, &keys::DEADLINE, Self::deadline).or_else(|| base.deadline.clone()),
            hooks: Vec::new(),
        };
        // The scripts of its hooks are run by its own shell.
        settings.hooks = self.hooks(map, &settings, &base.hooks, Level::Task);
        settings
    }

    fn retry(&mut self, map: &Map<'_>, base: &Retry) -> Retry {
        Retry {
            retries: self.read(map, &keys::RETRIES, Self::integer).unwrap_or(base.retries),
            delay: self.read(map, &keys::RETRY_DELAY, Self::duration_from_zero).unwrap_or(base.delay),
            backoff: self.read(map, &keys::RETRY_BACKOFF, Self::backoff).unwrap_or(base.backoff),
            max_delay: self.read(map, &keys::MAX_RETRY_DELAY, Self::duration).or(base.max_delay),
            jitter: self.read(map, &keys::RETRY_JITTER, Self::boolean).unwrap_or(base.jitter),
            on_exit: self
                .read(map, &keys::RETRY_ON_EXIT, Self::exit_codes)
                .unwrap_or_else(|| base.on_exit.clone()),
        }
    }

    /// `constant`, `linear`, `exponential`, or a factor.
    fn backoff(&mut self, key: &Key, node: &Node<'_>) -> Option<Backoff> {
        const WORDS: [(&str, Backoff); 3] = [
            ("constant", Backoff::Constant),
            ("linear", Backoff::Linear),
            ("exponential", Backoff::Exponential(2.0)),
        ];
        let Kind::Scalar(scalar) = &node.kind else { return self.wrong_type(key, node) };
        if let Value::Text(text) = scalar.value() {
            let found = WORDS.iter().find(|(word, _)| *word == text).map(|(_, backoff)| *backoff);
            if found.is_none() {
                self.faults.add(unknown_word(key, node, text, &WORDS.map(|(word, _)| word)));
            }
            return found;
        }
        let factor = self.number(key, node)?;
        if !(1.0..=100.0).contains(&factor) {
            let message =
                format!("`{}` is {}, and a factor must be between 1 and 100", key.name, scalar.text);
            self.faults.add(Fault::new(Code::OutOfRange, node.at, message));
            return None;
        }
        Some(Backoff::Exponential(factor))
    }

    /// Codes with which a process says something; 0 says success and nothing else.
    fn exit_codes(&mut self, key: &Key, node: &Node<'_>) -> Option<Vec<i32>> {
        let items = self.list(key, node)?;
        let codes: Vec<i32> = items.iter().filter_map(|item| self.exit_code(key, item)).collect();
        (codes.len() == items.len()).then_some(codes)
    }

    fn exit_code(&mut self, key: &Key, item: &Node<'_>) -> Option<i32> {
        let Kind::Scalar(scalar) = &item.kind else { return self.wrong_type(key, item) };
        let Value::Integer(code) = scalar.value() else { return self.wrong_type(key, item) };
        if (1..=255).contains(&code) {
            return i32::try_from(code).ok();
        }
        let message = format!("`{code}` in `{}` must be between 1 and 255", key.name);
        let help =
            if code == 0 { "exit code 0 always means success" } else { "a process cannot exit with it" };
        self.faults.add(Fault::new(Code::OutOfRange, item.at, message).help(help));
        None
    }

    /// Environment variables: names and texts as they stand, so that `1.10` and `no` stay what they are.
    pub(super) fn env(&mut self, key: &Key, node: &Node<'_>) -> Option<Vec<(String, String)>> {
        let map = self.map(key, node)?;
        let before = self.faults.errors();
        let env = map
            .entries
            .iter()
            .filter_map(|entry| {
                self.check_env_name(&entry.key, entry.key_at);
                match (&entry.value.kind, as_written(&entry.value)) {
                    (_, Some(text)) => return Some((entry.key.to_string(), text.to_owned())),
                    (Kind::Broken, None) => {}
                    (Kind::Scalar(_), None) => {
                        let message = format!("the variable `{}` has no value", entry.key);
                        self.faults.add(
                            Fault::new(Code::Empty, entry.key_at, message)
                                .help("for an empty one write \"\""),
                        );
                    }
                    (_, None) => {
                        let message = format!(
                            "the variable `{}` takes text, and this is {}",
                            entry.key,
                            entry.value.what()
                        );
                        self.faults.add(Fault::new(Code::WrongType, entry.value.at, message));
                    }
                }
                None
            })
            .collect();
        (self.faults.errors() == before).then_some(env)
    }

    fn check_env_name(&mut self, name: &str, at: Span) {
        let (message, help) = if !is_identifier(name) {
            (
                "is no name of an environment variable",
                "write letters, digits and `_`, not beginning with a digit",
            )
        } else if name.starts_with("NIGHTRUN_") || name.starts_with("NR_") {
            (
                "is a name that Nightrun keeps for itself",
                "choose one that begins neither with `NIGHTRUN_` nor with `NR_`",
            )
        } else {
            return;
        };
        self.faults.add(Fault::new(Code::BadEnvName, at, format!("`{name}` {message}")).help(help));
    }

    /// A program with its options: words with spaces between them, or a list.
    pub(super) fn command(&mut self, key: &Key, node: &Node<'_>) -> Option<Vec<String>> {
        if let Kind::List(items) = &node.kind
            && !items.is_empty()
        {
            return self.arguments(key, items);
        }
        let text = self.some_text(key, node)?;
        if text.contains(['"', '\'', '\\', '$', '|', ';']) {
            let message =
                format!("`{}` is no shell line: quotes and variables have no meaning here", key.name);
            self.faults
                .add(Fault::new(Code::WrongType, node.at, message).help("write a list: `[program, option]`"));
            return None;
        }
        Some(text.split_whitespace().map(str::to_owned).collect())
    }

    /// The elements of an argv as they stand, so that `5` and `1.10` stay what they are.
    pub(super) fn arguments(&mut self, key: &Key, items: &[Node<'_>]) -> Option<Vec<String>> {
        let texts: Vec<String> = items
            .iter()
            .filter_map(|item| match as_written(item) {
                Some(text) => Some(text.to_owned()),
                None => self.item_text(key, item).map(str::to_owned),
            })
            .collect();
        (texts.len() == items.len()).then_some(texts)
    }

    /// `when`: an expression; `true` and `false` are expressions too.
    fn condition<'n, 'a>(&mut self, key: &Key, node: &'n Node<'a>) -> Option<&'n Node<'a>> {
        match &node.kind {
            Kind::Scalar(scalar) if matches!(scalar.value(), Value::Bool(_)) => Some(node),
            _ => self.some_text(key, node).map(|_| node),
        }
    }
}

/// Letters, digits and `_`, not beginning with a digit.
pub(crate) fn is_identifier(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}
