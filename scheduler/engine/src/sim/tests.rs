use std::collections::BTreeMap;
use std::sync::Arc;

use nightrun_core::case;
use nightrun_core::dag::{Known, Source, read};
use nightrun_core::decide::DagText;
use nightrun_core::time::Timestamp;
use nightrun_core::timetable::Zone;

use super::{Setting, judge, play};
use crate::exec::Registry;

/// Plays the first case of a file; what did not come true.
fn differences(dag: &str, cases: &str) -> Vec<String> {
    let mut known = Known::new(Zone::utc(), Timestamp::from_nanos(0));
    known.pools.insert("small".into(), 1);
    let spec = Arc::new(read(&Source::new("x.yaml", dag), &known).dags.remove(0));
    let reading = case::read(&Source::new("x.test.yaml", cases), &known, |_| Ok(spec.clone()));
    let suite = reading.suite.unwrap_or_else(|| panic!("{:#?}", reading.diagnostics));
    let text = DagText {
        dag: spec.clone(),
        path: "x.yaml".into(),
        text: dag.into(),
        defaults: [].into(),
        hash: "x".into(),
    };
    let pools = BTreeMap::from([("small".to_owned(), 1)]);
    let setting = Setting {
        slots: 2,
        pools,
        max_items: 100,
        url: "https://night".into(),
        operators: Registry::default(),
    };
    let story = play(&suite.cases[0], text, &setting);
    judge(&suite.cases[0], &spec, &story)
        .into_iter()
        .map(|it| format!("{}: {} not {}", it.what, it.actual, it.expected))
        .collect()
}

#[test]
fn waits_cost_only_the_runs_own_time() {
    let cases = [
        (
            "slots",
            "tasks: [{id: a, run: x}, {id: b, run: x}, {id: c, run: x}]",
            "{a: {after: 1h}, b: {after: 1h}, c: {after: 1h}}",
            "2h",
        ),
        (
            "a pool",
            "defaults: {pool: small}\ntasks: [{id: a, run: x}, {id: b, run: x}]",
            "{a: {after: 1d}, b: {after: 1d}}",
            "2d",
        ),
        (
            "retries",
            "tasks: [{id: a, run: x, retries: 2, retry_delay: 10m, retry_backoff: exponential}]",
            "{a: fail}",
            "30m",
        ),
        ("a timeout", "tasks: [{id: a, run: x, timeout: 5m}]", "{a: timeout}", "5m"),
        (
            "the DAG's timeout",
            "timeout: 7m\ntasks: [{id: a, run: x}, {id: b, depends_on: [a], run: x}]",
            "{a: {after: 1h}}",
            "7m",
        ),
        ("lost attempts", "tasks: [{id: a, run: x}]", "{a: [lost, lost, {after: 1s}]}", "1s"),
    ];
    for (what, dag, tasks, took) in cases {
        let file = format!("cases: [{{name: x, tasks: {tasks}, expect: {{took: {took}}}}}]");
        assert_eq!(differences(dag, &file), [""; 0], "{what}");
    }
}

#[test]
fn what_hangs_is_told_and_does_not_hang_the_test() {
    let dag = "timeout: 1h\ntasks: [{id: a, run: x, grace: 1s}]";
    let hangs = "cases: [{name: x, tasks: {a: timeout}, expect: {state: success}}]";
    assert_eq!(differences(dag, hangs), ["the run: failed not success"]);
}

#[test]
fn captured_values_come_from_what_is_printed_or_are_given() {
    let dag = "tasks: [{id: a, run: x, capture: json}, {id: b, depends_on: [a], run: 'echo {{ tasks.a.outputs.return_value.n }}'}]";
    for mock in [r#"stdout: '{"n": 5}'"#, "outputs: {return_value: {n: 5}}"] {
        let file =
            format!("cases: [{{name: x, tasks: {{a: {{{mock}}}}}, expect: {{commands: {{b: echo 5}}}}}}]");
        assert_eq!(differences(dag, &file), [""; 0], "{mock}");
    }
}

#[test]
fn items_are_mocked_one_by_one_or_all_at_once() {
    let dag =
        "tasks: [{id: a, foreach: {items: [x, y, z]}, retries: 1, retry_delay: 0s, run: 'echo {{ item }}'}]";
    let file = "cases: [{name: x, tasks: {a: {after: 1s}, 'a[1]': [fail, success], 'a[7]': fail}, expect: {
        state: success, tasks: {'a[1]': {attempts: 2}, 'a[9]': success}, commands: {'a[2]': echo z}}}]";
    assert_eq!(
        differences(dag, file),
        [
            "the mock of a[7]: 3 items not that there is such an item",
            "task a[9]: no such item: there are 3 not success"
        ]
    );
}

