//! Instants in templates: they print as RFC 3339 in the DAG's zone and carry the date filters.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use jiff::civil::{Date, DateTime};
use jiff::fmt::strtime::{self, BrokenDownTime};
use jiff::{ToSpan, Zoned};
use minijinja::value::{DynObject, Object, ObjectRepr, Value};
use minijinja::{Error, ErrorKind};

use crate::time::Timestamp;
use crate::timetable::Zone;

/// An instant on the wall clock of a zone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(Zoned);

impl Moment {
    /// The instant as the clocks of `zone` show it.
    pub(super) fn new(at: Timestamp, zone: &Zone) -> Self {
        let instant = jiff::Timestamp::from_nanosecond(i128::from(at.nanos()))
            .expect("jiff covers the years -9999 to 9999, a Timestamp 1678 to 2262");
        Self(instant.to_zoned(zone.rules().clone()))
    }

    /// Its text by a `strftime` format that is known to be valid.
    pub(super) fn show(&self, format: &'static str) -> String {
        self.0.strftime(format).to_string()
    }
}

impl Object for Moment {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        Some(self.0.cmp(&other.downcast_ref::<Self>()?.0))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.show("%Y-%m-%dT%H:%M:%S%.f%:z"))
    }
}

/// `ds | ds_add(-7)`: the date so many days later, `YYYY-MM-DD`.
pub(super) fn ds_add(day: &Value, days: i64) -> Result<String, Error> {
    let date = match day.downcast_object_ref::<Moment>() {
        Some(moment) => moment.0.date(),
        None => text(day)?.parse::<Date>().map_err(|_| no_date())?,
    };
    let span = 0.days().try_days(days).map_err(|error| invalid(error.to_string()))?;
    Ok(date.checked_add(span).map_err(|error| invalid(error.to_string()))?.to_string())
}

/// `data_interval_start | date('%F')`: a date or an instant by a `strftime` format.
pub(super) fn date(day: &Value, format: &str) -> Result<String, Error> {
    let parts = match day.downcast_object_ref::<Moment>() {
        Some(moment) => BrokenDownTime::from(&moment.0),
        None => match text(day)?.parse::<Zoned>() {
            Ok(zoned) => BrokenDownTime::from(&zoned),
            Err(_) => BrokenDownTime::from(civil(day)?),
        },
    };
    strtime::format(format, parts).map_err(|error| invalid(error.to_string()))
}

/// `logical_date | in_tz('Asia/Tokyo')`: the same instant on the clocks of another zone.
pub(super) fn in_tz(at: &Value, zone: &str) -> Result<Value, Error> {
    let zone = Zone::parse(zone).map_err(invalid)?;
    let instant = match at.downcast_object_ref::<Moment>() {
        Some(moment) => moment.0.timestamp(),
        None => text(at)?.parse().map_err(|_| invalid("this is no RFC 3339 time with an offset"))?,
    };
    Ok(Value::from_object(Moment(instant.to_zoned(zone.rules().clone()))))
}

/// A wall-clock time without its zone; `2026-11-21` is its midnight.
fn civil(day: &Value) -> Result<DateTime, Error> {
    let text = text(day)?;
    text.parse().or_else(|_| text.trim_end_matches(['Z', 'z']).parse()).map_err(|_| no_date())
}

fn text(value: &Value) -> Result<&str, Error> {
    value.as_str().ok_or_else(|| invalid(format!("a {} is no date", value.kind())))
}

// Faults never quote a value: it may be a secret.
fn no_date() -> Error {
    invalid("this is no date: a date is written `2026-11-21`")
}

fn invalid(message: impl Into<Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message)
}
