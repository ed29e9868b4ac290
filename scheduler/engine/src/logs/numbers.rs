//! Numbers of lines that a search found, from the number of the first of them.

use std::fs::File;
use std::io;
use std::path::Path;

use super::lines::count;
use super::read::read_at;
use super::search::Hit;

/// How much is looked at in one go, in bytes.
const BLOCK: u64 = 1 << 20;

/// The numbers of these lines of a log, in their order; `first` is that of the first.
pub fn numbers(path: &Path, hits: &[Hit], first: u64) -> io::Result<Vec<u64>> {
    let file = File::open(path)?;
    let (mut place, mut number) = (hits.first().map_or(0, |hit| hit.offset), first);
    let mut numbers = Vec::with_capacity(hits.len());
    for hit in hits {
        while place < hit.offset {
            let end = (place + BLOCK).min(hit.offset);
            let bytes = read_at(&file, place, end, usize::try_from(end - place).unwrap_or(0))?;
            number += count(&bytes);
            place = end;
        }
        numbers.push(number);
    }
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::logs::search;

    #[test]
    fn lines_that_are_found_have_their_numbers() {
        let lines: Vec<String> = (1..=200_000)
            .map(|number| if number % 50_000 == 7 { format!("needle {number}") } else { "hay".repeat(9) })
            .collect();
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(lines.join("\n").as_bytes()).unwrap();
        let hits = search(file.path(), "needle", None, 9, 1 << 30).unwrap().lines;
        assert_eq!(numbers(file.path(), &hits, 7).unwrap(), [7, 50_007, 100_007, 150_007]);
        assert_eq!(numbers(file.path(), &[], 7).unwrap(), Vec::<u64>::new());
    }
}
