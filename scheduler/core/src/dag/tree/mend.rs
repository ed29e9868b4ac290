//! Values that YAML cannot read though a person can: each is reported, then blanked by a filler of
//! the same length, and the text is read again, so that the mistake hides no other.

use super::stop::{Reason, Stop};
use crate::diag::{Code, Fault, Span};

/// A value that is to be blanked.
#[derive(Debug)]
pub(super) struct Mend {
    pub(super) at: Span,
    kind: MendKind,
}

#[derive(Debug, Clone, Copy)]
enum MendKind {
    /// It begins with `{{` or `{%`.
    Template,
    /// It begins with a character that YAML keeps for itself.
    Reserved(char),
    /// It has `: ` inside.
    Colon,
}

/// The value that made reading stop, if it is one that can be blanked.
pub(super) fn find(text: &str, stop: &Stop) -> Option<Mend> {
    let (Reason::Template | Reason::Syntax(_)) = &stop.reason else { return None };
    let line = Line::at(text, stop.at);
    let value = line.value()?;
    if matches!(stop.reason, Reason::Template) && stop.at != value.start {
        let end = text[stop.at..line.end].find("}}")? + stop.at + 2;
        return Some(Mend { at: Span::new(stop.at, end), kind: MendKind::Template });
    }
    let kind = kind(&text[value.clone()], stop)?;
    Some(Mend { at: Span::new(value.start, value.end), kind })
}

fn kind(value: &str, stop: &Stop) -> Option<MendKind> {
    let first = value.chars().next()?;
    let is_alias = || value[1..].bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    match first {
        '{' if value.starts_with("{{") || value.starts_with("{%") => Some(MendKind::Template),
        '@' | '`' | '%' => Some(MendKind::Reserved(first)),
        '*' if value.len() == 1 || !is_alias() => Some(MendKind::Reserved(first)),
        '"' | '\'' | '[' | '{' | '|' | '>' | '&' | '*' | '!' | '#' => None,
        _ => {
            let about_colon =
                matches!(&stop.reason, Reason::Syntax(words) if words.contains("mapping values"));
            (about_colon && (value.contains(": ") || value.ends_with(':'))).then_some(MendKind::Colon)
        }
    }
}

impl Mend {
    /// What is reported about the value.
    pub(super) fn fault(&self, text: &str) -> Fault {
        let value = &text[self.at.range()];
        let quoted = if value.contains('"') {
            format!("'{}'", value.replace('\'', "''"))
        } else {
            format!("\"{value}\"")
        };
        let (code, message) = match self.kind {
            MendKind::Template => {
                (Code::UnquotedTemplate, "a value that begins with `{{` must stand in quotes".into())
            }
            MendKind::Reserved(first) => {
                (Code::Syntax, format!("text that begins with `{first}` must stand in quotes"))
            }
            MendKind::Colon => (Code::Syntax, "text with `: ` inside must stand in quotes".into()),
        };
        Fault::new(code, self.at, message).help(format!("write {quoted}"))
    }

    /// The text with a filler, as long as the value was, in its place.
    pub(super) fn apply(&self, text: &str) -> String {
        let (start, end) = (self.at.range().start, self.at.range().end);
        let filler = match end - start {
            1 => "x".to_owned(),
            length => format!("\"{}\"", "x".repeat(length - 2)),
        };
        [&text[..start], &filler, &text[end..]].concat()
    }
}

/// One line of the text.
struct Line<'a> {
    text: &'a str,
    start: usize,
    end: usize,
}

impl<'a> Line<'a> {
    fn at(text: &'a str, at: usize) -> Self {
        let start = text[..at].rfind('\n').map_or(0, |at| at + 1);
        let end = text[start..].find(['\n', '\r']).map_or(text.len(), |length| start + length);
        Self { text, start, end }
    }

    /// What stands after `- ` and `key: `, without a comment.
    fn value(&self) -> Option<std::ops::Range<usize>> {
        let line = &self.text[self.start..self.end];
        let mut rest = line.trim_start();
        let mut found = false;
        while let Some(item) = rest.strip_prefix("- ") {
            (rest, found) = (item.trim_start(), true);
        }
        let word =
            rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.')).count();
        if word > 0
            && let Some(value) = rest[word..].strip_prefix(": ")
        {
            (rest, found) = (value.trim_start(), true);
        }
        let start = self.end - rest.len();
        let rest = rest.split(" #").next().unwrap_or(rest).trim_end();
        (found && !rest.is_empty()).then(|| start..start + rest.len())
    }
}
