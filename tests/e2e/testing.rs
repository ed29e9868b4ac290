//! `nightrun test`: cases beside a DAG, played without a process.

use std::time::Instant;

use serde_json::json;

use crate::town::{Town, sources};

const DAG: &str = "
timeout: 1h
params: {region: {type: string, enum: [eu, us], default: eu}}
tasks:
  - id: extract
    run: ./extract.sh --day {{ ds }} --region {{ params.region }}
    outputs: [rows]
  - id: load
    depends_on: [extract]
    retries: 1
    retry_delay: 30s
    run: ./load.sh {{ tasks.extract.outputs.rows }}
  - {id: publish, depends_on: [load], run: ./publish.sh}
  - {id: cleanup, depends_on: [load], trigger_rule: all_done, run: sleep 1000}
";

fn town(cases: &str) -> Town {
    let town = Town::with("nightly", DAG);
    town.write("dags/nightly.test.yaml", cases);
    town
}

#[test]
fn every_example_with_cases_passes_them() {
    let dags = sources().join("dags");
    let begun = Instant::now();
    let said = Town::new().nightrun(&format!("test {} --json", dags.display()));
    let took = begun.elapsed();
    assert_eq!(said.code, 0, "{said:?}");
    let report = said.json();
    assert!(report["passed"].as_u64().unwrap() >= 15 && report["failed"] == 0, "{report}");
    assert!(took.as_secs() < 20, "nothing may really run or wait, and it took {took:?}");
}

#[test]
fn a_case_that_comes_true_passes_and_takes_its_time_on_its_own_clock_only() {
    let town = town(
        "cases:
  - name: a failed load is tried twice and cleanup still runs
    at: 2026-01-02T01:30:00+01:00
    params: {region: us}
    tasks:
      extract: {outputs: {rows: 10}, after: 1m}
      load: [{exit: 1, after: 5s}, {signal: 9, after: 25s}]
    expect:
      state: failed
      tasks:
        load: {state: failed, attempts: 2, reason: SIGKILL}
        publish: upstream_failed
        cleanup: success
      order: [extract, load, cleanup]
      outputs: {extract: {rows: 10}}
      commands: {extract: ./extract.sh --day 2026-01-02 --region us, load: ./load.sh 10}
      not_run: [publish]
      took: 2m
",
    );
    for target in ["dags", "dags/nightly.yaml", "dags/nightly.test.yaml", ""] {
        town.nightrun(&format!("test {target}")).prints(
            "dags/nightly.test.yaml
  ✓ a failed load is tried twice and cleanup still runs  TOOK
1 case: 1 passed, in TOOK",
        );
    }
    town.does("validate dags dags/nightly.test.yaml");
}

#[test]
fn what_does_not_come_true_is_shown_beside_what_happened_and_why() {
    let town = town(
        "cases:
  - name: wrong
    tasks:
      extract: {outputs: {rows: 10}}
      load: [fail, success]
    expect:
      state: failed
      tasks: {load: {state: failed, attempts: 1}}
      order: [load, extract]
      outputs: {extract: {rows: 11}}
      commands: {load: ./load.sh 11}
      not_run: [cleanup]
      took: 2m
  - name: nobody says what extract hands on
    expect: {state: success}
",
    );
    let said = town.nightrun("test dags");
    assert_eq!(said.code, 1);
    crate::town::same(
        &said.out,
        "dags/nightly.test.yaml
  ✗ wrong  TOOK
      at dags/nightly.test.yaml:2
      the run
        expected: failed
        actual:   success
      the time it took
        expected: 2m
        actual:   30s
      task load
        expected: failed
        actual:   success
      attempts of load
        expected: 1
        actual:   2
      the order of starts
        expected: load, extract
        actual:   extract, load
      output rows of extract
        expected: 11
        actual:   10
      the command of load
        expected: ./load.sh 11
        actual:   ./load.sh 10
      task cleanup
        expected: it does not run
        actual:   success
  ✗ nobody says what extract hands on  TOOK
      at dags/nightly.test.yaml:14
      the run
        expected: success
        actual:   failed
        because:  3 tasks failed or were blocked, first `extract`; extract: its outputs were refused: declared but not written: rows (the case says nothing of this task)
2 cases: 0 passed, 2 failed, in TOOK",
    );
    let report = town.nightrun("test dags --json --filter wrong").json();
    assert_eq!((report["passed"].clone(), report["failed"].clone()), (json!(0), json!(1)), "{report}");
    let first = &report["files"][0]["cases"][0];
    assert_eq!(first["line"], 2);
    assert_eq!(
        first["mismatches"][0],
        json!({"what": "the run", "expected": "failed", "actual": "success", "why": null})
    );
}

