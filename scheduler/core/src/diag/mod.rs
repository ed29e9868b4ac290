//! What is wrong with a DAG file, where, and what to do about it: values, made in one pass, shown by
//! whoever asked.

mod code;
mod fault;
mod render;

pub use code::{Code, page};
pub use render::Style;

pub(crate) use fault::{Fault, Faults, Origin, Span};

use std::ops::Range;
use std::sync::Arc;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

/// Whether a DAG with it can still be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The file gives no DAG.
    Error,
    /// The DAG runs, though perhaps not as its author thinks.
    Warning,
}

/// One fault of a file. Its JSON is `{code, severity, message, path, line, column, help}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Which fault it is; its page says more.
    pub code: Code,
    /// What is wrong, in one line.
    pub message: String,
    /// The path of the file, as it was given.
    pub path: Arc<str>,
    /// Where it is.
    pub place: Place,
    /// A few words at the caret.
    pub label: Option<String>,
    /// What to write instead.
    pub help: Option<String>,
    /// Other places that belong to it.
    pub notes: Vec<Note>,
}

/// Another place of the same file, with a few words about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// What is there.
    pub message: String,
    /// Where that is.
    pub place: Place,
}

/// A piece of a file. Lines and columns count from 1, columns in characters; the end is not part of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// First line.
    pub line: usize,
    /// First column.
    pub column: usize,
    /// Line of the end.
    pub end_line: usize,
    /// Column of the end.
    pub end_column: usize,
    /// The same piece in bytes of the file.
    pub bytes: Range<usize>,
}

impl Diagnostic {
    /// Error or warning, by its code.
    pub fn severity(&self) -> Severity {
        self.code.severity()
    }

    /// True when it keeps the file from giving a DAG.
    pub fn is_error(&self) -> bool {
        self.severity() == Severity::Error
    }

    /// A DAG of this id is defined in the file `first` already, and again in `path`, whose text this is.
    pub fn duplicate_dag(path: &str, text: &str, id: &str, first: &str) -> Self {
        let mut start = 0;
        let mut place = Place { line: 1, column: 1, end_line: 1, end_column: 2, bytes: 0..text.len().min(1) };
        for (at, line) in text.split_inclusive('\n').enumerate() {
            let said = line.strip_prefix("id:").map(|said| said.trim_start().trim_start_matches(['"', '\'']));
            if said.is_some_and(|said| said.starts_with(id)) {
                let length = line.trim_end().len();
                let end_column = line.trim_end().chars().count() + 1;
                place = Place {
                    line: at + 1,
                    column: 1,
                    end_line: at + 1,
                    end_column,
                    bytes: start..start + length,
                };
                break;
            }
            start += line.len();
        }
        Self {
            code: Code::DuplicateDag,
            message: format!("DAG `{id}` is defined in {first} already"),
            path: path.into(),
            place,
            label: None,
            help: Some("give one of them another `id`".into()),
            notes: Vec::new(),
        }
    }

    /// As a compiler would print it, with the lines of `text` (the file it is about) and a caret.
    pub fn render(&self, text: &str, style: Style) -> String {
        render::render(self, text, style)
    }
}

impl Serialize for Diagnostic {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Diagnostic", 9)?;
        object.serialize_field("code", self.code.as_str())?;
        object.serialize_field("severity", &self.severity())?;
        object.serialize_field("message", &self.message)?;
        object.serialize_field("path", &*self.path)?;
        object.serialize_field("line", &self.place.line)?;
        object.serialize_field("column", &self.place.column)?;
        object.serialize_field("end_line", &self.place.end_line)?;
        object.serialize_field("end_column", &self.place.end_column)?;
        object.serialize_field("help", &self.help)?;
        object.end()
    }
}
