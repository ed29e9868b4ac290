//! Parts of a log: from an offset on, or its last lines.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// How much is looked at in one go when lines are counted from the end, in bytes.
const BLOCK: usize = 64 * 1024;

/// The longest [`tail`], in bytes.
const MAX_TAIL: usize = 1024 * 1024;

/// A part of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSlice {
    /// What was written; not always UTF-8.
    pub bytes: Vec<u8>,
    /// The offset at which the next slice begins.
    pub next: u64,
    /// How long the file was, in bytes: there is more while `next < end`.
    pub end: u64,
}

impl LogSlice {
    /// The slice as text; what is no UTF-8 is shown as `U+FFFD`.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.bytes)
    }
}

/// Reads at most `max` bytes (at least 4) from `offset` on; beyond the end a slice is empty.
///
/// Slices can be shown one after the other: one that is cut by `max` ends with a line, or with a whole
/// character where there is no line's end in it; and a character that is half written at the end of
/// the file waits for its other half, unless it is all there is.
pub fn read(path: &Path, offset: u64, max: usize) -> io::Result<LogSlice> {
    let file = File::open(path)?;
    let end = file.metadata()?.len();
    let start = offset.min(end);
    let mut bytes = read_at(&file, start, end, max.max(4))?;
    let is_last = start + bytes.len() as u64 == end;
    bytes.truncate(good_end(&bytes, is_last));
    let next = start + bytes.len() as u64;
    Ok(LogSlice { bytes, next, end })
}

/// The last `lines` lines as text, without the last line break; at most 1 MiB.
pub fn tail(path: &Path, lines: usize) -> io::Result<String> {
    let file = File::open(path)?;
    let end = file.metadata()?.len();
    let start = begin_of_last(&file, end, lines)?;
    let bytes = read_at(&file, start, end, MAX_TAIL)?;
    let text = String::from_utf8_lossy(&bytes);
    Ok(text.strip_suffix('\n').unwrap_or(&text).to_owned())
}

/// The offset at which the last `lines` lines begin, or the last 1 MiB if that is shorter.
pub fn last_lines(path: &Path, lines: usize) -> io::Result<u64> {
    let file = File::open(path)?;
    let end = file.metadata()?.len();
    begin_of_last(&file, end, lines)
}

/// Counts line breaks from `end` backwards, a block at a time.
fn begin_of_last(file: &File, end: u64, lines: usize) -> io::Result<u64> {
    let floor = end.saturating_sub(MAX_TAIL as u64);
    if lines == 0 {
        return Ok(end);
    }
    let mut missing = lines;
    let mut block_end = end;
    while block_end > floor {
        let block_start = block_end.saturating_sub(BLOCK as u64).max(floor);
        let block = read_at(file, block_start, block_end, BLOCK)?;
        for (at, _) in block.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n') {
            let after = block_start + at as u64 + 1;
            // The break at the very end ends the last line; it does not begin one.
            if after == end {
                continue;
            }
            missing -= 1;
            if missing == 0 {
                return Ok(after);
            }
        }
        block_end = block_start;
    }
    Ok(floor)
}

