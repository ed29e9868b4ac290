//! Times and lengths as people read them.

use std::fmt::Display;
use std::time::Duration;

use chrono::{DateTime, TimeZone};
use nightrun_core::time::{Timestamp, show_duration};

/// `21 Nov 02:30:05`, in UTC; with the year where it is not this one's.
pub(crate) fn moment(at: Timestamp, now: Timestamp) -> String {
    day_and_time(&at.to_chrono(), &now.to_chrono())
}

/// The same on any clock.
pub(crate) fn day_and_time<Z: TimeZone<Offset: Display>>(at: &DateTime<Z>, now: &DateTime<Z>) -> String {
    let this_year = at.format("%Y").to_string() == now.format("%Y").to_string();
    at.format(if this_year { "%-d %b %H:%M:%S" } else { "%-d %b %Y %H:%M:%S" }).to_string()
}

/// `in 3h12m`, `5m ago`, `now`.
pub(crate) fn from_now(at: Timestamp, now: Timestamp) -> String {
    match (at.since(now), now.since(at)) {
        (ahead, _) if ahead >= Duration::from_secs(1) => format!("in {}", round(ahead)),
        (_, ago) if ago >= Duration::from_secs(1) => format!("{} ago", round(ago)),
        _ => "now".into(),
    }
}

/// From the beginning to the end, or to now while it goes on.
pub(crate) fn took(begin: Option<Timestamp>, end: Option<Timestamp>, now: Timestamp) -> Option<String> {
    begin.map(|begin| show_duration(end.unwrap_or(now).since(begin)))
}

/// A size in bytes.
pub(crate) fn size(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let amount = bytes as f64;
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", amount / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", amount / 1e6),
        _ => format!("{:.1} GB", amount / 1e9),
    }
}

/// Whole seconds below a minute, whole minutes below a day: what is far needs no detail.
fn round(length: Duration) -> String {
    let seconds = length.as_secs();
    show_duration(Duration::from_secs(if seconds < 60 { seconds } else { seconds / 60 * 60 }))
}

/// How long something has gone on.
pub(crate) fn length(length: Duration) -> String {
    round(length)
}
