//! One field of a cron expression, from text to the set of values it names.

use std::ops::Range;

use super::cron::{CronFault, Dst};
use super::values::{FieldKind, Values};

/// A form of a day field that is more than a set of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Special {
    /// `L`: the last day of the month.
    LastDay,
    /// `LW`: the last day of the month from Monday to Friday.
    LastWorkday,
    /// `15W`: the day from Monday to Friday nearest to the 15th, in the same month.
    NearestWorkday(u32),
    /// `5L`: the last of these weekdays in the month.
    LastOf(Values),
    /// `5#3`: the third of these weekdays in the month.
    Nth(Values, u32),
}

/// One field as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) kind: FieldKind,
    /// Bytes of the expression.
    pub(super) range: Range<usize>,
    /// The text begins with `*` or `?`: Vixie's mark of an unrestricted field, also for `*/2`.
    pub(super) leading_star: bool,
    /// One of the elements is a bare `*` or `?`.
    pub(super) bare_star: bool,
    /// The text has a `*` anywhere.
    pub(super) any_star: bool,
    /// The plain values of all elements.
    pub(super) values: Values,
    pub(super) specials: Vec<Special>,
}

/// A piece of the expression and the byte where it starts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
}

impl<'a> Token<'a> {
    pub(super) fn range(self) -> Range<usize> {
        self.at..self.at + self.text.len()
    }

    /// The elements of a list.
    pub(super) fn elements(self) -> impl Iterator<Item = Token<'a>> {
        let mut at = self.at;
        self.text.split(',').map(move |text| {
            let token = Token { text, at };
            at += text.len() + 1;
            token
        })
    }

    pub(super) fn split(self, mark: char) -> (Self, Option<Self>) {
        match self.text.split_once(mark) {
            Some((left, right)) => {
                let right = Self { text: right, at: self.at + left.len() + mark.len_utf8() };
                (Self { text: left, at: self.at }, Some(right))
            }
            None => (self, None),
        }
    }

    pub(super) fn is_star(self) -> bool {
        matches!(self.text, "*" | "?")
    }

    /// Without the letter `mark`, of any case, at its end or else at its start.
    fn without(self, mark: char) -> Option<Self> {
        let marks = [mark, mark.to_ascii_lowercase()];
        if let Some(text) = self.text.strip_suffix(marks) {
            return Some(Self { text, at: self.at });
        }
        self.text.strip_prefix(marks).map(|text| Self { text, at: self.at + 1 })
    }

    fn fault(self, message: String, help: Option<String>) -> CronFault {
        CronFault { message, range: self.range(), help }
    }
}

/// Reads one field.
pub(super) fn read_field(kind: FieldKind, text: Token<'_>, dst: Dst) -> Result<Field, CronFault> {
    let mut field = Field {
        kind,
        range: text.range(),
        leading_star: text.text.starts_with(['*', '?']),
        bare_star: text.elements().any(Token::is_star),
        any_star: text.text.contains(['*', '?']),
        values: Values::default(),
        specials: Vec::new(),
    };
    for element in text.elements() {
        if element.text.is_empty() {
            let help = "take the surplus comma away".to_owned();
            return Err(text.fault(format!("`{}` has an empty element", text.text), Some(help)));
        }
        match read_special(kind, element, dst)? {
            Some(special) if field.specials.contains(&special) => {}
            Some(special) => field.specials.push(special),
            None => field.values = field.values.or(read_values(kind, element, dst)?),
        }
    }
    Ok(field)
}

fn read_special(kind: FieldKind, element: Token<'_>, dst: Dst) -> Result<Option<Special>, CronFault> {
    match kind {
        FieldKind::Day => read_special_day(element),
        FieldKind::Weekday => read_special_weekday(element, dst),
        FieldKind::Second | FieldKind::Minute | FieldKind::Hour | FieldKind::Month => Ok(None),
    }
}

fn read_special_day(element: Token<'_>) -> Result<Option<Special>, CronFault> {
    if element.text.eq_ignore_ascii_case("L") {
        return Ok(Some(Special::LastDay));
    }
    let Some(day) = element.without('W') else { return Ok(None) };
    if day.text.eq_ignore_ascii_case("L") {
        return Ok(Some(Special::LastWorkday));
    }
    Ok(Some(Special::NearestWorkday(read_value(FieldKind::Day, day)?)))
}

fn read_special_weekday(element: Token<'_>, dst: Dst) -> Result<Option<Special>, CronFault> {
    if let (weekdays, Some(nth)) = element.split('#') {
        let weekdays = read_values(FieldKind::Weekday, weekdays, dst)?;
        let Ok(nth @ 1..=5) = nth.text.parse() else {
            let help = "`MON#2` is the second Monday; for the last one write `MONL`".to_owned();
            return Err(element.fault(format!("`#{}` is out of range 1-5", nth.text), Some(help)));
        };
        return Ok(Some(Special::Nth(weekdays, nth)));
    }
    match element.without('L') {
        None => Ok(None),
        Some(weekday) if weekday.text.is_empty() => {
            let help = "`5L` is the last Friday of the month".to_owned();
            Err(element.fault("`L` does not say which weekday".to_owned(), Some(help)))
        }
        Some(weekday) => {
            let weekday = read_value(FieldKind::Weekday, weekday)?;
            Ok(Some(Special::LastOf(Values::stepping(weekday % 7, weekday % 7, 1))))
        }
    }
}

