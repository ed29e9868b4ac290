//! What of an iCalendar file (RFC 5545) makes holidays: events of whole days, once or every year.

use chrono::{Datelike, Days, NaiveDate};

/// An event of whole days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IcalEvent {
    /// Its `SUMMARY`; empty where it has none.
    pub summary: String,
    /// Its first day.
    pub first: NaiveDate,
    /// How many days it takes; at least 1.
    pub days: u64,
    /// `None`: once. Else it comes every year up to this one.
    pub until: Option<i32>,
}

/// A line that cannot be taken for what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IcalFault {
    /// Which line of the file, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub message: String,
}

/// One unfolded line: its number, its name in upper case, its parameters and its value.
struct Line {
    number: usize,
    name: String,
    params: String,
    value: String,
}

/// The events of whole days in a file; those with a time of day are no holidays and left out.
pub fn read_ical(text: &str) -> Result<Vec<IcalEvent>, IcalFault> {
    let lines = unfold(text);
    if !lines.first().is_some_and(|line| line.is("BEGIN", "VCALENDAR")) {
        return Err(IcalFault { line: 1, message: "an iCalendar file begins with BEGIN:VCALENDAR".into() });
    }
    let mut events = Vec::new();
    let mut open: Option<Vec<&Line>> = None;
    let mut inside = 0;
    for line in &lines {
        if line.is("BEGIN", "VEVENT") && open.is_none() {
            open = Some(Vec::new());
        } else if line.is("END", "VEVENT") && inside == 0 {
            events.extend(event(&open.take().unwrap_or_default())?);
        } else if let Some(event) = &mut open {
            // What is nested in an event, such as an alarm, is not about its day.
            match &*line.name {
                "BEGIN" => inside += 1,
                "END" => inside = i32::max(inside - 1, 0),
                _ if inside == 0 => event.push(line),
                _ => {}
            }
        }
    }
    match lines.last() {
        Some(end) if open.is_none() && end.is("END", "VCALENDAR") => Ok(events),
        last => Err(IcalFault {
            line: last.map_or(1, |line| line.number),
            message: "the file ends before END:VCALENDAR".into(),
        }),
    }
}

impl Line {
    fn is(&self, name: &str, value: &str) -> bool {
        self.name == name && self.value.eq_ignore_ascii_case(value)
    }

    fn fault<T>(&self, message: impl Into<String>) -> Result<T, IcalFault> {
        Err(IcalFault { line: self.number, message: message.into() })
    }

    /// The day that it holds; `None` for a moment of a day.
    fn day(&self) -> Result<Option<NaiveDate>, IcalFault> {
        let value = self.value.trim();
        if value.contains('T') && !self.params.contains("VALUE=DATE") {
            return Ok(None);
        }
        match NaiveDate::parse_from_str(value, "%Y%m%d") {
            Ok(day) if value.len() == 8 => Ok(Some(day)),
            _ => self.fault(format!("`{value}` is no day such as 20261225")),
        }
    }
}

/// Lines that begin with a blank go on the one before.
fn unfold(text: &str) -> Vec<Line> {
    let mut whole: Vec<(usize, String)> = Vec::new();
    for (at, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        match (line.strip_prefix([' ', '\t']), whole.last_mut()) {
            (Some(rest), Some((_, last))) => last.push_str(rest),
            _ => whole.push((at + 1, line.to_owned())),
        }
    }
    whole
        .into_iter()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(number, line)| split(number, &line))
        .collect()
}

/// `DTSTART;VALUE=DATE:20261225`; a colon in quotes belongs to a parameter.
fn split(number: usize, line: &str) -> Line {
    let mut quoted = false;
    let colon = line.find(|letter| {
        quoted ^= letter == '"';
        letter == ':' && !quoted
    });
    let (head, value) = line.split_at(colon.unwrap_or(line.len()));
    let (name, params) = head.split_once(';').unwrap_or((head, ""));
    Line {
        number,
        name: name.trim().to_ascii_uppercase(),
        params: params.to_ascii_uppercase(),
        value: value.strip_prefix(':').unwrap_or_default().trim_end().to_owned(),
    }
}

