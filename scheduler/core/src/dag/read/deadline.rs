//! `deadline`: by when a run or a task must have begun and ended.

use std::time::Duration;

use chrono::NaiveTime;

use super::Reader;
use super::entry::Owner;
use super::schedule::Firing;
use crate::dag::keys::{Key, Level, dag, deadline as keys};
use crate::dag::spec::{Deadline, Finish, Lateness};
use crate::dag::tree::{Kind, Map, Node, Value};
use crate::diag::{Code, Fault};
use crate::time::{parse_duration, show_duration};

/// A time allowed of more than this share of the time between two ticks is hardly meant.
const SUSPICIOUS: f64 = 0.9;

impl Reader<'_> {
    pub(super) fn deadline(&mut self, key: &Key, node: &Node<'_>) -> Option<Deadline> {
        let map = self.map(key, node)?;
        self.check_keys(map, Owner { level: Level::Deadline, name: "`deadline`" });
        let start_within = self.read(map, &keys::START_WITHIN, Self::duration);
        let within = self.read(map, &keys::FINISH_WITHIN, Self::duration).map(Finish::Within);
        let by = self.read(map, &keys::FINISH_BY, Self::finish_by);
        let warn_before = self.read(map, &keys::WARN_BEFORE, Self::duration);
        if let (Some(_), Some(second)) =
            (map.entry(keys::FINISH_WITHIN.name), map.entry(keys::FINISH_BY.name))
        {
            let message = "`finish_within` and `finish_by` exclude each other";
            self.faults.add(Fault::new(Code::KeysClash, second.key_at, message).help("keep one of them"));
        }
        if map.get(keys::FINISH_WITHIN.name).is_none() && map.get(keys::FINISH_BY.name).is_none() {
            self.no_effect(map, &keys::WARN_BEFORE, "without `finish_by` or `finish_within`");
        }
        let finish = within.or(by);
        self.check_warning(map, finish, warn_before);
        Some(Deadline { start_within, finish, warn_before })
    }

    /// A warning that comes before the thing itself has begun warns of nothing.
    fn check_warning(&mut self, map: &Map<'_>, finish: Option<Finish>, warn_before: Option<Duration>) {
        let (Some(node), Some(warning)) = (map.get(keys::WARN_BEFORE.name), warn_before) else { return };
        if let Some(Finish::Within(length) | Finish::After(length)) = finish
            && warning >= length
        {
            let message = "`warn_before` is as long as the time allowed, or longer";
            let fault = Fault::new(Code::OutOfRange, node.at, message);
            self.faults.add(fault.help("a warning comes some time before the deadline"));
        }
    }

    /// Warns of a time of day that comes round only with the next tick, or after it: most likely the tick
    /// was to come before it.
    pub(super) fn check_finish(&mut self, map: &Map<'_>, deadline: Option<&Deadline>, firing: &Firing) {
        let (Some(deadline), Some(timetable)) = (deadline, &firing.timetable) else { return };
        let Some(Kind::Map(of_deadline)) = map.get(dag::DEADLINE.name).map(|node| &node.kind) else { return };
        let Some(node) = of_deadline.get(keys::FINISH_BY.name) else { return };
        let Some(tick) = timetable.next_after(self.known.now) else { return };
        let Some(next) = timetable.next_after(tick) else { return };
        let due = deadline.from_dates(tick, tick, &firing.zone);
        let Some((_, finish)) = due.iter().find(|(kind, _)| *kind == Lateness::LateFinish) else { return };
        let Some(by @ Finish::At(_)) = deadline.finish else { return };
        let (allowed, interval) = (finish.since(tick), next.since(tick));
        if allowed > interval.mul_f64(SUSPICIOUS) {
            let message = format!(
                "`finish_by: {by}` comes {} after a tick, and the next tick {}",
                show_duration(allowed),
                show_duration(interval)
            );
            let help =
                "a time of day is the first one after the logical date; for a time allowed write a duration";
            self.faults.add(Fault::new(Code::MisleadingDeadline, node.at, message).help(help));
        }
    }

    /// A time of day, or a duration.
    fn finish_by(&mut self, key: &Key, node: &Node<'_>) -> Option<Finish> {
        let Kind::Scalar(scalar) = &node.kind else { return self.wrong_type(key, node) };
        if scalar.value() == Value::Null {
            return self.wrong_type(key, node);
        }
        let text = &*scalar.text;
        if let Some(time) = clock_time(text) {
            return Some(Finish::At(time));
        }
        match parse_duration(text) {
            Ok(length) if !length.is_zero() => Some(Finish::After(length)),
            _ => {
                let message = format!("`{text}` is neither a time of day nor a duration");
                let help = "write \"06:30\" in quotes for a time of day, or `5h` for five hours after the logical date";
                self.faults.add(Fault::new(Code::BadClockTime, node.at, message).help(help));
                None
            }
        }
    }
}

/// `06:30` or `06:30:15`.
fn clock_time(text: &str) -> Option<NaiveTime> {
    let digits = text.bytes().all(|b| b.is_ascii_digit() || b == b':');
    let formats = ["%H:%M", "%H:%M:%S"];
    // chrono takes a leap second, which no clock shows.
    let time = formats.iter().find_map(|format| NaiveTime::parse_from_str(text, format).ok())?;
    (digits && !text.ends_with(":60")).then_some(time)
}
