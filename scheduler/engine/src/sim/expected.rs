//! The hooks that were expected beside those that became due: each is one of the other side, in any order.

use nightrun_core::case::Notification;
use nightrun_core::dag::spec::Dag;
use serde_json::Value as Json;

use super::judge::Mismatch;
use crate::hook::{Told, Words};

/// What differs, of hooks that were expected and of others.
pub(super) fn differences(expected: &[Notification], told: &[Told], dag: &Dag) -> Vec<Mismatch> {
    let mut left: Vec<&Told> = told.iter().collect();
    let mut missing = Vec::new();
    for wanted in expected {
        match left.iter().position(|told| wrong(wanted, told).is_empty()) {
            Some(at) => drop(left.remove(at)),
            None => missing.push(wanted),
        }
    }
    let mut found = Vec::new();
    for wanted in missing {
        // The one that was meant: of this event and task, with the fewest faults.
        let alike = left.iter().enumerate().filter(|(_, told)| is_of(wanted, told));
        let nearest = alike.map(|(at, told)| (wrong(wanted, told).len(), at)).min();
        match nearest {
            Some((_, at)) => found.extend(faults(wanted, left.remove(at), dag)),
            None => found.push(Mismatch {
                what: format!("hook {}", name(wanted, dag)),
                expected: "it becomes due".into(),
                actual: if told.is_empty() { "no hook became due".into() } else { "it did not".into() },
                why: None,
            }),
        }
    }
    found.extend(left.into_iter().map(|told| not_expected(told, dag)));
    found
}

fn is_of(wanted: &Notification, told: &Told) -> bool {
    let same = match (wanted.of, told.of) {
        (Some(wanted), Some(of)) => wanted == of || wanted == of.whole(),
        (wanted, of) => wanted == of,
    };
    same && wanted.event == told.on && wanted.action.is_none_or(|action| action.0 == told.action)
}

/// What is wrong with it: the word, what was expected, what there was.
type Wrong = (&'static str, String, String);

fn wrong(wanted: &Notification, told: &Told) -> Vec<Wrong> {
    if !is_of(wanted, told) {
        return vec![("event", wanted.event.to_string(), told.on.to_string())];
    }
    let words = match &told.words {
        Ok(words) => words,
        Err(fault) => return vec![("text", "it can be written".into(), fault.clone())],
    };
    let part = |what, wanted: &Option<String>, text: &Option<String>| {
        let text = text.as_deref().unwrap_or("none");
        let wanted = wanted.as_deref().filter(|wanted| !text.contains(wanted.trim_end()))?;
        Some((what, wanted.to_owned(), text.to_owned()))
    };
    let mut all = Vec::new();
    if let Some(to) = wanted.to.as_ref().filter(|to| **to != words.to) {
        all.push(("destination", to.join(", "), words.to.join(", ")));
    }
    all.extend(part("subject", &wanted.subject, &words.subject));
    all.extend(part("message", &wanted.message, &words.message));
    all.extend(command(wanted, words));
    for (key, value) in &wanted.body {
        let actual = words.body.as_ref().and_then(|body| body.get(key)).unwrap_or(&Json::Null);
        if actual != value {
            all.push(("body", format!("{key}: {value}"), format!("{key}: {actual}")));
        }
    }
    all
}

fn command(wanted: &Notification, words: &Words) -> Option<Wrong> {
    let wanted = wanted.command.as_deref().map(str::trim_end)?;
    let runs = words.commands.iter().any(|command| command == wanted);
    let actual = || words.commands.first().cloned().unwrap_or_else(|| "none".into());
    (!runs).then(|| ("command", wanted.to_owned(), actual()))
}

fn faults(wanted: &Notification, told: &Told, dag: &Dag) -> Vec<Mismatch> {
    let name = name(wanted, dag);
    let fault = |(word, expected, actual)| Mismatch {
        what: format!("the {word} of hook {name}"),
        expected,
        actual,
        why: None,
    };
    wrong(wanted, told).into_iter().map(fault).collect()
}

fn not_expected(told: &Told, dag: &Dag) -> Mismatch {
    let of = told.of.map_or_else(|| "the DAG".into(), |spot| spot.name(dag));
    let said = match &told.words {
        Ok(words) => words.subject.as_ref().or(words.commands.first()).cloned().unwrap_or_default(),
        Err(fault) => format!("it cannot be written: {fault}"),
    };
    Mismatch {
        what: format!("hook {} of {of}", told.on),
        expected: "it is not due".into(),
        actual: format!("{}: {said}", told.action),
        why: None,
    }
}

fn name(wanted: &Notification, dag: &Dag) -> String {
    format!("{} of {}", wanted.event, wanted.of.map_or_else(|| "the DAG".into(), |spot| spot.name(dag)))
}
