//! Every code has a page, and what the page shows is true.

use std::collections::BTreeMap;

use nightrun_core::dag::{
    Argument, ArgumentKind, DefaultsFile, Known, OperatorSignature, Reading, Source, read, read_calendars,
};
use nightrun_core::diag::{Code, Severity, page};
use nightrun_core::time::Timestamp;
use nightrun_core::timetable::{Calendar, Zone};

fn known() -> Known {
    let mut known = Known::new(Zone::utc(), Timestamp::parse("2026-11-21T00:00:00Z").unwrap());
    known.calendars.insert("fr_business".into(), Some(Calendar::weekdays().into()));
    known.pools.insert("warehouse".into(), 4);
    known.destinations.push(("ops".into(), "slack".into()));
    let argument = |name: &str, kind, required| Argument { name: name.into(), kind, required };
    let args = vec![
        argument("connection", ArgumentKind::Text, true),
        argument("query", ArgumentKind::Text, false),
        argument("limit", ArgumentKind::Integer, false),
    ];
    known.operators.push(OperatorSignature { name: "sql".into(), args });
    known
}

/// What stands in the fenced blocks of a page: the example and its cure.
fn examples(code: Code) -> [Vec<u8>; 2] {
    let blocks: Vec<&str> =
        page(code).split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    let [wrong, right] = blocks[..] else { panic!("{code} has {} examples", blocks.len()) };
    let mut wrong = wrong.as_bytes().to_vec();
    if code == Code::NotText {
        // A page is UTF-8 itself, and can only name the byte.
        let at = wrong.windows(4).position(|bytes| bytes == br"\xE9").unwrap();
        wrong.splice(at..at + 4, [0xE9]);
    }
    [wrong, right.as_bytes().to_vec()]
}

#[test]
fn every_page_shows_the_fault_and_the_cure() {
    let mut untrue = Vec::new();
    for code in Code::all() {
        let [wrong, right] = examples(*code);
        if *code == Code::BadCalendar {
            let read =
                |text| read_calendars(&[Source::new("calendars/example.yaml", text)], &BTreeMap::new());
            let found: Vec<Code> =
                read(&wrong).faults.iter().flat_map(|(_, all)| all).map(|it| it.code).collect();
            assert!(!found.is_empty() && found.iter().all(|found| found == code), "{found:?}");
            assert_eq!(read(&right).faults, []);
            continue;
        }
        let faulty = match code {
            // A fault of a folder shows in the files below it.
            Code::BrokenDefaults => {
                let text = String::from_utf8(wrong).unwrap();
                let folder = [DefaultsFile { path: "dags/_defaults.yaml".into(), text }];
                read(&Source::new("dags/example.yaml", &right).with(&folder), &known())
            }
            _ => read(&Source::new("dags/example.yaml", &wrong), &known()),
        };
        let codes: Vec<Code> = faulty.diagnostics.iter().map(|diagnostic| diagnostic.code).collect();
        let runs = code.severity() == Severity::Warning;
        // It takes two files to define a DAG twice, and a folder to know the other DAGs.
        let alone = matches!(code, Code::DuplicateDag | Code::UnknownElsewhere) && codes.is_empty();
        if alone {
            continue;
        }
        if codes.is_empty() || codes.iter().any(|found| found != code) || faulty.dags.is_empty() == runs {
            untrue.push(format!("{code}: the example gives {codes:?}"));
        }
        let Reading { dags, diagnostics, .. } = read(&Source::new("dags/example.yaml", &right), &known());
        if dags.len() != 1 || !diagnostics.is_empty() {
            untrue.push(format!("{code}: the cure gives {diagnostics:#?}"));
        }
    }
    assert!(untrue.is_empty(), "{}", untrue.join("\n"));
}

#[test]
fn every_page_is_short_and_headed_by_its_code() {
    for code in Code::all() {
        let lines = page(*code).lines().count();
        assert!((10..=40).contains(&lines), "{code} has {lines} lines");
        assert!(page(*code).starts_with(&format!("# {code}: {}\n", code.title())), "{code}");
        assert!(page(*code).lines().all(|line| line.chars().count() <= 110), "{code}");
    }
}

#[test]
fn every_page_belongs_to_a_code() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors");
    let mut pages: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    pages.sort();
    assert_eq!(pages, Code::all().iter().map(|code| code.as_str().to_owned()).collect::<Vec<_>>());
    let mut sorted = Code::all().to_vec();
    sorted.sort_by_key(|code| code.as_str());
    assert_eq!(sorted, Code::all());
}

#[test]
fn codes_are_read_in_any_case() {
    assert_eq!(Code::parse("e204"), Some(Code::Cycle));
    assert_eq!(Code::parse("E999"), None);
    assert_eq!(Code::Cycle.title(), "cycle in task dependencies");
}
