//! `type: dag`: a task that calls another DAG.

use serde_json::{Value as Json, json};

use crate::town::{Town, sources, states, task, wait_for};

/// A DAG whose run goes on until a file appears, and that hands a number on.
const CHILD: &str = "
params: {rows: {type: integer, default: 7}}
max_active_runs: 9
tasks:
  - id: load
    run: |
      echo begun >> $NIGHTRUN_TEST_FOLDER/begun
      until [ -e $NIGHTRUN_TEST_FOLDER/go ]; do sleep 0.02; done
      nightrun output rows --json {{ params.rows + 1 }}
";

/// Puts down a child that waits for `go`, and a parent with this task.
fn town_of(with: &str, more: &str) -> Town {
    let town = Town::new();
    let folder = town.path("").display().to_string();
    town.write("dags/child.yaml", &CHILD.replace("$NIGHTRUN_TEST_FOLDER", &folder));
    town.write("dags/parent.yaml", &format!("tasks:\n  - id: call\n    type: dag\n    with: {with}\n{more}"));
    town
}

/// How often the child's process has begun.
fn begun(town: &Town) -> usize {
    std::fs::read_to_string(town.path("begun")).unwrap_or_default().lines().count()
}

fn why(run: &Json, id: &str) -> String {
    task(run, id)["reason"].as_str().unwrap().to_owned()
}

#[test]
fn a_call_hands_over_typed_params_and_brings_back_what_the_run_handed_on() {
    let more = "  - id: tell
    depends_on: [call]
    run: nightrun output told 'run {{ tasks.call.outputs.run }}, {{ tasks.call.outputs.tasks.load.rows }} rows'\n";
    // What a program prints is text, and the param is a number.
    let town = town_of("{dag: child, params: {rows: \"{{ '4' }}{{ 1 }}\"}}", more);
    town.write("go", "");
    let run = town.nightrun("run parent --json --data kept").json();
    assert_eq!(states(&run), "call success, tell success");
    assert_eq!(task(&run, "tell")["outputs"]["told"], "run 2, 42 rows");
    let child = &run["children"][0];
    assert_eq!(
        (&child["dag"], &child["task"], &child["run_id"]),
        (&json!("child"), &json!("call"), &json!("2"))
    );
    let shown = town.nightrun("runs show 2 --data kept --json").json();
    assert_eq!((&shown["run_type"], &shown["params"]), (&json!("call"), &json!({"rows": 41})));
    assert_eq!((&shown["parent"]["run_id"], &shown["parent"]["task"]), (&json!("1"), &json!("call")));
    assert_eq!(shown["logical_date"], run["logical_date"], "it works on the day of its caller");
    let seen = town.nightrun("runs show 2 --data kept").out;
    assert!(seen.contains("called by call of run 1 of parent"), "{seen}");
    assert!(town.nightrun("db check --data kept").out.contains("is sound"));
}

#[test]
fn what_a_dag_does_not_accept_fails_the_call_with_a_reason() {
    let cases = [
        ("{dag: nowhere}", "could not start: there is no DAG `nowhere`"),
        ("{dag: child, params: {row: 1}}", "could not start: DAG `child` has no param `row`"),
        (
            "{dag: child, params: {rows: many}}",
            "could not start: param `rows` is of type integer, which `many` is not",
        ),
        ("{dag: child, date: \"{{ 'soon' }}\"}", "could not start: `date`: `soon` is no date"),
    ];
    for (with, expected) in cases {
        let run = town_of(with, "").run("parent");
        assert_eq!((states(&run), why(&run, "call")), ("call failed".into(), expected.into()), "{with}");
        assert_eq!(run["children"], json!([]), "{with}");
    }
}

#[test]
fn faults_of_a_call_are_found_before_it_runs() {
    let cases = [
        ("{}", "E505"),
        ("{dag: \"{{ params.x }}\"}", "E115"),
        ("{dag: child, dags: x}", "E504"),
        ("{dag: child, wait: maybe}", "E506"),
        ("{dag: child, params: [1]}", "E506"),
        ("{dag: child, params: {rows: \"{{ params.x }}\"}}", "E404"),
        ("{dag: parent}", "W204"),
        ("{dag: child}\n    capture: json", "W202"),
    ];
    for (with, code) in cases {
        let said = town_of(with, "").nightrun("validate dags/parent.yaml");
        let text = format!("{}{}", said.out, said.err);
        assert!(text.contains(&format!("[{code}]")), "{with}: {text}");
    }
}

#[test]
fn a_run_that_fails_fails_its_call_and_a_retry_is_another_run() {
    let town = Town::new();
    town.write("dags/child.yaml", "tasks: [{id: a, run: exit 3}]");
    let parent = "tasks: [{id: call, type: dag, with: {dag: child}, retries: 1, retry_delay: 10ms}]";
    town.write("dags/parent.yaml", parent);
    let run = town.run("parent");
    assert_eq!(why(&run, "call"), "run 3 of DAG `child`, which it called, failed: task `a` failed");
    let children = run["children"].as_array().unwrap();
    let attempts: Vec<&Json> = children.iter().map(|child| &child["attempt"]).collect();
    assert_eq!(attempts, [1, 2]);
}

#[test]
fn nobody_waits_for_a_run_that_is_only_begun() {
    let town = town_of("{dag: child, wait: false}", "");
    let server = town.serve();
    town.does("trigger parent");
    let parent = town.wait_for_run("1", "success");
    assert_eq!(task(&parent, "call")["outputs"], json!({"run": 2}));
    assert_eq!(town.wait_for_run("2", "running")["parent"]["run_id"], "1");
    town.write("go", "");
    town.wait_for_run("2", "success");
    assert_eq!(server.stop(), 0);
}

