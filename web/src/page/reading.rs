//! What a page shows of a log: numbered lines of one part of it with what was searched for marked, or the lines that a
//! search found. However long the log is, a part of it is read.

use std::path::Path;
use std::sync::Arc;

use anstyle::Style;
use nightrun_core::id::AttemptId;
use nightrun_engine::logs::{
    Hit, LogPaths, Progress, around, first_with, numbers, part_before, plain, progress, read, search,
};
use serde::{Deserialize, Serialize};

use crate::app::Site;
use crate::lines::COUNTED;
use crate::logs::{Marked, line_pieces, mark};
use crate::problem::Problem;
use crate::turns::SHORT;
use crate::words;

/// Most of a log on one page, in bytes.
const SHOWN: u64 = 60_000;

/// Most lines of it.
const LINES: usize = 1_500;

/// Shown before the line that was asked for, in bytes.
const BEFORE: u64 = 2_000;

/// Most lines that one search gives.
pub(crate) const HITS: usize = 100;

/// Most of a log that one search reads, in bytes; the next goes on from there.
pub(crate) const SEARCHED: u64 = 64 << 20;

/// So much of a log is counted for the numbers of lines that a search found, in bytes; then they are known.
const NUMBERED: u64 = 1 << 30;

/// What lines say where something went wrong.
const ERRORS: [&str; 6] = ["error", "exception", "traceback", "fatal", "panic", "failed"];

/// Which part of a log somebody wants: its end, unless they say more.
#[derive(Debug, Default, Clone, Deserialize)]
pub(crate) struct Part {
    /// It begins here.
    from: Option<u64>,
    /// It ends here.
    before: Option<u64>,
    /// Only lines with this word; with `at`, where it is marked.
    find: Option<String>,
    /// The line that begins here.
    at: Option<u64>,
    /// The line with this number.
    line: Option<String>,
    /// `error`: the first line that says so.
    jump: Option<String>,
}

impl Part {
    /// More is read than is shown.
    fn looks_for(&self) -> bool {
        self.line.is_some()
            || self.jump.is_some()
            || self.find.as_ref().is_some_and(|find| !find.trim().is_empty())
    }
}

/// A part of a log, or what a search in it found.
#[derive(Default, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is one thing that the page says or does not")]
pub(crate) struct LogView {
    lines: Vec<Line>,
    size: u64,
    /// Where the shown part begins and ends.
    start: u64,
    next: u64,
    /// The number of the line that begins, or goes on, there; none: lines are not counted so far yet.
    next_number: Option<u64>,
    /// The last line has not ended.
    open: bool,
    /// There is more after it.
    cut: bool,
    /// It is read from its end.
    tail: bool,
    live: bool,
    missing: bool,
    find: String,
    hits: Option<HitsView>,
    place: Option<Place>,
    /// Why what was asked for is not shown.
    sorry: Option<String>,
    /// How far the task says it has come.
    progress: Option<Progress>,
}

#[derive(Serialize)]
struct Line {
    number: Option<u64>,
    pieces: Vec<Marked>,
    /// It was asked for.
    here: bool,
    /// It says that something went wrong.
    wrong: bool,
}

#[derive(Serialize)]
struct HitsView {
    lines: Vec<HitLine>,
    /// All before this has not been looked at yet.
    before: u64,
}

#[derive(Serialize)]
struct HitLine {
    /// Where it begins, in bytes.
    offset: u64,
    /// From 1, where the lines before it could be counted.
    number: Option<u64>,
    pieces: Vec<Marked>,
}

/// One line among those that a search finds.
#[derive(Serialize)]
struct Place {
    earlier: Option<u64>,
    later: Option<u64>,
    /// Its own number among them, if it has the word.
    number: u64,
    count: u64,
    /// There may be more.
    more: bool,
}

/// A log that is looked into.
struct Log<'a> {
    site: &'a Site,
    id: AttemptId,
    path: &'a Path,
    size: u64,
    find: String,
    /// So much of it may be counted now, in bytes.
    counted: u64,
}

/// Where the shown part is.
struct Span {
    start: u64,
    end: u64,
    /// Where there are too many lines, the last ones matter.
    last: bool,
    /// The line that was asked for.
    here: Option<u64>,
    sorry: Option<String>,
}

impl LogView {
    /// What is looked for in a long log waits its turn. Its end, or another part of it, is shown at once, without
    /// numbers where its lines cannot be counted now.
    pub(crate) async fn of(
        site: &Arc<Site>,
        id: AttemptId,
        is_over: bool,
        asked: Part,
    ) -> Result<Self, Problem> {
        let path = LogPaths::new(&site.app.data).log(id);
        let of = (id, is_over);
        let looks_for = asked.looks_for();
        let part = asked.clone();
        let whole =
            site.look_through(path.clone(), move |site, path| Self::read(site, of, path, &part, COUNTED));
        if looks_for {
            return whole.await;
        }
        let view = site.beside(move |site| Self::read(site, of, &path, &asked, SHORT)).await?;
        if view.missing || view.next_number.is_some() {
            return Ok(view);
        }
        Ok(whole.await.unwrap_or(view))
    }