/// Reads `*`, `5`, `1-5`, each perhaps with `/step`.
fn read_values(kind: FieldKind, element: Token<'_>, dst: Dst) -> Result<Values, CronFault> {
    let (base, step) = element.split('/');
    let step_size = step.map_or(Ok(1), |step| read_step(kind, step))?;
    let (min, max) = kind.bounds();
    if base.is_star() {
        return Ok(Values::stepping(min, max, step_size));
    }
    let (first, last) = base.split('-');
    let low = read_value(kind, first)?;
    let Some(last) = last else {
        return Ok(match (step, dst) {
            (None, _) => Values::stepping(low, low, 1),
            (Some(_), Dst::Cron) => Values::stepping(low, maximum(kind), step_size),
            (Some(_), Dst::Airflow) => Values::stepping(airflow_value(kind, low), max, step_size),
        }
        .of(kind));
    };
    let high = read_value(kind, last)?;
    match dst {
        Dst::Cron => cron_range(kind, base, (low, high), step.map(|_| step_size)),
        Dst::Airflow => {
            Ok(airflow_range(kind, airflow_value(kind, low), airflow_value(kind, high), step_size))
        }
    }
}

/// Where `N/step` ends under cron's rules: weekdays count to Sunday's second name.
const fn maximum(kind: FieldKind) -> u32 {
    match kind {
        FieldKind::Weekday => 7,
        _ => kind.bounds().1,
    }
}

/// A range under cron's rules, which does not run backwards; only `-SUN` may close a week.
fn cron_range(
    kind: FieldKind,
    base: Token<'_>,
    (low, high): (u32, u32),
    step: Option<u32>,
) -> Result<Values, CronFault> {
    let closes_week =
        kind == FieldKind::Weekday && high == 0 && base.text.to_ascii_uppercase().ends_with("SUN");
    let high = if closes_week && low > 0 { 7 } else { high };
    if low > high {
        let (min, max) = kind.bounds();
        let help = format!("write `{},{}`", span_text(low, max), span_text(min, high));
        return Err(base.fault(format!("`{}` runs backwards", base.text), Some(help)));
    }
    // `2-2/1` is read as `2/1`, as cronsim does, whose answers are our recorded cases.
    let last = if low == high && step.is_some() { maximum(kind) } else { high };
    Ok(Values::stepping(low, last, step.unwrap_or(1)).of(kind))
}

/// A range under croniter's rules: backwards it wraps around, and from a value to itself it is the
/// whole field.
fn airflow_range(kind: FieldKind, low: u32, high: u32, step: u32) -> Values {
    let (min, max) = kind.bounds();
    if low < high {
        return Values::stepping(low, high, step);
    }
    if low == high {
        return Values::stepping(min, max, step);
    }
    let last = low + (max - low) / step * step;
    // Where croniter goes on after the wrap: not always where the step would land (`22-6/3` is 22, 2, 5).
    let skipped = if last - min + step > kind.span() && max - last < step { step - (max - last) } else { 0 };
    Values::stepping(low, max, step).or(Values::stepping(min + skipped, high, step))
}

/// croniter knows Sunday only as 0.
fn airflow_value(kind: FieldKind, value: u32) -> u32 {
    if kind == FieldKind::Weekday { value % 7 } else { value }
}

fn span_text(low: u32, high: u32) -> String {
    if low == high { low.to_string() } else { format!("{low}-{high}") }
}

fn read_step(kind: FieldKind, step: Token<'_>) -> Result<u32, CronFault> {
    match step.text.parse() {
        Ok(0) => {
            Err(step
                .fault("a step of 0 never moves on".to_owned(), Some("write a step of at least 1".into())))
        }
        // The sign that `parse` would take is no digit.
        Ok(size) if step.text.starts_with(|first: char| first.is_ascii_digit()) => Ok(size),
        _ => {
            let help = format!("a step is a number, such as `*/5` for every fifth {}", kind.name());
            Err(step.fault(format!("`{}` is no step", step.text), Some(help)))
        }
    }
}

/// Reads a number or a name and checks its range; a weekday may be 7.
fn read_value(kind: FieldKind, token: Token<'_>) -> Result<u32, CronFault> {
    let (min, max) = kind.bounds();
    if let Some(place) = kind.names().iter().position(|name| token.text.eq_ignore_ascii_case(name)) {
        return Ok(min + u32::try_from(place).expect("there are at most twelve names"));
    }
    let name = kind.name();
    if token.text.is_empty() {
        return Err(token.fault(format!("a {name} is missing here"), None));
    }
    if !token.text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(unknown(kind, token));
    }
    let top = if kind == FieldKind::Weekday { 7 } else { max };
    match token.text.parse() {
        Ok(value) if (min..=top).contains(&value) => Ok(value),
        _ => Err(token.fault(format!("{name} {} is out of range {min}-{top}", token.text), None)),
    }
}

fn unknown(kind: FieldKind, token: Token<'_>) -> CronFault {
    let wanted = token.text.to_ascii_uppercase();
    let near = |name: &str| strsim::jaro_winkler(&wanted, name);
    let best = kind.names().iter().max_by(|a, b| near(a).total_cmp(&near(b)));
    let help = match best {
        Some(name) if near(name) > 0.5 => format!("did you mean `{name}`?"),
        Some(_) => format!("write a number or a name of three letters, such as `{}`", kind.names()[1]),
        None => format!("write a number from {} to {}", kind.bounds().0, kind.bounds().1),
    };
    token.fault(format!("`{}` is no {}", token.text, kind.name()), Some(help))
}