#[test]
fn all_faults_of_a_file_of_cases_are_found_in_one_pass() {
    let town = town(
        "cases:
  - name: x
    at: someday
    parms: {}
    params: {regoin: eu, region: fr}
    tasks:
      extrct: fail
      'load[0]': success
      load: {exit: 1, signal: 9}
      publish: succes
      cleanup: {exit: 300, stdout: x}
    wait_for: {orders: success}
    expect:
      state: skipped
      tasks: {load: fialed}
      notifications: [on_fire, {task: load}, {event: on_exit, task: lode, colour: red}]
      not_run: [nothing]
  - expect: {}
",
    );
    let said = town.nightrun("validate dags/nightly.test.yaml --format json");
    assert_eq!(said.code, 1, "{said:?}");
    let faults = said.json();
    let found: Vec<String> = faults
        .as_array()
        .unwrap()
        .iter()
        .map(|it| format!("{} {}:{}", it["code"].as_str().unwrap(), it["line"], it["column"]))
        .collect();
    let expected = [
        "E304 3:9",
        "E101 4:5",
        "E404 5:14",
        "E410 5:34",
        "E201 7:7",
        "E201 8:7",
        "E118 9:13",
        "E112 10:16",
        "E118 11:16",
        "E113 11:23",
        "E403 12:16",
        "E112 14:14",
        "E112 15:21",
        "E112 16:23",
        "E105 16:33",
        "E201 16:69",
        "E101 16:75",
        "E201 17:17",
        "E105 18:5",
        "E116 18:13",
    ];
    assert_eq!(found, expected, "{faults:#}");
    let said = town.nightrun("test dags");
    assert!(said.code == 1 && said.err.contains("did you mean `extract`?"), "{said:?}");
}

#[test]
fn a_dag_is_named_by_file_or_id_or_stands_beside() {
    let case = "cases: [{name: it runs, tasks: {extract: {outputs: {rows: 1}}}, expect: {state: success}}]";
    for (dag, code) in [("dag: nightly.yaml", 0), ("dag: nightly", 0), ("dag: nightyl", 1), ("", 1)] {
        let town = Town::with("nightly", DAG);
        town.write("dags/other.test.yaml", &format!("{dag}\n{case}\n"));
        assert_eq!(town.nightrun("test dags").code, code, "{dag}");
    }
    let town = town(case);
    town.write("dags/nightly.yaml", "tasks: [{id: a}]");
    let said = town.nightrun("test dags");
    assert!(said.code == 1 && said.err.contains("dags/nightly.yaml has 1 error"), "{said:?}");
}

#[test]
fn wrong_usage_is_told_from_failure() {
    let town = Town::with("nightly", DAG);
    for (args, words) in [
        ("test", "there are no cases in dags"),
        ("test nowhere", "there is no file or folder nowhere"),
        ("test dags/nightly.yaml", "there is no dags/nightly.test.yaml, so dags/nightly.yaml has no cases"),
    ] {
        let said = town.nightrun(args);
        assert!(said.code == 2 && said.err.contains(words), "{args}: {said:?}");
    }
    town.write("dags/nightly.test.yaml", "cases: [{name: a, expect: {state: failed}}]");
    assert_eq!(town.nightrun("test --filter b").code, 2);
}
