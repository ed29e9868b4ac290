//! Stretches of time as people write them into filters.

use chrono::Days;
use nightrun_core::time::Timestamp;
use nightrun_core::timetable::Zone;

/// A stretch of time; either end may be open.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) from: Option<Timestamp>,
    pub(super) until: Option<Timestamp>,
    /// What could not be read.
    pub(super) refused: Vec<String>,
}

/// Reads a stretch: a date counts whole, both as its first and as its last day.
pub(super) fn stretch(from: &str, to: &str) -> Stretch {
    let mut stretch = Stretch::default();
    let mut read = |text: &str, last: bool| {
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        let at = instant(text, last);
        if at.is_none() {
            stretch
                .refused
                .push(format!("`{text}` is no date: write it as `2026-11-21` or `2026-11-21T03:30`"));
        }
        at
    };
    let (first, last) = (read(from, false), read(to, true));
    Stretch { from: first, until: last, ..stretch }
}

fn instant(text: &str, last: bool) -> Option<Timestamp> {
    let day = chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
    let whole = day.filter(|_| last).and_then(|day| day.checked_add_days(Days::new(1)));
    let text = whole.map_or_else(|| text.to_owned(), |next| next.to_string());
    Zone::utc().read_instant(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_counts_whole_and_an_instant_as_it_stands() {
        let at = |text: &str| Timestamp::parse(text);
        for (from, to, first, until) in [
            ("", "", None, None),
            ("2026-11-21", "2026-11-21", at("2026-11-21T00:00:00Z"), at("2026-11-22T00:00:00Z")),
            ("2026-12-31T23:00", "2026-12-31", at("2026-12-31T23:00:00Z"), at("2027-01-01T00:00:00Z")),
            (" 2026-11-21T01:30:00+01:00 ", "", at("2026-11-21T00:30:00Z"), None),
        ] {
            let expected = Stretch { from: first, until, refused: vec![] };
            assert_eq!(stretch(from, to), expected, "{from} – {to}");
        }
        assert_eq!(stretch("noon", "2026-02-30").refused.len(), 2);
    }
}
