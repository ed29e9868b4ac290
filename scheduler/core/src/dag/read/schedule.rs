//! When the DAG fires: its schedule, zone, bounds and what becomes of missed ticks.

use chrono::{Days, NaiveDate, NaiveDateTime, NaiveTime};

use super::Reader;
use super::entry::Owner;
use crate::dag::keys::{Key, Level, dag as keys, later, schedule as form};
use crate::dag::spec::{Catchup, CatchupPolicy};
use crate::dag::tree::{Entry, Kind, Map, Node, Value};
use crate::diag::{Code, Fault};
use crate::time::Timestamp;
use crate::timetable::{Cron, Dst, Timetable, Zone};

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

impl Reader<'_> {
    pub(super) fn firing(&mut self, map: &Map<'_>) -> Firing {
        let empty = Map::default();
        let (cron, form_map) = match map.get(keys::SCHEDULE.name) {
            Some(node) => match &node.kind {
                Kind::Map(form_map) => (self.cron_of(form_map, node), form_map),
                _ => (self.cron_node(node), &empty),
            },
            None => (None, &empty),
        };
        let zone = self.one_of(map, &keys::TIMEZONE, form_map, &form::TIMEZONE);
        let zone = zone.and_then(|entry| self.zone(&keys::TIMEZONE, &entry.value));
        let zone = zone.unwrap_or_else(|| self.known.default_zone.clone());
        let start_entry = self.one_of(map, &keys::START_DATE, form_map, &form::START);
        let end_entry = self.one_of(map, &keys::END_DATE, form_map, &form::END);
        let start = start_entry.and_then(|entry| self.instant(&entry.value, &zone, Bound::Start));
        let end = end_entry.and_then(|entry| self.instant(&entry.value, &zone, Bound::End));
        if let (Some(from), Some(to), Some(start), Some(end)) = (start_entry, end_entry, start, end)
            && start > end
        {
            let fault = Fault::new(Code::EndBeforeStart, to.value.at, "the DAG ends before it starts");
            self.faults
                .add(fault.note(from.value.at, "it starts here").help("exchange the two, or leave one out"));
        }
        let dst = self.read(form_map, &form::DST, Self::word).unwrap_or(Dst::Cron);
        let timetable = cron.and_then(|node| self.timetable(node, dst, &zone, start, end));
        let catchup = self.catchup(map);
        if map.get(keys::SCHEDULE.name).is_none() {
            let idle = [&keys::CATCHUP_WINDOW, &keys::CATCHUP_LIMIT, &keys::START_DATE, &keys::END_DATE];
            let idle =
                idle.into_iter().chain((catchup.policy != CatchupPolicy::None).then_some(&keys::CATCHUP));
            idle.for_each(|key| self.no_effect(map, key, "without a `schedule`"));
        }
        Firing { timetable, zone, start, end, catchup }
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

    /// The cron text of the map form.
    fn cron_of<'n, 'a>(&mut self, form_map: &'n Map<'a>, node: &Node<'a>) -> Option<&'n Node<'a>> {
        self.check_keys(form_map, Owner { level: Level::Schedule, name: "`schedule`" });
        if let Some(cron) = form_map.get(form::CRON.name) {
            return self.cron_node(cron);
        }
        if form_map.entries.iter().any(|entry| later(Level::Schedule, &entry.key)) {
            return None;
        }
        let fault = Fault::new(Code::MissingKey, node.at, "`schedule` has no `cron`");
        self.faults.add(fault.help("for example `schedule: {cron: \"30 1 * * *\", timezone: Europe/Paris}`"));
        None
    }

    /// A node with the text of a cron expression.
    fn cron_node<'n, 'a>(&mut self, node: &'n Node<'a>) -> Option<&'n Node<'a>> {
        let fault = match &node.kind {
            Kind::Scalar(scalar) => match scalar.value() {
                Value::Text(text)
                    if matches!(text.trim(), "@once" | "@continuous")
                        || text.trim().starts_with("@every") =>
                {
                    Fault::new(
                        Code::NotSupportedYet,
                        node.at,
                        format!("the schedule `{}` is known, but not supported yet", text.trim()),
                    )
                    .help("write a cron expression such as \"30 1 * * *\"")
                }
                Value::Text(_) => return Some(node),
                Value::Null => Fault::new(Code::Empty, node.at, "`schedule` has no value")
                    .help("for a DAG that is only started by hand leave the key out"),
                Value::Bool(_) | Value::Integer(_) | Value::Float(_) => {
                    return self.wrong_type(&keys::SCHEDULE, node);
                }
            },
            Kind::List(_) => Fault::new(
                Code::NotSupportedYet,
                node.at,
                "a list of schedules is known, but not supported yet",
            )
            .help("write one cron expression; it may list hours, as in \"0 6,18 * * *\""),
            Kind::Map(_) | Kind::Broken => return self.wrong_type(&keys::SCHEDULE, node),
        };
        self.faults.add(fault);
        None
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

    /// A date in the zone, or an instant.
    fn instant(&mut self, node: &Node<'_>, zone: &Zone, bound: Bound) -> Option<Timestamp> {
        let text = self.some_text(&keys::START_DATE, node)?;
        let instant = match (day(text), NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S")) {
            (Some(day), _) if bound == Bound::End => day
                .checked_add_days(Days::new(1))
                .and_then(|next| zone.instant_of(next.and_time(NaiveTime::MIN)))
                .map(|next| next.minus(std::time::Duration::from_nanos(1))),
            (Some(day), _) => zone.instant_of(day.and_time(NaiveTime::MIN)),
            (None, Ok(local)) => zone.instant_of(local),
            (None, Err(_)) => Timestamp::parse(text),
        };
        if instant.is_none() {
            let help = "write a day as `2026-01-31`, or an instant as `2026-01-31T06:00:00Z`, in the years 1678 to 2261";
            self.faults.add(Fault::new(Code::BadDate, node.at, format!("`{text}` is no date")).help(help));
        }
        instant
    }

    fn timetable(
        &mut self,
        node: &Node<'_>,
        dst: Dst,
        zone: &Zone,
        start: Option<Timestamp>,
        end: Option<Timestamp>,
    ) -> Option<Timetable> {
        let Kind::Scalar(scalar) = &node.kind else { return None };
        let cron = match Cron::parse(&scalar.text, dst) {
            Ok(cron) => cron,
            Err(fault) => {
                let at = node.part(self.text, fault.range);
                self.faults.add(Fault::new(Code::BadCron, at, fault.message).maybe_help(fault.help));
                return None;
            }
        };
        for warning in cron.warnings() {
            let at = node.part(self.text, warning.range.clone());
            self.faults.add(
                Fault::new(Code::MisleadingCron, at, &*warning.message).maybe_help(warning.help.clone()),
            );
        }
        let timetable = Timetable::new(cron, zone.clone());
        self.check_bounds(&timetable, node, start, end);
        self.warn_of_gaps(&timetable, node, start, end);
        Some(timetable)
    }

    /// A schedule whose bounds leave no tick.
    fn check_bounds(
        &mut self,
        timetable: &Timetable,
        node: &Node<'_>,
        start: Option<Timestamp>,
        end: Option<Timestamp>,
    ) {
        let Some(end) = end else { return };
        let before = start.unwrap_or(Timestamp::from_nanos(0)).minus(std::time::Duration::from_nanos(1));
        let fires = timetable.next_after(before).is_some_and(|tick| tick <= end);
        if !fires && start.is_none_or(|start| start <= end) {
            let fault = Fault::new(
                Code::NeverFires,
                node.at,
                "the schedule has no instant between the DAG's start and end",
            );
            self.faults.add(fault.help("widen `start_date` and `end_date`"));
        }
    }

    /// Local times that the clock jumps over within a year.
    fn warn_of_gaps(
        &mut self,
        timetable: &Timetable,
        node: &Node<'_>,
        start: Option<Timestamp>,
        end: Option<Timestamp>,
    ) {
        let from = start.map_or(self.known.now, |start| start.max(self.known.now));
        let gaps = timetable.gaps_ahead(from, 1);
        let Some(gap) = gaps.iter().find(|gap| end.is_none_or(|end| gap.fires <= end)) else { return };
        let zone = timetable.zone();
        let message = format!(
            "{} does not exist in {} on {}, when the clock is set forward; it fires at {} instead",
            gap.local.format("%H:%M"),
            zone.name(),
            gap.local.format("%Y-%m-%d"),
            zone.civil(gap.fires).format("%H:%M")
        );
        let help = "choose a time that no clock change touches, or a zone without clock changes";
        self.faults.add(Fault::new(Code::ClockChange, node.at, message).help(help));
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
fn day(text: &str) -> Option<NaiveDate> {
    NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().filter(|_| text.len() == 10)
}
