//! How the two day fields of an expression act together.

use super::cron::Dst;
use super::field::{Field, Special};
use super::pattern::{DayFilter, DaySet};
use super::values::{FieldKind, Values};

/// Which days the two fields name; a day counts when any of the sets has it.
pub(super) fn day_sets(day: &Field, weekday: &Field, dst: Dst) -> Vec<DaySet> {
    let (of_day, of_weekday) = (sets_of(day), sets_of(weekday));
    match relation(day, weekday, dst) {
        Relation::Both => {
            of_day.iter().flat_map(|left| of_weekday.iter().map(|right| left.and(right))).collect()
        }
        Relation::Either => of_day.into_iter().chain(of_weekday).collect(),
        Relation::DayAlone => of_day,
        Relation::WeekdayAlone => of_weekday,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    Both,
    Either,
    DayAlone,
    WeekdayAlone,
}

/// Vixie's rule: where both fields are restricted a day needs to match only one of them.
fn relation(day: &Field, weekday: &Field, dst: Dst) -> Relation {
    if is_unrestricted(day, weekday, dst) || is_unrestricted(weekday, day, dst) {
        return Relation::Both;
    }
    // croniter applies `W` and `#` to both halves of the *either*, which leaves nothing of the other field.
    let workday = |special: &Special| matches!(special, Special::NearestWorkday(_) | Special::LastWorkday);
    match (dst, day.specials.iter().any(workday), !weekday.specials.is_empty()) {
        (Dst::Cron, _, _) | (Dst::Airflow, false, false) => Relation::Either,
        (Dst::Airflow, true, false) => Relation::DayAlone,
        (Dst::Airflow, false, true) => Relation::WeekdayAlone,
        (Dst::Airflow, true, true) => Relation::Both,
    }
}

/// In cron a day field is unrestricted when its text begins with a star, also `*/2`. In croniter it is
/// when it has a bare star, or names every day beside a field with a star.
fn is_unrestricted(field: &Field, other: &Field, dst: Dst) -> bool {
    match dst {
        Dst::Cron => field.leading_star,
        Dst::Airflow => field.bare_star || (field.values == field.kind.all() && other.any_star),
    }
}

/// The days of one field alone: its plain values, and each special form.
fn sets_of(field: &Field) -> Vec<DaySet> {
    let (days, weekdays) = match field.kind {
        FieldKind::Weekday => (FieldKind::Day.all(), field.values),
        _ => (field.values, FieldKind::Weekday.all()),
    };
    let plain = (!field.values.is_empty()).then_some(DaySet { days, weekdays, filters: Vec::new() });
    plain.into_iter().chain(field.specials.iter().map(|special| set_of_special(*special))).collect()
}

fn set_of_special(special: Special) -> DaySet {
    let (day, weekday) = (FieldKind::Day.all(), FieldKind::Weekday.all());
    let workday = Values::stepping(1, 5, 1);
    let (days, weekdays, filter) = match special {
        Special::LastDay => (Values::stepping(28, 31, 1), weekday, Some(DayFilter::LastDay)),
        Special::LastWorkday => (Values::stepping(26, 31, 1), workday, Some(DayFilter::LastWorkday)),
        Special::NearestWorkday(nearest) => (day, workday, Some(DayFilter::NearestWorkday(nearest))),
        Special::LastOf(weekdays) => (Values::stepping(22, 31, 1), weekdays, Some(DayFilter::LastWeek)),
        Special::Nth(weekdays, nth) => (Values::stepping(7 * nth - 6, (7 * nth).min(31), 1), weekdays, None),
    };
    DaySet { days, weekdays, filters: filter.into_iter().collect() }
}

impl DaySet {
    fn and(&self, other: &Self) -> Self {
        Self {
            days: self.days.and(other.days),
            weekdays: self.weekdays.and(other.weekdays),
            filters: self.filters.iter().chain(&other.filters).copied().collect(),
        }
    }
}
