//! A diagnostic as a compiler prints it.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use super::{Diagnostic, Severity};

/// How a diagnostic is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Letters only.
    Plain,
    /// With the colours of a terminal.
    Colored,
}

pub(super) fn render(diagnostic: &Diagnostic, text: &str, style: Style) -> String {
    let level = match diagnostic.severity() {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let renderer = match style {
        Style::Plain => Renderer::plain(),
        Style::Colored => Renderer::styled(),
    };
    let shown = shown_lines(diagnostic, text);
    // The text may not be the one that was read: a place outside of it is moved into it.
    let within = |at: usize| {
        text.floor_char_boundary(at).clamp(shown.bytes.start, shown.bytes.end) - shown.bytes.start
    };
    let span = |bytes: &Range<usize>| within(bytes.start)..within(bytes.end);
    let primary =
        AnnotationKind::Primary.span(span(&diagnostic.place.bytes)).label(diagnostic.label.as_deref());
    let notes = diagnostic
        .notes
        .iter()
        .map(|note| AnnotationKind::Context.span(span(&note.place.bytes)).label(note.message.as_str()));
    let snippet = Snippet::source(&text[shown.bytes.clone()])
        .path(&*diagnostic.path)
        .line_start(shown.first)
        .annotation(primary)
        .annotations(notes);
    let mut group =
        level.primary_title(diagnostic.message.as_str()).id(diagnostic.code.as_str()).element(snippet);
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    renderer.render(&[group])
}

/// The lines that a diagnostic is about, first to last.
struct Shown {
    first: usize,
    bytes: Range<usize>,
}

/// Only these are handed to the renderer, whose cost grows with the text it is given.
fn shown_lines(diagnostic: &Diagnostic, text: &str) -> Shown {
    let places = || std::iter::once(&diagnostic.place).chain(diagnostic.notes.iter().map(|note| &note.place));
    let first = places().map(|place| place.line).min().unwrap_or(1);
    let start = places().map(|place| place.bytes.start).min().unwrap_or(0);
    let end = places().map(|place| place.bytes.end).max().unwrap_or(0);
    let (start, end) = (text.floor_char_boundary(start), text.floor_char_boundary(end));
    let start = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let end = text[end..].find('\n').map_or(text.len(), |at| end + at);
    Shown { first, bytes: start..end }
}