    fn read(site: &Site, (id, is_over): (AttemptId, bool), path: &Path, asked: &Part, counted: u64) -> Self {
        let size = std::fs::metadata(path).map(|file| file.len());
        let (missing, size) = (size.is_err(), size.unwrap_or(0));
        let find = asked.find.as_deref().unwrap_or_default().trim().to_owned();
        let log = Log { site, id, path, size, find, counted };
        let view = match asked {
            Part { at: None, line: None, jump: None, .. } if !log.find.is_empty() => {
                Self { hits: log.hits(asked.before), ..Self::default() }
            }
            _ => log.part(log.span(asked), is_over),
        };
        Self { size, missing, find: log.find, ..view }
    }
}

impl Log<'_> {
    fn span(&self, asked: &Part) -> Span {
        let first = |start: u64| Span {
            start,
            end: start.saturating_add(SHOWN),
            last: false,
            here: None,
            sorry: None,
        };
        let last = |end| Span { start: self.begin(end), end, last: true, here: None, sorry: None };
        let found = if let Some(text) = &asked.line {
            let number = text.trim().parse().ok();
            let place = number.and_then(|number| self.site.lines.offset(self.id, self.path, number));
            Some(
                place.ok_or_else(|| format!("There is no line `{}`, or it is not counted yet.", text.trim())),
            )
        } else if asked.jump.is_some() {
            let place = first_with(self.path, &ERRORS, SEARCHED).ok().flatten();
            let (all, words) = (self.size <= SEARCHED, ERRORS.map(|word| format!("`{word}`")).join(", "));
            let part = if all { String::new() } else { format!(" in its first {}", words::size(SEARCHED)) };
            Some(place.ok_or_else(|| format!("No line{part} says {words}.")))
        } else {
            asked.at.map(|at| Ok(at.min(self.size)))
        };
        match found {
            Some(Ok(here)) => {
                let start = part_before(self.path, here, BEFORE).unwrap_or(here);
                Span { here: Some(here), ..first(start) }
            }
            Some(Err(sorry)) => Span { sorry: Some(sorry), ..last(self.size) },
            None => match (asked.from, asked.before) {
                (Some(from), _) => first(from.min(self.size)),
                (None, before) => last(before.unwrap_or(self.size).min(self.size)),
            },
        }
    }

    fn begin(&self, end: u64) -> u64 {
        part_before(self.path, end, SHOWN).unwrap_or(0)
    }

    fn part(&self, Span { start, end, last, here, sorry }: Span, is_over: bool) -> LogView {
        let slice = read(self.path, start, usize::try_from(end - start).unwrap_or(0)).ok();
        let bytes = slice.map(|slice| slice.bytes).unwrap_or_default();
        let mut parts: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
        let more = parts.len().saturating_sub(LINES);
        let skipped: usize = parts.drain(..if last { more } else { 0 }).map(<[u8]>::len).sum();
        parts.truncate(LINES);
        let start = start + skipped as u64;
        let first = self.site.lines.number(self.id, self.path, start, self.counted);
        let (mut next, mut number, mut style) = (start, first, Style::new());
        let mut lines = Vec::new();
        for line in &parts {
            let pieces = line_pieces(&String::from_utf8_lossy(line), &mut style);
            let text: String = pieces.iter().map(|piece| piece.1.as_str()).collect();
            let text = text.to_lowercase();
            let wrong = ERRORS.iter().any(|word| text.contains(word));
            lines.push(Line { number, pieces: mark(pieces, &self.find), here: here == Some(next), wrong });
            next += line.len() as u64;
            number = number.map(|number| number + 1);
        }
        let open = parts.last().is_some_and(|line| !line.ends_with(b"\n"));
        let live = !is_over && next >= self.size;
        LogView {
            lines,
            start,
            next,
            next_number: number.map(|number| number - u64::from(open)),
            open,
            cut: next < self.size,
            tail: last,
            live,
            place: here.and_then(|here| self.place(here)),
            sorry,
            progress: if live { progress(&String::from_utf8_lossy(&bytes)) } else { None },
            ..LogView::default()
        }
    }

    /// The lines with the word. Who searches waits anyway, so the lines of a long log are counted at once.
    fn hits(&self, before: Option<u64>) -> Option<HitsView> {
        let found = search(self.path, &self.find, before, HITS, SEARCHED).ok()?;
        let number = |hit: &Hit| self.site.lines.number(self.id, self.path, hit.offset, NUMBERED);
        let first = found.lines.first().and_then(number);
        let numbers = first.and_then(|first| numbers(self.path, &found.lines, first).ok());
        let line = |(at, hit): (usize, &Hit)| HitLine {
            offset: hit.offset,
            number: numbers.as_ref().and_then(|numbers| numbers.get(at).copied()),
            pieces: mark(vec![(String::new(), plain(&hit.text).into_owned())], &self.find),
        };
        Some(HitsView { lines: found.lines.iter().enumerate().map(line).collect(), before: found.before })
    }

    /// The neighbours of a line among those with the word.
    fn place(&self, here: u64) -> Option<Place> {
        let found = (!self.find.is_empty()).then(|| around(self.path, &self.find, here, SEARCHED).ok())??;
        let own = u64::from(found.here);
        Some(Place {
            earlier: found.before.nearest,
            later: found.after.nearest,
            number: found.before.count + own,
            count: found.before.count + own + found.after.count,
            more: found.before.cut || found.after.cut,
        })
    }
}
