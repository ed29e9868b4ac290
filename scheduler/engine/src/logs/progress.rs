//! How far a task says it has come: `40 %`, `12 of 400`, `12/400` in the last line of its log that has one.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

/// How much of the end of a log is looked at, in bytes.
const END: u64 = 4096;

/// How many of the last lines are looked at.
const LINES: usize = 3;

/// How far something has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Progress {
    /// In hundredths.
    pub percent: u64,
    /// As the log has it.
    pub words: String,
}

/// How far the end of a log says it has come; nothing where there is no such log.
pub fn progress_of(path: &Path) -> Option<Progress> {
    let file = File::open(path).ok()?;
    let end = file.metadata().ok()?.len();
    let start = end.saturating_sub(END);
    let mut bytes = vec![0; usize::try_from(end - start).ok()?];
    file.read_exact_at(&mut bytes, start).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    // A line whose begin is not read may say another number than it seems to.
    let whole = if start == 0 { &*text } else { text.split_once(['\n', '\r'])?.1 };
    progress(whole)
}

/// Reads the end of a log; a terminal's line that is written over counts as it was written last.
pub fn progress(text: &str) -> Option<Progress> {
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

    #[test]
    fn the_end_of_a_log_is_read_and_no_line_that_begins_before_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let padded = " ".repeat(5000);
        for (text, percent) in [
            (format!("{}\n40%\n", "x".repeat(9000)), Some(40)),
            (format!("{padded}12 of 400"), None),
            (format!("{padded}\r12 of 400"), Some(3)),
            (String::new(), None),
        ] {
            std::fs::write(&path, &text).unwrap();
            assert_eq!(progress_of(&path).map(|it| it.percent), percent);
        }
        assert_eq!(progress_of(&folder.path().join("none")), None);
    }
}
