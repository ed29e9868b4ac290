//! Instants and lengths of time. The core holds no clock: instants come in with events.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An instant: nanoseconds since 1970-01-01T00:00:00Z. Covers the years 1678 to 2262.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The last instant that can be expressed.
    pub const MAX: Self = Self(i64::MAX);

    /// From nanoseconds since the epoch.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// From whole seconds since the epoch; `None` beyond the years 1678 to 2262.
    pub fn from_seconds(seconds: i64) -> Option<Self> {
        seconds.checked_mul(1_000_000_000).map(Self)
    }

    /// From an RFC 3339 text with its offset, such as `2026-11-21T01:30:00Z`.
    pub fn parse(text: &str) -> Option<Self> {
        DateTime::parse_from_rfc3339(text).ok()?.timestamp_nanos_opt().map(Self)
    }

    /// Nanoseconds since the epoch.
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000_000)
    }

    /// This instant as a chrono value in UTC.
    pub fn to_chrono(self) -> DateTime<Utc> {
        DateTime::from_timestamp_nanos(self.0)
    }

    /// How long after `earlier` this is; zero when it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The instant `length` later, or the last one there is.
    #[must_use]
    pub fn plus(self, length: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(length.as_nanos()).unwrap_or(i64::MAX)))
    }

    /// The instant `length` earlier, or the first one there is.
    #[must_use]
    pub fn minus(self, length: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(length.as_nanos()).unwrap_or(i64::MAX)))
    }

    /// RFC 3339 in UTC with nanoseconds: the form of every machine-readable output.
    pub fn to_rfc3339(self) -> String {
        self.to_chrono().to_rfc3339_opts(SecondsFormat::Nanos, true)
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC, with a fraction only where there is one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_chrono().to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_rfc3339())
    }
}

impl JsonSchema for Timestamp {
    fn schema_name() -> Cow<'static, str> {
        "Timestamp".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "date-time",
            "pattern": "^(1[7-9]|2[01])[0-9]{2}-",
            "description": "RFC 3339, of the years 1700 to 2199; answers are in UTC with nanoseconds"
        })
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom(format!("`{text}` is no RFC 3339 time")))
    }
}

/// Reads a duration as the DAG file writes it: `90s`, `15m`, `2h`, `1d`, `1h30m`, `250ms`.
/// Units go from large to small, each at most once.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    const UNITS: [(&str, u64); 6] =
        [("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
    let mut rest = text;
    let mut allowed = &UNITS[..];
    let mut millis: u64 = 0;
    if rest.is_empty() {
        return Err("a duration is a number and a unit, such as `90s`, `15m` or `1h30m`".into());
    }
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let letters = rest[digits..].bytes().take_while(u8::is_ascii_alphabetic).count();
        let (number, unit) = (&rest[..digits], &rest[digits..digits + letters]);
        if digits == 0 {
            return Err(format!(
                "`{text}` is no duration: write a number and a unit, such as `90s` or `1h30m`"
            ));
        }
        if unit.is_empty() {
            return Err(format!(
                "`{text}` has no unit: write `{text}s` for seconds or `{text}m` for minutes"
            ));
        }
        let Some(place) = allowed.iter().position(|(name, _)| *name == unit) else {
            return Err(format!(
                "`{text}`: `{unit}` is out of place; units are w, d, h, m, s, ms, from large to small"
            ));
        };
        let size = allowed[place].1;
        allowed = &allowed[place + 1..];
        millis = number
            .parse::<u64>()
            .ok()
            .and_then(|n| n.checked_mul(size))
            .and_then(|n| millis.checked_add(n))
            .filter(|n| *n <= MAX_DURATION_MILLIS)
            .ok_or_else(|| format!("`{text}` is too long: at most 100 years"))?;
        rest = &rest[digits + letters..];
    }
    Ok(Duration::from_millis(millis))
}

const MAX_DURATION_MILLIS: u64 = 100 * 366 * 86_400_000;

/// Writes a duration for people: the two largest units that matter, `1h30m`, `12.5s`, `85ms`.
pub fn show_duration(length: Duration) -> String {
    let seconds = length.as_secs();
    let (d, h, m, s) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    let pair =
        |a: u64, x: &str, b: u64, y: &str| if b == 0 { format!("{a}{x}") } else { format!("{a}{x}{b}{y}") };
    match seconds {
        0 if length.as_millis() == 0 && !length.is_zero() => "<1ms".into(),
        0 => format!("{}ms", length.as_millis()),
        1..60 if length.subsec_millis() >= 50 => format!("{:.1}s", length.as_secs_f64()),
        1..60 => format!("{s}s"),
        60..3_600 => pair(m, "m", s, "s"),
        3_600..86_400 => pair(h, "h", m, "m"),
        _ => pair(d, "d", h, "h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_numbers_with_units_from_large_to_small() {
        for (text, seconds) in [("90s", 90), ("15m", 900), ("2h", 7_200), ("1d", 86_400), ("1h30m", 5_400)] {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        assert_eq!(parse_duration("250ms"), Ok(Duration::from_millis(250)));
        for bad in
            ["", "s", "90", "5 m", "1m1h", "1s1s", "-5s", "1.5h", "1y", "99999999999999999999s", "9999999d"]
        {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_duration_without_a_unit_says_what_to_write() {
        assert_eq!(
            parse_duration("90").unwrap_err(),
            "`90` has no unit: write `90s` for seconds or `90m` for minutes"
        );
    }

    #[test]
    fn shown_durations_keep_what_matters() {
        let cases =
            [(85, "85ms"), (12_500, "12.5s"), (60_000, "1m"), (5_400_000, "1h30m"), (90_000_000, "1d1h")];
        for (millis, text) in cases {
            assert_eq!(show_duration(Duration::from_millis(millis)), text);
        }
    }

    #[test]
    fn instants_round_trip_with_nanoseconds() {
        let at = Timestamp::parse("2026-11-21T01:30:00.000000007+01:00").unwrap();
        assert_eq!(at.to_rfc3339(), "2026-11-21T00:30:00.000000007Z");
        assert_eq!(Timestamp::parse(&at.to_rfc3339()), Some(at));
        assert_eq!(Timestamp::parse("9999-01-01T00:00:00Z"), None);
    }
}
