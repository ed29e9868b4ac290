//! Old runs go: by `nightrun db prune`, with a server and without, and never one that is not over.

use std::fs;

use serde_json::{Value as Json, json};

use crate::town::{Town, wait_for};

/// One run is kept. A run hands on a value that is large enough for a file of its own.
const SMALL: &str = "\
keep_runs: 1
params: {size: 100000}
tasks:
  - id: load
    run: |
      echo loading
      printf 'text=%s\\n' \"$(head -c {{ params.size }} /dev/zero | tr '\\0' x)\" >> \"$NIGHTRUN_OUTPUT\"
";

fn ids(town: &Town) -> Vec<String> {
    town.runs().iter().map(|run| run["run_id"].as_str().unwrap().to_owned()).collect()
}

fn run(town: &Town, size: u32) {
    town.does(&format!("run dags/small.yaml --data .nightrun -q -p size={size}"));
}

/// The files below the value folder.
fn values(town: &Town) -> Vec<std::path::PathBuf> {
    let list = |folder| fs::read_dir(folder).into_iter().flatten().flatten().map(|it| it.path());
    list(town.path(".nightrun/values")).flat_map(list).collect()
}

#[test]
fn old_runs_go_with_their_files_and_the_store_stays_sound() {
    let town = Town::with("small", SMALL);
    for size in [100_000, 200_000, 100_000] {
        run(&town, size);
    }
    let dry = town.nightrun("db prune --dry-run --json").json();
    let of_dag = &dry["dags"][0];
    assert_eq!((&of_dag["runs"], &of_dag["keep_runs"]), (&json!([1, 2]), &json!(1)), "{dry}");
    assert_eq!(of_dag["value_bytes"], json!(300_004));
    let dry = town.nightrun("db prune --dry-run").out;
    assert!(dry.contains("1 runs") && dry.ends_with("2 runs would go; nothing was changed\n"), "{dry}");
    assert_eq!(ids(&town), ["1", "2", "3"]);
    for value in values(&town) {
        let long_ago = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000);
        fs::File::options().write(true).open(value).unwrap().set_modified(long_ago).unwrap();
    }

    let said = town.nightrun("db prune");
    assert!(said.code == 0 && said.out.contains("2 runs gone, 195."), "{said:?}");
    assert_eq!(ids(&town), ["3"]);
    assert!(!town.path(".nightrun/runs/1").exists() && town.path(".nightrun/runs/3").exists());
    assert_eq!(values(&town).len(), 1, "what run 3 put out too stays");
    assert_eq!(town.nightrun("xcom 3 load text").out.len(), 100_001);
    town.nightrun("runs show 1").fails(1, "error: there is no run 1\n  = help: `nightrun runs` lists them");
    town.nightrun("db check").prints(".nightrun/nightrun.db is sound, and agrees with its log");

    town.does("db prune --keep-days 1");
    town.nightrun("db prune").prints(
        "nothing goes: every run is kept (`keep_runs` and `keep_days` say for how long)
0 runs gone, 0 B of files removed; the store uses its own room again",
    );
    town.nightrun("db prune --dag smal")
        .fails(1, "error: there is no DAG `smal`\n  = help: `nightrun dags` lists them");
}

#[test]
fn a_number_is_not_used_again_though_the_newest_run_went() {
    let town = Town::with("small", &SMALL.replace("keep_runs: 1\n", ""));
    run(&town, 1);
    run(&town, 1);
    town.write("nightrun.yaml", "keep_days: 1\n");
    // What ended long ago is made so by hand: nothing else could wait for it.
    town.does("db prune");
    assert_eq!(ids(&town), ["1", "2"], "they are younger than a day");
    town.does("db prune --keep-runs 1");
    town.does("db check");
    run(&town, 1);
    assert_eq!(ids(&town), ["2", "3"]);
}

#[test]
fn a_server_prunes_while_runs_go_on() {
    let town = Town::with("small", SMALL);
    town.write(
        "dags/long.yaml",
        "keep_runs: 1\nmax_active_runs: 2\ntasks: [{id: wait, run: \"until [ -e $NIGHTRUN_DAG.go ]; do sleep 0.05; done\"}]\n",
    );
    let server = town.serve();
    for _ in 0..3 {
        let run = town.nightrun("trigger small --json").json()["run_id"].as_str().unwrap().to_owned();
        town.wait_for_run(&run, "success");
    }
    for _ in 0..2 {
        town.does("trigger long");
    }
    let pruned = town.nightrun("db prune --json").json();
    assert_eq!(pruned["dags"][0]["runs"], json!([1, 2]), "{pruned}");
    assert_eq!(pruned["dags"][1], Json::Null, "what is not over is not counted");
    assert_eq!(ids(&town), ["3", "4", "5"]);
    assert_eq!(server.get("/api/v1/dags/small")["recent"], json!([{"run_id": "3", "state": "success"}]));
    assert_eq!(server.get("/health")["runs"]["running"], json!(2));
    let go = town.path("dags/long.go");
    fs::write(&go, "").unwrap();
    wait_for("both to end", || town.runs().iter().all(|run| run["state"] == "success").then_some(()));
    server.kill();
    let server = town.serve();
    town.does("db check");
    assert_eq!(server.stop(), 0);
}

#[test]
fn a_date_whose_run_was_pruned_is_not_missing() {
    let town = Town::with("often", "schedule: '* * * * * *'\ntasks: [{id: a, run: echo}]");
    let _server = town.serve();
    let done = || town.runs().iter().filter(|run| run["state"] == "success").count();
    wait_for("three runs", || (done() >= 3).then_some(()));
    town.does("pause often");
    wait_for("the end of all", || town.runs().iter().all(|run| run["state"] == "success").then_some(()));
    let runs = town.runs();
    let date = |run: &Json| run["logical_date"].as_str().unwrap().to_owned();
    let oldest = runs.iter().map(date).min().unwrap();
    let newest = runs.iter().map(date).max().unwrap();
    town.does("db prune --dag often --keep-runs 1");
    let said = town.nightrun(&format!("backfill often --from {oldest} --to {newest} --dry-run"));
    let pruned = said.out.matches("it had a run, which is pruned").count();
    assert_eq!(pruned, runs.len() - 1, "{said:?}");
}
