//! From the text of a file to the DAG it means, or to everything that is wrong with it, in one pass.

mod dag;
mod entry;
mod foreach;
mod group;
mod params;
mod schedule;
mod settings;
mod task;
mod value;

use super::known::Known;
use super::spec::Dag;
use super::tree;
use crate::diag::{Code, Diagnostic, Fault, Faults, Span};

pub(crate) use self::dag::Draft;
pub(crate) use self::group::DraftGroup;
pub(crate) use self::task::{DraftTask, Text, TextKind};

/// A file to be read.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// Its path, as messages show it; its stem is the DAG's id where the file names none.
    pub path: &'a str,
    /// Its bytes.
    pub text: &'a [u8],
}

impl<'a> Source<'a> {
    /// A file of this path and text.
    pub fn new(path: &'a str, text: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        Self { path, text: text.as_ref() }
    }
}

/// What a file gives.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Reading {
    /// Its DAG; none when there is any error in it.
    pub dags: Vec<Dag>,
    /// All that is to be said about it, in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
}

/// What reads values: where faults go, and what the file is read against.
pub(crate) struct Reader<'r> {
    /// The file's text.
    pub(crate) text: &'r str,
    pub(crate) faults: &'r mut Faults,
    pub(crate) known: &'r Known,
}

impl Reader<'_> {
    /// Reads something whose faults are reported elsewhere.
    fn quietly<T>(&mut self, read: impl FnOnce(&mut Reader<'_>) -> T) -> T {
        let mut elsewhere = Faults::default();
        read(&mut Reader { text: self.text, faults: &mut elsewhere, known: self.known })
    }
}

/// Reads a DAG file. Takes any bytes, in bounded time and space, and finds all faults at once.
pub fn read(source: &Source<'_>, known: &Known) -> Reading {
    let mut faults = Faults::default();
    let (text, whole) = text_of(source.text, known.limits.bytes, &mut faults);
    let dag = whole.then(|| {
        tree::parse(text, &known.limits, &mut faults, |root, faults| {
            let mut reader = Reader { text, faults, known };
            reader.dag(root, source.path)
        })
    });
    let dags = dag.flatten().flatten().filter(|_| faults.errors() == 0).into_iter().collect();
    Reading { dags, diagnostics: faults.finish(source.path, text) }
}

/// The bytes as text, as far as they are, and whether that is all of them.
pub(crate) fn text_of<'a>(bytes: &'a [u8], limit: usize, faults: &mut Faults) -> (&'a str, bool) {
    if bytes.len() > limit {
        let message = format!("the file has {} bytes, and {limit} are allowed", bytes.len());
        let help = "divide it into several DAGs; text that a task reads belongs in a file of its own";
        faults.add(Fault::new(Code::TooLarge, Span::default(), message).help(help));
        return ("", false);
    }
    match str::from_utf8(bytes) {
        Ok(text) => (text, true),
        Err(error) => {
            let good = error.valid_up_to();
            let message =
                format!("the file is not UTF-8: the byte {:#04x} here is no character", bytes[good]);
            let fault = Fault::new(Code::NotText, Span::new(good, good), message);
            faults.add(fault.help("save the file as UTF-8"));
            (str::from_utf8(&bytes[..good]).unwrap_or_default(), false)
        }
    }
}
