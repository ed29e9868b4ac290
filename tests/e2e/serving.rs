//! `nightrun serve`: schedules fire, files are read again, verbs act, signals end it in order.

use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use crate::ledger;
use crate::town::{Server, Town, is_alive, signal, states, task, wait_for};

/// A DAG that fires every second and notes each run in the ledger.
fn every_second(town: &Town, more: &str) -> String {
    let script = ledger::noting(town, "true");
    format!("schedule: \"* * * * * *\"\n{more}\ntasks:\n  - id: beat\n    run: |\n      {script}\n")
}

/// The ticks of a DAG, oldest first: seconds since 1970, and whether it fired.
fn ticks(server: &Server, dag: &str) -> Vec<(i64, bool)> {
    let listed = server.get(&format!("/api/v1/dags/{dag}/ticks?limit=500"));
    let tick = |tick: &Json| (seconds(tick["instant"].as_str().unwrap()), !tick["run_id"].is_null());
    let mut ticks: Vec<(i64, bool)> = listed["items"].as_array().unwrap().iter().map(tick).collect();
    ticks.sort_unstable();
    ticks
}

fn seconds(instant: &str) -> i64 {
    chrono::DateTime::parse_from_rfc3339(instant).unwrap().timestamp()
}

fn wait_for_success(town: &Town, runs: usize) {
    wait_for(&format!("{runs} runs"), || {
        (town.runs().iter().filter(|run| run["state"] == "success").count() >= runs).then_some(())
    });
}

#[test]
fn a_schedule_fires_each_instant_exactly_once_also_over_a_gap() {
    let town = Town::new();
    town.write("dags/beat.yaml", &every_second(&town, ""));
    let server = town.serve();
    wait_for_success(&town, 2);
    server.kill();
    // The gap must last some seconds, so that there is something to miss.
    let gap = Instant::now();
    wait_for("the gap", || (gap.elapsed() > Duration::from_millis(2_500)).then_some(()));
    let server = town.serve();
    let before = town.runs().len();
    wait_for_success(&town, before + 4);
    let fired = ticks(&server, "beat");
    let (first, last) = (fired[0].0, fired[fired.len() - 1].0);
    let expected: Vec<(i64, bool)> = (first..=last).map(|second| (second, true)).collect();
    assert_eq!(fired, expected, "one tick for each second, and each fired");
    assert_eq!(server.stop(), 0);
    let mut dates: Vec<String> = ledger::read(&town)
        .into_iter()
        .filter(|line| line.begins && line.number == 1)
        .map(|line| line.logical_date)
        .collect();
    let all = dates.len();
    dates.sort();
    dates.dedup();
    assert_eq!(dates.len(), all, "no instant has two runs");
}

#[test]
fn the_minute_is_met_within_a_blink() {
    let town = Town::new();
    town.write("dags/beat.yaml", &every_second(&town, ""));
    let server = town.serve();
    wait_for_success(&town, 5);
    server.stop();
    let late = |run: &Json| {
        let at = |key: &str| chrono::DateTime::parse_from_rfc3339(run[key].as_str().unwrap()).unwrap();
        (at("started_at") - at("logical_date")).num_milliseconds()
    };
    let mut late: Vec<i64> = town.runs().iter().map(late).collect();
    late.sort_unstable();
    assert!(late[0] >= 0, "none fires early: {late:?}");
    assert!(late[late.len() / 2] < 50, "milliseconds late: {late:?}");
}