#[test]
fn a_call_holds_no_slot_and_says_what_it_waits_for() {
    let town = town_of("{dag: child}", "");
    let server = town.serve_with("--slots 1");
    town.does("trigger parent");
    wait_for("the called run", || (begun(&town) == 1).then_some(()));
    let said = town.nightrun("why 1 call").out;
    assert!(said.contains("waits for run 2 of DAG `child`") && said.contains("nightrun why 2"), "{said}");
    let running = server.get("/api/v1/runs?run_type=call")["items"].clone();
    assert_eq!(running[0]["run_id"], "2");
    town.write("go", "");
    town.wait_for_run("1", "success");
    assert_eq!(server.stop(), 0);
}

#[test]
fn a_cancel_and_a_timeout_end_the_called_run_first() {
    let town = town_of("{dag: child}", "    timeout: 1s\n");
    let server = town.serve();
    town.does("trigger parent");
    wait_for("the called run", || (begun(&town) == 1).then_some(()));
    town.does("cancel 1");
    let parent = town.wait_for_run("1", "canceled");
    let child = town.wait_for_run("2", "canceled");
    assert_eq!(child["reason"], "canceled with run 1, which called it");
    assert!(child["ended_at"].as_str() <= parent["ended_at"].as_str(), "the caller is over last");
    town.does("trigger parent");
    assert_eq!(why(&town.wait_for_run("3", "failed"), "call"), "timed out after 1s");
    town.wait_for_run("4", "canceled");
    assert_eq!(server.stop(), 0);
}

#[test]
fn a_called_run_that_somebody_cancels_fails_its_call() {
    let town = town_of("{dag: child}", "");
    let server = town.serve();
    town.does("trigger parent");
    wait_for("the called run", || (begun(&town) == 1).then_some(()));
    town.does("cancel 2");
    let reason = why(&town.wait_for_run("1", "failed"), "call");
    assert!(
        reason.starts_with("run 2 of DAG `child`, which it called, was canceled: canceled by "),
        "{reason}"
    );
    assert_eq!(server.stop(), 0);
}

#[test]
fn a_killed_server_makes_no_second_run_of_a_call() {
    let town = town_of("{dag: child}", "");
    let server = town.serve();
    town.does("trigger parent");
    wait_for("the called run", || (begun(&town) == 1).then_some(()));
    server.kill();
    let server = town.serve();
    wait_for("its second try", || (begun(&town) == 2).then_some(()));
    town.write("go", "");
    let parent = town.wait_for_run("1", "success");
    assert_eq!(
        task(&parent, "call")["attempts"].as_array().unwrap().len(),
        1,
        "the call itself was not lost"
    );
    assert_eq!(parent["children"].as_array().unwrap().len(), 1);
    assert_eq!(task(&parent, "call")["outputs"]["tasks"], json!({"load": {"rows": 8}}));
    assert_eq!(server.stop(), 0);
    town.nightrun("db check").prints(".nightrun/nightrun.db is sound, and agrees with its log");
}

#[test]
fn calls_hang_ten_deep_on_one_run_and_no_deeper() {
    let town = Town::new();
    let dag = |left: u32| {
        format!(
            "params: {{left: {left}}}\ntasks:\n  - id: next\n    type: dag\n    when: \"{{{{ params.left > 0 }}}}\"
    with: {{dag: chain, params: {{left: \"{{{{ params.left - 1 }}}}\"}}}}\n"
        )
    };
    town.write("dags/chain.yaml", &dag(10));
    let run = town.nightrun("run chain --json --data ten").json();
    // One run of it at a time is the rule, and would make each of them wait for itself.
    assert_eq!(run["state"], "success");
    town.write("dags/chain.yaml", &dag(11));
    let run = town.nightrun("run chain --json --data eleven").json();
    assert_eq!(run["state"], "failed");
    let last = town.nightrun("runs show 11 --data eleven --json").json();
    let expected =
        "could not start: it would be run 11 of a chain of calls, and at most 10 may hang on one run";
    assert_eq!(why(&last, "next"), expected);
    assert_eq!(last["parent"]["depth"], 10);
}

#[test]
fn the_example_closes_each_shop_and_adds_them_up() {
    let path = sources().join("dags/calls/close_day.yaml");
    let run = Town::new().nightrun(&format!("run {}#close_day --json --data kept", path.display())).json();
    assert_eq!(states(&run), "shop success, total success, archive success");
    assert_eq!(task(&run, "total")["outputs"]["report"], "3 shops, 75.00 in all");
    let items: Vec<&Json> = run["children"].as_array().unwrap().iter().map(|child| &child["item"]).collect();
    assert_eq!(items, [&json!(0), &json!(1), &json!(2), &Json::Null]);
    assert!(run["children"].as_array().unwrap().iter().all(|child| child["state"] == "success"));
}

#[test]
fn a_case_says_what_a_call_comes_to() {
    let town = town_of(
        "{dag: child, params: {rows: 3}}",
        "  - id: after\n    depends_on: [call]\n    run: echo {{ tasks.call.outputs.tasks.load.rows }}\n",
    );
    town.write(
        "dags/parent.test.yaml",
        "cases:
  - name: it goes well
    tasks: {call: {outputs: {run: 5, tasks: {load: {rows: 4}}}, after: 3s}}
    expect: {state: success, commands: {call: 'dag child {\"rows\":3}', after: echo 4}, took: 3s}
  - name: it fails
    tasks: {call: fail}
    expect: {tasks: {call: failed, after: upstream_failed}}
",
    );
    let said = town.nightrun("test dags/parent.test.yaml");
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
}
