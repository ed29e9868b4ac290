//! What a DAG was, what it is, and what loading its file would make of it.

use serde_json::{Value as Json, json};

use crate::town::{Server, Town, wait_for};

const FIRST: &str = "schedule: 0 3 * * *\ntasks:\n  - {id: a, run: echo}\n  - {id: b, run: echo}\n";
const SECOND: &str =
    "schedule: 0 4 * * *\ntasks:\n  - {id: a, run: echo two, retries: 1}\n  - {id: c, run: echo}\n";

/// Waits until so many versions of a DAG are known.
fn wait_for_versions(server: &Server, dag: &str, count: usize) -> Vec<i64> {
    wait_for("versions", || {
        let listed = server.get(&format!("/api/v1/dags/{dag}/versions"));
        let numbers = listed["items"].as_array()?.iter().filter_map(|it| it["version"].as_i64());
        Some(numbers.collect::<Vec<_>>()).filter(|all| all.len() == count)
    })
}

#[test]
fn versions_are_listed_shown_and_compared() {
    let town = Town::with("etl", FIRST);
    let server = town.serve();
    let first = wait_for_versions(&server, "etl", 1)[0];
    town.write("dags/etl.yaml", SECOND);
    let second = wait_for_versions(&server, "etl", 2)[0];
    let history = town.nightrun("dags history etl --json").json();
    let row = |at: usize| (history[at]["version"].clone(), history[at]["current"].clone());
    assert_eq!([row(0), row(1)], [(json!(second), json!(true)), (json!(first), json!(false))]);
    assert_eq!(history[0]["path"], "etl.yaml");
    assert_eq!(town.nightrun(&format!("dags show etl --version {first}")).out, FIRST);
    assert_eq!(town.nightrun("dags show etl").out, SECOND);
    let diff = town.nightrun("dags diff etl").out;
    assert!(diff.contains("\n-schedule: 0 3 * * *\n+schedule: 0 4 * * *\n"), "{diff}");
    let back = town.nightrun(&format!("dags diff etl {second} {first} --json")).json();
    assert!(back["diff"].as_str().unwrap().contains("\n+schedule: 0 3 * * *\n"), "{back}");
    town.nightrun("dags show etl --version 99")
        .fails(1, "error: DAG `etl` has no version 99\n  = help: `nightrun dags history etl` lists them");
    town.write("dags/_defaults.yaml", "owner: me\n");
    wait_for_versions(&server, "etl", 3);
    let diff = town.nightrun("dags diff etl").out;
    assert!(diff.contains("+++ _defaults.yaml (version 3)\n") && diff.contains("\n+owner: me\n"), "{diff}");
}

#[test]
fn a_fault_is_shown_wherever_the_dag_is_shown_and_the_last_good_version_stays() {
    let town = Town::with("etl", FIRST);
    let server = town.serve();
    town.write("dags/etl.yaml", "tasks: [{id: a}]\n");
    wait_for("the fault", || {
        let faults = server.get("/api/v1/dags/etl")["faults"].clone();
        (faults[0]["code"] == "E117").then_some(())
    });
    assert_eq!(server.get("/api/v1/dags/etl")["tasks"][1]["id"], "b");
    assert_eq!(town.nightrun("dags --json").json()[0]["faults"][0]["code"], "E117");
    assert!(town.nightrun("dags").out.contains("! etl.yaml: the last good version stays in force"));
    let shown = town.nightrun("dags show etl");
    assert_eq!(shown.out, FIRST);
    assert!(shown.err.contains("error[E117]: task `a` has nothing to do"), "{shown:?}");
    assert_eq!(town.nightrun("dags show etl --json").json()["faults"][0]["code"], "E117");
}

/// `change` of each DAG, by its id.
fn fates(plan: &Json) -> Vec<String> {
    let text = |value: &Json| value.as_str().unwrap().to_owned();
    let dags = plan["dags"].as_array().unwrap().iter();
    dags.map(|it| format!("{} {}", text(&it["dag"]), text(&it["change"]))).collect()
}

#[test]
fn a_plan_says_what_loading_would_change_and_changes_nothing() {
    let town = Town::with("etl", FIRST);
    for name in ["gone", "same", "torn"] {
        town.write(&format!("dags/{name}.yaml"), "tasks: [{id: a, run: sleep 60}]\n");
    }
    let none = town.nightrun("plan --json").json();
    assert_eq!(fates(&none), ["etl new", "gone new", "same new", "torn new"]);
    let server = town.serve();
    town.does("trigger gone");
    town.wait_for_run("1", "running");
    server.kill();
    let calm = town.nightrun("plan --exit-code");
    calm.prints("0 new, 0 changed, 0 retired, 0 broken, 4 unchanged");
    town.write("dags/etl.yaml", SECOND);
    town.write("dags/torn.yaml", "tasks: [{id: a}]\n");
    town.write("dags/fresh.yaml", "tasks: [{id: a, run: echo}]\n");
    std::fs::remove_file(town.path("dags/gone.yaml")).unwrap();
    let plan = town.nightrun("plan --json").json();
    let expected = ["etl changed", "fresh new", "gone retired", "same unchanged", "torn broken"];
    assert_eq!(fates(&plan), expected);
    let etl = &plan["dags"][0];
    assert_eq!(
        etl["changes"],
        json!({
            "keys": ["schedule"], "added": ["c"], "removed": ["b"],
            "changed": [{"task": "a", "keys": ["run", "retries"]}],
        })
    );
    assert_eq!(etl["ticks"]["after"].as_array().unwrap().len(), 5);
    assert!(etl["ticks"]["before"][0].as_str().unwrap().ends_with("T03:00:00Z"), "{etl}");
    assert_eq!(plan["dags"][2]["runs"], json!([{"run_id": "1", "state": "running", "version": 2}]));
    assert_eq!(plan["faults"][0]["code"], "E117");
    assert_eq!(town.nightrun("plan --exit-code").code, 1);
    let said = town.nightrun("plan");
    assert_eq!(said.code, 0);
    for line in [
        "~ etl (etl.yaml) gets a new version",
        "    ~ task a: run, retries",
        "    run 1 (running) keeps version 2",
        "! torn (torn.yaml) stays as it is: its file has errors",
        "1 new, 1 changed, 1 retired, 1 broken, 1 unchanged",
    ] {
        assert!(said.out.lines().any(|it| it == line), "{line}\n{}", said.out);
    }
    let versions = town.nightrun("dags history etl --json").json();
    assert_eq!(versions.as_array().unwrap().len(), 1, "nothing was loaded");
    assert_eq!(town.nightrun("plan --dags nowhere").code, 2);
}
