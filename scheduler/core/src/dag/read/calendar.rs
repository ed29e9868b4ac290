//! Calendar files: what each says, and what they take over from each other.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{NaiveDate, Weekday};

use super::entry::Owner;
use super::holiday::{Holiday, weekday_of};
use super::{Reader, Source, text_of};
use crate::dag::keys::{Key, Level, calendar as keys};
use crate::dag::known::Known;
use crate::dag::tree::{self, Kind, Map, Node};
use crate::diag::{Code, Diagnostic, Fault, Faults, Span};
use crate::template::nearest;
use crate::time::Timestamp;
use crate::timetable::{Calendar, Observed, Zone, read_ical};

/// So many calendars may include each other in turn.
const DEEPEST: usize = 30;

/// What the calendar files of a folder give.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Calendars {
    /// Calendars by name, as [`Known`] takes them; `None`: its file has faults.
    pub known: BTreeMap<String, Option<Arc<Calendar>>>,
    /// The faults of each file that has some, by its path.
    pub faults: Vec<(String, Vec<Diagnostic>)>,
    /// What each says of itself.
    pub descriptions: BTreeMap<String, String>,
}

/// One file, before what it includes is put to it.
struct Draft<'s> {
    source: Source<'s>,
    text: &'s str,
    faults: Faults,
    id: String,
    description: Option<String>,
    weekend: Option<Vec<Weekday>>,
    holidays: Vec<Holiday>,
    include: Vec<(String, Span)>,
}

/// Reads all calendar files of a folder. `icals` are the iCalendar files beside them, by name.
pub fn read_calendars(files: &[Source<'_>], icals: &BTreeMap<String, Vec<u8>>) -> Calendars {
    let known = Known::new(Zone::utc(), Timestamp::from_nanos(0));
    let mut drafts: BTreeMap<String, Draft<'_>> = BTreeMap::new();
    let mut calendars = Calendars::default();
    for file in files {
        let mut draft = read_file(*file, &known, icals);
        if let Some(first) = drafts.get(&draft.id) {
            let message = format!("calendar `{}` is defined in {} already", draft.id, first.source.path);
            let fault = Fault::new(Code::BadCalendar, Span::default(), message);
            draft.faults.add(fault.help("give it another `id`, or remove one of the files"));
            calendars.faults.push((file.path.to_owned(), draft.faults.finish(file.path, draft.text)));
        } else {
            drafts.insert(draft.id.clone(), draft);
        }
    }
    let ids: Vec<String> = drafts.keys().cloned().collect();
    for id in &ids {
        put_together(id, &mut drafts, &mut calendars.known, &mut Vec::new());
    }
    for (id, draft) in drafts {
        calendars.descriptions.extend(draft.description.map(|text| (id, text)));
        let path = draft.source.path;
        let found = draft.faults.finish(path, draft.text);
        if !found.is_empty() {
            calendars.faults.push((path.to_owned(), found));
        }
    }
    calendars
}

/// Works one calendar out, those that it includes first. `open`: the calendars that wait for it.
fn put_together(
    id: &str,
    drafts: &mut BTreeMap<String, Draft<'_>>,
    done: &mut BTreeMap<String, Option<Arc<Calendar>>>,
    open: &mut Vec<String>,
) {
    if done.contains_key(id) {
        return;
    }
    open.push(id.to_owned());
    let include = drafts[id].include.clone();
    let mut parts = Vec::new();
    for (name, at) in include {
        let fault = if open.len() > DEEPEST {
            let message = format!("more than {DEEPEST} calendars include each other in turn");
            Some(Fault::new(Code::BadCalendar, at, message))
        } else if open.contains(&name) {
            let way = open.iter().map(String::as_str).chain([&*name]).collect::<Vec<_>>().join(" -> ");
            Some(Fault::new(Code::BadCalendar, at, format!("calendars include each other: {way}")))
        } else if !drafts.contains_key(&name) {
            let near = nearest(&name, drafts.keys().map(String::as_str));
            let help = near.map(|near| format!("did you mean `{near}`?"));
            Some(
                Fault::new(Code::UnknownCalendar, at, format!("there is no calendar `{name}`"))
                    .maybe_help(help),
            )
        } else {
            put_together(&name, drafts, done, open);
            match done.get(&name).cloned().flatten() {
                Some(part) => {
                    parts.push(part);
                    None
                }
                None => Some(Fault::new(Code::UnknownCalendar, at, format!("calendar `{name}` has faults"))),
            }
        };
        if let (Some(draft), Some(fault)) = (drafts.get_mut(id), fault) {
            draft.faults.add(fault);
        }
    }
    open.pop();
    let draft = &drafts[id];
    let calendar = (draft.faults.errors() == 0).then(|| Arc::new(draft.calendar(&parts)));
    done.insert(id.to_owned(), calendar);
}

impl Draft<'_> {
    fn calendar(&self, parts: &[Arc<Calendar>]) -> Calendar {
        let weekend = match &self.weekend {
            Some(own) => own.clone(),
            None if parts.is_empty() => vec![Weekday::Sat, Weekday::Sun],
            None => parts.iter().flat_map(|part| part.weekend()).copied().collect(),
        };
        let mut calendar = Calendar::new(&self.id, &weekend);
        let mut observed = Vec::new();
        for holiday in &self.holidays {
            let dates = holiday.dates();
            for date in &dates {
                calendar.add(*date, &holiday.name);
            }
            let shifted =
                holiday.observed().map(|how| dates.into_iter().map(move |date| (date, how, holiday)));
            observed.extend(shifted.into_iter().flatten());
        }
        for (date, name) in parts.iter().flat_map(|part| part.holidays()) {
            calendar.add(date, &name.into());
        }
        // Once all holidays are known, and from the first to the last: each takes a day that is still free.
        observed.sort_by_key(|(date, _, _)| *date);
        for (date, how, holiday) in observed {
            calendar.observe(date, how, &holiday.name);
        }
        calendar
    }
}

