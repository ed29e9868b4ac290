//! Logs as pieces of text with classes: what a task wrote is never markup.

use std::io::SeekFrom;
use std::path::Path;

use anstyle::{Ansi256Color, Color, Effects, RgbColor, Style};
use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use futures_util::stream::unfold;
use nightrun_engine::logs::{Span, spans};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use crate::problem::Problem;

/// How much of a file is sent at once, in bytes.
const BLOCK: u64 = 64 * 1024;

/// Classes (perhaps none) and the text they dress.
pub(crate) type Piece = (String, String);

/// A text in pieces, beginning in `style`, which is left as the text leaves it.
pub(crate) fn pieces(text: &str, style: &mut Style) -> Vec<Piece> {
    spans(text, style).into_iter().map(|Span { style, text }| (classes(style), text)).collect()
}

/// The same, and whether it is what was searched for.
pub(crate) type Marked = (String, String, bool);

/// One line in pieces, without its end. Where a carriage return begins it anew, there is a line break in it.
pub(crate) fn line_pieces(line: &str, style: &mut Style) -> Vec<Piece> {
    let line = line.strip_suffix('\n').unwrap_or(line);
    pieces(line.strip_suffix('\r').unwrap_or(line), style)
}

/// What was added to a log: a line break ends a line, a carriage return begins it anew.
pub(crate) fn stream_pieces(text: &str, style: &mut Style) -> Vec<Piece> {
    let mut all = Vec::new();
    for line in text.split_inclusive('\n') {
        let pieces = line_pieces(line, style);
        all.extend(pieces.into_iter().map(|(classes, text)| (classes, text.replace('\n', "\r"))));
        all.extend(line.ends_with('\n').then(|| (String::new(), "\n".to_owned())));
    }
    all
}

/// Marks each place that has the word, without regard to the case of ASCII letters.
pub(crate) fn mark(pieces: Vec<Piece>, word: &str) -> Vec<Marked> {
    let whole: String = pieces.iter().map(|(_, text)| text.as_str()).collect();
    let mut cuts = Vec::new();
    let mut from = 0;
    while let Some(at) = find(&whole, from, word) {
        cuts.push(at..at + word.len());
        from = at + word.len();
    }
    let (mut marked, mut begin) = (Vec::new(), 0);
    for (classes, text) in pieces {
        let end = begin + text.len();
        let mut at = begin;
        for cut in cuts.iter().filter(|cut| cut.start < end && cut.end > begin) {
            let (start, stop) = (cut.start.max(begin), cut.end.min(end));
            let parts = [(at, start, false), (start, stop, true)];
            let parts = parts.into_iter().filter(|(from, to, _)| from < to);
            marked.extend(parts.map(|(from, to, is)| (classes.clone(), whole[from..to].to_owned(), is)));
            at = stop;
        }
        if at < end {
            marked.push((classes, whole[at..end].to_owned(), false));
        }
        begin = end;
    }
    marked
}

/// Where the word is next, in bytes. A word that begins like a character begins with one.
fn find(text: &str, from: usize, word: &str) -> Option<usize> {
    let is_here = |at: &usize| text.as_bytes()[*at..*at + word.len()].eq_ignore_ascii_case(word.as_bytes());
    let last = text.len().checked_sub(word.len()).filter(|_| !word.is_empty())?;
    (from..=last).find(is_here)
}

fn classes(style: Style) -> String {
    let effects = style.get_effects();
    let mut classes: Vec<String> = [
        (Effects::BOLD, "ab"),
        (Effects::DIMMED, "ad"),
        (Effects::ITALIC, "ai"),
        (Effects::UNDERLINE, "au"),
        (Effects::STRIKETHROUGH, "as"),
    ]
    .into_iter()
    .filter(|(effect, _)| effects.contains(*effect))
    .map(|(_, class)| class.to_owned())
    .collect();
    let (front, back) = (style.get_fg_color().map(basic), style.get_bg_color().map(basic));
    let (front, back) = if effects.contains(Effects::INVERT) {
        (Some(back.unwrap_or(0)), Some(front.unwrap_or(7)))
    } else {
        (front, back)
    };
    classes.extend(front.map(|color| format!("f{color}")));
    classes.extend(back.map(|color| format!("g{color}")));
    classes.join(" ")
}

