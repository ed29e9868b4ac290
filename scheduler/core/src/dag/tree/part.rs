//! Where a part of a scalar's text stands in the file.

use std::ops::Range;

use super::{Kind, Node, Style};
use crate::diag::Span;

impl Node<'_> {
    /// The place in `file` of a byte range of this scalar's text. Where the text is not written letter
    /// by letter (escapes, folding), and where it was inherited, the place of the whole value.
    pub(crate) fn part(&self, file: &str, range: Range<usize>) -> Span {
        let Kind::Scalar(scalar) = &self.kind else { return self.at };
        if self.at.file != 0 {
            return self.at;
        }
        let start = self.at.range().start;
        let place = match scalar.style {
            Style::Plain => same_letters(file, start, &scalar.text, &range),
            Style::Quoted => same_letters(file, start + 1, &scalar.text, &range),
            Style::Literal => same_line(file, start, &scalar.text, &range),
            Style::Folded => None,
        };
        place.unwrap_or(self.at)
    }
}

/// The text up to the end of the range stands at `start` as it is.
fn same_letters(file: &str, start: usize, text: &str, range: &Range<usize>) -> Option<Span> {
    let written = file.get(start..start + range.end)?;
    (text.get(..range.end)? == written).then(|| Span::new(start + range.start, start + range.end))
}

/// The line of the text in which the range begins stands as many lines below `start`, indented.
fn same_line(file: &str, start: usize, text: &str, range: &Range<usize>) -> Option<Span> {
    let before = text.get(..range.start)?;
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = text[line_start..].split('\n').next()?;
    let first = file[..start].rfind('\n').map_or(0, |at| at + 1);
    let indent = start - first;
    let mut file_start = first;
    for _ in before.matches('\n') {
        file_start += file[file_start..].find('\n')? + 1;
    }
    let written = file.get(file_start + indent..file_start + indent + line.len())?;
    let place = |at: usize| file_start + indent + at - line_start;
    (written == line).then(|| Span::new(place(range.start), place(range.end.min(line_start + line.len()))))
}
