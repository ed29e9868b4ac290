//! Writes what [`super::parse_outputs`] reads.

use serde_json::Value as Json;

use super::{bad_key, is_key};

/// The lines that set an output to a text, whatever it contains; an error when `key` is no name for an output.
pub fn encode_output(key: &str, text: &str) -> Result<String, String> {
    if !is_key(key) {
        return Err(bad_key(key));
    }
    if !text.contains('\n') {
        return Ok(format!("{key}={text}\n"));
    }
    let mut end = "EOF".to_owned();
    while text.split('\n').any(|line| line == end) {
        end.push('_');
    }
    Ok(format!("{key}<<{end}\n{text}\n{end}\n"))
}

/// The line that sets an output to a JSON value; an error when `key` is no name for an output.
pub fn encode_json(key: &str, value: &Json) -> Result<String, String> {
    if is_key(key) { Ok(format!("{key}:={value}\n")) } else { Err(bad_key(key)) }
}
