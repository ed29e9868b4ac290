//! Sentences of the engine as a page shows them: code, links to what they name, instants on the viewer's clock.

use minijinja::{HtmlEscape, Value};
use nightrun_core::time::Timestamp;

use crate::words;

/// A sentence whose `words` in backquotes are shown as code.
pub(crate) fn prose(text: &str) -> Value {
    let parts = text.split('`').enumerate();
    let html = parts.map(|(at, part)| match at % 2 {
        1 => format!("<code>{}</code>", HtmlEscape(part)),
        _ => timed(part),
    });
    Value::from_safe_string(html.collect::<Vec<_>>().concat())
}

/// The same, with links to the runs and DAGs that it names: `run 7`, `` DAG `sales` ``.
pub(crate) fn linked(text: &str) -> Value {
    let parts: Vec<&str> = text.split('`').collect();
    let html = parts.iter().enumerate().map(|(at, part)| match at % 2 {
        1 if parts[at - 1].ends_with("DAG ") && is_plain(part) => {
            format!("<a href=\"/dags/{part}\"><code>{part}</code></a>")
        }
        1 => format!("<code>{}</code>", HtmlEscape(part)),
        _ => with_runs(part),
    });
    Value::from_safe_string(html.collect::<Vec<_>>().concat())
}

/// What a deed was done to, with a link to it: `DAG sales`, `run 7`, `backfill 2`.
pub(crate) fn target(text: &str) -> Value {
    let place = match text.split_once(' ') {
        Some(("DAG", dag)) if is_plain(dag) => format!("/dags/{dag}"),
        Some(("backfill", number)) if is_plain(number) => format!("/backfills/{number}"),
        Some(("maintenance", _)) => "/holds".to_owned(),
        Some(("var", _)) => "/vars".to_owned(),
        _ => return Value::from_safe_string(with_runs(text)),
    };
    Value::from_safe_string(format!("<a href=\"{place}\">{}</a>", HtmlEscape(text)))
}

/// A name that is the same in an address.
fn is_plain(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    !name.is_empty() && name.bytes().all(plain)
}

/// A piece of a sentence with `run 7` as a link.
fn with_runs(text: &str) -> String {
    let mut html = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("run ") {
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        let is_word = !before.ends_with(|last: char| last.is_alphanumeric());
        html.push_str(&timed(before));
        let number = &after[..digits];
        let words = if !number.is_empty() && is_word {
            format!("<a href=\"/runs/{number}\">run {number}</a>")
        } else {
            format!("run {number}")
        };
        html.push_str(&words);
        rest = &after[digits..];
    }
    html + &timed(rest)
}

/// A piece of a sentence as text, with its instants as `<time>`, to the second: `2026-11-21T12:25:01.5Z`.
fn timed(text: &str) -> String {
    let mut html = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(|first: char| first.is_ascii_digit()) {
        let (before, after) = rest.split_at(at);
        let is_part = |byte: &u8| byte.is_ascii_digit() || b"-:T.Z".contains(byte);
        let length = after.bytes().take_while(|byte| is_part(byte)).count();
        let token = after[..length].trim_end_matches([':', '.', '-']);
        html.push_str(&HtmlEscape(before).to_string());
        match Timestamp::parse(token).filter(|_| token.ends_with('Z')) {
            Some(at) => {
                let utc = words::moment(at, at);
                let time = format!("<time datetime=\"{at}\" title=\"{utc} UTC\">{utc}</time>");
                html.push_str(&time);
            }
            None => html.push_str(&HtmlEscape(token).to_string()),
        }
        rest = &after[token.len().max(1)..];
    }
    html + &HtmlEscape(rest).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_in_a_sentence_are_told_to_the_second_and_what_is_none_stays_text() {
        let said = |text: &str| linked(text).to_string();
        assert_eq!(
            said("tried again at 2026-11-21T12:25:01.000558068Z: run 7"),
            "tried again at <time datetime=\"2026-11-21T12:25:01.000558068Z\" title=\"21 Nov 12:25:01 UTC\">\
             21 Nov 12:25:01</time>: <a href=\"/runs/7\">run 7</a>"
        );
        for text in ["exit code 1", "3.5s of 4-5", "1:2:3", "2026-11-21T", "5", "é1ü", "1<2"] {
            assert_eq!(said(text), HtmlEscape(text).to_string());
        }
    }
}
