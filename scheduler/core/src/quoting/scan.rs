//! Reads a script the way a shell does, as far as quoting goes, and tells for each mark where it stands.
//!
//! Grammar: POSIX.1-2024, Shell Command Language, 2.2 Quoting to 2.7 Redirection, and bash's `$'…'`, `((…))`,
//! `[[…]]`, `$[…]`, `${v/…}`, `<(…)`. All characters that matter are ASCII, so the text is read by bytes.

use super::heredoc::HereDocument;
use super::place::{Place, Refusal};
use super::words::Words;

/// The byte of a mark.
pub(super) const MARK: u8 = crate::template::MARK as u8;
/// Deepest nesting of substitutions, groups and quotes that is followed.
const MAX_DEPTH: usize = 64;

/// For each mark of `text`, in order, where it stands or why it cannot.
pub(super) fn places(text: &str) -> Vec<Result<Place, Refusal>> {
    let mut scanner = Scanner {
        text: text.as_bytes(),
        at: 0,
        end: text.len(),
        depth: 0,
        refusing: None,
        pending: Vec::new(),
        found: Vec::new(),
    };
    while scanner.at < scanner.end {
        scanner.commands();
        // A `)` too many; what follows is read as a new list of commands.
        scanner.skip(1);
    }
    scanner.found
}

/// What surrounds an expansion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Around {
    /// Nothing.
    Bare,
    /// Double quotes.
    Quotes,
    /// A here-document.
    HereDocument,
}

/// A reader that goes through the text once.
pub(super) struct Scanner<'t> {
    pub(super) text: &'t [u8],
    pub(super) at: usize,
    /// Where reading stops: the end of the text or of a here-document.
    pub(super) end: usize,
    depth: usize,
    /// Every mark is refused with this, whatever its quotes.
    pub(super) refusing: Option<Refusal>,
    /// Here-documents whose text begins after this line.
    pub(super) pending: Vec<HereDocument>,
    pub(super) found: Vec<Result<Place, Refusal>>,
}

impl Scanner<'_> {
    /// The byte `ahead` places further, 0 being the next.
    pub(super) fn peek(&self, ahead: usize) -> Option<u8> {
        let at = self.at + ahead;
        if at < self.end { Some(self.text[at]) } else { None }
    }

    pub(super) fn starts(&self, with: &[u8]) -> bool {
        self.text[self.at..self.end].starts_with(with)
    }

    /// Goes further, but not beyond the end.
    pub(super) fn skip(&mut self, bytes: usize) {
        self.at = (self.at + bytes).min(self.end);
    }

    /// Takes a mark.
    pub(super) fn mark(&mut self, place: Result<Place, Refusal>) {
        self.found.push(match self.refusing {
            Some(refusal) => Err(refusal),
            None => place,
        });
        self.skip(1);
    }

    /// Takes a backslash and what it escapes.
    pub(super) fn escape(&mut self) {
        self.skip(1);
        match self.peek(0) {
            Some(MARK) => self.mark(Err(Refusal::Backslash)),
            _ => self.skip(1),
        }
    }

    /// Reads something nested, unless it is too deep: then the rest is given up.
    pub(super) fn nested(&mut self, read: impl FnOnce(&mut Self)) {
        if self.depth == MAX_DEPTH {
            self.give_up();
            return;
        }
        self.depth += 1;
        read(self);
        self.depth -= 1;
    }

    /// Refuses all that is left, as it cannot be told how it will be read.
    pub(super) fn give_up(&mut self) {
        self.end = self.text.len();
        while let Some(byte) = self.peek(0) {
            if byte == MARK {
                self.found.push(Err(Refusal::Unclear));
            }
            self.skip(1);
        }
    }

    /// A list of commands up to the `)` that closes it, which is left to the caller, or to the end.
    pub(super) fn commands(&mut self) {
        let outside = self.refusing.take();
        let mut words = Words::new();
        while let Some(byte) = self.peek(0) {
            match byte {
                b' ' | b'\t' => words.end_word(self, 1),
                b'\n' => {
                    words.end_command(self, 1);
                    self.here_documents();
                }
                b';' | b'&' | b'|' => words.end_command(self, 1),
                b'(' | b')' if words.in_test() => words.end_word(self, 1),
                b'<' | b'>' => self.redirection(&mut words),
                b'(' => self.group(&mut words),
                b')' if words.close_pattern(self) => {}
                b')' => break,
                b'#' if words.between() => self.comment(),
                _ => {
                    words.begin(self.at);
                    self.word_part(&mut words);
                }
            }
        }
        words.end_command(self, 0);
        self.refusing = outside;
    }

    /// After `$(`, up to and with its `)`. Its here-documents are its own: where one ends outside, or one of the
    /// line outside would have to begin inside, shells disagree.
    pub(super) fn substitution(&mut self) {
        let (start, marks) = (self.at, self.found.len());
        let outside = std::mem::take(&mut self.pending);
        self.nested(Self::commands);
        let crossed = !outside.is_empty() && self.text[start..self.at].contains(&b'\n');
        if crossed || (!self.pending.is_empty() && self.at < self.end) {
            self.found[marks..].fill(Err(Refusal::Unclear));
            self.give_up();
        }
        self.pending = outside;
        self.skip(1);
    }

    /// One part of a bare word.
    fn word_part(&mut self, words: &mut Words) {
        let outside = self.refusing;
        if words.in_subscript() {
            self.refusing = Some(Refusal::Subscript);
        }
        match self.text[self.at] {
            MARK => self.mark(Ok(Place::Bare)),
            b'\\' => {
                // An escaped line end is nothing at all, not even a part of a word.
                if self.peek(1) == Some(b'\n') && words.is_empty(self.at) {
                    words.forget();
                }
                self.escape();
            }
            b'\'' => self.single(),
            b'"' => self.double(),
            b'`' => self.backticks(),
            b'$' => self.dollar(Around::Bare),
            byte => {
                words.literal(byte, self);
                self.skip(1);
            }
        }
        self.refusing = outside;
    }

    /// `( … )`: a subshell, a function's parentheses, an array, an extended glob; or `(( … ))`.
    fn group(&mut self, words: &mut Words) {
        if words.between() && self.peek(1) == Some(b'(') {
            self.skip(2);
            self.nested(Self::double_parentheses);
        } else {
            self.skip(1);
            self.nested(Self::commands);
            self.skip(1);
        }
        words.after_group();
    }

    fn comment(&mut self) {
        while let Some(byte) = self.peek(0).filter(|byte| *byte != b'\n') {
            if byte == MARK {
                self.mark(Err(Refusal::Comment));
            } else {
                self.skip(1);
            }
        }
    }

    /// `'…'`.
    pub(super) fn single(&mut self) {
        self.skip(1);
        while let Some(byte) = self.peek(0) {
            match byte {
                MARK => self.mark(Ok(Place::Single)),
                b'\'' => return self.skip(1),
                _ => self.skip(1),
            }
        }
    }

    /// `"…"`.
    pub(super) fn double(&mut self) {
        self.skip(1);
        self.nested(|scanner| {
            while let Some(byte) = scanner.peek(0) {
                match byte {
                    b'"' => return scanner.skip(1),
                    _ => scanner.quoted_part(byte, Around::Quotes),
                }
            }
        });
    }

    /// One part of a text in which only `\`, `$` and backticks mean something.
    pub(super) fn quoted_part(&mut self, byte: u8, around: Around) {
        match byte {
            MARK => self.mark(Ok(Place::Quoted)),
            b'\\' => self.escape(),
            b'$' => self.dollar(around),
            b'`' => self.backticks(),
            _ => self.skip(1),
        }
    }
}
