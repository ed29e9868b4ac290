//! How things are said on a terminal: tables, states in colour, lengths of time.

use std::borrow::Cow;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use comfy_table::{ContentArrangement, Table};
use nightrun_core::time::{Timestamp, show_duration};
use serde::Serialize;

use crate::failure::{Failure, OrFail};

/// The version of the program and of the zone rules it carries.
pub(crate) fn version() -> &'static str {
    use std::sync::OnceLock;
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| {
        let rules = nightrun_core::timetable::rules_version();
        format!("{} (time zones {rules})", env!("CARGO_PKG_VERSION"))
    })
}

/// The colour of a state.
pub(crate) fn style_of(state: &str) -> Style {
    let color = match state {
        "success" => AnsiColor::Green,
        "failed" | "upstream_failed" => AnsiColor::Red,
        "running" | "starting" | "stopping" | "expanded" => AnsiColor::Cyan,
        "up_for_retry" | "lost" => AnsiColor::Yellow,
        "skipped" | "canceled" => AnsiColor::Magenta,
        _ => return Style::new().dimmed(),
    };
    Style::new().fg_color(Some(color.into()))
}

/// A state in its colour, padded to `width`.
pub(crate) fn state(state: &str, width: usize) -> String {
    let style = style_of(state);
    format!("{style}{state:<width$}{style:#}")
}

/// The sign before a state, for those who do not see its colour.
pub(crate) fn sign(state: &str) -> &'static str {
    match state {
        "success" => "✓",
        "failed" => "✗",
        "upstream_failed" => "⊘",
        "skipped" => "→",
        "canceled" => "■",
        "running" | "starting" | "expanded" => "▶",
        "up_for_retry" => "↻",
        _ => "·",
    }
}

/// An instant for people: seconds, UTC.
pub(crate) fn instant(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "-".into(), |at| at.to_chrono().format("%Y-%m-%d %H:%M:%S").to_string())
}

/// How long something took or has taken.
pub(crate) fn took(from: Option<Timestamp>, to: Option<Timestamp>) -> String {
    match (from, to) {
        (Some(from), Some(to)) => show_duration(to.since(from)),
        _ => "-".into(),
    }
}

/// A length for progress lines.
pub(crate) fn length(length: Duration) -> String {
    show_duration(length)
}

/// A size for people.
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match UNITS.iter().find(|(_, size)| bytes >= *size) {
        Some((unit, size)) => {
            let tenths = bytes.saturating_mul(10) / size;
            format!("{}.{} {unit}", tenths / 10, tenths % 10)
        }
        None => format!("{bytes} B"),
    }
}

/// A plain table that fits the terminal.
pub(crate) fn table(head: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(head.iter().map(|title| title.to_uppercase()));
    for row in rows {
        table.add_row(row);
    }
    table.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

/// Prints JSON on one line.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(value).or_fail("this cannot be said as JSON")?;
    // These control a terminal as escape sequences do, and JSON lets them stand.
    let is_raw = |letter: &char| ('\u{7f}'..='\u{9f}').contains(letter);
    let quoted = text.chars().map(|letter| match Some(letter).filter(is_raw) {
        Some(raw) => format!("\\u{:04x}", u32::from(raw)),
        None => letter.to_string(),
    });
    print(&if text.chars().any(|letter| is_raw(&letter)) { quoted.collect() } else { text });
    Ok(())
}

/// Prints lines of text, in which somebody else's words may stand: they colour it at most.
pub(crate) fn println(text: &str) {
    print(&harmless(text));
}

/// Prints a line; a reader that has gone away is no fault.
fn print(text: &str) {
    use std::io::Write;
    let mut out = anstream::stdout().lock();
    if writeln!(out, "{text}").is_err() {
        std::process::exit(0);
    }
}

/// The text without what controls a terminal, but for line ends, tabs and colours: notes, reasons and names are
/// written by people and programs.
fn harmless(text: &str) -> Cow<'_, str> {
    let is_tame = |letter: char| !letter.is_control() || matches!(letter, '\n' | '\t');
    if text.chars().all(is_tame) {
        return text.into();
    }
    let mut tame = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let length = if letter == '\u{1b}' { color(rest) } else { 0 };
        if length > 0 {
            tame.push_str(&rest[..length]);
        } else {
            tame.push(if is_tame(letter) { letter } else { char::REPLACEMENT_CHARACTER });
        }
        rest = &rest[length.max(letter.len_utf8())..];
    }
    tame.into()
}

/// How long the sequence is with which this text begins, when all that it does is to colour; 0 otherwise.
fn color(text: &str) -> usize {
    let Some(parameters) = text.strip_prefix("\u{1b}[") else { return 0 };
    let length = parameters.bytes().take_while(|byte| byte.is_ascii_digit() || b";:".contains(byte)).count();
    if parameters[length..].starts_with('m') { 2 + length + 1 } else { 0 }
}

/// Says what the scheduler has to say of itself, from `level` on, on standard error. The first call counts: one that
/// does several things here and now says it for each.
pub(crate) fn start_tracing(level: tracing::Level) {
    use std::io::IsTerminal;
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::builder().with_env_var("NIGHTRUN_LOG").with_default_directive(level.into());
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter.from_env_lossy())
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .with_writer(std::io::stderr)
        .try_init();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_colours_a_terminal_at_most() {
        for (written, shown) in [
            ("plain, é\n\tindented", "plain, é\n\tindented"),
            ("\u{1b}[1;31mred\u{1b}[0m", "\u{1b}[1;31mred\u{1b}[0m"),
            ("\u{1b}[2Jgone", "\u{fffd}[2Jgone"),
            ("\u{1b}]0;title\u{7}", "\u{fffd}]0;title\u{fffd}"),
            ("\u{9b}31mold\r\u{8}", "\u{fffd}31mold\u{fffd}\u{fffd}"),
            ("\u{1b}", "\u{fffd}"),
            ("\u{1b}[31", "\u{fffd}[31"),
        ] {
            assert_eq!(harmless(written), shown, "{written:?}");
        }
    }
}
