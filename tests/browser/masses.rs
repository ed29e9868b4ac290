//! More of everything than a page can show at once: DAGs, tasks, runs, vars, windows; words without an end.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use nightrun_core::decide::Transition;
use nightrun_core::time::Timestamp;
use serde_json::json;

use crate::history::{End, History, Story};
use crate::scenes::{NOW, huge_dag};

/// One word that no line can hold.
pub(crate) const LONG: &str =
    "consolidated_balance_sheet_of_all_subsidiaries_with_intercompany_eliminations_and_adjustments";

fn ago(minutes: u64) -> Timestamp {
    Timestamp::parse(NOW).unwrap().minus(Duration::from_secs(minutes * 60))
}

/// Writes the store. Runs 1 to 30 are those of `huge`, and the last is that of the DAG with the long name.
pub(crate) async fn write(root: &Path) {
    let mut past = History::new(root);
    huge_dag(&mut past);
    for number in 0..400 {
        let id = format!("partner_feed_{number:03}");
        past.dag(ago(60 * 24 * 3), &format!("{id}.yaml"), &feed(&id, number));
    }
    long(&mut past);
    for number in 0..200 {
        let value = Some(json!(format!("s3://bucket-{number}/{LONG}")));
        past.say(ago(500), Transition::VarSet { name: format!("var_{number:03}"), value, by: "ana".into() });
    }
    past.write().await;
}

fn feed(id: &str, number: u32) -> String {
    let owner = ["platform", "data", "finance"][number as usize % 3];
    let minute = number % 60;
    format!(
        "id: {id}\ndescription: Files of partner {number}\nowner: {owner}\ntags: [partners, p{}]\n\
         schedule: '{minute} 3 * * *'\ntasks:\n  - {{id: fetch, run: ./fetch.sh}}\n",
        number % 40
    )
}

/// A DAG with long words everywhere, whose task fails with a long log.
fn long(past: &mut History) {
    let text = format!(
        "id: {LONG}\ndescription: {}\nowner: {LONG}\ntags: [{LONG}]\nschedule: '@daily'\n\
         params:\n  {LONG}: {{type: string, default: {LONG}, description: {LONG}}}\n\
         tasks:\n  - id: {LONG}\n    run: ./{LONG}.sh --{LONG} {LONG}\n  - {{id: after, run: 'true', depends_on: [{LONG}]}}\n",
        "All books of all houses, then all of them again. ".repeat(20)
    );
    past.dag(ago(60 * 24 * 3), "long.yaml", &text);
    let mut log = String::new();
    for line in 0..40_000 {
        writeln!(log, "line {line}: {LONG} {LONG}").unwrap();
    }
    past.run(LONG, ago(20), false, |task| match task {
        "after" => Story::well(1),
        _ => Story { attempts: vec![(5, End::Exit(1)); 12], ..Story::well(0) }.saying(&log),
    });
}
