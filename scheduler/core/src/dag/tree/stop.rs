//! Why a text could not be read to its end.

use saphyr_parser::ScanError;

use crate::diag::{Code, Fault, Span};

/// The place, in bytes, where reading ended, and why.
#[derive(Debug)]
pub(super) struct Stop {
    pub(super) at: usize,
    pub(super) reason: Reason,
}

/// Why reading ended.
#[derive(Debug)]
pub(super) enum Reason {
    /// A value begins with `{{`, which YAML takes for a map in a map.
    Template,
    /// The parser's own words.
    Syntax(String),
    TooDeep(usize),
    TooManyNodes(usize),
    AliasesGrow(usize),
    AliasOfItself,
}

impl Stop {
    pub(super) fn from_scan(error: &ScanError, at: usize) -> Self {
        Self { at, reason: Reason::Syntax(error.info().to_owned()) }
    }

    /// The fault to report where nothing can be mended.
    pub(super) fn fault(&self, text: &str) -> Fault {
        let at = Span::new(self.at, next_char(text, self.at));
        match &self.reason {
            Reason::Template => {
                Fault::new(Code::UnquotedTemplate, at, "a value that begins with `{{` must stand in quotes")
                    .help("put the whole value in quotes: `\"{{ … }}\"`")
            }
            Reason::Syntax(words) => syntax(words, text, at),
            Reason::TooDeep(limit) => {
                Fault::new(Code::TooLarge, at, format!("nested deeper than {limit} levels"))
            }
            Reason::TooManyNodes(limit) => {
                Fault::new(Code::TooLarge, at, format!("the file has more than {limit} values"))
                    .help("divide it into several DAGs")
            }
            Reason::AliasesGrow(limit) => Fault::new(
                Code::TooLarge,
                at,
                format!("the aliases of this file stand for more than {limit} bytes"),
            )
            .help("let anchors hold fewer aliases of other anchors"),
            Reason::AliasOfItself => {
                Fault::new(Code::YamlFeature, at, "an alias stands inside what it stands for")
            }
        }
    }
}

/// What the parser says, in words that name the cure.
fn syntax(words: &str, text: &str, at: Span) -> Fault {
    let line_start = text[..at.range().start].rfind('\n').map_or(0, |at| at + 1);
    if let Some(tab) = tab(&text[line_start..], words.contains("tab")) {
        let tab = line_start + tab;
        return Fault::new(Code::Tab, Span::new(tab, tab + 1), "a tab in the indentation")
            .help("YAML is indented with spaces only: two per level");
    }
    if let Some(open) = text[line_start..].find("{{").map(|open| line_start + open)
        && (open..open + 2).contains(&at.range().start)
    {
        return Fault::new(
            Code::UnquotedTemplate,
            Span::new(open, open + 2),
            "a value with `{{` must stand in quotes here",
        )
        .help("inside `{ … }` or `[ … ]` YAML takes a brace for its own: put the whole value in quotes");
    }
    if words.contains("recursion limit") {
        return Fault::new(Code::TooLarge, at, "lists and maps are nested too deeply");
    }
    let (message, help) = match words {
        _ if words.contains("unexpected end of stream") && words.contains("quoted") => {
            ("a quote that is opened here is never closed", "close it at the end of the text")
        }
        _ if words.contains("unknown anchor") => (
            "no anchor of this name stands before this alias",
            "an alias `*name` needs `&name` before it; text that begins with `*` stands in quotes",
        ),
        _ if words.contains("mapping values are not allowed") => (
            "a `key:` cannot stand here",
            "check the indentation of this line and the one before; text with `: ` in it stands in quotes",
        ),
        _ if words.contains("did not find expected key") => (
            "expected another `key:` with this indentation",
            "line it up with the keys above; an entry of a list begins with `- `",
        ),
        _ if words.contains("<document start>") => {
            ("indented less than the first line", "line it up with the keys above")
        }
        _ if words.contains("did not find expected '-' indicator") => {
            ("expected another `- ` with this indentation", "line it up with the entries above")
        }
        _ => return Fault::new(Code::Syntax, at, format!("not YAML: {words}")),
    };
    Fault::new(Code::Syntax, at, message).help(help)
}

/// The tab that reading stopped at: in the indentation of the first line, or, where the parser speaks of
/// one, further on.
fn tab(lines: &str, spoken_of: bool) -> Option<usize> {
    let indent = lines.bytes().take_while(|b| matches!(b, b' ' | b'\t')).count();
    lines[..indent].find('\t').or_else(|| lines.find('\t').filter(|_| spoken_of))
}

/// The end of the character at `at`; `at` itself at the end of a line.
fn next_char(text: &str, at: usize) -> usize {
    text[at..].chars().next().filter(|c| *c != '\n').map_or(at, |c| at + c.len_utf8())
}