#[test]
fn other_dags_end_when_a_case_says_so() {
    let dag =
        "tasks: [{id: a, wait_for: [{dag: orders}, {dag: orders, task: publish, timeout: 2h}], run: x}]";
    for (mocks, expect) in [
        ("{}", "{state: success, took: 0s}"),
        ("{orders: {after: 10m}}", "{state: success, took: 10m, tasks: {a: {attempts: 1}}}"),
        ("{orders: {after: 10m}, orders.publish: {after: 20m}}", "{state: success, took: 20m}"),
        ("{orders.publish: never}", "{took: 2h, tasks: {a: {state: failed, reason: wait_timed_out}}}"),
        ("{orders: {state: failed, after: 1m}}", "{took: 2h, tasks: {a: {reason: 'which is failed'}}}"),
    ] {
        let file = format!("cases: [{{name: x, wait_for: {mocks}, expect: {expect}}}]");
        assert_eq!(differences(dag, &file), [""; 0], "{mocks}");
    }
    let hangs = "cases: [{name: x, wait_for: {orders: never}, expect: {state: success}}]";
    let dag = "tasks: [{id: a, wait_for: [{dag: orders}], run: x}]";
    assert_eq!(differences(dag, hangs), ["the run: nothing more can happen not it ends"]);
}

const TOLD: &str = "
vars: {who: ops@example.com, unset}
on_failure: {notify: {email: '{{ vars.who }}', subject: 'look: {{ dag.id }}'}}
on_retry: {notify: {webhook: https://a/b}}
tasks:
  - id: a
    foreach: {items: [x, y], as: letter}
    run: echo
    retries: 1
    retry_delay: 0s
    env: {LETTER: '{{ letter }}'}
    on_retry: {run: 'retry {{ letter }} {{ item }} {{ task.item }} {{ env.LETTER }}'}
    on_failure: {run: [tell, '{{ task.id }}', '{{ error }}']}
  - {id: b, depends_on: [a], run: echo}
";

#[test]
fn hooks_are_told_with_all_values_in_place() {
    let dag = &TOLD.replace("{who: ops@example.com, unset}", "[who]").replace("{{ env.LETTER }}", "it");
    let play = |notifications: &str| {
        let file = format!(
            "cases: [{{name: x, vars: {{who: ann@example.com}}, tasks: {{'a[1]': fail}},
                       expect: {{state: failed, notifications: {notifications}}}}}]"
        );
        differences(dag, &file)
    };
    let all = "[{event: on_retry, task: 'a[1]', command: 'retry y y 1 it'},
        {event: on_retry, action: webhook, subject: 'x.a[1] failed', body: {event: on_retry, dag: x}},
        {event: on_failure, task: a, command: 'tell a 1 of its 2 items failed'},
        {event: on_failure, to: ann@example.com, subject: 'look: x', message: 'task `a` failed: 1 of its 2'}]";
    assert_eq!(play(all), [""; 0]);
    assert_eq!(
        play("[{event: on_failure, to: bob, body: {state: success}}, on_success]"),
        [
            "the destination of hook on_failure of the DAG: ann@example.com not bob",
            "the body of hook on_failure of the DAG: state: \"failed\" not state: \"success\"",
            "hook on_success of the DAG: it did not not it becomes due",
            "hook on_retry of a[1]: run: retry y y 1 it not it is not due",
            "hook on_retry of the DAG: webhook: x.a[1] failed and will be tried again not it is not due",
            "hook on_failure of a: run: tell a 1 of its 2 items failed not it is not due",
        ]
    );
}

#[test]
fn a_hook_that_cannot_be_written_is_found_before_the_night() {
    let dag = "on_exit: {run: 'echo {{ tasks.a.outputs.rows }}'}
tasks: [{id: a, run: x, outputs: [rows]}]";
    let file = "cases: [{name: x, tasks: {a: fail}, expect: {notifications: [on_exit]}}]";
    let found = differences(dag, file);
    assert!(found[0].contains("`tasks.a.outputs.rows` is not defined"), "{found:?}");
}

#[test]
fn the_run_before_ended_as_a_case_says() {
    let dag = "wait_for_previous: true\ntasks: [{id: a, run: x}]";
    for (mocks, expect) in [("{}", "{state: success, took: 0s}"), ("{x: {after: 5m}}", "{took: 5m}")] {
        let file = format!("cases: [{{name: x, wait_for: {mocks}, expect: {expect}}}]");
        assert_eq!(differences(dag, &file), [""; 0], "{mocks}");
    }
}