/// The nearest of the sixteen colours, so that both themes stay readable.
fn basic(color: Color) -> u8 {
    match color {
        Color::Ansi(color) => Ansi256Color::from(color).index(),
        Color::Ansi256(Ansi256Color(index @ 0..=15)) => index,
        Color::Ansi256(Ansi256Color(index @ 16..=231)) => {
            let level = |step: u8| (index - 16) / step % 6 * 51;
            mixed(level(36), level(6), level(1))
        }
        Color::Ansi256(Ansi256Color(232..=243)) => 8,
        Color::Ansi256(Ansi256Color(_)) => 7,
        Color::Rgb(RgbColor(red, green, blue)) => mixed(red, green, blue),
    }
}

/// One bit for each colour that is strong beside the strongest.
fn mixed(red: u8, green: u8, blue: u8) -> u8 {
    let most = red.max(green).max(blue);
    let bit = |part: u8| u8::from(u16::from(part) * 3 >= u16::from(most) * 2 && most > 40);
    bit(red) | bit(green) << 1 | bit(blue) << 2
}

/// A log as it is on disk, or the part that `Range` or `offset` asks for; as a download under `name`.
pub(crate) async fn file(
    path: &Path,
    headers: &HeaderMap,
    offset: Option<u64>,
    name: Option<&str>,
) -> Result<Response, Problem> {
    let missing = |_| Problem::not_found("this attempt has written nothing there");
    let mut file = File::open(path).await.map_err(missing)?;
    let size = file.metadata().await.map_err(missing)?.len();
    let range = headers.get(header::RANGE).and_then(|range| range.to_str().ok());
    let range = match range.map_or(Wanted::Whole, |range| part(range, size)) {
        Wanted::Whole => None,
        Wanted::Part(start, end) => Some((start, end)),
        Wanted::Beyond => return Ok(beyond(size)),
    };
    let (start, end) = range.unwrap_or((offset.unwrap_or(0).min(size), size));
    file.seek(SeekFrom::Start(start)).await.map_err(missing)?;
    let blocks = unfold((file, end - start), |(mut file, left)| async move {
        let mut block = vec![0; usize::try_from(left.min(BLOCK)).unwrap_or(0)];
        match file.read(&mut block).await {
            Ok(0) => None,
            Ok(count) => {
                block.truncate(count);
                Some((Ok(block), (file, left - count as u64)))
            }
            Err(error) => Some((Err(error), (file, 0))),
        }
    });
    // What compresses it asks once more after its end.
    let blocks = blocks.fuse();
    let kind = [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::ACCEPT_RANGES, "bytes")];
    let length = [(header::CONTENT_LENGTH, (end - start).to_string())];
    let mut response = (kind, length, Body::from_stream(blocks)).into_response();
    let own = response.headers_mut();
    if range.is_some() {
        let text = format!("bytes {start}-{}/{size}", end.saturating_sub(1));
        own.insert(header::CONTENT_RANGE, text.parse().expect("numbers are header text"));
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    } else if let Some(name) = name {
        let text = format!("attachment; filename=\"{name}\"");
        own.insert(
            header::CONTENT_DISPOSITION,
            text.parse().expect("names of downloads are made of numbers"),
        );
    }
    Ok(response)
}

/// What of a file a `Range` asks for.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    Whole,
    /// From here to before there.
    Part(u64, u64),
    /// Nothing that there is.
    Beyond,
}

/// One range of bytes. Several, one that runs backwards and what is none are answered whole, as RFC 9110 allows; so is
/// the end of an empty file, for which there are no numbers.
fn part(range: &str, size: u64) -> Wanted {
    let parts = range.split_once('=').filter(|(unit, _)| unit.trim().eq_ignore_ascii_case("bytes"));
    let Some((first, last)) = parts.and_then(|(_, range)| range.trim().split_once('-')) else {
        return Wanted::Whole;
    };
    match (first, last, number(first), number(last)) {
        ("", _, _, Some(0)) => Wanted::Beyond,
        ("", _, _, Some(count)) if size > 0 => Wanted::Part(size.saturating_sub(count), size),
        (_, "", Some(start), _) if start < size => Wanted::Part(start, size),
        (_, _, Some(start), Some(last)) if start <= last && start < size => {
            Wanted::Part(start, last.saturating_add(1).min(size))
        }
        (_, "", Some(_), _) => Wanted::Beyond,
        (_, _, Some(start), Some(last)) if start <= last => Wanted::Beyond,
        _ => Wanted::Whole,
    }
}