fn event(lines: &[&Line]) -> Result<Option<IcalEvent>, IcalFault> {
    let find = |name: &str| lines.iter().find(|line| line.name == name);
    if find("STATUS").is_some_and(|line| line.value.eq_ignore_ascii_case("CANCELLED")) {
        return Ok(None);
    }
    let Some(start) = find("DTSTART") else { return Ok(None) };
    let Some(first) = start.day()? else { return Ok(None) };
    let days = match (find("DTEND"), find("DURATION")) {
        (Some(end), _) => match end.day()? {
            // The end of an event is the day after its last one.
            Some(end) => u64::try_from((end - first).num_days()).unwrap_or(0).max(1),
            None => 1,
        },
        (None, Some(length)) => match duration_in_days(&length.value) {
            Some(days) => days.max(1),
            None => return length.fault(format!("`{}` is no length in days, such as P2D", length.value)),
        },
        (None, None) => 1,
    };
    if days > 366 {
        return start.fault("the event takes more than a year");
    }
    let until = find("RRULE").map(|rule| yearly_until(rule, first)).transpose()?;
    let summary = find("SUMMARY").map_or_else(String::new, |line| unescape(&line.value));
    Ok(Some(IcalEvent { summary, first, days, until }))
}

fn duration_in_days(text: &str) -> Option<u64> {
    let rest = text.strip_prefix('P')?;
    match (rest.strip_suffix('D'), rest.strip_suffix('W')) {
        (Some(days), _) => days.parse().ok(),
        (_, Some(weeks)) => weeks.parse::<u64>().ok()?.checked_mul(7),
        _ => None,
    }
}

/// The last year of a rule that repeats a day every year.
fn yearly_until(rule: &Line, first: NaiveDate) -> Result<i32, IcalFault> {
    let mut until = i32::MAX;
    let mut yearly = false;
    for part in rule.value.split(';').filter(|part| !part.is_empty()) {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        match (&*key.to_ascii_uppercase(), value) {
            ("FREQ", _) => yearly = value.eq_ignore_ascii_case("YEARLY"),
            ("INTERVAL", "1") | ("WKST", _) => {}
            ("BYMONTH", month) if month.parse() == Ok(first.month()) => {}
            ("BYMONTHDAY", day) if day.parse() == Ok(first.day()) => {}
            ("COUNT", count) => match count.parse::<i32>() {
                Ok(count) if count > 0 => until = until.min(first.year().saturating_add(count - 1)),
                _ => return rule.fault(format!("`{count}` is no count")),
            },
            ("UNTIL", moment) => {
                let day = moment.get(..8).and_then(|day| NaiveDate::parse_from_str(day, "%Y%m%d").ok());
                let Some(day) = day else { return rule.fault(format!("`{moment}` is no day")) };
                let before = (day.month(), day.day()) < (first.month(), first.day());
                until = until.min(day.year() - i32::from(before));
            }
            _ => return rule.fault(format!("only a day that comes every year is read, not `{part}`")),
        }
    }
    if yearly { Ok(until) } else { rule.fault("only FREQ=YEARLY is read") }
}

fn unescape(text: &str) -> String {
    let mut letters = text.chars();
    let mut plain = String::with_capacity(text.len());
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => plain.push(match letters.next() {
                Some('n' | 'N') | None => ' ',
                Some(other) => other,
            }),
            other => plain.push(other),
        }
    }
    plain.trim().to_owned()
}

impl IcalEvent {
    /// All its days in the years of a calendar.
    pub fn days(&self) -> impl Iterator<Item = NaiveDate> + '_ {
        let (from, to) = match self.until {
            None => (self.first.year(), self.first.year()),
            Some(until) => (self.first.year(), until.min(*super::YEARS.end())),
        };
        let starts = (from.max(1900)..=to).filter_map(|year| self.first.with_year(year));
        starts
            .flat_map(|start| (0..self.days).filter_map(move |days| start.checked_add_days(Days::new(days))))
    }
}
