//! Cron expressions: five fields, six with seconds, or a preset.

use std::fmt;
use std::ops::Range;

use super::clock::ClockRule;
use super::days::day_sets;
use super::field::{Field, Token, read_field};
use super::pattern::{Pattern, Times};
use super::values::{FieldKind, Values};
use super::warn::{self, CronWarning};
use super::zone::Wall;

/// Whose cron: the dialect, and what happens where the clock changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dst {
    /// Debian cron's: a fixed time that the clock jumps over fires right after the jump, a time that
    /// comes twice fires at the first; schedules with a wildcard minute or hour follow real time.
    /// Six fields have the seconds first, and always follow real time.
    #[default]
    Cron,
    /// Airflow 3.3's: a time that the clock jumps over fires as much later as the clock jumps, a time
    /// that comes twice fires at the second; schedules of every hour count real time. Six fields have
    /// the seconds last, and ranges that run backwards wrap around.
    Airflow,
}

/// Why a text is no cron expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CronFault {
    /// What is wrong.
    pub message: String,
    /// Where: bytes of the text.
    pub range: Range<usize>,
    /// The cure, where there is one.
    pub help: Option<String>,
}

impl fmt::Display for CronFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.help {
            Some(help) => write!(f, "{}: {help}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for CronFault {}

/// A cron expression, read and found to fire at least once between 1970 and 2100.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {
    text: String,
    dst: Dst,
    rule: ClockRule,
    /// It matches where any of these does; at least one.
    patterns: Vec<Pattern>,
    warnings: Vec<CronWarning>,
}

/// The longest expression, in bytes; one that lists all sixty minutes has 200.
const MAX_LENGTH: usize = 500;

const PRESETS: [(&str, &str); 8] = [
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@quarterly", "0 0 1 */3 *"),
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
];

impl Cron {
    /// Reads an expression; names, presets and letters in any case.
    pub fn parse(text: &str, dst: Dst) -> Result<Self, CronFault> {
        if text.len() > MAX_LENGTH {
            return Err(CronFault {
                message: format!("a cron expression has at most {MAX_LENGTH} bytes, this one {}", text.len()),
                range: 0..text.len(),
                help: None,
            });
        }
        if text.trim_ascii_start().starts_with('@') {
            let fields = Fields::read(preset(text)?, dst)?;
            return fields.into_cron(text, dst, Vec::new());
        }
        let fields = Fields::read(text, dst)?;
        let warnings = warn::about(text, &fields, dst);
        fields.into_cron(text, dst, warnings)
    }

    /// The text as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whose rules it was read under.
    pub fn dst(&self) -> Dst {
        self.dst
    }

    /// What is legal but perhaps not meant.
    pub fn warnings(&self) -> &[CronWarning] {
        &self.warnings
    }

    /// The same text for the same meaning, zone apart.
    pub(super) fn canonical(&self) -> String {
        let mut patterns: Vec<_> = self.patterns.iter().map(Pattern::canonical).collect();
        patterns.sort_unstable();
        patterns.dedup();
        format!("{} [{}]", patterns.join(" or "), self.rule.name())
    }

    pub(super) fn rule(&self) -> ClockRule {
        self.rule
    }

    /// The first wall time later than `wall` that matches.
    pub(super) fn after(&self, wall: Wall) -> Option<Wall> {
        self.patterns.iter().filter_map(|pattern| pattern.after(wall)).min()
    }

    /// The last wall time earlier than `wall` that matches.
    pub(super) fn before(&self, wall: Wall) -> Option<Wall> {
        self.patterns.iter().filter_map(|pattern| pattern.before(wall)).max()
    }
}

fn preset(text: &str) -> Result<&'static str, CronFault> {
    let name = text.trim_ascii().to_ascii_lowercase();
    if let Some((_, expression)) = PRESETS.iter().find(|(preset, _)| *preset == name) {
        return Ok(expression);
    }
    let help = match name.as_str() {
        "@reboot" => "a schedule has no start-up time; write a time or a preset such as `@daily`".to_owned(),
        _ if name.starts_with("@every") => "write `every: 15m` for a fixed interval".to_owned(),
        _ => {
            let near = |preset: &str| strsim::jaro_winkler(&name, preset);
            let best = PRESETS.iter().map(|(preset, _)| *preset).max_by(|a, b| near(a).total_cmp(&near(b)));
            format!("did you mean `{}`?", best.expect("there are presets"))
        }
    };
    let message = format!("`{}` is no preset", text.trim_ascii());
    Err(CronFault { message, range: 0..text.len(), help: Some(help) })
}

