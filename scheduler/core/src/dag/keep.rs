//! How long ended runs are kept.

/// How long ended runs are kept: a run goes when either of the two lets it go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Keep {
    /// The newest so many stay; at least 1. `None`: all.
    pub runs: Option<u32>,
    /// They stay so many days after their end; at least 1. `None`: for ever.
    pub days: Option<u32>,
}

impl Keep {
    /// This, and where it says nothing what `default` says.
    #[must_use]
    pub fn or(self, default: Self) -> Self {
        Self { runs: self.runs.or(default.runs), days: self.days.or(default.days) }
    }
}
