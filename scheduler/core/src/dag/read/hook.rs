//! Hooks: what is done at the ends of a run or a task.

use std::time::Duration;

use super::Reader;
use super::entry::Owner;
use super::settings::Settings;
use super::task::{Text, TextKind, texts_of};
use super::value::as_written;
use crate::dag::keys::{Key, Level, Shape, dag, hook as keys, hook::notify, task};
use crate::dag::spec::{Channel, Hook, HookAction, HookOn, HookRetry, Include, Notify};
use crate::dag::tree::{Entry, Kind, Map, Node};
use crate::diag::{Code, Fault};

/// A step of a hook, and the texts in it that are still to be checked.
#[derive(Clone)]
pub(crate) struct DraftHook<'n, 'a> {
    pub(crate) hook: Hook,
    pub(crate) texts: Vec<Text<'n, 'a>>,
    /// The destinations that are names of the configuration, or should be.
    pub(crate) destinations: Vec<&'n Node<'a>>,
}

impl Reader<'_> {
    /// The hooks of a map: for each key it has its own, for each other those of `base`.
    pub(super) fn hooks<'n, 'a>(
        &mut self,
        map: &'n Map<'a>,
        settings: &Settings<'n, 'a>,
        base: &[DraftHook<'n, 'a>],
        level: Level,
    ) -> Vec<DraftHook<'n, 'a>> {
        let mut hooks = Vec::new();
        for on in HookOn::ALL {
            let keys = if level == Level::Dag { dag::ALL } else { task::ALL };
            let Some(key) = keys.iter().find(|key| key.name == on.as_str()) else { continue };
            match map.get(key.name) {
                None => hooks.extend(base.iter().filter(|it| it.hook.on == on).cloned()),
                Some(node) => {
                    let steps = match &node.kind {
                        Kind::List(steps) => steps.as_slice(),
                        _ => std::slice::from_ref(node),
                    };
                    hooks.extend(steps.iter().filter_map(|step| self.step(on, key, step, settings)));
                }
            }
        }
        hooks
    }

    fn step<'n, 'a>(
        &mut self,
        on: HookOn,
        key: &Key,
        node: &'n Node<'a>,
        settings: &Settings<'n, 'a>,
    ) -> Option<DraftHook<'n, 'a>> {
        let Kind::Map(map) = &node.kind else {
            if !matches!(node.kind, Kind::Broken) {
                let message = format!("a step of `{on}` is a map, and this is {}", node.what());
                let help = format!("for example `{on}: {}`", key.example);
                self.faults.add(Fault::new(Code::WrongType, node.at, message).help(help));
            }
            return None;
        };
        let name = format!("a step of `{on}`");
        self.check_keys(map, Owner { level: Level::Hook, name: &name });
        let ways = [map.entry(keys::RUN.name), map.entry(keys::NOTIFY.name)];
        let way = self.one_way(&name, node, ways, "`run:` or `notify:`")?;
        let (mut texts, mut destinations) = (Vec::new(), Vec::new());
        let is_run = way.key == keys::RUN.name;
        let action = if is_run {
            self.run(&way.value, settings, &mut texts).map(HookAction::Run)
        } else {
            self.notify(&way.value, &mut texts, &mut destinations).map(HookAction::Notify)
        };
        let env = self.read(map, &keys::ENV, Self::env).unwrap_or_default();
        if let Some(env) = map.get(keys::ENV.name) {
            texts_of(env, &mut texts);
        }
        let (retries, timeout) =
            if is_run { (0, Duration::from_mins(10)) } else { (5, Duration::from_secs(30)) };
        let retry = HookRetry {
            retries: self.read(map, &keys::RETRIES, Self::integer).unwrap_or(retries),
            delay: self
                .read(map, &keys::RETRY_DELAY, Self::duration_from_zero)
                .unwrap_or(Duration::from_secs(10)),
        };
        let timeout = self.read(map, &keys::TIMEOUT, Self::duration).unwrap_or(timeout);
        Some(DraftHook { hook: Hook { on, action: action?, env, timeout, retry }, texts, destinations })
    }

    /// The one entry of those that exclude each other.
    fn one_way<'e, 'a, const N: usize>(
        &mut self,
        name: &str,
        node: &Node<'_>,
        ways: [Option<&'e Entry<'a>>; N],
        choice: &str,
    ) -> Option<&'e Entry<'a>> {
        let given: Vec<_> = ways.into_iter().flatten().collect();
        match given[..] {
            [] => {
                let fault = Fault::new(Code::Work, node.at, format!("{name} has nothing to do"));
                self.faults.add(fault.help(format!("give it one of {choice}")));
                None
            }
            [only] => Some(only),
            [first, second, ..] => {
                let message =
                    format!("{name} has `{}` and `{}`: it can do only one thing", first.key, second.key);
                let fault = Fault::new(Code::Work, second.key_at, message);
                self.faults.add(fault.note(first.key_at, "the other is here").help("make it two steps"));
                None
            }
        }
    }

    fn notify<'n, 'a>(
        &mut self,
        node: &'n Node<'a>,
        texts: &mut Vec<Text<'n, 'a>>,
        destinations: &mut Vec<&'n Node<'a>>,
    ) -> Option<Notify> {
        let map = self.map(&keys::NOTIFY, node)?;
        self.check_keys(map, Owner { level: Level::Notify, name: "`notify`" });
        let ways = [&notify::EMAIL, &notify::SLACK, &notify::WEBHOOK, &notify::COMMAND];
        let ways = ways.map(|key| map.entry(key.name));
        let way = self.one_way("`notify`", node, ways, "`email:`, `slack:`, `webhook:` or `command:`")?;
        texts_of(&way.value, texts);
        let node = &way.value;
        let channel = match &*way.key {
            "email" => {
                let addresses = self.recipients(&notify::EMAIL, node)?;
                destinations.push(node);
                Channel::Email(addresses)
            }
            "slack" => {
                destinations.push(node);
                Channel::Slack(self.some_text(&notify::SLACK, node)?.to_owned())
            }
            "webhook" => {
                destinations.push(node);
                Channel::Webhook(self.some_text(&notify::WEBHOOK, node)?.to_owned())
            }
            _ => Channel::Command(self.command(&notify::COMMAND, node)?),
        };
        for key in [&notify::SUBJECT, &notify::MESSAGE] {
            let text = map.get(key.name).map(|node| Text { node, kind: TextKind::Plain });
            texts.extend(text);
        }
        Some(Notify {
            channel,
            subject: self.read(map, &notify::SUBJECT, Self::template_text),
            message: self.read(map, &notify::MESSAGE, Self::template_text),
            include: self.read(map, &notify::INCLUDE, Self::includes).unwrap_or_default(),
        })
    }

    fn template_text(&mut self, key: &Key, node: &Node<'_>) -> Option<String> {
        self.some_text(key, node)?;
        as_written(node).map(str::to_owned)
    }

    fn recipients(&mut self, key: &Key, node: &Node<'_>) -> Option<Vec<String>> {
        match &node.kind {
            Kind::List(items) if items.is_empty() => {
                let fault = Fault::new(Code::Empty, node.at, "`email` is empty");
                self.faults.add(fault.help("name at least one address"));
                None
            }
            Kind::List(_) => self.texts(key, node),
            Kind::Scalar(_) => Some(vec![self.some_text(key, node)?.to_owned()]),
            _ => self.wrong_type(key, node),
        }
    }

    fn includes(&mut self, key: &Key, node: &Node<'_>) -> Option<Vec<Include>> {
        debug_assert!(matches!(key.shape, Shape::Words(_)));
        let items = self.list(key, node)?;
        let words: Vec<Include> = items.iter().filter_map(|item| self.word(key, item)).collect();
        (words.len() == items.len()).then_some(words)
    }
}
