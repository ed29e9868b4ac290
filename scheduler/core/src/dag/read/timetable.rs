//! The entries of a schedule: what gives their instants, and what their calendar does to them.

use std::sync::Arc;
use std::time::Duration;

use chrono::NaiveTime;

use super::Reader;
use super::entry::Owner;
use super::schedule::Frame;
use crate::dag::keys::{Key, Level, dag as keys, later, schedule as form};
use crate::dag::tree::{Kind, Map, Node, Value};
use crate::diag::{Code, Fault, Span};
use crate::template::nearest;
use crate::time::Timestamp;
use crate::timetable::{Calendar, Cron, Dst, OnHoliday, Plan, Times, Timetable};

/// A fault was added to the others.
struct Reported;

/// So many entries one schedule may have.
const MOST_ENTRIES: usize = 100;

impl Reader<'_> {
    /// A list of schedules: the union of their instants.
    pub(super) fn union(&mut self, node: &Node<'_>, items: &[Node<'_>], outer: &Frame) -> Option<Timetable> {
        if items.is_empty() {
            let fault = Fault::new(Code::Empty, node.at, "`schedule` is an empty list");
            self.faults.add(fault.help("for a DAG that is only started by hand leave the key out"));
        }
        if items.len() > MOST_ENTRIES {
            let message =
                format!("`schedule` has {} entries, and at most {MOST_ENTRIES} are allowed", items.len());
            self.faults.add(Fault::new(Code::OutOfRange, node.at, message));
        }
        let mut all = Vec::new();
        for item in items.iter().take(MOST_ENTRIES) {
            let Some(timetable) = self.item(item, outer) else { continue };
            if items.len() > 1 && (timetable.is_once() || timetable.is_continuous()) {
                let message = format!("`{}` cannot stand beside other schedules", timetable.text());
                let help = "write it alone: `schedule: \"@once\"`; for chosen instants there is `at: […]`";
                self.faults.add(Fault::new(Code::KeysClash, item.at, message).help(help));
            }
            all.push(timetable);
        }
        Timetable::union(all)
    }

    /// One entry of a list, whose zone and bounds are its own.
    fn item(&mut self, item: &Node<'_>, outer: &Frame) -> Option<Timetable> {
        let Kind::Map(form_map) = &item.kind else { return self.timetable(item, outer) };
        let own = self.frame(&Map::default(), form_map, outer.zone.clone());
        let frame = Frame {
            zone: own.zone,
            start: own.start.max(outer.start),
            end: own.end.into_iter().chain(outer.end).min(),
        };
        let mut plan = self.plan(item, &frame)?;
        (plan.start, plan.end) = (own.start, own.end);
        Some(self.checked(plan, item, &frame))
    }

    /// The only entry of a schedule: its bounds are the DAG's.
    pub(super) fn timetable(&mut self, node: &Node<'_>, frame: &Frame) -> Option<Timetable> {
        let plan = self.plan(node, frame)?;
        Some(self.checked(plan, node, frame))
    }

    fn plan(&mut self, node: &Node<'_>, frame: &Frame) -> Option<Plan> {
        let empty = Map::default();
        let (times, map) = match &node.kind {
            Kind::Map(map) => {
                self.check_keys(map, Owner { level: Level::Schedule, name: "`schedule`" });
                (self.times(map, node, frame), map)
            }
            _ => (self.cron_or_preset(&keys::SCHEDULE, node, Dst::Cron), &empty),
        };
        let calendar = self.calendar(map);
        let on_holiday = self.read(map, &form::ON_HOLIDAY, Self::word);
        let jitter = self.read(map, &form::JITTER, Self::duration);
        let times = times?;
        let mut plan = Plan::new(times, frame.zone.clone());
        plan.calendar = calendar.ok()?.map(|calendar| (calendar, on_holiday.unwrap_or(OnHoliday::Skip)));
        plan.jitter = jitter.unwrap_or(Duration::ZERO);
        plan.anchor = frame.start;
        self.check_effects(map, &plan);
        Some(plan)
    }

    /// Which of the keys that give instants stands in the map.
    fn times(&mut self, map: &Map<'_>, node: &Node<'_>, frame: &Frame) -> Option<Times> {
        let ways = [&form::CRON, &form::EVERY, &form::AT, &form::BUSINESS_DAY];
        let given: Vec<_> = ways.into_iter().filter_map(|key| map.entry(key.name)).collect();
        let dst = self.read(map, &form::DST, Self::word).unwrap_or(Dst::Cron);
        let at_time = self.read(map, &form::AT_TIME, Self::times_of_day);
        let [first, rest @ ..] = &given[..] else {
            if !map.entries.iter().any(|entry| later(Level::Schedule, &entry.key)) {
                let message = "`schedule` has no `cron`, `every`, `at` or `business_day`";
                let help = "for example `schedule: {cron: \"30 1 * * *\", timezone: Europe/Paris}`";
                self.faults.add(Fault::new(Code::MissingKey, node.at, message).help(help));
            }
            return None;
        };
        if let Some(second) = rest.first() {
            let message = format!("`{}` and `{}` stand in one schedule", first.key, second.key);
            let fault = Fault::new(Code::KeysClash, second.key_at, message);
            self.faults.add(fault.help("write a list: `schedule: [{…}, {…}]`"));
            return None;
        }
        let node = &first.value;
        match &*first.key {
            "every" => self.every(node).map(Times::Every),
            "at" => self.instants(node, frame).map(Times::At),
            "business_day" => {
                let nth = self.business_day(node)?;
                Some(Times::BusinessDay { nth, times: at_time.unwrap_or_else(|| vec![NaiveTime::MIN]) })
            }
            _ => self.cron_or_preset(&form::CRON, node, dst),
        }
    }

    /// A cron expression or a preset.
    fn cron_or_preset(&mut self, key: &Key, node: &Node<'_>, dst: Dst) -> Option<Times> {
        let Kind::Scalar(scalar) = &node.kind else { return self.wrong_type(key, node) };
        let text = match scalar.value() {
            Value::Text(text) => text,
            Value::Null => {
                let fault = Fault::new(Code::Empty, node.at, "`schedule` has no value");
                self.faults.add(fault.help("for a DAG that is only started by hand leave the key out"));
                return None;
            }
            Value::Bool(_) | Value::Integer(_) | Value::Float(_) => return self.wrong_type(key, node),
        };
        match &*text.trim().to_ascii_lowercase() {
            "@once" => return Some(Times::Once),
            "@continuous" => return Some(Times::Continuous),
            _ => {}
        }
        match Cron::parse(&scalar.text, dst) {
            Ok(cron) => {
                for warning in cron.warnings() {
                    let at = node.part(self.text, warning.range.clone());
                    let fault = Fault::new(Code::MisleadingCron, at, &*warning.message);
                    self.faults.add(fault.maybe_help(warning.help.clone()));
                }
                Some(Times::Cron(cron))
            }
            Err(fault) => {
                let at = node.part(self.text, fault.range);
                self.faults.add(Fault::new(Code::BadCron, at, fault.message).maybe_help(fault.help));
                None
            }
        }
    }

    fn every(&mut self, node: &Node<'_>) -> Option<Duration> {
        let length = self.duration(&form::EVERY, node)?;
        if length < Duration::from_secs(1) || length.subsec_nanos() != 0 {
            let fault = Fault::new(Code::BadDuration, node.at, "`every` takes whole seconds, at least one");
            self.faults.add(fault.help("for example `every: 15m`"));
            return None;
        }
        Some(length)
    }

    /// One instant or several.
    fn instants(&mut self, node: &Node<'_>, frame: &Frame) -> Option<Vec<Timestamp>> {
        let items = match &node.kind {
            Kind::List(items) if items.is_empty() => {
                self.faults.add(Fault::new(Code::Empty, node.at, "`at` is an empty list"));
                return None;
            }
            Kind::List(items) => &items[..],
            Kind::Scalar(_) => std::slice::from_ref(node),
            Kind::Map(_) | Kind::Broken => return self.wrong_type(&form::AT, node),
        };
        let instants: Vec<_> =
            items.iter().filter_map(|item| self.instant(&form::AT, item, &frame.zone)).collect();
        (instants.len() == items.len()).then_some(instants)
    }

    fn business_day(&mut self, node: &Node<'_>) -> Option<i32> {
        let Kind::Scalar(scalar) = &node.kind else { return self.wrong_type(&form::BUSINESS_DAY, node) };
        match scalar.value() {
            Value::Text("first") => Some(1),
            Value::Text("last") => Some(-1),
            Value::Integer(nth @ (-31..=-1 | 1..=31)) => i32::try_from(nth).ok(),
            Value::Integer(_) => {
                let message = format!("`business_day` is {}, and a month has 1 to 31 of them", scalar.text);
                let help = "count from 1, or from -1 at the end of the month";
                self.faults.add(Fault::new(Code::OutOfRange, node.at, message).help(help));
                None
            }
            _ => self.wrong_type(&form::BUSINESS_DAY, node),
        }
    }

    fn times_of_day(&mut self, key: &Key, node: &Node<'_>) -> Option<Vec<NaiveTime>> {
        let items = match &node.kind {
            Kind::List(items) if !items.is_empty() => &items[..],
            Kind::Scalar(_) => std::slice::from_ref(node),
            Kind::List(_) | Kind::Map(_) | Kind::Broken => return self.wrong_type(key, node),
        };
        let mut times = Vec::new();
        for item in items {
            let text = self.some_text(key, item)?;
            let read = |form| NaiveTime::parse_from_str(text, form).ok();
            let Some(time) = read("%H:%M").or_else(|| read("%H:%M:%S")) else {
                let fault = Fault::new(Code::BadDate, item.at, format!("`{text}` is no time of day"));
                self.faults.add(fault.help("write hours and minutes, such as \"18:00\""));
                continue;
            };
            times.push(time);
        }
        (times.len() == items.len()).then_some(times)
    }

    /// The calendar that an entry names.
    fn calendar(&mut self, map: &Map<'_>) -> Result<Option<Arc<Calendar>>, Reported> {
        let Some(node) = map.get(form::CALENDAR.name) else { return Ok(None) };
        let name = self.name(&form::CALENDAR, node).ok_or(Reported)?;
        match self.known.calendars.get(name) {
            Some(Some(calendar)) => return Ok(Some(calendar.clone())),
            _ if self.known.any_calendar => return Ok(Some(Calendar::weekdays().into())),
            Some(None) => {
                let message = format!("the file of calendar `{name}` has faults");
                let help = "mend it first: `nightrun validate` names them";
                self.faults.add(Fault::new(Code::UnknownCalendar, node.at, message).help(help));
            }
            None => {
                let names = self.known.calendars.keys().map(String::as_str);
                let help = match nearest(name, names) {
                    Some(name) => format!("did you mean `{name}`?"),
                    None => format!("write its days into `calendars/{name}.yaml` in the DAG folder"),
                };
                let message = format!("there is no calendar `{name}`");
                self.faults.add(Fault::new(Code::UnknownCalendar, node.at, message).help(help));
            }
        }
        Err(Reported)
    }

    /// Warns of keys that change nothing for this kind of schedule.
    fn check_effects(&mut self, map: &Map<'_>, plan: &Plan) {
        let business = matches!(plan.times, Times::BusinessDay { .. });
        if !business {
            self.no_effect(map, &form::AT_TIME, "without a `business_day`");
        }
        if !matches!(plan.times, Times::Cron(_)) {
            self.no_effect(map, &form::DST, "without a cron expression");
        }
        if plan.calendar.is_none() {
            self.no_effect(map, &form::ON_HOLIDAY, "without a `calendar`");
        } else if business {
            self.no_effect(map, &form::ON_HOLIDAY, "beside `business_day`, which is never on a holiday");
        }
        if matches!(plan.times, Times::Once | Times::Continuous) {
            for key in [&form::CALENDAR, &form::JITTER] {
                self.no_effect(map, key, "beside `@once` and `@continuous`");
            }
        }
    }

    /// The timetable of a plan, unless it never fires.
    fn checked(&mut self, plan: Plan, node: &Node<'_>, frame: &Frame) -> Timetable {
        let calendar = plan.calendar.as_ref().map(|(calendar, _)| calendar.id().to_owned());
        let alone = matches!(plan.times, Times::Once | Times::Continuous);
        let timetable = Timetable::from(plan);
        let at = time_node(node).at;
        if !alone {
            self.check_bounds(&timetable, at, frame, calendar.as_deref());
            self.warn_of_gaps(&timetable, at, frame);
        }
        timetable
    }

    /// A schedule whose bounds or calendar leave no tick.
    fn check_bounds(&mut self, timetable: &Timetable, at: Span, frame: &Frame, calendar: Option<&str>) {
        let start = frame.start.unwrap_or(Timestamp::from_nanos(0));
        let first = timetable.next_after(start.minus(Duration::from_nanos(1)));
        if frame.end.is_none_or(|end| first.is_some_and(|first| first <= end)) && first.is_some() {
            return;
        }
        if frame.end.is_some_and(|end| start > end) && frame.start.is_some() {
            return;
        }
        // A text that was good once may be read with a calendar that is gone since.
        if calendar.is_some() && self.known.any_calendar {
            return;
        }
        let fault = match (first, calendar) {
            (None, Some(calendar)) => {
                let message =
                    format!("the schedule never fires: calendar `{calendar}` leaves no instant of it");
                Fault::new(Code::NeverFires, at, message)
                    .help("change the days of the schedule or of the calendar, or `on_holiday`")
            }
            _ => Fault::new(
                Code::NeverFires,
                at,
                "the schedule has no instant between the DAG's start and end",
            )
            .help("widen `start_date` and `end_date`"),
        };
        self.faults.add(fault);
    }

    /// Local times that the clock jumps over within a year.
    fn warn_of_gaps(&mut self, timetable: &Timetable, at: Span, frame: &Frame) {
        let from = frame.start.map_or(self.known.now, |start| start.max(self.known.now));
        let gaps = timetable.gaps_ahead(from, 1);
        let Some(gap) = gaps.iter().find(|gap| frame.end.is_none_or(|end| gap.fires <= end)) else { return };
        let zone = timetable.zone();
        let message = format!(
            "{} does not exist in {} on {}, when the clock is set forward; it fires at {} instead",
            gap.local.format("%H:%M"),
            zone.name(),
            gap.local.format("%Y-%m-%d"),
            zone.civil(gap.fires).format("%H:%M")
        );
        let help = "choose a time that no clock change touches, or a zone without clock changes";
        self.faults.add(Fault::new(Code::ClockChange, at, message).help(help));
    }
}

/// What gives the instants, to point at.
fn time_node<'n, 'a>(node: &'n Node<'a>) -> &'n Node<'a> {
    let Kind::Map(map) = &node.kind else { return node };
    let ways = [&form::CRON, &form::EVERY, &form::AT, &form::BUSINESS_DAY];
    ways.into_iter().find_map(|key| map.get(key.name)).unwrap_or(node)
}