/// All fields of an expression.
pub(super) struct Fields {
    /// `None`: second 0.
    pub(super) second: Option<Field>,
    pub(super) minute: Field,
    pub(super) hour: Field,
    pub(super) day: Field,
    pub(super) month: Field,
    pub(super) weekday: Field,
}

impl Fields {
    fn read(text: &str, dst: Dst) -> Result<Self, CronFault> {
        let tokens: Vec<_> = tokens(text).collect();
        let (second, five) = match (tokens.as_slice(), dst) {
            ([minute, hour, day, month, weekday], _) => (None, [minute, hour, day, month, weekday]),
            ([second, minute, hour, day, month, weekday], Dst::Cron)
            | ([minute, hour, day, month, weekday, second], Dst::Airflow) => {
                (Some(second), [minute, hour, day, month, weekday])
            }
            _ => return Err(wrong_count(text, tokens.len())),
        };
        let [minute, hour, day, month, weekday] = five;
        Ok(Self {
            second: second.map(|text| read_field(FieldKind::Second, *text, dst)).transpose()?,
            minute: read_field(FieldKind::Minute, *minute, dst)?,
            hour: read_field(FieldKind::Hour, *hour, dst)?,
            day: read_field(FieldKind::Day, *day, dst)?,
            month: read_field(FieldKind::Month, *month, dst)?,
            weekday: read_field(FieldKind::Weekday, *weekday, dst)?,
        })
    }

    fn into_cron(self, text: &str, dst: Dst, warnings: Vec<CronWarning>) -> Result<Cron, CronFault> {
        let second = self.second.as_ref().map_or(Values::stepping(0, 0, 1), |second| second.values);
        let times =
            Times { second, minute: self.minute.values, hour: self.hour.values, month: self.month.values };
        let days = day_sets(&self.day, &self.weekday, dst);
        let patterns: Vec<_> = days.into_iter().filter_map(|days| Pattern::new(times, days)).collect();
        if patterns.is_empty() {
            return Err(self.never(text));
        }
        Ok(Cron { text: text.to_owned(), dst, rule: self.clock_rule(dst), patterns, warnings })
    }

    fn clock_rule(&self, dst: Dst) -> ClockRule {
        let wildcard = self.second.is_some() || self.minute.leading_star || self.hour.leading_star;
        let every_hour = self.hour.values == FieldKind::Hour.all();
        match dst {
            Dst::Cron if wildcard => ClockRule::RealTime,
            Dst::Cron => ClockRule::Once,
            Dst::Airflow if every_hour => ClockRule::AirflowElapsed,
            Dst::Airflow => ClockRule::AirflowWall,
        }
    }

    fn never(&self, text: &str) -> CronFault {
        let part = |field: &Field| format!("{} `{}`", field.kind.name(), &text[field.range.clone()]);
        let (day, month, weekday) = (part(&self.day), part(&self.month), part(&self.weekday));
        let (message, help) = if self.weekday.leading_star {
            let help = "for the last day of the month write `L`".to_owned();
            (format!("this never fires: no date has {day} and {month}"), Some(help))
        } else {
            (format!("this never fires: no date has {day}, {month} and {weekday}"), None)
        };
        CronFault { message, range: self.day.range.start..self.weekday.range.end, help }
    }
}

fn tokens(text: &str) -> impl Iterator<Item = Token<'_>> {
    let mut at = 0;
    text.split(|c: char| c.is_ascii_whitespace())
        .map(move |text| {
            let token = Token { text, at };
            at += text.len() + 1;
            token
        })
        .filter(|token| !token.text.is_empty())
}

fn wrong_count(text: &str, count: usize) -> CronFault {
    let help = match count {
        0..5 => "minute, hour, day of month, month, day of week, such as `30 1 * * *`",
        _ => {
            "five fields: minute, hour, day of month, month, day of week; a sixth for seconds; years have none"
        }
    };
    CronFault {
        message: format!("a cron expression has five fields, this one {count}"),
        range: 0..text.len(),
        help: Some(help.into()),
    }
}
