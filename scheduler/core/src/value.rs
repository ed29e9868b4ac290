//! Values that tasks hand on (Airflow's XCom): the file `$NIGHTRUN_OUTPUT` and captured stdout.
//!
//! The file is read like GitHub Actions' `$GITHUB_OUTPUT`, with JSON besides:
//!
//! ```text
//! key=text to the end of the line, byte for byte
//! key:=[1, {"any": "JSON"}]
//! key<<EOF
//! text of several lines, without the last line end
//! EOF
//! key:<<EOF
//! JSON of several lines
//! EOF
//! ```
//!
//! or the whole file is one JSON object. Empty lines count for nothing; there are no comments, so that no
//! output is lost to its first character. A key that is written twice has its last value, so that a script may
//! correct itself.

mod capture;
#[cfg(test)]
mod tests;
mod write;

use std::fmt;

use serde_json::{Map, Value as Json};

pub use capture::{RETURN_VALUE, capture, check_declared};
pub use write::{encode_json, encode_output};

/// Longest outputs file or captured stdout, in bytes.
pub const MAX_OUTPUTS: usize = 16 * 1024 * 1024;
/// Longest value that is kept in the database, in bytes of its JSON; longer ones go to a file.
pub const MAX_INLINE: usize = 64 * 1024;
/// Most keys of one outputs file.
pub const MAX_KEYS: usize = 10_000;
/// Longest key, in bytes.
pub const MAX_KEY: usize = 128;

/// What is wrong with an outputs file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueFault {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it and what to write instead, one line.
    pub message: String,
}

impl fmt::Display for ValueFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

impl std::error::Error for ValueFault {}

/// True when `text` can name an output: `^[A-Za-z_][A-Za-z0-9_.-]{0,127}$`.
pub fn is_key(text: &str) -> bool {
    text.len() <= MAX_KEY
        && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(is_key_byte)
}

fn is_key_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-')
}

/// Reads an outputs file.
pub fn parse_outputs(text: &[u8]) -> Result<Map<String, Json>, ValueFault> {
    if text.len() > MAX_OUTPUTS {
        return Err(fault(
            1,
            format!("the outputs are longer than {MAX_OUTPUTS} bytes: hand on a file's path instead"),
        ));
    }
    let text = std::str::from_utf8(text).map_err(|error| {
        let line = text[..=error.valid_up_to()].split(|byte| *byte == b'\n').count();
        fault(line, "this is no UTF-8 text")
    })?;
    if text.trim_start().starts_with('{') { parse_object(text) } else { parse_lines(text) }
}

fn parse_object(text: &str) -> Result<Map<String, Json>, ValueFault> {
    let map: Map<String, Json> = serde_json::from_str(text).map_err(|error| {
        fault(error.line(), format!("a file that begins with `{{` is one JSON object: {error}"))
    })?;
    match map.keys().find(|key| !is_key(key)) {
        Some(key) => Err(fault(1, bad_key(key))),
        None if map.len() > MAX_KEYS => Err(fault(1, too_many())),
        None => Ok(map),
    }
}

fn parse_lines(text: &str) -> Result<Map<String, Json>, ValueFault> {
    let mut lines = text.split_terminator('\n').zip(1..);
    let mut map = Map::new();
    while let Some((line, number)) = lines.next() {
        if line.trim_end_matches('\r').is_empty() {
            continue;
        }
        let length = line.bytes().take_while(|byte| is_key_byte(*byte)).count();
        let (key, rest) = line.split_at(length);
        let is_json = rest.starts_with(':');
        let rest = rest.strip_prefix(':').unwrap_or(rest);
        let (value, first) = if let Some(value) = rest.strip_prefix('=') {
            (value.to_owned(), number)
        } else if let Some(end) = rest.strip_prefix("<<") {
            (until(end, number, &mut lines)?, number + 1)
        } else {
            return Err(fault(
                number,
                "write `key=text`, `key:=json` or `key<<EOF`, without spaces around the sign",
            ));
        };
        if !is_key(key) {
            return Err(fault(number, bad_key(key)));
        }
        map.insert(key.to_owned(), if is_json { parse_json(&value, first)? } else { Json::String(value) });
        if map.len() > MAX_KEYS {
            return Err(fault(number, too_many()));
        }
    }
    Ok(map)
}

/// The lines up to the one that is `end`, joined.
fn until<'t>(
    end: &str,
    start: usize,
    lines: &mut impl Iterator<Item = (&'t str, usize)>,
) -> Result<String, ValueFault> {
    if end.trim().is_empty() {
        return Err(fault(start, "`<<` needs a word that ends the text, such as `<<EOF`"));
    }
    let mut text: Vec<&str> = Vec::new();
    for (line, _) in lines {
        if line == end {
            return Ok(text.join("\n"));
        }
        text.push(line);
    }
    Err(fault(start, format!("the line `{end}` that ends this text is missing")))
}

fn parse_json(text: &str, first_line: usize) -> Result<Json, ValueFault> {
    serde_json::from_str(text).map_err(|error| {
        let line = first_line + error.line().saturating_sub(1);
        fault(line, format!("this is no JSON: {error}; `=` instead of `:=` takes it as text"))
    })
}

fn bad_key(key: &str) -> String {
    format!(
        "`{key}` is no name for an output: letters, digits, `_`, `.` and `-`, at most {MAX_KEY}, a letter first"
    )
}

fn too_many() -> String {
    format!("more than {MAX_KEYS} outputs: hand on one list or map instead")
}

fn fault(line: usize, message: impl Into<String>) -> ValueFault {
    ValueFault { line, message: message.into() }
}