/// Reads from `start` to `end`, at most `max` bytes; fewer when the file has become shorter.
pub(super) fn read_at(file: &File, start: u64, end: u64, max: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(end - start).unwrap_or(max).min(max)];
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read_at(&mut bytes[filled..], start + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

/// Where a slice had better end: see [`read`].
fn good_end(bytes: &[u8], is_last: bool) -> usize {
    let line = bytes.iter().rposition(|byte| *byte == b'\n').filter(|_| !is_last);
    let end = line.map_or_else(|| whole_characters(bytes), |at| at + 1);
    if end == 0 { bytes.len() } else { end }
}

/// How many bytes there are without a character that has only begun.
pub(super) fn whole_characters(bytes: &[u8]) -> usize {
    let tail = bytes.len().saturating_sub(3);
    let begun = (tail..bytes.len()).rev().find(|at| bytes[*at] & 0xC0 == 0xC0);
    begun.filter(|at| is_begun(&bytes[*at..])).unwrap_or(bytes.len())
}

/// This is the beginning of one character, and more of it is to come.
fn is_begun(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, SeekFrom, Write};

    use super::*;

    fn log(bytes: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    /// All slices of a file, one after the other.
    fn slices(path: &Path, max: usize) -> Vec<String> {
        let (mut all, mut offset) = (Vec::new(), 0);
        loop {
            let slice = read(path, offset, max).unwrap();
            if slice.bytes.is_empty() {
                return all;
            }
            offset = slice.next;
            all.push(slice.text().into_owned());
        }
    }

    #[test]
    fn a_slice_ends_with_a_line_or_a_character() {
        let file = log("one\ntwo\nthree".as_bytes());
        assert_eq!(slices(file.path(), 6), ["one\n", "two\n", "three"]);
        let file = log("äöüß€🦀x".as_bytes());
        assert_eq!(slices(file.path(), 5), ["äö", "üß", "€", "🦀x"]);
        assert_eq!(slices(file.path(), 0), ["äö", "üß", "€", "🦀", "x"]);
    }

    #[test]
    fn a_half_written_character_waits_for_its_other_half() {
        let mut file = log(b"ab\xE2\x82");
        let slice = read(file.path(), 0, 100).unwrap();
        assert_eq!((slice.text().as_ref(), slice.next, slice.end), ("ab", 2, 4));
        file.write_all(b"\xAC").unwrap();
        assert_eq!(read(file.path(), slice.next, 100).unwrap().text(), "€");
    }

    #[test]
    fn bytes_that_are_no_text_get_through() {
        let file = log(b"\xFF\xFE\x80\x80\x80\x80ok\xE2\x82");
        let shown = slices(file.path(), 4).concat();
        assert_eq!(shown.matches("ok").count(), 1);
        assert_eq!(shown.chars().filter(|c| *c == '\u{FFFD}').count(), 7);
    }

    #[test]
    fn beyond_the_end_there_is_nothing() {
        let file = log(b"abc");
        assert_eq!(read(file.path(), 99, 10).unwrap(), LogSlice { bytes: vec![], next: 3, end: 3 });
    }

    #[test]
    fn a_tail_has_the_last_lines() {
        let file = log(b"one\ntwo\n\nfour\n");
        for (lines, text) in
            [(0, ""), (1, "four"), (2, "\nfour"), (3, "two\n\nfour"), (9, "one\ntwo\n\nfour")]
        {
            assert_eq!(tail(file.path(), lines).unwrap(), text, "{lines}");
        }
        assert_eq!(tail(log(b"").path(), 5).unwrap(), "");
        assert_eq!(tail(log(b"a\nb").path(), 1).unwrap(), "b");
    }

    #[test]
    fn a_tail_reaches_over_blocks() {
        let lines: Vec<String> = (0..50_000).map(|n| format!("line {n}")).collect();
        let file = log(format!("{}\n", lines.join("\n")).as_bytes());
        assert_eq!(tail(file.path(), 20_000).unwrap(), lines[30_000..].join("\n"));
        let start = last_lines(file.path(), 2).unwrap();
        assert_eq!(read(file.path(), start, 1000).unwrap().text(), "line 49998\nline 49999\n");
    }

    #[test]
    fn a_huge_file_of_one_line_is_read_in_parts() {
        let mut file = log(b"");
        // Sparse: a gigabyte that takes no room.
        file.seek(SeekFrom::Start(1 << 30)).unwrap();
        file.write_all(b"end").unwrap();
        assert_eq!(tail(file.path(), 10).unwrap().len(), MAX_TAIL);
        let slice = read(file.path(), (1 << 30) - 1, 1 << 20).unwrap();
        assert_eq!((slice.bytes.as_slice(), slice.next), (&b"\0end"[..], slice.end));
        assert_eq!(read(file.path(), 0, 4096).unwrap().bytes.len(), 4096);
    }
}
