//! Groups that run again as a whole, by the real binary, over a crash too.

use crate::town::{Town, same, states, task, wait_for};

#[test]
fn a_group_runs_again_as_a_whole_and_says_so() {
    let town = Town::new();
    assert_eq!(town.nightrun("example group_retries").code, 0);
    let text = town.nightrun("example group_retries").out;
    town.write("dags/stage.yaml", &text);
    town.does("run stage --data .nightrun -q");
    let run = town.nightrun("runs show 1 --json").json();
    assert_eq!(states(&run), "extract success, load success, check success, publish success");
    let tries = |id: &str| task(&run, id)["attempts"].as_array().unwrap().len();
    assert_eq!(["extract", "load", "check", "publish"].map(tries), [1, 2, 2, 1]);
    same(&run["groups"].to_string(), r#"[{"group":"stage","try":2,"of":3}]"#);
    town.nightrun("logs 1 publish").prints("publishes 2000 rows");
    let shown = town.nightrun("runs show 1").out;
    assert!(shown.contains("↻ group `stage`: try 2 of 3\n"), "{shown}");
    town.does("db check");
    // A rerun by hand starts the count anew.
    town.does("rerun 1 --task publish");
    assert_eq!(town.nightrun("runs show 1 --json").json()["groups"].to_string(), "[]");
    town.does("db check");
}

#[test]
fn the_tries_of_a_group_survive_a_kill() {
    let text = r"
groups: [{id: g, retries: 1, retry_delay: 3s}]
tasks:
  - {id: a, group: g, run: echo a}
  - {id: b, group: g, depends_on: [a], run: test -e ../second && exit 1; touch ../second; exit 1}
  - {id: c, depends_on: [g], run: echo c}
";
    let town = Town::with("slow", text);
    let server = town.serve();
    town.does("trigger slow");
    wait_for("the group to wait for its next try", || {
        let why = town.nightrun("why 1 b").out;
        why.contains("waits for group `g` to run again").then_some(why)
    });
    server.kill();
    let server = town.serve();
    let run = wait_for("the end of the run", || {
        let run = town.nightrun("runs show 1 --json").json();
        (run["state"] == "failed").then_some(run)
    });
    assert_eq!(states(&run), "a success, b failed, c upstream_failed");
    let tries = |id: &str| task(&run, id)["attempts"].as_array().unwrap().len();
    assert_eq!((tries("a"), tries("b")), (2, 2));
    drop(server);
    town.does("db check");
}

#[test]
fn a_group_with_retries_has_no_foreach() {
    let text =
        "groups: [{id: g, retries: 1}]\ntasks: [{id: a, group: g, foreach: {items: [1]}, run: echo}]\n";
    let said = Town::with("both", text).nightrun("validate dags/both.yaml");
    let fault = "error[E118]: group `g` has `retries`, and its task `a` is done for each item";
    assert!(said.code == 1 && said.err.contains(fault), "{said:?}");
    assert!(said.err.contains("give its tasks retries"), "{said:?}");
}
