//! Who waited for a run is named when that is run again, and runs again with it when asked to.

use serde_json::json;

use crate::town::{Town, states, task, wait_for};

const DATE: &str = "2026-11-01T00:00:00Z";

/// A town with runs of `source`, `report` and `summary` at one date, in this order, all over.
fn town() -> (Town, crate::town::Server) {
    let town = Town::new();
    town.write(
        "dags/source.yaml",
        "tasks: [{id: load, run: echo load}, {id: tell, depends_on: [load], run: echo}]",
    );
    town.write(
        "dags/report.yaml",
        "tasks:
  - {id: early, run: echo early}
  - {id: gate, depends_on: [early], wait_for: [{dag: source}], run: echo gate}
  - {id: print, depends_on: [gate], run: echo print}
",
    );
    let wait = "wait_for: [{dag: source, task: tell}]";
    town.write("dags/summary.yaml", &format!("tasks: [{{id: sum, {wait}, run: echo sum}}]"));
    let server = town.serve();
    for (run, dag) in [("1", "source"), ("2", "report"), ("3", "summary")] {
        town.does(&format!("trigger {dag} --at {DATE}"));
        town.wait_for_run(run, "success");
    }
    (town, server)
}

#[test]
fn a_dry_run_names_who_waited_for_what_would_change() {
    let (town, _server) = town();
    let report = "run 2 of report waited for run 1: `nightrun rerun 2 --task gate --downstream`, or --with-waiters here";
    let summary = "run 3 of summary waited for run 1: `nightrun rerun 3 --task sum --downstream`, or --with-waiters here";
    for (args, named) in
        [("--task load --only", vec![report]), ("--task tell", vec![report, summary]), ("--failed", vec![])]
    {
        let said = town.nightrun(&format!("rerun 1 {args} --dry-run")).out;
        let waited: Vec<&str> = said.lines().filter(|line| line.contains("waited for")).collect();
        assert_eq!(waited, named, "{args}: {said}");
    }
    let said = town.nightrun("rerun 1 --task load --only --dry-run --json").json();
    assert_eq!(said["waiters"], json!([{"run_id": "2", "dag": "report", "tasks": ["gate"]}]));
    let said = town.nightrun("rerun 1 --task load --only --with-waiters --dry-run --json").json();
    let changes = said["also"][0]["tasks"].as_array().unwrap();
    let names: Vec<_> = changes.iter().map(|change| change["task"].as_str().unwrap()).collect();
    assert_eq!(names, ["gate", "print"]);
}

#[test]
fn waiters_run_again_with_what_they_waited_for() {
    let (town, server) = town();
    town.does("rerun 1 --task tell --with-waiters --why late");
    let tries = |run: &str, id: &str| {
        let run = town.nightrun(&format!("runs show {run} --json")).json();
        (run["state"] == "success").then(|| task(&run, id)["attempts"].as_array().unwrap().len())
    };
    for (run, id, wanted) in
        [("1", "tell", 2), ("2", "gate", 2), ("2", "print", 2), ("2", "early", 1), ("3", "sum", 2)]
    {
        wait_for(id, || (tries(run, id) == Some(wanted)).then_some(()));
    }
    let run = town.nightrun("runs show 2 --json").json();
    assert_eq!(states(&run), "early success, gate success, print success");
    let audit = town.nightrun("audit --json").json();
    let reruns = audit.as_array().unwrap().iter().filter(|deed| deed["why"] == "late").count();
    assert_eq!(reruns, 3, "{audit}");
    drop(server);
    town.nightrun("rerun 1 --task tell --with-waiters").fails(
        1,
        "error: what waited for a run is run again only by a server
  = help: start `nightrun serve`, which lets them wait until this run has ended",
    );
    town.does("db check");
}
