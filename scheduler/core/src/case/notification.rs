//! Hooks that must become due: a word, or a map that says more.

use super::keys::{expect, notification as keys};
use super::read::Cases;
use super::{Notification, Spot};
use crate::dag::keys::Key;
use crate::dag::spec::HookOn;
use crate::dag::tree::{Kind, Map, Node};

impl Cases<'_> {
    pub(super) fn notifications(&mut self, node: &Node<'_>) -> Option<Vec<Notification>> {
        let items = self.reader.list(&expect::NOTIFICATIONS, node)?;
        Some(items.iter().filter_map(|item| self.notification(item)).collect())
    }

    fn notification(&mut self, node: &Node<'_>) -> Option<Notification> {
        if matches!(node.kind, Kind::Scalar(_)) {
            let event = self.reader.word(&keys::EVENT, node)?;
            return Some(Notification { event, ..Notification::of_dag() });
        }
        let map = self.map(node, "a notification")?;
        self.check_keys(map, keys::ALL, "a notification");
        let event = self.required(map, &keys::EVENT, "a notification", node.at);
        let event = event.and_then(|node| self.reader.word(&keys::EVENT, node));
        let of = match map.get(keys::TASK.name) {
            Some(node) => Some(self.named(node)?),
            None => None,
        };
        let action = map.get(keys::ACTION.name).and_then(|node| self.reader.word(&keys::ACTION, node));
        let to = map.get(keys::TO.name).and_then(|node| self.destinations(node));
        let [subject, message, command] =
            [&keys::SUBJECT, &keys::MESSAGE, &keys::COMMAND].map(|key| self.words(map, key));
        let body = map.get(keys::BODY.name).map(|node| self.values(&keys::BODY, node)).unwrap_or_default();
        Some(Notification { event: event?, of, action, to, subject, message, command, body })
    }

    fn named(&mut self, node: &Node<'_>) -> Option<Spot> {
        let name = self.reader.some_text(&keys::TASK, node)?.to_owned();
        self.spot(&name, node.at)
    }

    fn words(&mut self, map: &Map<'_>, key: &Key) -> Option<String> {
        map.get(key.name).and_then(|node| self.reader.some_text(key, node)).map(str::to_owned)
    }

    fn destinations(&mut self, node: &Node<'_>) -> Option<Vec<String>> {
        let Kind::List(items) = &node.kind else {
            return Some(vec![self.reader.some_text(&keys::TO, node)?.to_owned()]);
        };
        items.iter().map(|item| self.reader.item_text(&keys::TO, item).map(str::to_owned)).collect()
    }
}

impl Notification {
    fn of_dag() -> Self {
        Self {
            event: HookOn::OnExit,
            of: None,
            action: None,
            to: None,
            subject: None,
            message: None,
            command: None,
            body: serde_json::Map::new(),
        }
    }
}
