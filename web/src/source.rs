//! The text of a DAG file with what is wrong with it, line by line.

use std::fs;
use std::io::Read;

use serde::Serialize;
use serde_json::Value as Json;

use crate::app::Site;
use crate::yaml::{self, Piece};

/// A longer file is refused by the reader too.
const MAX_BYTES: u64 = 1 << 20;

/// One line and the faults that begin in it.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Line {
    pub(crate) number: usize,
    pub(crate) text: String,
    /// The same, as it is coloured.
    pub(crate) pieces: Vec<Piece>,
    /// What comes before, in and after the place of the first fault.
    pub(crate) marked: Option<[String; 3]>,
    pub(crate) faults: Vec<FaultAt>,
}

/// One fault of a file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct FaultAt {
    pub(crate) code: String,
    pub(crate) severity: &'static str,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
    pub(crate) line: usize,
    pub(crate) column: usize,
    /// Characters of the line that it is about; none when it is about more than the line.
    pub(crate) length: usize,
}

/// Reads diagnostics as they are stored: what `validate --format json` prints.
pub(crate) fn faults(stored: &Json) -> Vec<FaultAt> {
    let text = |fault: &Json, key: &str| fault[key].as_str().unwrap_or_default().to_owned();
    let count = |fault: &Json, key: &str| {
        fault[key].as_u64().and_then(|count| usize::try_from(count).ok()).unwrap_or(1).max(1)
    };
    let read = |fault: &Json| FaultAt {
        code: text(fault, "code"),
        severity: if fault["severity"] == "warning" { "warning" } else { "error" },
        message: text(fault, "message"),
        help: fault["help"].as_str().map(ToOwned::to_owned),
        line: count(fault, "line"),
        column: count(fault, "column"),
        length: if fault["end_line"] == fault["line"] {
            count(fault, "end_column").saturating_sub(count(fault, "column"))
        } else {
            0
        },
    };
    stored.as_array().map(|all| all.iter().map(read).collect()).unwrap_or_default()
}

/// All lines of a text; faults beyond its end are put to its last line.
pub(crate) fn lines(text: &str, stored: Option<&Json>) -> Vec<Line> {
    let coloured = yaml::lines(text).into_iter().chain(text.is_empty().then(Vec::new));
    let line = |(at, (text, pieces)): (usize, (&str, Vec<Piece>))| Line {
        number: at + 1,
        text: text.to_owned(),
        pieces,
        marked: None,
        faults: Vec::new(),
    };
    let texts = text.lines().chain(text.is_empty().then_some(""));
    let mut lines: Vec<Line> = texts.zip(coloured).enumerate().map(line).collect();
    let last = lines.len();
    for fault in stored.map(faults).unwrap_or_default() {
        let line = &mut lines[fault.line.min(last) - 1];
        if line.faults.is_empty() && fault.length > 0 {
            line.marked = Some(mark(&line.text, fault.column - 1, fault.length));
        }
        line.faults.push(fault);
    }
    lines
}

fn mark(text: &str, start: usize, length: usize) -> [String; 3] {
    let part = |skip: usize, take: usize| text.chars().skip(skip).take(take).collect();
    [part(0, start), part(start, length), part(start + length, usize::MAX)]
}

impl Site {
    /// The text of a file of the DAG folder, if it is there and lies within.
    pub(crate) fn dag_file(&self, path: &str) -> Option<String> {
        let root = self.app.dags.canonicalize().ok()?;
        let file = root.join(path).canonicalize().ok().filter(|file| file.starts_with(&root))?;
        let mut bytes = Vec::new();
        fs::File::open(file).ok()?.take(MAX_BYTES).read_to_end(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }
}
