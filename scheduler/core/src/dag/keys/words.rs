//! Words that stand for a choice.

use crate::dag::spec::{Capture, CatchupPolicy, Include, Overlap, ParamKind, TriggerRule};
use crate::timetable::{Dst, Observed, OnHoliday};

/// A choice between a few words.
pub(crate) trait Words: Copy + 'static {
    /// Each word and what it stands for.
    const WORDS: &'static [(&'static str, Self)];
}

/// The words of a choice.
pub(crate) fn words<T: Words>() -> Vec<&'static str> {
    T::WORDS.iter().map(|(word, _)| *word).collect()
}

impl Words for Overlap {
    const WORDS: &'static [(&'static str, Self)] =
        &[("queue", Self::Queue), ("skip", Self::Skip), ("replace", Self::Replace)];
}

impl Words for CatchupPolicy {
    const WORDS: &'static [(&'static str, Self)] =
        &[("none", Self::None), ("latest", Self::Latest), ("all", Self::All)];
}

impl Words for Capture {
    const WORDS: &'static [(&'static str, Self)] =
        &[("last_line", Self::LastLine), ("json", Self::Json), ("text", Self::Text)];
}

impl Words for Include {
    const WORDS: &'static [(&'static str, Self)] =
        &[("log_tail", Self::LogTail), ("graph_link", Self::GraphLink)];
}

impl Words for Dst {
    const WORDS: &'static [(&'static str, Self)] = &[("cron", Self::Cron), ("airflow", Self::Airflow)];
}

impl Words for OnHoliday {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("run", Self::Run),
        ("skip", Self::Skip),
        ("next_business_day", Self::NextBusinessDay),
        ("previous_business_day", Self::PreviousBusinessDay),
    ];
}

impl Words for Observed {
    const WORDS: &'static [(&'static str, Self)] =
        &[("next", Self::Next), ("previous", Self::Previous), ("nearest", Self::Nearest)];
}

impl Words for ParamKind {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("string", Self::String),
        ("integer", Self::Integer),
        ("number", Self::Number),
        ("boolean", Self::Boolean),
        ("array", Self::Array),
        ("object", Self::Object),
    ];
}

impl Words for TriggerRule {
    const WORDS: &'static [(&'static str, Self)] = &{
        let mut words = [("", Self::Always); Self::ALL.len()];
        let mut at = 0;
        while at < words.len() {
            words[at] = (Self::ALL[at].as_str(), Self::ALL[at]);
            at += 1;
        }
        words
    };
}
