//! Numbers of lines in logs of any length: line breaks are counted once, a block at a time, and only what was
//! written since is counted later.

use std::fs::File;
use std::io;
use std::path::Path;

use super::read::read_at;

/// One count for each block of this many bytes.
const BLOCK: u64 = 1 << 20;

/// How many line breaks there are up to places of a log. Logs only grow; one that has shrunk is counted anew.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LineIndex {
    /// The line breaks up to the end of each whole block.
    breaks: Vec<u64>,
}

impl LineIndex {
    /// Counts on through the whole blocks before `end`, at most `budget` bytes of them.
    fn extend(&mut self, file: &File, end: u64, budget: u64) -> io::Result<()> {
        let whole = file.metadata()?.len().min(end) / BLOCK;
        let first = self.breaks.len() as u64;
        for block in first..whole.min(first + budget / BLOCK) {
            let bytes = read_at(file, block * BLOCK, (block + 1) * BLOCK, MAX)?;
            let before = self.breaks.last().copied().unwrap_or(0);
            self.breaks.push(before + count(&bytes));
        }
        Ok(())
    }

    fn check(&mut self, file: &File) -> io::Result<()> {
        let whole = usize::try_from(file.metadata()?.len() / BLOCK).unwrap_or(usize::MAX);
        if self.breaks.len() > whole {
            self.breaks.clear();
        }
        Ok(())
    }

    /// The number of the line, from 1, in which the byte at `offset` is; `None` while more than `budget` bytes
    /// would have to be counted first. What was counted is kept.
    pub fn number(&mut self, path: &Path, offset: u64, budget: u64) -> io::Result<Option<u64>> {
        let file = File::open(path)?;
        self.check(&file)?;
        self.extend(&file, offset, budget)?;
        let start = self.start(offset / BLOCK);
        if offset - start >= BLOCK {
            return Ok(None);
        }
        let bytes = read_at(&file, start, offset, MAX)?;
        Ok(Some(self.before(start) + count(&bytes) + 1))
    }

    /// Where the line with this number begins; `None` when there is no such line, or it lies behind more than
    /// `budget` bytes that would have to be counted first.
    pub fn offset(&mut self, path: &Path, number: u64, budget: u64) -> io::Result<Option<u64>> {
        let file = File::open(path)?;
        self.check(&file)?;
        let end = file.metadata()?.len();
        if number <= 1 {
            return Ok((number == 1 && end > 0).then_some(0));
        }
        if self.breaks.last().is_none_or(|known| *known < number - 1) {
            self.extend(&file, end, budget)?;
        }
        let blocks = self.breaks.partition_point(|known| *known < number - 1);
        let start = blocks as u64 * BLOCK;
        let bytes = read_at(&file, start, end.max(start), MAX)?;
        let missing = usize::try_from(number - 2 - self.before(start)).unwrap_or(usize::MAX);
        let mut breaks = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
        let begin = breaks.nth(missing).map(|(at, _)| start + at as u64 + 1);
        Ok(begin.filter(|begin| *begin < end))
    }

    /// Where counting goes on for a place in this block.
    fn start(&self, block: u64) -> u64 {
        block.min(self.breaks.len() as u64) * BLOCK
    }

    fn before(&self, start: u64) -> u64 {
        let blocks = usize::try_from(start / BLOCK).unwrap_or(usize::MAX);
        blocks.checked_sub(1).and_then(|at| self.breaks.get(at)).copied().unwrap_or(0)
    }
}

/// A block in memory.
const MAX: usize = 1 << 20;

pub(super) fn count(bytes: &[u8]) -> u64 {
    // Short stretches with small sums are what a compiler makes wide instructions of.
    let of = |part: &[u8]| u64::from(part.iter().map(|byte| u8::from(*byte == b'\n')).sum::<u8>());
    bytes.chunks(255).map(of).sum()
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
    fn places_and_numbers_of_lines_fit_each_other() {
        let lines: Vec<String> = (1..=300_000).map(|n| format!("this is line {n}")).collect();
        let text = lines.join("\n");
        let (file, mut index) = (log(&text), LineIndex::default());
        for number in [1, 2, 7, 60_000, 60_001, 299_999, 300_000] {
            let offset = index.offset(file.path(), number, u64::MAX).unwrap().unwrap();
            let at = usize::try_from(offset).unwrap();
            assert!(text[at..].starts_with(&lines[usize::try_from(number).unwrap() - 1]), "{number}");
            for inside in [offset, offset + 3] {
                let mut fresh = LineIndex::default();
                assert_eq!(fresh.number(file.path(), inside, u64::MAX).unwrap(), Some(number));
                assert_eq!(index.number(file.path(), inside, 0).unwrap(), Some(number), "it is known");
            }
        }
        for number in [0, 300_001, u64::MAX] {
            assert_eq!(index.offset(file.path(), number, u64::MAX).unwrap(), None, "{number}");
        }
    }

    #[test]
    fn what_is_far_is_numbered_after_several_looks() {
        let file = log(&"x\n".repeat(3 << 20));
        let mut index = LineIndex::default();
        let end = 6 << 20;
        let looks: Vec<_> = (0..4).map(|_| index.number(file.path(), end - 2, 2 << 20).unwrap()).collect();
        assert_eq!(looks, [None, None, Some(3 << 20), Some(3 << 20)]);
    }

    #[test]
    fn a_log_that_grew_is_counted_on_and_one_that_shrank_anew() {
        let mut file = log("a\nb\n");
        let mut index = LineIndex::default();
        assert_eq!(index.offset(file.path(), 3, 9).unwrap(), None, "the third line has not begun");
        file.write_all("c\n".repeat(1 << 20).as_bytes()).unwrap();
        assert_eq!(index.offset(file.path(), 1_000_000, u64::MAX).unwrap(), Some(1_999_998));
        file.as_file().set_len(4).unwrap();
        assert_eq!(index.number(file.path(), 2, 9).unwrap(), Some(2));
        assert_eq!(LineIndex::default().offset(log("").path(), 1, 9).unwrap(), None);
    }
}
