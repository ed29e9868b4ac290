//! What a DAG file means.

use std::fmt::Write;
use std::time::{Duration, Instant};

use nightrun_core::dag::spec::{
    Backoff, Capture, CatchupPolicy, Dag, Overlap, ParamKind, Task, TriggerRule, Work,
};
use nightrun_core::dag::{Known, Source, read};
use nightrun_core::diag::{Code, Diagnostic};
use nightrun_core::id::TaskIndex;
use nightrun_core::time::Timestamp;
use nightrun_core::timetable::Zone;
use serde_json::json;

fn known() -> Known {
    Known::new(Zone::utc(), Timestamp::parse("2026-11-21T00:00:00Z").unwrap())
}

fn diagnostics(text: &str) -> Vec<Diagnostic> {
    read(&Source::new("dags/nightly.yaml", text), &known()).diagnostics
}

fn codes(text: &str) -> Vec<Code> {
    diagnostics(text).iter().map(|diagnostic| diagnostic.code).collect()
}

fn dag(text: &str) -> Dag {
    let mut reading = read(&Source::new("dags/nightly.yaml", text), &known());
    assert_eq!(reading.diagnostics, []);
    reading.dags.remove(0)
}

fn task(keys: &str) -> Task {
    dag(&format!("tasks:\n  - {{id: a, {keys}}}\n")).tasks.remove(0)
}

