//! In a shell script a value is data, never code.
//!
//! A script is rendered with a mark in place of each value. The marked text is then read the way a shell reads
//! it (`scan`), and each mark becomes a reference to an environment variable that carries the value, quoted for
//! where it stands: `"${NR_1}"` bare, `${NR_1}` within double quotes or a here-document, `'"${NR_1}"'` within
//! single quotes. So a value never enters the text of the script, and cannot be split, globbed or run. Where no
//! shell offers a safe way the script is refused.
//!
//! The rules are those of POSIX `sh`, `dash` and `bash`; `tests/shell_values.rs` holds them against the real ones.

mod expand;
mod heredoc;
mod paths;
mod place;
mod scan;
#[cfg(test)]
mod tests;
mod words;

use std::collections::BTreeSet;
use std::ops::Range;

use crate::template::{MARK, References, Scope, TemplateFault, Tree, render_marked};
use place::Place;

/// Longest single argument or environment entry that Linux accepts, in bytes with its closing NUL
/// (`MAX_ARG_STRLEN`, 32 pages of 4 KiB).
pub const MAX_ARGUMENT: usize = 128 * 1024;
/// Most that all values of one script may take together, in bytes: half of Linux's usual limit for an environment
/// and arguments.
pub const MAX_VALUES: usize = 1024 * 1024;
/// What the names of the variables begin with; no `env` of a DAG may use it.
pub const VARIABLE_PREFIX: &str = "NR_";

/// A rendered script, free of values, and the values it refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShellText {
    /// The text for the shell.
    pub script: String,
    /// The variables it needs in its environment.
    pub env: Vec<(String, String)>,
}

/// Checks a script without rendering it: its template, and that each value stands where a shell can take it as
/// data. All faults in one pass.
pub fn check_shell(source: &str) -> Result<References, Vec<TemplateFault>> {
    let tree = Tree::text(source).map_err(|fault| vec![fault])?;
    let references = tree.check()?;
    let mut faults = Vec::new();
    let mut seen = BTreeSet::new();
    for path in paths::of(tree.statements(), source) {
        for (place, range) in scan::places(&path.text).into_iter().zip(path.values) {
            if let Err(refusal) = place
                && seen.insert(range.start)
            {
                faults.push(TemplateFault::new(refusal.message(), range).help(refusal.cure()));
            }
        }
    }
    if source.contains(MARK) {
        faults.push(no_script(0..source.len()));
    }
    faults.sort_by_key(|fault| fault.range.start);
    if faults.is_empty() { Ok(references) } else { Err(faults) }
}

/// Renders a script for a shell.
pub fn render_shell(source: &str, scope: &Scope) -> Result<ShellText, TemplateFault> {
    let all = 0..source.len();
    if source.contains(MARK) {
        return Err(no_script(all));
    }
    let (text, values) = render_marked(source, scope)?;
    let places = scan::places(&text);
    if places.len() != values.len() {
        return Err(TemplateFault::new("the script's values cannot be told from its text", all));
    }
    let mut safe = Vec::with_capacity(places.len());
    for place in places {
        safe.push(place.map_err(|refusal| {
            // Reading the source without its values finds the same fault with its place, unless the script's
            // quoting itself depends on a value.
            let known = check_shell(source).err().and_then(|faults| faults.into_iter().next());
            known.unwrap_or_else(|| TemplateFault::new(refusal.message(), all.clone()).help(refusal.cure()))
        })?);
    }
    let script = assemble(&text, &safe);
    check_sizes(&script, &values, all)?;
    let env = values.into_iter().enumerate().map(|(k, value)| (variable(k), value)).collect();
    Ok(ShellText { script, env })
}

fn no_script(all: Range<usize>) -> TemplateFault {
    TemplateFault::new("a script cannot contain a NUL", all)
}

fn variable(k: usize) -> String {
    format!("{VARIABLE_PREFIX}{}", k + 1)
}

/// The text with a reference for each mark.
fn assemble(text: &str, places: &[Place]) -> String {
    let mut pieces = text.split(MARK);
    let mut script = pieces.next().unwrap_or_default().to_owned();
    for (k, (place, piece)) in places.iter().zip(pieces).enumerate() {
        let (before, after) = place.quotes();
        script += before;
        script += "${";
        script += &variable(k);
        script += "}";
        script += after;
        script += piece;
    }
    script
}

fn check_sizes(script: &str, values: &[String], all: Range<usize>) -> Result<(), TemplateFault> {
    let longest = MAX_ARGUMENT - "NR_1000000=".len() - 1;
    let cure = "read it from the file `$NIGHTRUN_CONTEXT`";
    if script.len() >= MAX_ARGUMENT {
        let fault = TemplateFault::new(format!("the script is longer than {MAX_ARGUMENT} bytes"), all);
        return Err(fault.help("put it into a file and run that"));
    }
    if values.iter().any(|value| value.len() > longest) {
        let fault = TemplateFault::new(format!("a value of the script is longer than {longest} bytes"), all);
        return Err(fault.help(cure));
    }
    if values.iter().map(String::len).sum::<usize>() > MAX_VALUES {
        let fault = TemplateFault::new(format!("the script's values take more than {MAX_VALUES} bytes"), all);
        return Err(fault.help(cure));
    }
    Ok(())
}
