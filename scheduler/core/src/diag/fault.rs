//! Faults while they are found: places are bytes; lines and columns are counted once, at the end.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use super::{Code, Diagnostic, Note, Place, Severity};

/// So many errors, and as many warnings, of one file are kept; nobody reads more.
const MAX_FAULTS: usize = 500;

/// A piece of the file, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct Span {
    /// 0: the file itself; from 1 on those whose defaults it takes over.
    pub(crate) file: u16,
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Span {
    /// As a range for slicing the file's text.
    pub(crate) fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// The piece between two places of the file; texts longer than 4 GiB are refused before.
    pub(crate) fn new(start: usize, end: usize) -> Self {
        let narrow = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Self { file: 0, start: narrow(start), end: narrow(end.max(start)) }
    }
}

/// A file whose values another one inherits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin<'a> {
    pub(crate) path: &'a str,
    pub(crate) text: &'a str,
    /// What is wrong with it is told elsewhere.
    pub(crate) reported: bool,
}

/// A diagnostic in the making.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) code: Code,
    pub(crate) at: Span,
    message: String,
    label: Option<String>,
    help: Option<String>,
    notes: Vec<(Span, String)>,
}

impl Fault {
    pub(crate) fn new(code: Code, at: Span, message: impl Into<String>) -> Self {
        Self { code, at, message: message.into(), label: None, help: None, notes: Vec::new() }
    }

    /// A few words at the caret.
    pub(crate) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// What to write instead.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// What to write instead, where that is known.
    pub(crate) fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help;
        self
    }

    /// The same fault at a place of the file itself.
    fn brought_home(mut self, origins: &[Origin<'_>]) -> Option<Self> {
        self.notes.retain(|(at, _)| at.file == 0);
        let Some(origin) = usize::from(self.at.file).checked_sub(1).and_then(|at| origins.get(at)) else {
            return Some(self);
        };
        if origin.reported || self.code.severity() == Severity::Warning {
            return None;
        }
        let place = Lines::of(origin.text).place(self.at);
        let from = format!(" (inherited from {}:{}:{})", origin.path, place.line, place.column);
        Some(Self { at: Span::default(), message: self.message + &from, label: None, ..self })
    }

    /// Another place that belongs to it.
    pub(crate) fn note(mut self, at: Span, message: impl Into<String>) -> Self {
        self.notes.push((at, message.into()));
        self
    }
}

/// All faults of a file, each once.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    list: Vec<Fault>,
    seen: HashSet<(Code, Span, String)>,
    errors: usize,
    warnings: usize,
}

impl Faults {
    /// Keeps a fault, unless the same one is known (an alias shows the same text in several places) or
    /// there are too many of its severity.
    pub(crate) fn add(&mut self, fault: Fault) {
        let count = match fault.code.severity() {
            Severity::Error => &mut self.errors,
            Severity::Warning => &mut self.warnings,
        };
        if *count < MAX_FAULTS && self.seen.insert((fault.code, fault.at, fault.message.clone())) {
            *count += 1;
            self.list.push(fault);
        }
    }

    /// How many errors are kept.
    pub(crate) fn errors(&self) -> usize {
        self.errors
    }

    /// True when no more errors are kept, so that none needs to be looked for.
    pub(crate) fn is_full(&self) -> bool {
        self.errors == MAX_FAULTS
    }

    /// How many warnings are kept.
    pub(crate) fn warnings(&self) -> usize {
        self.warnings
    }

    /// Forgets warnings beyond the first `kept`.
    pub(crate) fn forget_warnings(&mut self, kept: usize) {
        let mut warnings = 0;
        self.list.retain(|fault| {
            warnings += usize::from(fault.code.severity() == Severity::Warning);
            fault.code.severity() == Severity::Error || warnings <= kept
        });
        self.warnings = kept;
    }

    /// The diagnostics, in the order of the file.
    pub(crate) fn finish(self, path: &str, text: &str) -> Vec<Diagnostic> {
        self.finish_with(path, text, &[])
    }

    /// The diagnostics, in the order of the file. What is wrong with an inherited value only in this file
    /// is told at its beginning, with the place of the value; what is wrong with it anyhow is not told here.
    pub(crate) fn finish_with(mut self, path: &str, text: &str, origins: &[Origin<'_>]) -> Vec<Diagnostic> {
        if self.list.is_empty() {
            return Vec::new();
        }
        self.list = self.list.into_iter().filter_map(|fault| fault.brought_home(origins)).collect();
        self.list.sort_by_key(|fault| (fault.at, fault.code));
        let (path, lines): (Arc<str>, _) = (path.into(), Lines::of(text));
        let note = |(at, message)| Note { message, place: lines.place(at) };
        self.list
            .into_iter()
            .map(|fault| Diagnostic {
                code: fault.code,
                message: fault.message,
                path: Arc::clone(&path),
                place: lines.place(fault.at),
                label: fault.label,
                help: fault.help,
                notes: fault.notes.into_iter().map(note).collect(),
            })
            .collect()
    }
}

/// Where the lines of a text begin.
struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn of(text: &'a str) -> Self {
        let after_breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self { text, starts: std::iter::once(0).chain(after_breaks).collect() }
    }

    fn place(&self, at: Span) -> Place {
        let (line, column, start) = self.position(at.start as usize);
        let (end_line, end_column, end) = self.position(at.end as usize);
        Place { line, column, end_line, end_column, bytes: start..end }
    }

    /// Line, column and byte of a place, moved back onto the text and onto a character where it is not.
    fn position(&self, byte: usize) -> (usize, usize, usize) {
        let byte = self.text.floor_char_boundary(byte);
        let line = self.starts.partition_point(|start| *start <= byte);
        let column = self.text[self.starts[line - 1]..byte].chars().count() + 1;
        (line, column, byte)
    }
}