fn texts(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn a_bare_task_has_the_documented_defaults() {
    let dag = dag("tasks: [{id: a, run: echo a}]");
    assert_eq!((dag.id.as_str(), dag.enabled, dag.max_active_runs), ("nightly", true, 1));
    assert_eq!((dag.overlap, dag.zone.name(), dag.timetable), (Overlap::Queue, "UTC", None));
    assert_eq!(
        (dag.catchup.policy, dag.catchup.window, dag.catchup.limit),
        (CatchupPolicy::None, None, 1000)
    );
    let task = &dag.tasks[0];
    let shell = texts(&["bash", "-e", "-o", "pipefail"]);
    assert_eq!(task.work, Work::Shell { script: "echo a".into(), shell });
    assert_eq!((task.retry.retries, task.retry.delay), (0, Duration::from_secs(1)));
    assert_eq!((task.retry.backoff, task.retry.max_delay), (Backoff::Constant, None));
    assert_eq!((task.trigger_rule, task.grace), (TriggerRule::AllSuccess, Duration::from_secs(10)));
    assert_eq!((&task.skip_on_exit, task.pool_slots, task.priority), (&vec![99], 1, 0));
}

#[test]
fn a_whole_file_is_read() {
    let dag = dag(include_str!("nightly_sales.yaml"));
    assert_eq!((dag.id.as_str(), dag.tags.len(), dag.max_active_tasks), ("nightly_sales", 2, Some(16)));
    assert_eq!(dag.timetable.as_ref().unwrap().to_string(), "30 1 * * * (Europe/Paris)");
    assert_eq!(dag.start, Timestamp::parse("2025-12-31T23:00:00Z"));
    assert_eq!(dag.catchup.window, Some(Duration::from_hours(48)));
    let params: Vec<_> =
        dag.params.iter().map(|param| (&*param.name, param.kind, param.default.clone())).collect();
    let expected =
        [("region", ParamKind::String, Some(json!("eu"))), ("limit", ParamKind::Integer, Some(json!(1000)))];
    assert_eq!(params, expected);
    let [_, load, check, cleanup] = &dag.tasks[..] else { panic!() };
    assert_eq!((load.retry.retries, &load.retry.on_exit), (2, &vec![75]));
    assert_eq!(
        (load.retry.backoff, load.retry.max_delay),
        (Backoff::Exponential(2.0), Some(Duration::from_mins(10)))
    );
    assert_eq!(check.when.as_deref(), Some("tasks.extract.outputs.rows > 0"));
    assert_eq!(check.capture, Some(Capture::LastLine));
    assert!(matches!(&check.work, Work::Script { interpreter, .. } if *interpreter == ["python3"]));
    assert_eq!(cleanup.work, Work::Argv(texts(&["./cleanup.sh", "{{ ds }}"])));
    assert_eq!(dag.graph.upstream(TaskIndex(3)).count(), 2);
}

#[test]
fn a_task_goes_before_defaults_and_these_before_the_dag() {
    let dag = dag("shell: sh -e
working_dir: base
defaults: {retries: 2, env: {A: 1, B: 2}, working_dir: tasks, grace: 1s}
tasks:
  - {id: a, run: x}
  - {id: b, run: x, retries: 0, env: {A: 3}, working_dir: own, shell: [bash, -x]}
");
    let [a, b] = &dag.tasks[..] else { panic!() };
    let env = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect::<Vec<(String, String)>>()
    };
    assert_eq!((a.retry.retries, &a.env), (2, &env(&[("A", "1"), ("B", "2")])));
    assert_eq!((b.retry.retries, &b.env), (0, &env(&[("A", "3")])));
    assert_eq!((a.working_dir.as_deref(), b.working_dir.as_deref()), (Some("tasks"), Some("own")));
    assert_eq!((a.grace, b.grace), (Duration::from_secs(1), Duration::from_secs(1)));
    assert!(matches!(&a.work, Work::Shell { shell, .. } if *shell == ["sh", "-e"]));
    assert!(matches!(&b.work, Work::Shell { shell, .. } if *shell == ["bash", "-x"]));
}

#[test]
fn text_stays_as_it_is_written() {
    assert_eq!(
        task("run: [sleep, 1.10, true, 0x1F]").work,
        Work::Argv(texts(&["sleep", "1.10", "true", "0x1F"]))
    );
    assert!(matches!(task("run: true").work, Work::Shell { script, .. } if script == "true"));
    let env = task("run: x, env: {A: 1.10, B: no, C: \"\", D: 007}").env;
    assert_eq!(env.iter().map(|(_, value)| &**value).collect::<Vec<_>>(), ["1.10", "no", "", "007"]);
}

#[test]
fn the_last_day_counts_whole() {
    let bounds = |start: &str, end: &str| {
        let dag = dag(&format!(
            "schedule: 30 12 * * *\ntimezone: Europe/Paris\nstart_date: {start}\nend_date: {end}\ntasks: [{{id: a, run: x}}]"
        ));
        (dag.start.unwrap().to_string(), dag.end.unwrap().to_rfc3339())
    };
    let (start, end) = bounds("2026-07-01", "2026-07-31");
    assert_eq!((&*start, &*end), ("2026-06-30T22:00:00Z", "2026-07-31T21:59:59.999999999Z"));
    let (start, end) = bounds("2026-07-01T06:00:00", "2026-07-31T06:00:00Z");
    assert_eq!((&*start, &*end), ("2026-07-01T04:00:00Z", "2026-07-31T06:00:00.000000000Z"));
}

#[test]
fn a_clock_change_is_warned_of_only_where_it_matters() {
    let warns = |keys: &str| codes(&format!("timezone: Europe/Paris\n{keys}\ntasks: [{{id: a, run: x}}]"));
    assert_eq!(warns("schedule: 30 2 * * *"), [Code::ClockChange]);
    assert_eq!(warns("schedule: 30 3 * * *"), []);
    assert_eq!(warns("schedule: 30 * * * *"), []);
    assert_eq!(warns("schedule: 30 2 * * *\nend_date: 2027-01-31"), []);
    assert_eq!(warns("schedule: {cron: 30 2 * * *, timezone: UTC}\n").len(), 1);
}

#[test]
fn faults_of_defaults_are_told_once() {
    let text = "defaults: {retries: two, when: \"{{ nope }}\"}\ntasks: [{id: a, run: x}, {id: b, run: x}]";
    assert_eq!(codes(text), [Code::WrongType, Code::UnknownName]);
}

#[test]
fn rules_that_can_hold_are_left_alone() {
    let with = |rule: &str, alarm: &str, extract: &str| {
        codes(&format!(
            "tasks:
  - {{id: extract, run: x, {extract}}}
  - {{id: other, run: x}}
  - {{id: alarm, run: x, depends_on: [extract, other], trigger_rule: {alarm}}}
  - {{id: end, run: x, depends_on: [extract, alarm], trigger_rule: {rule}}}
"
        ))
    };
    assert_eq!(with("all_success", "all_failed", "priority: 1"), [Code::NeverHolds]);
    assert_eq!(with("all_success", "all_failed", "allow_failure: true"), []);
    // `other` may fail, and `extract` succeed.
    assert_eq!(with("all_success", "one_failed", "priority: 1"), []);
    assert_eq!(with("none_failed", "all_failed", "priority: 1"), []);
    assert_eq!(with("all_skipped", "all_success", "skip_on_exit: []"), [Code::NeverHolds]);
    assert_eq!(with("all_skipped", "all_success", "skip_on_exit: [], when: \"{{ ds }}\""), []);
}

#[test]
fn every_line_ending_and_a_byte_order_mark_will_do() {
    let text = "\u{feff}tasks:\r\n  - id: a\r\n    run: |\r\n      x\r\n      y\r\n";
    assert!(matches!(&dag(text).tasks[0].work, Work::Shell { script, .. } if script == "x\ny\n"));
}

#[test]
fn columns_count_characters() {
    let found = diagnostics("description: é\ntasks: [{id: a, run: é, nö: 1}]\n");
    let place = &found[0].place;
    assert_eq!((place.line, place.column, place.end_column), (2, 25, 27));
}

#[test]
fn a_byte_that_is_no_text_is_shown_where_it_is() {
    let reading =
        read(&Source::new("dags/nightly.yaml", b"id: a\ndescription: caf\xE9\ntasks: []\n"), &known());
    let [fault] = &reading.diagnostics[..] else { panic!("{:?}", reading.diagnostics) };
    assert_eq!((fault.code, fault.place.line, fault.place.column), (Code::NotText, 2, 17));
    assert_eq!(fault.message, "the file is not UTF-8: the byte 0xe9 here is no character");
}

#[test]
fn machines_are_told_the_same() {
    let found =
        serde_json::to_value(&diagnostics("tasks:\n  - id: a\n    run: x\n    timeout: 90\n")[0]).unwrap();
    let expected = json!({
        "code": "E306", "severity": "error", "message": "`timeout: 90` has no unit", "path": "dags/nightly.yaml",
        "line": 4, "column": 14, "end_line": 4, "end_column": 16, "help": "write `90s` for seconds, `90m` for minutes",
    });
    assert_eq!(found, expected);
}

#[test]
fn too_much_is_refused_before_it_costs() {
    let start = Instant::now();
    let mut many = String::from("tasks:\n");
    for at in 0..12_000 {
        writeln!(many, "- {{id: task_number_{at}, run: x, depends_on: [tusk_nomber_{at}], rum: y}}").unwrap();
    }
    assert_eq!(codes(&many).len(), 500);
    let variables: Vec<_> = (0..5_000).map(|at| format!("V{at}: x")).collect();
    let mut wide = format!("defaults: {{env: {{{}}}}}\ntasks:\n", variables.join(", "));
    for at in 0..15_000 {
        writeln!(wide, "- {{id: a{at}, run: x}}").unwrap();
    }
    assert_eq!(codes(&wide), [Code::TooLarge]);
    assert_eq!(codes(&"x".repeat((32 << 20) + 1)), [Code::TooLarge]);
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

#[test]
fn an_unquoted_template_in_a_flow_map_is_told_where_it_is() {
    let text = "tasks:\n  - {id: a, run: echo {{ ds }}}\n";
    let reading = read(&Source::new("dags/example.yaml", text), &known());
    let places: Vec<_> =
        reading.diagnostics.iter().map(|fault| (fault.code, fault.place.line, fault.place.column)).collect();
    assert_eq!(places, [(Code::UnquotedTemplate, 2, 23)]);
}