fn read_file<'s>(source: Source<'s>, known: &Known, icals: &BTreeMap<String, Vec<u8>>) -> Draft<'s> {
    let mut faults = Faults::default();
    let (text, whole) = text_of(source.text, known.limits.bytes, &mut faults);
    let stem = source.path.rsplit(['/', '\\']).next().unwrap_or(source.path);
    let stem = stem.strip_suffix(".yaml").or_else(|| stem.strip_suffix(".yml")).unwrap_or(stem);
    let mut draft = Draft {
        source,
        text,
        faults: Faults::default(),
        id: stem.to_owned(),
        description: None,
        weekend: None,
        holidays: Vec::new(),
        include: Vec::new(),
    };
    if whole && text.trim().is_empty() {
        let fault = Fault::new(Code::BadCalendar, Span::default(), "the calendar is empty");
        faults.add(fault.help("for a calendar without holidays write `holidays: []`"));
    } else if whole {
        tree::parse(text, &known.limits, &mut faults, |documents, faults| {
            if let Some(second) = documents.get(1) {
                let at = Span::new(second.start, second.start + 3);
                let fault = Fault::new(Code::BadCalendar, at, "a second document begins here");
                faults.add(fault.help("a calendar is one map; `include` joins several"));
            }
            Reader::new(text, faults, known).calendar_file(&documents[0].root, &mut draft, icals);
        });
    }
    draft.faults = faults;
    draft
}

impl Reader<'_> {
    fn calendar_file(&mut self, root: &Node<'_>, draft: &mut Draft<'_>, icals: &BTreeMap<String, Vec<u8>>) {
        let Kind::Map(map) = &root.kind else {
            let message = format!("a calendar file is a map of keys, and this is {}", root.what());
            let fault = Fault::new(Code::WrongType, root.at, message);
            self.faults.add(fault.help("put the holidays in a list under `holidays:`"));
            return;
        };
        self.check_keys(map, Owner { level: Level::Calendar, name: "the calendar" });
        if let Some(id) = self.read(map, &keys::ID, |reader, key, node| reader.name(key, node)) {
            id.clone_into(&mut draft.id);
        }
        draft.description = self.read(map, &keys::DESCRIPTION, Self::owned_text);
        draft.weekend = self.read(map, &keys::WEEKEND, Self::weekdays);
        let observed = self.read(map, &keys::OBSERVED, Self::word);
        draft.holidays = self.holidays(map, observed);
        draft.include = self.read(map, &keys::INCLUDE, Self::names).unwrap_or_default();
        self.icals(map, draft, icals);
    }

    fn holidays(&mut self, map: &Map<'_>, observed: Option<Observed>) -> Vec<Holiday> {
        let items = self.read(map, &keys::HOLIDAYS, |reader, key, node| reader.list(key, node));
        let items = items.unwrap_or_default();
        items.iter().filter_map(|item| self.holiday(item, observed)).collect()
    }

    fn weekdays(&mut self, key: &Key, node: &Node<'_>) -> Option<Vec<Weekday>> {
        let items = self.list(key, node)?;
        let mut days = Vec::new();
        for item in items {
            let text = self.item_text(key, item)?;
            days.extend(weekday_of(self, text, item.at));
        }
        (days.len() == items.len()).then_some(days)
    }

    fn names(&mut self, key: &Key, node: &Node<'_>) -> Option<Vec<(String, Span)>> {
        let items = self.list(key, node)?;
        Some(items.iter().filter_map(|item| Some((self.item_text(key, item)?.to_owned(), item.at))).collect())
    }

    /// The holidays of iCalendar files.
    fn icals(&mut self, map: &Map<'_>, draft: &mut Draft<'_>, icals: &BTreeMap<String, Vec<u8>>) {
        let Some(node) = map.get(keys::ICAL.name) else { return };
        let items = match &node.kind {
            Kind::List(items) => &items[..],
            _ => std::slice::from_ref(node),
        };
        for item in items {
            let Some(name) = self.item_text(&keys::ICAL, item) else { continue };
            let Some(bytes) = icals.get(name) else {
                let message = format!("there is no file `{name}` beside the calendar");
                let help = match nearest(name, icals.keys().map(String::as_str)) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "put it into the folder `calendars`; its name ends in `.ics`".into(),
                };
                self.faults.add(Fault::new(Code::BadCalendar, item.at, message).help(help));
                continue;
            };
            match read_ical(&String::from_utf8_lossy(bytes)) {
                Ok(events) => {
                    for event in events {
                        let known = if event.summary.is_empty() { name } else { &event.summary };
                        let days: Vec<NaiveDate> = event.days().collect();
                        draft.holidays.push(Holiday::days(known, days));
                    }
                }
                Err(fault) => {
                    let message = format!("{name}, line {}: {}", fault.line, fault.message);
                    self.faults.add(Fault::new(Code::BadCalendar, item.at, message));
                }
            }
        }
    }
}
