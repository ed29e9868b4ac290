//! What begins with `$`, and backticks.

use super::place::{Place, Refusal};
use super::scan::{Around, MARK, Scanner};
use super::words::is_name_byte;

/// What the text after a parameter's name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operand {
    /// `${v:-word}`.
    Word,
    /// `${v:=word}`: the variable's new value, split into words unless quoted.
    Assigned,
    /// `${v#pattern}`.
    Pattern,
    /// `${v/pattern/text}`: the text is split into words unless quoted.
    Replacement,
    /// `${v:offset:length}`.
    Arithmetic,
    /// Nothing may come but the closing brace.
    Nothing,
}

impl Operand {
    /// Quotes are quotes in it, whatever surrounds it.
    fn is_pattern(self) -> bool {
        matches!(self, Self::Pattern | Self::Replacement)
    }
}

impl Scanner<'_> {
    /// `$` and what belongs to it.
    pub(super) fn dollar(&mut self, around: Around) {
        match (self.peek(1), around) {
            (Some(MARK), _) => {
                self.skip(1);
                self.mark(Err(Refusal::Dollar));
            }
            (Some(b'('), _) if self.peek(2) == Some(b'(') => {
                self.skip(3);
                self.nested(Self::double_parentheses);
            }
            (Some(b'('), _) => {
                self.skip(2);
                self.substitution();
            }
            (Some(b'{'), _) => {
                self.skip(2);
                self.nested(|scanner| scanner.parameter(around));
            }
            (Some(b'['), _) => self.brackets(),
            (Some(b'\''), Around::Bare) => self.ansi(),
            (Some(b'$' | b'?' | b'!' | b'#' | b'*' | b'@' | b'-' | b'0'..=b'9'), _) => self.skip(2),
            (Some(byte), _) if byte == b'_' || byte.is_ascii_alphabetic() => {
                self.skip(1);
                self.name();
            }
            _ => self.skip(1),
        }
    }

    fn name(&mut self) {
        while self.peek(0).is_some_and(is_name_byte) {
            self.skip(1);
        }
    }

    /// `$'…'`.
    fn ansi(&mut self) {
        self.skip(2);
        while let Some(byte) = self.peek(0) {
            match byte {
                MARK => self.mark(Ok(Place::Ansi)),
                b'\'' => return self.skip(1),
                b'\\' => {
                    // `\c` takes one more: it would take the quote that a value is put behind.
                    self.skip(usize::from(self.peek(1) == Some(b'c')));
                    self.escape();
                }
                _ => self.skip(1),
            }
        }
    }

    /// After `$((` or `((`, up to `))`.
    pub(super) fn double_parentheses(&mut self) {
        self.arithmetic(b'(', b')');
        if self.peek(0) == Some(b')') {
            self.skip(1);
        } else {
            // It was `( (…) …)`: a group that begins with another.
            self.commands();
            self.skip(1);
        }
    }

    /// `$[…]`, bash's old arithmetic; elsewhere just text.
    fn brackets(&mut self) {
        let line = self.text[self.at..self.end].split(|byte| *byte == b'\n').next().unwrap_or_default();
        if line.contains(&b']') {
            self.skip(2);
            self.nested(|scanner| scanner.arithmetic(b'[', b']'));
        } else {
            self.skip(2);
        }
    }

    /// An arithmetic expression up to and with its closing byte.
    fn arithmetic(&mut self, open: u8, close: u8) {
        let outside = self.refusing.replace(Refusal::Arithmetic);
        let mut depth = 0;
        while let Some(byte) = self.peek(0) {
            if byte == close && depth == 0 {
                self.skip(1);
                break;
            }
            depth += usize::from(byte == open);
            depth -= usize::from(byte == close);
            match byte {
                b'"' => self.double(),
                _ => self.quoted_part(byte, Around::Quotes),
            }
        }
        self.refusing = outside;
    }

    /// After `${`, up to and with `}`.
    fn parameter(&mut self, around: Around) {
        let prefixed = self.peek(1).is_some_and(|byte| is_name_byte(byte) || byte == b'@');
        if prefixed && matches!(self.peek(0), Some(b'!' | b'#')) {
            self.skip(1);
        }
        match self.peek(0) {
            Some(byte) if is_name_byte(byte) => self.name(),
            Some(b'@' | b'*' | b'#' | b'?' | b'-' | b'$' | b'!') => self.skip(1),
            _ => {}
        }
        if self.peek(0) == Some(b'[') {
            self.skip(1);
            self.arithmetic(b'[', b']');
        }
        let operand = self.operator();
        let place = operand_place(operand, around);
        let outside = self.refusing;
        self.refusing = outside.or(place.err());
        while let Some(byte) = self.peek(0) {
            match byte {
                b'}' => {
                    self.skip(1);
                    break;
                }
                MARK => self.mark(place),
                b'\'' if around == Around::Bare || operand.is_pattern() => self.single(),
                b'"' if around != Around::HereDocument => self.double(),
                _ => self.quoted_part(byte, around),
            }
        }
        self.refusing = outside;
    }

    /// The operator after a parameter's name.
    fn operator(&mut self) -> Operand {
        let (operand, length) = match (self.peek(0), self.peek(1)) {
            (Some(b':'), Some(b'=')) => (Operand::Assigned, 2),
            (Some(b'='), _) => (Operand::Assigned, 1),
            (Some(b':'), Some(b'-' | b'+' | b'?')) => (Operand::Word, 2),
            (Some(b'-' | b'+' | b'?'), _) => (Operand::Word, 1),
            (Some(b'#' | b'%' | b'^' | b','), _) => (Operand::Pattern, 1),
            (Some(b'/'), _) => (Operand::Replacement, 1),
            (Some(b':'), _) => (Operand::Arithmetic, 1),
            _ => (Operand::Nothing, 0),
        };
        self.skip(length);
        operand
    }

    /// `` `…` ``.
    pub(super) fn backticks(&mut self) {
        self.skip(1);
        let outside = self.refusing.replace(Refusal::Backtick);
        while let Some(byte) = self.peek(0) {
            match byte {
                b'`' => {
                    self.skip(1);
                    break;
                }
                MARK => self.mark(Err(Refusal::Backtick)),
                b'\\' => self.escape(),
                _ => self.skip(1),
            }
        }
        self.refusing = outside;
    }
}

fn operand_place(operand: Operand, around: Around) -> Result<Place, Refusal> {
    match (operand, around) {
        (Operand::Nothing, _) => Err(Refusal::Name),
        (Operand::Arithmetic, _) => Err(Refusal::Arithmetic),
        (Operand::Pattern | Operand::Replacement, Around::HereDocument) => Err(Refusal::HereDocumentPattern),
        (Operand::Assigned | Operand::Replacement, Around::Bare) => Err(Refusal::Unquoted),
        // Within double quotes a pattern still is one: the value needs quotes of its own.
        (Operand::Pattern | Operand::Replacement, _) | (Operand::Word, Around::Bare) => Ok(Place::Bare),
        (Operand::Word | Operand::Assigned, _) => Ok(Place::Quoted),
    }
}
