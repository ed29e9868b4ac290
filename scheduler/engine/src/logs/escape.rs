//! Terminal escape sequences in logs: colours become data, everything else is taken out, so that
//! nothing a task writes can act on whoever looks at it.

use std::borrow::Cow;

use anstyle::{Ansi256Color, AnsiColor, Color, Effects, RgbColor, Style};

/// A piece of text in one style.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// How it looks; plain by default.
    pub style: Style,
    /// The text, without control characters but line breaks and tabs.
    pub text: String,
}

/// The text without escape sequences and control characters; line breaks and tabs stay, and a carriage
/// return, with which progress bars write over themselves, becomes a line break.
pub fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(is_control) {
        return Cow::Borrowed(text);
    }
    let words = Pieces { rest: text }.filter_map(|piece| match piece {
        Piece::Text(text) => Some(text),
        Piece::Sgr(_) => None,
    });
    Cow::Owned(words.collect())
}

/// The text in spans of one style each, without escape sequences and control characters as in
/// [`plain`]. Begins with `style` and leaves there how it ends, for the next part of the same log.
pub fn spans(text: &str, style: &mut Style) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    for piece in (Pieces { rest: text }) {
        match piece {
            Piece::Sgr(codes) => *style = restyled(*style, codes),
            Piece::Text(text) => match spans.last_mut().filter(|last| last.style == *style) {
                Some(last) => last.text.push_str(text),
                None => spans.push(Span { style: *style, text: text.to_owned() }),
            },
        }
    }
    spans
}

enum Piece<'a> {
    Text(&'a str),
    /// The parameters of "select graphic rendition", such as `1;31`.
    Sgr(&'a str),
}

/// Takes a text apart; what is neither text nor a style is left out.
struct Pieces<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        loop {
            let first = self.rest.chars().next()?;
            if !is_control(first) {
                let length = self.rest.find(is_control).unwrap_or(self.rest.len());
                return Some(Piece::Text(self.take(length)));
            }
            self.take(first.len_utf8());
            let sequence = match first {
                '\x1b' => self.escape(),
                '\u{9b}' => self.control_sequence(),
                '\u{90}' | '\u{98}' | '\u{9d}'..='\u{9f}' => self.string(),
                '\r' if !self.rest.starts_with('\n') => Some(Piece::Text("\n")),
                _ => None,
            };
            if sequence.is_some() {
                return sequence;
            }
        }
    }
}

impl<'a> Pieces<'a> {
    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        taken
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let length = self.rest.find(|c| !wanted(c)).unwrap_or(self.rest.len());
        self.take(length)
    }

    /// What follows an ESC (ECMA-48, 5.3 and 5.4).
    fn escape(&mut self) -> Option<Piece<'a>> {
        self.take_while(|c| matches!(c, ' '..='/'));
        let kind = self.rest.chars().next().filter(|c| matches!(c, '0'..='~'))?;
        self.take(1);
        match kind {
            '[' => self.control_sequence(),
            ']' | 'P' | 'X' | '^' | '_' => self.string(),
            _ => None,
        }
    }

    /// Parameters, intermediates, and the letter that says what it is; `m` is a style.
    fn control_sequence(&mut self) -> Option<Piece<'a>> {
        let parameters = self.take_while(|c| matches!(c, '0'..='?'));
        let intermediates = self.take_while(|c| matches!(c, ' '..='/'));
        let kind = self.rest.chars().next().filter(|c| matches!(c, '@'..='~'))?;
        self.take(1);
        let is_style = kind == 'm' && intermediates.is_empty();
        let is_known = parameters.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b';' | b':'));
        (is_style && is_known).then_some(Piece::Sgr(parameters))
    }

    /// A title, a link or the like, up to its terminator. A line's end ends it too: one that lacks its
    /// terminator must not swallow the rest of the log.
    fn string(&mut self) -> Option<Piece<'a>> {
        self.take_while(|c| !matches!(c, '\x07' | '\x1b' | '\u{9c}' | '\n'));
        None
    }
}

fn is_control(c: char) -> bool {
    c.is_control() && c != '\n' && c != '\t'
}

/// The style after these codes.
fn restyled(mut style: Style, codes: &str) -> Style {
    let mut groups = codes.split(';');
    while let Some(group) = groups.next() {
        let (code, sub) = group.split_once(':').map_or((group, None), |(code, sub)| (code, Some(sub)));
        let effects = style.get_effects();
        style = match number(code) {
            0 => Style::new(),
            1 => style.effects(effects | Effects::BOLD),
            2 => style.effects(effects | Effects::DIMMED),
            3 => style.effects(effects | Effects::ITALIC),
            4 => style.effects(effects | Effects::UNDERLINE),
            7 => style.effects(effects | Effects::INVERT),
            9 => style.effects(effects | Effects::STRIKETHROUGH),
            22 => style.effects(effects - Effects::BOLD - Effects::DIMMED),
            23 => style.effects(effects - Effects::ITALIC),
            24 => style.effects(effects - Effects::UNDERLINE),
            27 => style.effects(effects - Effects::INVERT),
            29 => style.effects(effects - Effects::STRIKETHROUGH),
            code @ (30..=37 | 90..=97) => style.fg_color(named(code)),
            code @ (40..=47 | 100..=107) => style.bg_color(named(code - 10)),
            38 => style.fg_color(extended(sub, &mut groups)),
            48 => style.bg_color(extended(sub, &mut groups)),
            39 => style.fg_color(None),
            49 => style.bg_color(None),
            _ => style,
        };
    }
    style
}

