//! Outputs from stdout, and the check of all outputs against those a task declares.

use serde_json::{Map, Value as Json};

use super::MAX_OUTPUTS;
use crate::dag::spec::Capture;

/// The output that `capture` writes; never undeclared.
pub const RETURN_VALUE: &str = "return_value";

/// The value of [`RETURN_VALUE`] from what a task printed; otherwise why there is none.
pub fn capture(kind: Capture, stdout: &[u8]) -> Result<Json, String> {
    if stdout.len() > MAX_OUTPUTS {
        return Err(format!("stdout is longer than the {MAX_OUTPUTS} bytes that can be captured"));
    }
    let text = std::str::from_utf8(stdout).map_err(|_| "stdout is no UTF-8 text, nothing can be captured")?;
    match kind {
        Capture::LastLine => match text.lines().rfind(|line| !line.trim().is_empty()) {
            Some(line) => Ok(line.into()),
            None => Err("stdout has no line to capture".into()),
        },
        Capture::Text => {
            let text = text.strip_suffix('\n').unwrap_or(text);
            Ok(text.strip_suffix('\r').unwrap_or(text).into())
        }
        Capture::Json => serde_json::from_str(text).map_err(|error| format!("stdout is no JSON: {error}")),
    }
}

/// Checks outputs against the declared names; with none declared any will do.
pub fn check_declared(declared: &[String], outputs: &Map<String, Json>) -> Result<(), String> {
    if declared.is_empty() {
        return Ok(());
    }
    let missing: Vec<&str> =
        declared.iter().map(String::as_str).filter(|name| !outputs.contains_key(*name)).collect();
    let is_extra = |name: &&str| *name != RETURN_VALUE && !declared.iter().any(|known| known == name);
    let extra: Vec<&str> = outputs.keys().map(String::as_str).filter(is_extra).collect();
    match (missing.as_slice(), extra.as_slice()) {
        ([], []) => Ok(()),
        (missing, []) => Err(format!("declared but not written: {}", missing.join(", "))),
        ([], extra) => Err(format!("written but not declared in `outputs`: {}", extra.join(", "))),
        (missing, extra) => Err(format!(
            "declared but not written: {}; written but not declared in `outputs`: {}",
            missing.join(", "),
            extra.join(", ")
        )),
    }
}
