//! How things are said on a terminal: tables, states in colour, lengths of time.

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
    println(&text);
    Ok(())
}

/// Prints a line; a reader that has gone away is no fault.
pub(crate) fn println(text: &str) {
    use std::io::Write;
    let mut out = anstream::stdout().lock();
    if writeln!(out, "{text}").is_err() {
        std::process::exit(0);
    }
}

/// Says what the scheduler has to say of itself, from `level` on, on standard error.
pub(crate) fn start_tracing(level: tracing::Level) {
    use std::io::IsTerminal;
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::builder().with_env_var("NIGHTRUN_LOG").with_default_directive(level.into());
    tracing_subscriber::fmt()
        .with_env_filter(filter.from_env_lossy())
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .with_writer(std::io::stderr)
        .init();
}