/// A code; none is 0, and what is too large is no code.
fn number(text: &str) -> u8 {
    if text.is_empty() { 0 } else { text.parse().unwrap_or(u8::MAX) }
}

/// The colour of the codes 30 to 37 and 90 to 97.
fn named(code: u8) -> Option<Color> {
    let bright = if code >= 90 { 8 } else { 0 };
    let colour = Ansi256Color(code % 10 + bright);
    colour.into_ansi().map(AnsiColor::into)
}

/// The colour of `38;5;n` and `38;2;r;g;b`, or the same with colons (`38:2::r:g:b`); `None` when it
/// makes no sense.
fn extended<'a>(sub: Option<&str>, groups: &mut impl Iterator<Item = &'a str>) -> Option<Color> {
    if let Some(sub) = sub {
        let codes: Vec<u8> = sub.split(':').map(number).collect();
        return match codes[..] {
            [5, n] => Some(Ansi256Color(n).into()),
            [2, r, g, b] | [2, _, r, g, b, ..] => Some(RgbColor(r, g, b).into()),
            _ => None,
        };
    }
    let mut next = || groups.next().map(number);
    match next()? {
        5 => Some(Ansi256Color(next()?).into()),
        2 => Some(RgbColor(next()?, next()?, next()?).into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<(Style, String)> {
        spans(text, &mut Style::new()).into_iter().map(|span| (span.style, span.text)).collect()
    }

    fn fg(colour: impl Into<Color>) -> Style {
        Style::new().fg_color(Some(colour.into()))
    }

    #[test]
    fn plain_text_stays_as_it_is() {
        assert!(matches!(plain("a\tb\nc ä€"), Cow::Borrowed("a\tb\nc ä€")));
    }

    #[test]
    fn what_acts_on_a_terminal_is_taken_out() {
        let cases = [
            ("\x1b[1;31mred\x1b[0m", "red"),
            ("a\x1b[2J\x1b[Hb\x1b[?25lc", "abc"),
            ("\x1b]0;title\x07x\x1b]8;;http://a\x1b\\link\x1b]8;;\x1b\\", "xlink"),
            ("\u{9b}31mred\u{9d}0;t\u{9c}x", "redx"),
            ("\x1b(Ba\x1b=b\x1bcc", "abc"),
            ("\x1bPq#0~\x1b\\x", "x"),
            ("a\x08\x00\x7fb\u{85}c", "abc"),
            ("10%\r20%\r\ndone\r\n", "10%\n20%\ndone\n"),
            ("\x1b]0;never ends\nnext line", "\nnext line"),
            ("cut \x1b[31", "cut "),
            ("cut \x1b", "cut "),
            ("\x1b[31äx", "äx"),
            ("\x1b\x1b[31mx", "x"),
            ("\x1bä", "ä"),
        ];
        for (text, expected) in cases {
            assert_eq!(plain(text), expected, "{text:?}");
            assert_eq!(
                shown(text).into_iter().map(|(_, text)| text).collect::<String>(),
                expected,
                "{text:?}"
            );
        }
    }

    #[test]
    fn colours_and_effects_become_styles() {
        let red = fg(AnsiColor::Red);
        assert_eq!(
            shown("a\x1b[31mb\x1b[1mc\x1b[22;39md\x1b[m"),
            [
                (Style::new(), "a".into()),
                (red, "b".into()),
                (red.bold(), "c".into()),
                (Style::new(), "d".into())
            ]
        );
        let cases = [
            ("\x1b[97mx", fg(AnsiColor::BrightWhite)),
            ("\x1b[38;5;208mx", fg(Ansi256Color(208))),
            ("\x1b[38;2;1;2;3mx", fg(RgbColor(1, 2, 3))),
            ("\x1b[38:2::1:2:3mx", fg(RgbColor(1, 2, 3))),
            ("\x1b[38:2:1:2:3mx", fg(RgbColor(1, 2, 3))),
            ("\x1b[4:3mx", Style::new().underline()),
            ("\x1b[103mx", Style::new().bg_color(Some(AnsiColor::BrightYellow.into()))),
            ("\x1b[7;9;3;2mx", Style::new().invert().strikethrough().italic().dimmed()),
            ("\x1b[38;5mx", Style::new()),
            ("\x1b[999;;mx", Style::new()),
        ];
        for (text, style) in cases {
            assert_eq!(shown(text), [(style, "x".into())], "{text:?}");
        }
    }

    #[test]
    fn a_style_goes_on_in_the_next_part() {
        let mut style = Style::new();
        spans("\x1b[32mone", &mut style);
        assert_eq!(spans("two", &mut style), [Span { style: fg(AnsiColor::Green), text: "two".into() }]);
    }

    #[test]
    fn equal_neighbours_are_one_span() {
        assert_eq!(shown("a\x1b[Kb\rc").len(), 1);
    }
}