/// A place in a file, in digits alone; one that no file can have is beyond each.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

/// That a `Range` begins where a file has ended.
fn beyond(size: u64) -> Response {
    let status = StatusCode::RANGE_NOT_SATISFIABLE;
    let detail = format!("there is nothing in this range: the text has {size} bytes");
    let mut response = Problem::new(status, "range", "Beyond the end", detail).into_response();
    let text = format!("bytes */{size}");
    response.headers_mut().insert(header::CONTENT_RANGE, text.parse().expect("numbers are header text"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(marked: &[Marked]) -> String {
        let one =
            |(classes, text, is): &Marked| if *is { format!("[{text}]") } else { format!("{classes}{text}") };
        marked.iter().map(one).collect::<Vec<_>>().join("|")
    }

    #[test]
    fn a_word_is_marked_over_colours_and_case() {
        let piece = |classes: &str, text: &str| (classes.to_owned(), text.to_owned());
        for (pieces, word, marked) in [
            (vec![piece("", "an Error is no error")], "error", "an |[Error]| is no |[error]"),
            (vec![piece("", "an er"), piece("f1:", "ror!")], "ERROR", "an |[er]|[ror]|f1:!"),
            (vec![piece("", "aaaa")], "aa", "[aa]|[aa]"),
            (vec![piece("", "größe €5")], "öße €", "gr|[öße €]|5"),
            (vec![piece("f1:", "nothing")], "x", "f1:nothing"),
            (vec![piece("", "nothing")], "", "nothing"),
            (vec![], "x", ""),
        ] {
            assert_eq!(shown(&mark(pieces, word)), marked, "{word}");
        }
    }

    #[test]
    fn a_range_is_one_part_all_or_beyond_the_end() {
        let (whole, beyond) = (Wanted::Whole, Wanted::Beyond);
        for (range, size, wanted) in [
            ("bytes=0-", 10, Wanted::Part(0, 10)),
            ("bytes=3-5", 10, Wanted::Part(3, 6)),
            ("Bytes = 3-3", 10, Wanted::Part(3, 4)),
            ("bytes=3-99", 10, Wanted::Part(3, 10)),
            ("bytes=3-99999999999999999999", 10, Wanted::Part(3, 10)),
            ("bytes=-4", 10, Wanted::Part(6, 10)),
            ("bytes=-99", 10, Wanted::Part(0, 10)),
            ("bytes=10-", 10, Wanted::Beyond),
            ("bytes=10-20", 10, Wanted::Beyond),
            ("bytes=99999999999999999999-", 10, Wanted::Beyond),
            ("bytes=0-", 0, Wanted::Beyond),
            ("bytes=0-0", 0, Wanted::Beyond),
            ("bytes=-0", 10, Wanted::Beyond),
            ("bytes=-0", 0, beyond),
            ("bytes=-5", 0, Wanted::Whole),
            ("bytes=5-3", 10, Wanted::Whole),
            ("bytes=50-30", 10, Wanted::Whole),
            ("bytes=0-1,4-5", 10, Wanted::Whole),
            ("bytes=20-,30-", 10, Wanted::Whole),
            ("bytes=-", 10, Wanted::Whole),
            ("bytes=+3-5", 10, Wanted::Whole),
            ("bytes=--3", 10, Wanted::Whole),
            ("bytes=a-b", 10, Wanted::Whole),
            ("lines=3-5", 10, Wanted::Whole),
            ("bytes", 10, Wanted::Whole),
            ("", 10, whole),
        ] {
            assert_eq!(part(range, size), wanted, "{range} of {size}");
        }
    }

    #[test]
    fn what_is_added_tells_lines_from_returns() {
        let mut style = Style::new();
        let added = stream_pieces("10%\r20%\r\n\nend", &mut style);
        let text: Vec<&str> = added.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(text, ["10%\r20%", "\n", "\n", "end"]);
    }

    #[test]
    fn colours_become_classes_and_markup_stays_text() {
        let mut style = Style::new();
        let shown = pieces("a \x1b[1;31m<b>\x1b[38;5;46mok\x1b[0m\x1b[38;2;20;20;250mz", &mut style);
        let expected = [("", "a "), ("ab f1", "<b>"), ("ab f2", "ok"), ("f4", "z")];
        assert_eq!(shown, expected.map(|(classes, text)| (classes.to_owned(), text.to_owned())));
    }
}
