//! A DAG with a past of more than a year: it grows slower, it fails now and then, it is late, and its file changes.

use std::path::Path;
use std::time::Duration;

use nightrun_core::dag::spec::Lateness;
use nightrun_core::decide::Transition;
use nightrun_core::id::TaskIndex;
use nightrun_core::time::Timestamp;

use crate::history::{History, Story};
use crate::scenes::NOW;

/// Four hundred days.
pub(crate) async fn write(root: &Path) {
    let mut past = History::new(root);
    let ago = |days: u64| Timestamp::parse(NOW).unwrap().minus(Duration::from_mins(days * 24 * 60 + 77));
    std::fs::create_dir_all(root.join("dags/calendars")).unwrap();
    std::fs::write(root.join("dags/calendars/banking.yaml"), BANKING).unwrap();
    let first = LEDGER.replace("  - {id: check, group: books, depends_on: [post], run: ./check.sh}\n", "");
    past.dag(ago(401), "ledger.yaml", &first.replace("finish_by: \"02:00\"", "finish_by: \"03:00\""));
    for day in (120..400).rev() {
        one(&mut past, day, ago(day));
    }
    past.dag(ago(120), "ledger.yaml", &first);
    for day in (90..120).rev() {
        one(&mut past, day, ago(day));
    }
    past.dag(ago(89), "ledger.yaml", LEDGER);
    for day in (0..89).rev() {
        one(&mut past, day, ago(day));
    }
    past.dag(ago(3), "loader.yaml", LOADER);
    past.run("loader", ago(0), false, |task| match task {
        "hold" => Story { attempts: vec![(9, crate::history::End::Never)], ..Story::well(0) },
        _ => Story { attempts: vec![], ..Story::well(0) },
    });
    past.write().await;
}

fn one(past: &mut History, day: u64, at: Timestamp) {
    // No business at weekends.
    if day % 7 == 1 || day % 7 == 2 {
        return;
    }
    let run = past.run("ledger", at, true, move |task| match task {
        "post" if day % 23 == 4 => Story::fails(30, 1).saying("the ledger is locked\n"),
        "post" => Story::well(240 + (400 - day) * (400 - day) / 200 + day * 31 % 45),
        "extract" => Story::well(60 + day % 9),
        _ => Story::well(5),
    });
    if day % 40 == 3 {
        let due = at.plus(Duration::from_mins(30));
        for task in [None, Some(TaskIndex(1))] {
            past.say(due, Transition::Late { run, task, kind: Lateness::LateFinish, due });
        }
    }
}

const BANKING: &str = "id: banking
description: Days on which banks are open
weekend: [sat, sun]
holidays:
  - {date: 01-01, name: New Year}
  - {date: easter+1, name: Easter Monday}
  - {date: 12-25, name: Christmas Day}
";

const LEDGER: &str = "id: ledger
description: Books the day
owner: finance
tags: [books]
schedule: '30 1 * * *'
timezone: Europe/Paris
deadline: {start_within: 10m, finish_by: \"02:00\"}
groups:
  - {id: books, label: The books}
tasks:
  - {id: extract, run: ./extract.sh}
  - {id: post, group: books, depends_on: [extract], run: ./post.sh, deadline: {finish_within: 6m}}
  - {id: check, group: books, depends_on: [post], run: ./check.sh}
  - {id: mail, depends_on: [books], run: ./mail.sh}
";

const LOADER: &str = "id: loader
tasks:
  - {id: hold, run: ./hold.sh, pool: warehouse}
  - {id: next, run: ./next.sh, pool: warehouse}
";
