//! Limits: no more runs at once than allowed, by what the tasks themselves write down.

use crate::ledger::{self, Line};
use crate::town::{Town, states, task, wait_for};

/// How many tasks want to run at once.
const TASKS: usize = 12;

/// A DAG of tasks that want to run at once; `each` are keys of every task.
fn crowd(town: &Town, dag: &str, each: &str) -> String {
    let script = ledger::noting(town, "sleep 0.05");
    let task = |at| format!("  - id: t{at}\n    {each}\n    run: |\n      {script}\n");
    format!("{dag}\ntasks:\n{}", (0..TASKS).map(task).collect::<String>())
}

/// Runs the DAG and gives back what its tasks wrote down.
fn ledger_of(town: &Town, args: &str) -> Vec<Line> {
    let said = town.nightrun(&format!("run crowd --json {args}"));
    assert_eq!(said.code, 0, "{said:?}");
    let lines = ledger::read(town);
    assert_eq!(lines.len(), 2 * TASKS);
    lines
}

#[test]
fn slots_hold_for_everything() {
    for slots in [1, 3] {
        let town = Town::new();
        town.write("dags/crowd.yaml", &crowd(&town, "", ""));
        let lines = ledger_of(&town, &format!("--slots {slots}"));
        assert_eq!(ledger::most_at_once(&lines, |_| true), slots, "all slots are used, and no more");
    }
}

#[test]
fn max_active_tasks_holds_for_one_run() {
    let town = Town::new();
    town.write("dags/crowd.yaml", &crowd(&town, "max_active_tasks: 2\nmax_active_runs: 2", ""));
    let _server = town.serve();
    town.does("trigger crowd");
    town.does("trigger crowd");
    for run in ["1", "2"] {
        town.wait_for_run(run, "success");
    }
    let lines = ledger::read(&town);
    for run in ["1", "2"] {
        assert_eq!(ledger::most_at_once(&lines, |line| line.run == run), 2, "run {run}");
    }
    assert!(ledger::most_at_once(&lines, |_| true) > 2, "the runs do not share their limit");
}

#[test]
fn pools_hold_over_dags_and_count_what_each_takes() {
    let town = Town::new();
    town.write("nightrun.yaml", "pools: {warehouse: 3, narrow: 4}\n");
    town.write("dags/crowd.yaml", &crowd(&town, "", "pool: warehouse"));
    town.write("dags/other.yaml", &crowd(&town, "", "pool: warehouse"));
    town.write("dags/heavy.yaml", &crowd(&town, "", "pool: narrow\n    pool_slots: 2"));
    let _server = town.serve();
    for (at, dag) in ["crowd", "other", "heavy"].iter().enumerate() {
        town.nightrun(&format!("trigger {dag}"))
            .prints(&format!("run {0} of {dag}; look at it with: nightrun runs show {0}", at + 1));
    }
    for run in ["1", "2", "3"] {
        town.wait_for_run(run, "success");
    }
    let lines = ledger::read(&town);
    assert_eq!(ledger::most_at_once(&lines, |line| line.dag != "heavy"), 3);
    assert_eq!(ledger::most_at_once(&lines, |line| line.dag == "heavy"), 2);
}

#[test]
fn what_waits_says_for_what() {
    let town = Town::with(
        "held",
        "
tasks:
  - id: first
    pool: one
    run: while [ ! -e ../go ]; do sleep 0.02; done
  - {id: second, pool: one, run: echo}
",
    );
    town.write("nightrun.yaml", "pools: {one: 1}\n");
    let _server = town.serve();
    town.does("trigger held");
    wait_for("the task", || {
        (states(&town.nightrun("runs show 1 --json").json()) == "first running, second queued").then_some(())
    });
    town.nightrun("why 1 second").prints(
        "· task second is queued: waits for a free slot of pool `one`; held by first; it needs one of them to end, or more slots of pool `one`",
    );
    town.write("go", "");
    let run = town.wait_for_run("1", "success");
    assert_eq!(task(&run, "second")["reason"], "done");
}

#[test]
fn a_higher_priority_goes_first() {
    let town = Town::with(
        "ranked",
        "
tasks:
  - {id: low, priority: -5, run: echo low >> ../order}
  - {id: usual, run: echo usual >> ../order}
  - {id: high, priority: 5, run: echo high >> ../order}
",
    );
    assert_eq!(town.nightrun("run ranked --slots 1").code, 0);
    assert_eq!(town.read("order"), "high\nusual\nlow\n");
}
