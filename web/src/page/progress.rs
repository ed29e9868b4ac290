//! How far a task says it has come: `40 %`, `12 of 400`, `12/400` in the last line of its log that has one.

use serde::Serialize;

/// How many of the last lines are looked at.
const LINES: usize = 3;

/// How far something has come.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Progress {
    /// In hundredths.
    percent: u64,
    /// As the log has it.
    words: String,
}

/// Reads the end of a log; a terminal's line that is written over counts as it was written last.
pub(crate) fn progress(text: &str) -> Option<Progress> {
    let lines = text.rsplit(['\n', '\r']).filter(|line| !line.trim().is_empty());
    lines.take(LINES).find_map(of_line)
}

fn of_line(line: &str) -> Option<Progress> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let found = (0..words.len()).rev().find_map(|at| {
        let word = words[at].trim_matches(|c: char| !c.is_ascii_digit() && c != '%' && c != '/');
        let after = |n: usize| words.get(at + n).copied().unwrap_or_default();
        if let Some((done, all)) = word.split_once('/') {
            return share(done, all);
        }
        if let Some(percent) = word.strip_suffix('%') {
            return whole(percent);
        }
        match (after(1), after(2)) {
            ("%", _) => whole(word),
            ("of", all) => share(word, all),
            _ => None,
        }
    });
    found.map(|(percent, words)| Progress { percent, words })
}

fn share(done: &str, all: &str) -> Option<(u64, String)> {
    let digits = |text: &str| text.trim_end_matches([',', '.', ')', ']', ';', ':']).parse::<u64>().ok();
    let (done, all) = (digits(done)?, digits(all)?);
    (all > 0 && done <= all).then(|| (done.saturating_mul(100) / all, format!("{done} of {all}")))
}

fn whole(percent: &str) -> Option<(u64, String)> {
    let percent = percent.split('.').next()?.parse().ok()?;
    (percent <= 100).then(|| (percent, format!("{percent} %")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_progress_line_is_known_by_its_numbers() {
        for (text, percent) in [
            ("connected\n12 of 400 pages\n", 3),
            ("loading: 40%", 40),
            ("  7 % done", 7),
            ("[3/4] linking", 75),
            ("1%\r2%\r99.5%\n", 99),
            ("50%\nand so on\n", 50),
        ] {
            assert_eq!(progress(text).map(|it| it.percent), Some(percent), "{text}");
        }
        for text in ["", "done", "2026/11/21 rows", "200% faster", "5/0", "of of of", "1 of a kind", "a/b"] {
            assert_eq!(progress(text), None, "{text}");
        }
    }
}
