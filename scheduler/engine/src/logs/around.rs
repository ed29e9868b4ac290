//! What a search finds before and after one place of a log: the next line with the word, the one before, how many
//! there are. However long the log is, only so much of it is read.

use std::fs::File;
use std::io;
use std::path::Path;

use super::read::read_at;
use super::search::has;

/// How much is looked at in one go, in bytes.
const BLOCK: u64 = 1 << 20;

/// Lines with a word on one side of a place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Side {
    /// Where the nearest of them begins.
    pub nearest: Option<u64>,
    /// How many there are.
    pub count: u64,
    /// There may be more: not all of this side was read.
    pub cut: bool,
}

/// Lines with a word around a place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Around {
    /// Before the line that begins at the place.
    pub before: Side,
    /// That line has the word.
    pub here: bool,
    /// After it.
    pub after: Side,
}

/// Looks for a word around the line that begins at `at`, without regard to the case of ASCII letters; at most
/// `budget` bytes are read on each side.
pub fn around(path: &Path, word: &str, at: u64, budget: u64) -> io::Result<Around> {
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    let at = at.min(size);
    let mut found = Around::default();
    let (from, to) =
        (line_at(&file, at.saturating_sub(budget))?.min(at), size.min(at.saturating_add(budget)));
    each_line(&file, (from, at), &[word], |offset| {
        found.before.nearest = Some(offset);
        found.before.count += 1;
        true
    })?;
    each_line(&file, (at, to), &[word], |offset| {
        if offset == at {
            found.here = true;
        } else {
            found.after.nearest = found.after.nearest.or(Some(offset));
            found.after.count += 1;
        }
        true
    })?;
    (found.before.cut, found.after.cut) = (from > 0, to < size);
    Ok(found)
}

/// Where the first line with any of these words begins, in the first `budget` bytes of a log.
pub fn first_with(path: &Path, words: &[&str], budget: u64) -> io::Result<Option<u64>> {
    let file = File::open(path)?;
    let end = file.metadata()?.len().min(budget);
    let mut first = None;
    each_line(&file, (0, end), words, |offset| {
        first = Some(offset);
        false
    })?;
    Ok(first)
}

/// The begin of the first line at or after a place.
fn line_at(file: &File, at: u64) -> io::Result<u64> {
    if at == 0 {
        return Ok(0);
    }
    let bytes = read_at(file, at - 1, at - 1 + BLOCK, MAX)?;
    Ok(bytes.iter().position(|byte| *byte == b'\n').map_or(at, |place| at + place as u64))
}

/// A block in memory.
const MAX: usize = 1 << 20;

/// Calls `found` with the begin of each line that has one of the words, until it has enough. The first line begins
/// at `from`; a line that is longer than a block is cut there.
fn each_line(
    file: &File,
    (from, to): (u64, u64),
    words: &[&str],
    mut found: impl FnMut(u64) -> bool,
) -> io::Result<()> {
    let words: Vec<Vec<u8>> = words.iter().map(|word| word.to_ascii_lowercase().into_bytes()).collect();
    let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).filter(|word| !word.is_empty()).collect();
    let mut start = from;
    while start < to {
        let block = read_at(file, start, to.min(start + BLOCK), MAX)?;
        if block.is_empty() {
            break;
        }
        let is_last = start + block.len() as u64 >= to;
        let whole = block.iter().rposition(|byte| *byte == b'\n').filter(|_| !is_last);
        let length = whole.map_or(block.len(), |at| at + 1);
        let mut at = start;
        for line in block[..length].split_inclusive(|byte| *byte == b'\n') {
            if words.iter().any(|word| has(line, word)) && !found(at) {
                return Ok(());
            }
            at += line.len() as u64;
        }
        start += length as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn log(text: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    #[test]
    fn the_lines_before_and_after_are_found_and_counted() {
        let file = log("error 1\nfine\nan ERROR 2\nfine\nError 3\n");
        let side = |nearest, count| Side { nearest, count, cut: false };
        for (at, before, here, after) in [
            (0, side(None, 0), true, side(Some(13), 2)),
            (8, side(Some(0), 1), false, side(Some(13), 2)),
            (13, side(Some(0), 1), true, side(Some(29), 1)),
            (29, side(Some(13), 2), true, side(None, 0)),
            (99, side(Some(29), 3), false, side(None, 0)),
        ] {
            assert_eq!(
                around(file.path(), "error", at, 1 << 20).unwrap(),
                Around { before, here, after },
                "{at}"
            );
        }
    }

    #[test]
    fn only_so_much_is_read() {
        let file = log("error 1\nfine\nan ERROR 2\nfine\nError 3\n");
        let near = around(file.path(), "error", 13, 8).unwrap();
        assert_eq!(near.before, Side { nearest: None, count: 0, cut: true });
        assert!(near.after.cut);
    }

    #[test]
    fn the_first_line_with_one_of_several_words_is_found() {
        let many: String =
            (0..200_000).map(|n| format!("all is well {n}")).collect::<Vec<_>>().join("\n") + "\n";
        let file = log(&format!("{many}Traceback\nKeyError\n"));
        let found = first_with(file.path(), &["error", "traceback"], u64::MAX).unwrap();
        assert_eq!(found, Some(many.len() as u64));
        assert_eq!(first_with(file.path(), &["error"], 1 << 20).unwrap(), None);
        let far = around(file.path(), "well 199999", 0, u64::MAX).unwrap();
        assert_eq!((far.after.count, far.here), (1, false));
    }
}
