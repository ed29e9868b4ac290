//! When the DAG fires: its schedule, zone, bounds and what becomes of missed ticks.

use std::time::Duration;

use chrono::{Days, NaiveDate, NaiveDateTime, NaiveTime};

use super::Reader;
use crate::dag::keys::{Key, dag as keys, schedule as form};
use crate::dag::spec::{Catchup, CatchupPolicy};
use crate::dag::tree::{Entry, Kind, Map, Node, Value};
use crate::diag::{Code, Fault};
use crate::time::Timestamp;
use crate::timetable::{Timetable, Zone};

/// When a DAG fires.
pub(crate) struct Firing {
    pub(crate) timetable: Option<Timetable>,
    pub(crate) zone: Zone,
    pub(crate) start: Option<Timestamp>,
    pub(crate) end: Option<Timestamp>,
    pub(crate) catchup: Catchup,
}

/// The end of a day belongs to it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bound {
    Start,
    End,
}

/// The clock on which a schedule is read, and between which instants it counts.
#[derive(Clone)]
pub(super) struct Frame {
    pub(super) zone: Zone,
    pub(super) start: Option<Timestamp>,
    pub(super) end: Option<Timestamp>,
}

impl Reader<'_> {
    pub(super) fn firing(&mut self, map: &Map<'_>) -> Firing {
        let empty = Map::default();
        let schedule = map.get(keys::SCHEDULE.name);
        let form_map = match schedule.map(|node| &node.kind) {
            Some(Kind::Map(form_map)) => form_map,
            _ => &empty,
        };
        let default = self.known.default_zone.clone();
        let frame = self.frame(map, form_map, default);
        let timetable = schedule.and_then(|node| match &node.kind {
            Kind::List(items) => self.union(node, items, &frame),
            _ => self.timetable(node, &frame),
        });
        let catchup = self.catchup(map);
        if schedule.is_none() {
            let idle = [&keys::CATCHUP_WINDOW, &keys::CATCHUP_LIMIT, &keys::START_DATE, &keys::END_DATE];
            let idle =
                idle.into_iter().chain((catchup.policy != CatchupPolicy::None).then_some(&keys::CATCHUP));
            idle.for_each(|key| self.no_effect(map, key, "without a `schedule`"));
        }
        if timetable.as_ref().is_some_and(Timetable::is_continuous) {
            self.check_one_run(map);
        }
        let start = frame.start.or_else(|| timetable.as_ref()?.start());
        Firing { timetable, zone: frame.zone, start, end: frame.end, catchup }
    }

    /// Zone and bounds, which may stand in the DAG or in the map of its schedule.
    pub(super) fn frame(&mut self, map: &Map<'_>, form_map: &Map<'_>, default: Zone) -> Frame {
        let zone = self.one_of(map, &keys::TIMEZONE, form_map, &form::TIMEZONE);
        let zone = zone.and_then(|entry| self.zone(&keys::TIMEZONE, &entry.value)).unwrap_or(default);
        let start_entry = self.one_of(map, &keys::START_DATE, form_map, &form::START);
        let end_entry = self.one_of(map, &keys::END_DATE, form_map, &form::END);
        let start = start_entry.and_then(|entry| self.date(&entry.value, &zone, Bound::Start));
        let end = end_entry.and_then(|entry| self.date(&entry.value, &zone, Bound::End));
        if let (Some(from), Some(to), Some(start), Some(end)) = (start_entry, end_entry, start, end)
            && start > end
        {
            let fault = Fault::new(Code::EndBeforeStart, to.value.at, "the DAG ends before it starts");
            self.faults
                .add(fault.note(from.value.at, "it starts here").help("exchange the two, or leave one out"));
        }
        Frame { zone, start, end }
    }

    /// A continuous DAG has one run at a time.
    fn check_one_run(&mut self, map: &Map<'_>) {
        let Some(entry) = map.entry(keys::MAX_ACTIVE_RUNS.name) else { return };
        if matches!(&entry.value.kind, Kind::Scalar(scalar) if scalar.value() == Value::Integer(1)) {
            return;
        }
        let message = "`@continuous` has one run at a time, so `max_active_runs` can only be 1";
        self.faults
            .add(Fault::new(Code::KeysClash, entry.key_at, message).help("leave `max_active_runs` out"));
    }

    /// Warns of a key that is given and changes nothing.
    pub(super) fn no_effect(&mut self, map: &Map<'_>, key: &Key, why: &str) {
        if let Some(entry) = map.entry(key.name) {
            self.faults.add(Fault::new(
                Code::NoEffect,
                entry.key_at,
                format!("`{}` has no effect {why}", key.name),
            ));
        }
    }

    /// The value of a key that may stand at two places; not at both.
    fn one_of<'n, 'a>(
        &mut self,
        map: &'n Map<'a>,
        key: &Key,
        form_map: &'n Map<'a>,
        inner: &Key,
    ) -> Option<&'n Entry<'a>> {
        let (outer, inner) = (map.entry(key.name), form_map.entry(inner.name));
        if let (Some(outer), Some(inner)) = (outer, inner) {
            let message = format!("`{}` is given here and as `{}` in `schedule`", outer.key, inner.key);
            self.faults.add(
                Fault::new(Code::KeysClash, outer.key_at, message).note(inner.key_at, "the other is here"),
            );
        }
        inner.or(outer)
    }

    fn zone(&mut self, key: &Key, node: &Node<'_>) -> Option<Zone> {
        let name = self.some_text(key, node)?;
        match Zone::parse(name) {
            Ok(zone) => Some(zone),
            Err(words) => {
                let (message, help) = words
                    .split_once("; ")
                    .unwrap_or((&words, "zones go by their IANA names, such as `Europe/Paris`"));
                self.faults.add(Fault::new(Code::UnknownZone, node.at, message).help(help));
                None
            }
        }
    }

    /// The start or the end of a schedule.
    fn date(&mut self, node: &Node<'_>, zone: &Zone, bound: Bound) -> Option<Timestamp> {
        let text = self.some_text(&keys::START_DATE, node)?;
        match day(text) {
            Some(day) if bound == Bound::End => {
                let next = day.checked_add_days(Days::new(1))?;
                let next = zone.instant_of(next.and_time(NaiveTime::MIN));
                self.known_date(node, text, next.map(|next| next.minus(Duration::from_nanos(1))))
            }
            _ => self.instant(&keys::START_DATE, node, zone),
        }
    }

    /// An instant: with its offset, or a date or time on the clock of the zone.
    pub(super) fn instant(&mut self, key: &Key, node: &Node<'_>, zone: &Zone) -> Option<Timestamp> {
        let text = self.some_text(key, node)?;
        let local = |form| NaiveDateTime::parse_from_str(text, form).ok();
        let local = local("%Y-%m-%dT%H:%M:%S").or_else(|| local("%Y-%m-%dT%H:%M"));
        let instant = match (day(text), local) {
            (Some(day), _) => zone.instant_of(day.and_time(NaiveTime::MIN)),
            (None, Some(local)) => zone.instant_of(local),
            (None, None) => Timestamp::parse(text),
        };
        self.known_date(node, text, instant)
    }

    fn known_date(&mut self, node: &Node<'_>, text: &str, instant: Option<Timestamp>) -> Option<Timestamp> {
        if instant.is_none() {
            let help = "write a day as `2026-01-31`, or an instant as `2026-01-31T06:00:00Z`, in the years 1678 to 2261";
            self.faults.add(Fault::new(Code::BadDate, node.at, format!("`{text}` is no date")).help(help));
        }
        instant
    }

    fn catchup(&mut self, map: &Map<'_>) -> Catchup {
        let policy = self.read(map, &keys::CATCHUP, Self::catchup_policy).unwrap_or(CatchupPolicy::None);
        if policy != CatchupPolicy::All && map.get(keys::SCHEDULE.name).is_some() {
            self.no_effect(map, &keys::CATCHUP_LIMIT, "unless `catchup` is `all`");
        }
        Catchup {
            policy,
            window: self.read(map, &keys::CATCHUP_WINDOW, Self::duration),
            limit: self.read(map, &keys::CATCHUP_LIMIT, Self::integer).unwrap_or(1000),
        }
    }

    /// A word; `false` is `none`, `true` is `all`.
    fn catchup_policy(&mut self, key: &Key, node: &Node<'_>) -> Option<CatchupPolicy> {
        match &node.kind {
            Kind::Scalar(scalar) if let Value::Bool(all) = scalar.value() => {
                Some(if all { CatchupPolicy::All } else { CatchupPolicy::None })
            }
            _ => self.word(key, node),
        }
    }
}

/// `2026-01-31`, with all its zeros.
pub(super) fn day(text: &str) -> Option<NaiveDate> {
    NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().filter(|_| text.len() == 10)
}
