//! A run of five groups at work, a graph with rules in its top row, and more DAGs in trouble than one list shows.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use nightrun_core::time::Timestamp;

use crate::history::{End, History, Story};
use crate::scenes::NOW;

/// DAGs that failed tonight.
pub(crate) const IN_TROUBLE: usize = 34;

fn ago(minutes: u64) -> Timestamp {
    Timestamp::parse(NOW).unwrap().minus(Duration::from_mins(minutes))
}

/// All of it.
pub(crate) async fn write(root: &Path) {
    let mut past = History::new(root);
    past.dag(ago(600), "factory.yaml", &factory());
    past.run("factory", ago(50), false, |task| match task.rsplit_once('_') {
        Some(("press", number)) => Story::well(60 + number.parse::<u64>().unwrap() * 7),
        Some(("paint", "07")) => Story::fails(30, 1).saying("out of paint\n"),
        Some(("paint", _)) => Story::well(45),
        Some(("dry", "03")) => Story { attempts: vec![(999, End::Never)], ..Story::well(0) },
        Some(("dry", _)) => Story::well(300),
        _ => Story { attempts: vec![], ..Story::well(0) },
    });
    past.dag(ago(600), "rules.yaml", RULES);
    past.run("rules", ago(40), false, |_| Story::well(9));
    for dag in 0..IN_TROUBLE {
        let id = format!("feed_{dag:02}");
        past.dag(
            ago(600),
            &format!("{id}.yaml"),
            &format!("id: {id}\ntasks: [{{id: fetch, run: 'false'}}]\n"),
        );
        past.run(&id, ago(90 + dag as u64), false, |_| Story::fails(9, 1).saying("no route to host\n"));
    }
    past.write().await;
}

/// Five groups of twenty tasks, one after the other.
fn factory() -> String {
    let stages = ["press", "paint", "dry", "check", "ship"];
    let mut text = String::from("id: factory\ngroups:\n");
    for (at, stage) in stages.iter().enumerate() {
        write!(text, "  - {{id: {stage}").unwrap();
        if at > 0 {
            write!(text, ", depends_on: [{}]", stages[at - 1]).unwrap();
        }
        text.push_str("}\n");
    }
    text.push_str("tasks:\n");
    for stage in stages {
        for task in 0..20 {
            writeln!(text, "  - {{id: {stage}_{task:02}, group: {stage}, run: 'true'}}").unwrap();
        }
    }
    text
}

const RULES: &str = "id: rules
tasks:
  - {id: look, run: 'true'}
  - {id: end, depends_on: [look], trigger_rule: none_failed_min_one_success, run: 'true'}
  - {id: other, run: 'true'}
";
