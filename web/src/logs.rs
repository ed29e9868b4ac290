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
    let range =
        headers.get(header::RANGE).and_then(|range| range.to_str().ok()).and_then(|it| part(it, size));
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

/// One range of bytes, as start and end; anything else is answered whole, as RFC 9110 allows.
fn part(range: &str, size: u64) -> Option<(u64, u64)> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let (start, end) = match (first, last) {
        ("", last) => (size.saturating_sub(last.parse().ok()?), size),
        (first, "") => (first.parse().ok()?, size),
        (first, last) => (first.parse().ok()?, last.parse::<u64>().ok()?.saturating_add(1).min(size)),
    };
    (start < end).then_some((start, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_become_classes_and_markup_stays_text() {
        let mut style = Style::new();
        let shown = pieces("a \x1b[1;31m<b>\x1b[38;5;46mok\x1b[0m\x1b[38;2;20;20;250mz", &mut style);
        let expected = [("", "a "), ("ab f1", "<b>"), ("ab f2", "ok"), ("f4", "z")];
        assert_eq!(shown, expected.map(|(classes, text)| (classes.to_owned(), text.to_owned())));
    }
}
