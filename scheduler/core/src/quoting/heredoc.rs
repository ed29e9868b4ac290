//! Redirections and here-documents.

use super::place::Refusal;
use super::scan::{Around, MARK, Scanner};
use super::words::Words;

/// A here-document that has been announced.
#[derive(Debug)]
pub(super) struct HereDocument {
    /// Its end word, without quotes.
    end: Vec<u8>,
    /// Its end word was quoted: its text is taken as it is.
    quoted: bool,
    /// `<<-`: tabs at the beginning of its lines do not count.
    tabs: bool,
}

impl Scanner<'_> {
    /// `<` or `>` and what belongs to it. The word that follows is a word like any other.
    pub(super) fn redirection(&mut self, words: &mut Words) {
        words.end_word(self, 0);
        if self.starts(b"<<<") {
            self.skip(3);
        } else if self.starts(b"<<") {
            self.skip(2);
            let tabs = self.peek(0) == Some(b'-');
            self.skip(usize::from(tabs));
            let announced = self.end_of_document(tabs);
            self.pending.extend(announced);
        } else {
            // `<(…)` and `>(…)` go on with their group; `>&` and `>|` are no ends of commands.
            let operator = matches!(self.peek(1), Some(b'&' | b'|' | b'>'));
            self.skip(1 + usize::from(operator));
            if self.peek(0) == Some(b'(') {
                self.skip(1);
                self.substitution();
            }
        }
    }

    /// The end word after `<<`; `None` where there is none.
    fn end_of_document(&mut self, tabs: bool) -> Option<HereDocument> {
        while matches!(self.peek(0), Some(b' ' | b'\t')) {
            self.skip(1);
        }
        let (mut end, mut quoted, mut inside) = (Vec::new(), false, None);
        while let Some(byte) = self.peek(0) {
            match (byte, inside) {
                (MARK, _) => {
                    self.mark(Err(Refusal::Delimiter));
                    continue;
                }
                (quote, Some(open)) if quote == open => inside = None,
                (b'\'' | b'"', None) => (quoted, inside) = (true, Some(byte)),
                (b'\\', None) => {
                    quoted = true;
                    self.skip(1);
                    end.extend(self.peek(0).filter(|byte| *byte != MARK));
                    if self.peek(0) == Some(MARK) {
                        continue;
                    }
                }
                (b' ' | b'\t' | b'\n' | b';' | b'&' | b'|' | b'<' | b'>' | b'(' | b')', None) => break,
                (byte, _) => end.push(byte),
            }
            self.skip(1);
        }
        (quoted || !end.is_empty()).then_some(HereDocument { end, quoted, tabs })
    }

    /// Reads the here-documents that were announced on the line that has just ended.
    pub(super) fn here_documents(&mut self) {
        for document in std::mem::take(&mut self.pending) {
            let (text_end, after) = self.extent(&document);
            let end = std::mem::replace(&mut self.end, text_end);
            if document.quoted {
                while let Some(byte) = self.peek(0) {
                    if byte == MARK {
                        self.mark(Err(Refusal::QuotedHereDocument));
                    } else {
                        self.skip(1);
                    }
                }
            } else {
                self.nested(|scanner| {
                    while let Some(byte) = scanner.peek(0) {
                        scanner.quoted_part(byte, Around::HereDocument);
                    }
                });
            }
            self.end = end;
            self.at = self.at.max(after);
        }
    }

    /// Where the text of a here-document that begins here ends, and where its end word's line does.
    fn extent(&self, document: &HereDocument) -> (usize, usize) {
        let mut start = self.at;
        let mut joined = false;
        while start < self.end {
            let length = self.text[start..self.end].iter().position(|byte| *byte == b'\n');
            let line_end = length.map_or(self.end, |length| start + length);
            let line = &self.text[start..line_end];
            let tabs = if document.tabs { line.iter().take_while(|byte| **byte == b'\t').count() } else { 0 };
            let after = (line_end + 1).min(self.end);
            if !joined && line[tabs..] == document.end {
                return (start, after);
            }
            // A line that ends with a backslash takes the next one in, which is no end word then.
            let backslashes = line.iter().rev().take_while(|byte| **byte == b'\\').count();
            joined = !document.quoted && backslashes % 2 == 1;
            start = after;
        }
        (self.end, self.end)
    }
}
