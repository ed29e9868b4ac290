//! What is wrong with a template, and where.

use std::fmt;
use std::ops::Range;

use minijinja::ErrorKind;

use super::{FUEL, MAX_TEXT};

/// One fault of a template. Never quotes a value, only names and the template's own text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateFault {
    /// What is wrong, one line.
    pub message: String,
    /// Where, in bytes of the template's source; all of it where the place is not known.
    pub range: Range<usize>,
    /// What to write instead.
    pub help: Option<String>,
}

impl TemplateFault {
    /// A fault without a cure.
    pub(crate) fn new(message: impl Into<String>, range: Range<usize>) -> Self {
        Self { message: message.into(), range, help: None }
    }

    /// The same with a cure.
    #[must_use]
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// A wrong name: `what` says of what kind, `known` are the right ones.
    pub(crate) fn unknown<'k>(
        what: &str,
        name: &str,
        range: Range<usize>,
        known: impl IntoIterator<Item = &'k str>,
    ) -> Self {
        let fault = Self::new(format!("unknown {what} `{name}`"), range);
        match nearest(name, known) {
            Some(right) => fault.help(format!("did you mean `{right}`?")),
            None => fault,
        }
    }

    /// What the engine reports while it parses or renders `source`.
    pub(super) fn of_engine(error: &minijinja::Error, source: &str) -> Self {
        let range = error
            .range()
            .filter(|range| source.get(range.clone()).is_some_and(|text| !text.is_empty()))
            .unwrap_or(0..source.len());
        if let Some(own) = std::error::Error::source(error).and_then(|e| e.downcast_ref::<Self>()) {
            return Self { range, ..own.clone() };
        }
        let message = match error.kind() {
            ErrorKind::UndefinedError => format!("`{}` is not defined", source[range.clone()].trim()),
            ErrorKind::OutOfFuel => format!("the template takes more than {FUEL} steps"),
            ErrorKind::WriteFailure => format!("the text is longer than {MAX_TEXT} bytes"),
            kind => error.detail().map_or_else(|| kind.to_string(), str::to_owned),
        };
        let fault = Self::new(message, range);
        match error.kind() {
            ErrorKind::SyntaxError => {
                fault.help("text with `{{` or `{%` that is no template goes into `{% raw %}…{% endraw %}`")
            }
            _ => fault,
        }
    }
}

impl fmt::Display for TemplateFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.help {
            Some(help) => write!(f, "; {help}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for TemplateFault {}

impl From<TemplateFault> for minijinja::Error {
    /// Carried through the engine, which adds the place.
    fn from(fault: TemplateFault) -> Self {
        Self::from(ErrorKind::InvalidOperation).with_source(fault)
    }
}

/// The known name that `name` was probably meant to be: at most a third of it differs.
pub fn nearest<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    known
        .into_iter()
        .map(|right| (strsim::damerau_levenshtein(name, right), right))
        .filter(|(distance, right)| *distance <= right.chars().count().max(3) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, right)| right)
}
