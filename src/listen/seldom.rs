//! What goes on for long is told once a minute.

use std::time::{Duration, Instant};

/// Shortest time between two tellings.
const PAUSE: Duration = Duration::from_mins(1);

/// When something was told last.
#[derive(Debug, Default)]
pub(super) struct Seldom {
    last: Option<Instant>,
}

impl Seldom {
    /// True at most once a minute.
    pub(super) fn is_time(&mut self) -> bool {
        let due = self.last.is_none_or(|last| last.elapsed() >= PAUSE);
        if due {
            self.last = Some(Instant::now());
        }
        due
    }
}
