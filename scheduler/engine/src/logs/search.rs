//! Lines of a log that have a word in them, the last ones first: what went wrong stands at the end.

use std::fs::File;
use std::io;
use std::path::Path;

use super::read::read_at;

/// How much is looked at in one go, in bytes.
const BLOCK: u64 = 1 << 20;

/// The longest piece of a line that is given back, in bytes.
const LINE: usize = 400;

/// One line that has the word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// Where the line begins, in bytes.
    pub offset: u64,
    /// The line, cut where it is long.
    pub text: String,
}

/// What a search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hits {
    /// The lines, in the order of the log.
    pub lines: Vec<Hit>,
    /// All before this has not been looked at yet; 0: the search is over.
    pub before: u64,
}

/// Looks through a log backwards from `before` (or its end), without regard to the case of ASCII letters, until
/// `most` lines are found or `budget` bytes are read.
pub fn search(path: &Path, word: &str, before: Option<u64>, most: usize, budget: u64) -> io::Result<Hits> {
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    let (mut end, mut left) = (before.unwrap_or(size).min(size), budget);
    let word = word.to_ascii_lowercase().into_bytes();
    let mut lines = Vec::new();
    while end > 0 && left > 0 && !word.is_empty() {
        let start = end.saturating_sub(BLOCK);
        let block = read_at(&file, start, end, usize::try_from(end - start).unwrap_or(0))?;
        left = left.saturating_sub(end - start);
        // A line whose begin is not in the block belongs to the next one; one longer than a block is cut there.
        let first = block.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let first = if start == 0 || first >= block.len() { 0 } else { first };
        let mut at = block.len();
        while at > first {
            let begin = block[first..at - 1].iter().rposition(|byte| *byte == b'\n');
            let begin = begin.map_or(first, |place| first + place + 1);
            let line = &block[begin..at];
            at = begin;
            if has(line, &word) {
                let offset = start + begin as u64;
                lines.push(Hit { offset, text: cut(line) });
                if lines.len() == most {
                    lines.reverse();
                    return Ok(Hits { lines, before: offset });
                }
            }
        }
        end = start + first as u64;
    }
    lines.reverse();
    Ok(Hits { lines, before: if word.is_empty() { 0 } else { end } })
}

/// `word` is in lower case.
pub(super) fn has(line: &[u8], word: &[u8]) -> bool {
    let (first, rest) = (word[0], &word[1..]);
    let is_here =
        |at: usize| line.get(at + 1..=at + rest.len()).is_some_and(|here| here.eq_ignore_ascii_case(rest));
    line.iter().enumerate().any(|(at, byte)| byte.to_ascii_lowercase() == first && is_here(at))
}

fn cut(line: &[u8]) -> String {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let shown = String::from_utf8_lossy(&line[..line.len().min(LINE)]).into_owned();
    if line.len() > LINE { shown + "…" } else { shown }
}

/// Where the part of a log begins that ends at `end` and is at most `length` bytes long: with a line, unless
/// there is none in it.
pub fn part_before(path: &Path, end: u64, length: u64) -> io::Result<u64> {
    let file = File::open(path)?;
    let end = end.min(file.metadata()?.len());
    let start = end.saturating_sub(length);
    if start == 0 {
        return Ok(0);
    }
    // The byte before tells whether a line begins right at the start.
    let bytes = read_at(&file, start - 1, end, usize::try_from(end - start + 1).unwrap_or(0))?;
    let line = bytes.iter().position(|byte| *byte == b'\n').map_or(0, |at| at as u64);
    Ok(if start + line < end { start + line } else { start })
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, SeekFrom, Write};

    use super::*;

    fn log(text: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    fn found(hits: &Hits) -> Vec<(u64, &str)> {
        hits.lines.iter().map(|hit| (hit.offset, hit.text.as_str())).collect()
    }

    #[test]
    fn the_last_lines_with_the_word_are_found_first() {
        let file = log("error one\nfine\nERROR two\n\nan Error three");
        let all = search(file.path(), "error", None, 10, 1 << 20).unwrap();
        assert_eq!(found(&all), [(0, "error one"), (15, "ERROR two"), (26, "an Error three")]);
        assert_eq!(all.before, 0);
        let last = search(file.path(), "eRRor", None, 2, 1 << 20).unwrap();
        assert_eq!((found(&last).len(), last.before), (2, 15));
        let rest = search(file.path(), "error", Some(last.before), 2, 1 << 20).unwrap();
        assert_eq!((found(&rest), rest.before), (vec![(0, "error one")], 0));
    }

    #[test]
    fn odd_words_and_logs_find_nothing_and_break_nothing() {
        for (text, word) in [("", "x"), ("abc\n", ""), ("\n\n\n", "\n\n"), ("ab", "abc"), ("x", "\u{FFFD}")] {
            let hits = search(log(text).path(), word, None, 5, 100).unwrap();
            assert_eq!(hits, Hits { lines: vec![], before: 0 }, "{text:?} {word:?}");
        }
        assert!(search(Path::new("/nowhere"), "x", None, 5, 100).is_err());
    }

    #[test]
    fn lines_over_the_border_of_a_block_are_found_whole() {
        let lines: Vec<String> = (0..100_000).map(|n| format!("this is line {n}.")).collect();
        let file = log(&lines.join("\n"));
        let mut before = None;
        let mut count = 0;
        loop {
            let hits = search(file.path(), "line", before, 30_000, 1 << 30).unwrap();
            assert!(hits.lines.iter().all(|hit| hit.text.starts_with("this is") && hit.text.ends_with('.')));
            count += hits.lines.len();
            before = Some(hits.before);
            if hits.before == 0 {
                break;
            }
        }
        assert_eq!(count, 100_000);
    }

    #[test]
    fn a_huge_log_is_searched_a_part_at_a_time() {
        let mut file = log("needle\n");
        file.as_file_mut().seek(SeekFrom::Start(1 << 30)).unwrap();
        file.write_all(b"\nthe end\n").unwrap();
        let hits = search(file.path(), "needle", None, 5, 4 << 20).unwrap();
        assert_eq!(hits.lines, []);
        let read = (1 << 30) + 9 - hits.before;
        assert!((3 << 20..=4 << 20).contains(&read), "{read}");
    }

    #[test]
    fn a_part_before_begins_with_a_line() {
        let file = log("one\ntwo\nthree\n");
        let cases = [(14, 100, 0), (14, 8, 8), (14, 10, 4), (8, 5, 4), (14, 2, 12), (0, 5, 0)];
        for (end, length, start) in cases {
            assert_eq!(part_before(file.path(), end, length).unwrap(), start, "{end} {length}");
        }
    }
}
