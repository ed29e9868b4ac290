//! Cron expressions that are legal but perhaps not what was meant.

use std::ops::Range;

use super::cron::{Dst, Fields};
use super::field::{Field, Token};
use super::values::FieldKind;

/// A misleading part of an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CronWarning {
    /// What happens.
    pub message: String,
    /// Where: bytes of the text.
    pub range: Range<usize>,
    /// What to write instead, where there is something.
    pub help: Option<String>,
}

/// All warnings about an expression, from left to right.
pub(super) fn about(text: &str, fields: &Fields, dst: Dst) -> Vec<CronWarning> {
    let all = [&fields.minute, &fields.hour, &fields.day, &fields.month, &fields.weekday];
    let mut warnings: Vec<_> = fields
        .second
        .iter()
        .chain(all)
        .flat_map(|field| {
            let token = Token { text: &text[field.range.clone()], at: field.range.start };
            token
                .elements()
                .filter_map(|element| uneven_step(field, element).or_else(|| own_range(field, element, dst)))
        })
        .chain(two_day_fields(text, fields, dst))
        .chain(rare_day(fields))
        .collect();
    warnings.sort_by_key(|warning| warning.range.start);
    warnings
}

/// `*/7` in minutes: 56 and then 0.
fn uneven_step(field: &Field, element: Token<'_>) -> Option<CronWarning> {
    let (base, step) = element.split('/');
    let step: u32 = step?.text.parse().ok()?;
    let (span, (min, max)) = (field.kind.span(), field.kind.bounds());
    if !base.is_star() || span.is_multiple_of(step) {
        return None;
    }
    let name = field.kind.name();
    let last = min + (max - min) / step * step;
    let message = if step > max - min {
        format!("`{}` is only ever {name} {min}", element.text)
    } else if field.kind == FieldKind::Day {
        format!("`{}` starts anew each month: after day {last} comes day {min}", element.text)
    } else {
        format!(
            "`{}` is uneven: after {name} {last} comes {name} {min}, as {step} does not divide {span}",
            element.text
        )
    };
    let help = "an even interval is written `every: …`, such as `every: 15m`".to_owned();
    Some(CronWarning { message, range: element.range(), help: Some(help) })
}

/// `5-5` for Airflow, `5-5/1` for cron: more than it seems.
fn own_range(field: &Field, element: Token<'_>, dst: Dst) -> Option<CronWarning> {
    let (base, step) = element.split('/');
    let (low, Some(high)) = base.split('-') else { return None };
    if !low.text.eq_ignore_ascii_case(high.text) || (dst == Dst::Cron && step.is_none()) {
        return None;
    }
    let meaning = match dst {
        Dst::Cron => "goes on to the highest".to_owned(),
        Dst::Airflow => format!("is every {}", field.kind.name()),
    };
    let message = format!("`{}` {meaning}, not only {}", element.text, low.text);
    Some(CronWarning { message, range: element.range(), help: Some(format!("write `{}`", low.text)) })
}

/// `*/2` beside `MON`: cron and Airflow disagree.
fn two_day_fields(text: &str, fields: &Fields, dst: Dst) -> Option<CronWarning> {
    let (day, weekday) = (&fields.day, &fields.weekday);
    let steps = |field: &Field| field.leading_star && !field.bare_star && field.values != field.kind.all();
    if day.bare_star || weekday.bare_star || !(steps(day) || steps(weekday)) {
        return None;
    }
    let part = |field: &Field| format!("{} `{}`", field.kind.name(), &text[field.range.clone()]);
    let verdict = match dst {
        Dst::Cron => "must both match; in Airflow either would do",
        Dst::Airflow => "need not both match, either will do; in cron both must",
    };
    let message = format!("{} and {} {verdict}", part(day), part(weekday));
    Some(CronWarning { message, range: day.range.start..weekday.range.end, help: None })
}

/// `31`: months without it are passed over.
fn rare_day(fields: &Fields) -> Option<CronWarning> {
    const SHORT: [(u32, u32, &str); 5] =
        [(2, 28, "February"), (4, 30, "April"), (6, 30, "June"), (9, 30, "September"), (11, 30, "November")];
    let day = &fields.day;
    let first = day.values.iter().next()?;
    if !day.specials.is_empty() || !fields.weekday.bare_star {
        return None;
    }
    let lacking =
        |(month, length, _): &&(u32, u32, &str)| fields.month.values.contains(*month) && first > *length;
    let names: Vec<_> = SHORT.iter().filter(lacking).map(|(_, _, name)| *name).collect();
    let message = match names.as_slice() {
        [] => return None,
        ["February"] if first == 29 => "day 29 comes in February only in leap years".to_owned(),
        names => format!("day {first} does not come in {}: nothing fires there", names.join(", ")),
    };
    let help = "for the last day of the month write `L`".to_owned();
    Some(CronWarning { message, range: day.range.clone(), help: Some(help) })
}
