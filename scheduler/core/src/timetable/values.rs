//! Which fields there are, and sets of their values.

/// Which field: decides the range of its numbers, its names and its special forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FieldKind {
    Second,
    Minute,
    Hour,
    Day,
    Month,
    Weekday,
}

const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

impl FieldKind {
    /// What the field is called in messages.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day of month",
            Self::Month => "month",
            Self::Weekday => "day of week",
        }
    }

    /// The smallest and largest value. For weekdays 7 is one more name of Sunday.
    pub(super) const fn bounds(self) -> (u32, u32) {
        match self {
            Self::Second | Self::Minute => (0, 59),
            Self::Hour => (0, 23),
            Self::Day => (1, 31),
            Self::Month => (1, 12),
            Self::Weekday => (0, 6),
        }
    }

    pub(super) const fn names(self) -> &'static [&'static str] {
        match self {
            Self::Month => &MONTHS,
            Self::Weekday => &WEEKDAYS,
            Self::Second | Self::Minute | Self::Hour | Self::Day => &[],
        }
    }

    /// How many values there are.
    pub(super) const fn span(self) -> u32 {
        let (min, max) = self.bounds();
        max - min + 1
    }

    /// All values.
    pub(super) fn all(self) -> Values {
        let (min, max) = self.bounds();
        Values::stepping(min, max, 1)
    }
}

/// A set of numbers from 0 to 63.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Values(u64);

impl Values {
    /// `first`, `first + step` and so on, up to `last`.
    pub(super) fn stepping(first: u32, last: u32, step: u32) -> Self {
        let step = usize::try_from(step).unwrap_or(usize::MAX);
        Self((first..=last).step_by(step).fold(0, |set, value| set | 1 << value))
    }

    pub(super) fn contains(self, value: u32) -> bool {
        self.0 >> value & 1 == 1
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(super) fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) fn iter(self) -> impl Iterator<Item = u32> {
        (0..64).filter(move |value| self.contains(*value))
    }

    /// As values of `kind`: Sunday's second name, 7, becomes its first.
    pub(super) fn of(self, kind: FieldKind) -> Self {
        if kind == FieldKind::Weekday { Self(self.0 & 0x7f | self.0 >> 7 & 1) } else { self }
    }
}
