//! What a DAG file means.

use std::time::Duration;

use nightrun_core::dag::spec::{TriggerRule, Work};
use nightrun_core::dag::{Known, Reading, Source, read};
use nightrun_core::diag::Style;
use nightrun_core::time::Timestamp;
use nightrun_core::timetable::Zone;

fn known() -> Known {
    Known::new(Zone::utc(), Timestamp::parse("2026-11-21T00:00:00Z").unwrap())
}

fn shown(text: &str) -> String {
    let Reading { diagnostics, .. } = read(&Source::new("dags/nightly.yaml", text), &known());
    diagnostics.iter().map(|diagnostic| diagnostic.render(text, Style::Plain) + "\n").collect()
}

#[test]
fn two_tasks() {
    let text = "tasks:\n  - {id: a, run: echo a}\n  - {id: b, run: [echo, 5], depends_on: a, retries: 2, trigger_rule: all_done}\n";
    let reading = read(&Source::new("dags/nightly.yaml", text), &known());
    assert_eq!(reading.diagnostics, []);
    let dag = &reading.dags[0];
    assert_eq!(dag.id.as_str(), "nightly");
    assert_eq!(dag.tasks[1].work, Work::Argv(vec!["echo".into(), "5".into()]));
    assert_eq!(dag.tasks[1].retry.retries, 2);
    assert_eq!(dag.tasks[1].retry.delay, Duration::from_secs(1));
    assert_eq!(dag.tasks[1].trigger_rule, TriggerRule::AllDone);
}

#[test]
fn faults_are_shown_as_a_compiler_shows_them() {
    println!(
        "{}",
        shown(
            "id: x\nretries: 2\ntasks:\n  - id: load\n    run: {{ ds }} a\n    depends_on: [chek]\n    retry_policy: 1\n  - id: check\n    run: x\n    depends_on: [load, check]\n    timeout: 90\n  - id: a\n    run: a\n    depends_on: [b]\n  - id: b\n    run: a: b\n    depends_on: [a]\n    retries: yes\n    allow_failure: no\n    foreach: 1\nenv: {9A: 1, NR_X: 2}\nid: y\n"
        )
    );
}
