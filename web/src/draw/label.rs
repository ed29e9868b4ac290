//! How long the names in a drawing are.

use super::layered::to_f64;

/// At most so many characters of it.
pub(super) fn shorten(label: &str, longest: usize) -> String {
    if label.chars().count() <= longest {
        return label.into();
    }
    label.chars().take(longest - 1).chain(['…']).collect()
}

/// The width of a label in a 12 px system font.
pub(super) fn text_width(label: &str) -> f64 {
    to_f64(label.chars().count()) * 7.0
}

/// The width of a label in a 9 px system font.
pub(super) fn small_width(label: &str) -> f64 {
    to_f64(label.chars().count()) * 5.0
}
