//! Broken files: what a person who wrote one is shown, whole.

use nightrun_core::dag::{Argument, ArgumentKind, Known, OperatorSignature, Source, read};
use nightrun_core::diag::{Diagnostic, Style};
use nightrun_core::time::Timestamp;
use nightrun_core::timetable::{Calendar, YEARS, Yearly, Zone};

fn known() -> Known {
    let mut known = Known::new(Zone::utc(), Timestamp::parse("2026-11-21T00:00:00Z").unwrap());
    let mut christmas = Calendar::weekdays();
    christmas.add_yearly(Yearly::Fixed { month: 12, day: 25 }, YEARS, &"Christmas".into());
    known.calendars.insert("christmas".into(), Some(christmas.into()));
    known.pools.insert("warehouse".into(), 4);
    let argument = |name: &str, kind, required| Argument { name: name.into(), kind, required };
    let args = vec![
        argument("connection", ArgumentKind::Text, true),
        argument("query", ArgumentKind::Text, false),
        argument("limit", ArgumentKind::Integer, false),
    ];
    known.operators.push(OperatorSignature { name: "sql".into(), args });
    known
}

#[test]
fn every_broken_file_is_shown_with_all_its_faults() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/broken");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() > 10);
    for file in files {
        let name = file.file_name().unwrap().to_str().unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        let reading = read(&Source::new(name, &text), &known());
        let shown: Vec<String> = reading.diagnostics.iter().map(|d| d.render(&text, Style::Plain)).collect();
        assert_eq!(reading.dags.is_empty(), reading.diagnostics.iter().any(Diagnostic::is_error), "{name}");
        insta::assert_snapshot!(name, shown.join("\n\n"));
    }
}
