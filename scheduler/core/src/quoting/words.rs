//! Where one word and one command end and the next begin, as far as it decides what a mark may do there.

use super::place::Refusal;
use super::scan::Scanner;

/// What has been read of one list of commands.
pub(super) struct Words {
    /// Where the current word began; `None` between words.
    word: Option<usize>,
    /// The next word to end is the first of its command, or a keyword may stand there.
    first: bool,
    /// How many `[` of a subscript are open in the current word; `None` before its first `[`.
    subscript: Option<u32>,
    /// Open `case`s: true once its `in` has been read, so that a `)` ends a pattern.
    cases: Vec<bool>,
    /// The open `[[`.
    test: Option<Test>,
    /// Where a `-c` would announce a script for another shell.
    script: Script,
}

/// Where the `-c` of another shell may stand in a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Script {
    /// Nowhere: no shell has been named.
    None,
    /// Among the options after the shell's name.
    AfterOptions,
    /// Anywhere in the command, as with `su`.
    Anywhere,
}

/// A `[[ … ]]` that is being read.
#[derive(Debug, Clone, Copy)]
struct Test {
    /// How many marks there were when it began.
    marks: usize,
    /// It compares numbers.
    numeric: bool,
}

impl Words {
    pub(super) fn new() -> Self {
        Self { word: None, first: true, subscript: None, cases: vec![], test: None, script: Script::None }
    }

    /// True where a `#` begins a comment.
    pub(super) fn between(&self) -> bool {
        self.word.is_none()
    }

    /// A word begins here, unless one is under way.
    pub(super) fn begin(&mut self, at: usize) {
        self.word.get_or_insert(at);
    }

    /// True within `[[ … ]]`.
    pub(super) fn in_test(&self) -> bool {
        self.test.is_some()
    }

    /// Nothing has been read of the current word.
    pub(super) fn is_empty(&self, at: usize) -> bool {
        self.word == Some(at)
    }

    /// There was no word after all.
    pub(super) fn forget(&mut self) {
        self.word = None;
    }

    /// Ends the word under way, if any, and goes `bytes` further.
    pub(super) fn end_word(&mut self, scanner: &mut Scanner<'_>, bytes: usize) {
        if let Some(start) = self.word.take() {
            self.subscript = None;
            self.read(&scanner.text[start..scanner.at], scanner);
        }
        scanner.skip(bytes);
    }

    /// Ends the command under way and goes `bytes` further. A `[[` goes on: `&&` and line ends may stand in it.
    pub(super) fn end_command(&mut self, scanner: &mut Scanner<'_>, bytes: usize) {
        self.end_word(scanner, bytes);
        self.first = true;
        self.script = Script::None;
        scanner.refusing = None;
    }

    /// After `( … )`: a keyword may follow, as the body does in `f() { …; }`.
    pub(super) fn after_group(&mut self) {
        self.first |= self.word.is_none();
    }

    /// Takes a `)` that ends a pattern of `case`; false when it ends the list of commands.
    pub(super) fn close_pattern(&mut self, scanner: &mut Scanner<'_>) -> bool {
        self.end_word(scanner, 0);
        let pattern = self.cases.last() == Some(&true);
        if pattern {
            scanner.skip(1);
            self.first = true;
        }
        pattern
    }

    /// True in `name[…` or, in a list of array elements, in `[…`.
    pub(super) fn in_subscript(&self) -> bool {
        self.subscript > Some(0)
    }

    /// Takes an unquoted byte of a word: the first `[` after a name opens a subscript.
    pub(super) fn literal(&mut self, byte: u8, scanner: &Scanner<'_>) {
        match byte {
            b'[' if self.subscript.is_some() => {
                self.subscript = self.subscript.map(|open| open + open.min(1));
            }
            b'[' => {
                let start = self.word.unwrap_or(scanner.at);
                let named = scanner.text[start..scanner.at].iter().all(|byte| is_name_byte(*byte));
                self.subscript = Some(u32::from(named && !scanner.text[start].is_ascii_digit()));
            }
            b']' => self.subscript = self.subscript.map(|open| open.saturating_sub(1)),
            _ => {}
        }
    }

    /// Reads a word that has ended.
    fn read(&mut self, word: &[u8], scanner: &mut Scanner<'_>) {
        if let Some(test) = self.test {
            self.test = test.read(word, scanner);
            return;
        }
        if word == b"in" && self.cases.last() == Some(&false) {
            self.cases.pop();
            self.cases.push(true);
            self.first = true;
            return;
        }
        self.look_for_script(word, scanner);
        if !std::mem::take(&mut self.first) {
            return;
        }
        match word {
            b"if" | b"then" | b"else" | b"elif" | b"while" | b"until" | b"do" | b"{" | b"!" | b"time"
            | b"command" | b"builtin" => self.first = true,
            b"case" => self.cases.push(false),
            b"esac" => {
                self.cases.pop();
            }
            b"[[" => self.test = Some(Test { marks: scanner.found.len(), numeric: false }),
            b"eval" | b"let" | b"unset" => scanner.refusing = Some(Refusal::Code),
            _ => self.first = is_assignment(word),
        }
    }

    /// The script in `bash -c '…'` is code: values go behind it, as arguments.
    fn look_for_script(&mut self, word: &[u8], scanner: &mut Scanner<'_>) {
        let name = word.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        let is_option = word.starts_with(b"-");
        match name {
            b"sh" | b"bash" | b"dash" | b"ksh" | b"zsh" => self.script = Script::AfterOptions,
            b"su" | b"runuser" if self.first => self.script = Script::Anywhere,
            _ if !is_option && self.script == Script::AfterOptions => self.script = Script::None,
            _ => {}
        }
        if self.script != Script::None && is_option && word.ends_with(b"c") {
            scanner.refusing = Some(Refusal::Script);
        } else if scanner.refusing == Some(Refusal::Script) {
            scanner.refusing = None;
        }
    }
}

impl Test {
    /// Reads a word of it; `None` when it has ended.
    fn read(mut self, word: &[u8], scanner: &mut Scanner<'_>) -> Option<Self> {
        self.numeric |= matches!(word, b"-eq" | b"-ne" | b"-lt" | b"-le" | b"-gt" | b"-ge" | b"-v" | b"-R");
        if word != b"]]" {
            return Some(self);
        }
        if self.numeric {
            scanner.found[self.marks..].fill(Err(Refusal::NumericTest));
        }
        None
    }
}

fn is_assignment(word: &[u8]) -> bool {
    let name = word.iter().take_while(|byte| is_name_byte(**byte)).count();
    name > 0 && word.get(name) == Some(&b'=')
}

/// True for the bytes of a shell variable's name.
pub(super) fn is_name_byte(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphanumeric()
}