#[test]
fn files_are_read_again_and_a_broken_one_changes_nothing() {
    let town = Town::with("edited", "tasks: [{id: old, run: echo}]");
    let server = town.serve();
    let dags = || {
        let listed = town.nightrun("dags --json").json();
        listed
            .as_array()
            .unwrap()
            .iter()
            .map(|dag| dag["dag"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let tasks_of = |dag: &str| server.get(&format!("/api/v1/dags/{dag}"))["tasks"][0]["id"].clone();

    town.write("dags/added.yaml", "tasks: [{id: a, run: echo}]");
    wait_for("the new file", || (dags() == ["added", "edited"]).then_some(()));
    town.write("dags/edited.yaml", "tasks: [{id: new, run: echo}]");
    wait_for("the edit", || (tasks_of("edited") == "new").then_some(()));

    town.write("dags/edited.yaml", "tasks: [{id: broken}]");
    let faults = wait_for("the fault", || {
        Some(server.get("/api/v1/faults")).filter(|faults| faults.to_string().contains("edited.yaml"))
    });
    assert!(faults.to_string().contains("task `broken` has nothing to do"), "{faults}");
    town.nightrun("trigger edited").prints("run 1 of edited; look at it with: nightrun runs show 1");
    let run = town.wait_for_run("1", "success");
    assert_eq!(states(&run), "new success", "the last good version stays in force");

    town.write("dags/edited.yaml", "tasks: [{id: mended, run: echo}]");
    wait_for("the cure", || (tasks_of("edited") == "mended").then_some(()));
    wait_for("no fault", || {
        (!server.get("/api/v1/faults").to_string().contains("edited.yaml")).then_some(())
    });

    std::fs::remove_file(town.path("dags/edited.yaml")).unwrap();
    wait_for("the removal", || (dags() == ["added"]).then_some(()));
    assert_eq!(town.nightrun("trigger edited").code, 1);
    town.nightrun("tasks 1").prints(" TASK   STATE    TRIES  TOOK  WHY\n ✓ new  success  1      1ms   done");
}

#[test]
fn a_paused_dag_does_not_fire() {
    let town = Town::new();
    town.write("dags/beat.yaml", &every_second(&town, ""));
    let server = town.serve();
    wait_for_success(&town, 1);
    town.nightrun("pause beat").prints("beat is paused");
    town.nightrun("why beat")
        .prints("· DAG beat is paused: it was paused by cli:tess at 2026-11-21 00:00:00; `nightrun unpause beat` lets it go on");
    let paused = town.runs().len();
    let begin = Instant::now();
    wait_for("two seconds", || (begin.elapsed() > Duration::from_secs(2)).then_some(()));
    assert_eq!(town.runs().len(), paused);
    town.nightrun("unpause beat").prints("beat is not paused any more");
    wait_for_success(&town, paused + 1);
    town.nightrun("pause --all").prints("everything is paused");
    let fired = ticks(&server, "beat");
    let skipped = fired.iter().filter(|(_, fired)| !fired).count();
    assert!(skipped >= 1, "what was paused is a skipped tick: {fired:?}");
    let (first, last) = (fired[0].0, fired[fired.len() - 1].0);
    assert_eq!(i64::try_from(fired.len()), Ok(last - first + 1), "one tick for each second: {fired:?}");
}

#[test]
fn a_run_is_asked_for_with_params_and_a_date() {
    let town = Town::with(
        "asked",
        "
params: {region: {type: string, enum: [eu, us], default: eu}, limit: 10}
tasks:
  - id: show
    run: echo {{ ds }} {{ params.region }} {{ params.limit }}
    capture: last_line
",
    );
    let _server = town.serve();
    let asked = town.nightrun("trigger asked -p region=us -p limit=3 --at 2026-11-20 --json").json();
    assert_eq!(asked["run_id"], "1");
    town.wait_for_run("1", "success");
    town.nightrun("xcom 1 show return_value").prints("2026-11-20 us 3");
    let refused = town.nightrun("trigger asked -p region=mars");
    assert!(refused.code != 0 && refused.err.contains("param `region` must be one of"), "{refused:?}");
}

#[test]
fn cancel_ends_the_whole_tree() {
    let town = Town::with(
        "long",
        "
tasks:
  - id: sleeper
    grace: 500ms
    working_dir: ..
    run: |
      trap '' TERM
      setsid sleep 1000 &
      echo $! > child
      while true; do sleep 1000; done
  - {id: after, depends_on: [sleeper], run: echo}
",
    );
    let _server = town.serve();
    town.does("trigger long");
    let pid: u32 = wait_for("the child", || town.read("child").trim().parse().ok());
    town.nightrun("cancel 1").prints("run 1 is being ended");
    let run = town.wait_for_run("1", "canceled");
    assert_eq!(states(&run), "sleeper canceled, after canceled");
    wait_for("the child's end", || (!is_alive(pid)).then_some(()));
    town.nightrun("cancel 1").fails(1, "error: there is no active run 1");
}

/// A DAG whose only task waits until the file `go` is there.
fn waiting(overlap: &str) -> String {
    format!(
        "
overlap: {overlap}
tasks:
  - id: wait
    working_dir: ..
    run: while [ ! -e go ]; do sleep 0.02; done
"
    )
}

#[test]
fn overlapping_runs_wait_and_say_so() {
    let town = Town::with("queued", &waiting("queue"));
    let _server = town.serve();
    for _ in 0..3 {
        town.does("trigger queued");
    }
    town.wait_for_run("1", "running");
    town.nightrun("why 3").prints(
        "· run 3 of queued is queued: waits for the run before it to end (max_active_runs 1): run 1 (running) holds the place; one queued run goes first, then it begins; `nightrun cancel 1` makes room
· task wait is waiting: its run has not begun",
    );
    town.write("go", "");
    for run in ["1", "2", "3"] {
        town.wait_for_run(run, "success");
    }
}

#[test]
fn overlapping_ticks_are_left_out_where_the_file_says_so() {
    let town = Town::with("skipping", &(waiting("skip") + "schedule: \"* * * * * *\"\n"));
    let server = town.serve();
    wait_for("a skipped tick", || ticks(&server, "skipping").iter().any(|(_, fired)| !fired).then_some(()));
    assert_eq!(town.runs().len(), 1, "the first still runs");
    town.write("go", "");
    wait_for_success(&town, 2);
}

#[test]
fn the_newer_run_replaces_the_older_where_the_file_says_so() {
    let town = Town::with("replacing", &waiting("replace"));
    let _server = town.serve();
    town.does("trigger replacing");
    town.wait_for_run("1", "running");
    town.does("trigger replacing");
    town.wait_for_run("1", "canceled");
    town.write("go", "");
    town.wait_for_run("2", "success");
}

#[test]
fn a_data_folder_has_one_server() {
    let town = Town::with("any", "tasks: [{id: a, run: echo}]");
    let server = town.serve();
    let second = town.nightrun("serve --listen 127.0.0.1:0");
    assert_eq!(second.code, 1);
    let expected = format!("process {} already works with this data folder", server.pid());
    assert!(second.err.contains(&expected), "{}", second.err);
    assert_eq!(server.get("/api/v1/dags")["items"][0]["dag"], "any", "the first goes on");
}

#[test]
fn it_listens_to_this_machine_only() {
    let town = Town::new();
    let said = town.nightrun("serve --listen 0.0.0.0:0");
    assert_eq!(said.code, 2);
    assert!(said.err.starts_with("error: 0.0.0.0:0 is not this machine alone"), "{}", said.err);
}

/// Until tasks outlive the scheduler, what runs when it stops is ended and tried again by the next one.
#[test]
fn a_stopped_server_leaves_nothing_running_and_nothing_failed() {
    let town = Town::with("long", &waiting("queue"));
    let server = town.serve();
    town.does("trigger long");
    let pid = wait_for("the process", || {
        let shown = town.nightrun("runs show 1 --json").json();
        task(&shown, "wait")["attempts"][0]["pid"].as_u64()
    });
    assert_eq!(server.stop(), 0);
    town.write("go", "");
    let _server = town.serve();
    let run = town.wait_for_run("1", "success");
    assert!(!is_alive(u32::try_from(pid).unwrap()), "the first attempt's process lives on");
    let attempts: Vec<_> =
        task(&run, "wait")["attempts"].as_array().unwrap().iter().map(|it| it["state"].clone()).collect();
    assert_eq!(json!(attempts), json!(["lost", "success"]));
}

#[test]
fn with_drain_it_waits_for_what_runs() {
    let town = Town::with("long", &waiting("queue"));
    let server = town.serve_with("--drain");
    town.does("trigger long");
    wait_for("the task", || {
        (task(&town.nightrun("runs show 1 --json").json(), "wait")["state"] == "running").then_some(())
    });
    signal(server.pid(), "TERM");
    wait_for("the word", || server.log().contains("nothing starts any more").then_some(()));
    town.write("go", "");
    wait_for("the end", || server.log().contains("stopped").then_some(()));
    let run = town.nightrun("runs show 1 --json").json();
    assert_eq!(states(&run), "wait success");
}

#[test]
fn a_task_waits_for_another_dag_of_the_same_date_and_holds_no_slot() {
    let town = Town::new();
    town.write("dags/orders.yaml", "tasks:\n  - {id: publish, run: 'true'}\n");
    town.write(
        "dags/report.yaml",
        "tasks:\n  - {id: write, run: 'true', wait_for: [{dag: orders, task: publish}]}\n",
    );
    town.write(
        "dags/late.yaml",
        "tasks:\n  - {id: write, run: 'true', wait_for: [{dag: orders, timeout: 100ms}]}\n",
    );
    let server = town.serve_with("--slots 1");
    town.does("trigger report --at 2026-01-02T00:00:00Z");
    town.does("trigger late --at 2026-01-02T00:00:00Z");
    let late = town.wait_for_run("2", "failed");
    let reason = "it took too long: waits for the run of DAG `orders` at 2026-01-02T00:00:00Z";
    assert_eq!(task(&late, "write")["reason"], reason);
    town.nightrun("why 1 write").prints(
        "· task write is deferred: waits for task `publish` of the run of DAG `orders` at 2026-01-02T00:00:00Z; `nightrun trigger orders --at TIME` makes that run",
    );
    // A run of another date changes nothing; and what waits is still waited for after a crash.
    town.does("trigger orders --at 2026-01-01T00:00:00Z");
    town.wait_for_run("3", "success");
    server.kill();
    let server = town.serve_with("--slots 1");
    assert_eq!(town.wait_for_run("1", "running")["tasks"][0]["state"], "deferred");
    town.does("trigger orders --at 2026-01-02T00:00:00Z");
    town.wait_for_run("1", "success");
    assert_eq!(server.stop(), 0);
}
