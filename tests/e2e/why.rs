//! `nightrun why`: one sentence for everything that waits or was left out, with what would unblock it.

use crate::town::{Town, same, states, wait_for};

/// A command that waits until the town has a file `go`, or is gone.
const WAIT: &str = "while [ -e ../tmp ] && [ ! -e ../go ]; do sleep 0.02; done";

/// What `why` says, once the run's tasks are as expected.
#[track_caller]
fn says(town: &Town, run: u32, tasks: &str, args: &str, expected: &str) {
    wait_for(tasks, || {
        let shown = town.nightrun(&format!("runs show {run} --json"));
        (shown.code == 0 && states(&shown.json()) == tasks).then_some(())
    });
    let said = wait_for("its processes", || {
        Some(town.nightrun(&format!("why {args}"))).filter(|said| !said.out.contains("is starting"))
    });
    said.prints(expected);
}

#[test]
fn what_waits_names_what_it_waits_for() {
    let cases = [
        (
            "upstreams",
            format!("tasks: [{{id: a, run: '{WAIT}'}}, {{id: b, depends_on: [a], run: x}}, {{id: c, depends_on: [b], run: x}}]"),
            "a running, b waiting, c waiting",
            "▶ run 1 of upstreams is running: at work
▶ task a is running: at work
· task b is waiting: waits for its upstream tasks: a (running); it goes on when they end
· task c is waiting: waits for its upstream tasks: b (waiting); they wait for a (running)",
        ),
        (
            "pool",
            format!("defaults: {{pool: one}}\ntasks: [{{id: a, run: '{WAIT}'}}, {{id: b, run: x}}]"),
            "a running, b queued",
            "▶ run 1 of pool is running: at work
▶ task a is running: at work
· task b is queued: waits for a free slot of pool `one`; held by a; it needs one of them to end, or more slots of pool `one`",
        ),
        (
            "run_limit",
            format!("max_active_tasks: 1\ntasks: [{{id: a, run: '{WAIT}'}}, {{id: b, run: x}}]"),
            "a running, b queued",
            "▶ run 1 of run_limit is running: at work
▶ task a is running: at work
· task b is queued: its run already has 1 tasks at work (max_active_tasks); held by a; it needs one of them to end, or a larger `max_active_tasks`",
        ),
        (
            "fan",
            format!("tasks: [{{id: a, foreach: {{items: [x, y], max_parallel: 1}}, run: '{WAIT}'}}]"),
            "a expanded",
            "▶ run 1 of fan is running: at work
▶ task a is expanded: its 2 items are at work
▶ task a[0] is running: at work
· task a[1] is queued: 1 items of its `foreach` are at work already (max_parallel); held by a[0]; it needs one of them to end, or a larger `max_parallel`",
        ),
        (
            "retry",
            "tasks: [{id: a, run: exit 3, retries: 2, retry_delay: 1h}, {id: b, depends_on: [a], run: x}]".to_owned(),
            "a up_for_retry, b waiting",
            "▶ run 1 of retry is running: nothing is at work now: `a` will be tried again at TIME, after: exit code 3
↻ task a is up_for_retry: will be tried again at TIME, after: exit code 3; try 2 begins in TOOK
· task b is waiting: waits for its upstream tasks: a (up_for_retry); it goes on when they end",
        ),
    ];
    for (name, dag, tasks, expected) in cases {
        let town = Town::with(name, &dag);
        town.write("nightrun.yaml", "pools: {one: 1}\n");
        let _server = town.serve();
        town.does(&format!("trigger {name}"));
        says(&town, 1, tasks, "1", expected);
        town.write("go", "");
    }
}

#[test]
fn a_task_without_a_slot_names_who_has_it_also_in_other_runs() {
    let town = Town::with("busy", &format!("tasks: [{{id: long, run: '{WAIT}'}}]"));
    town.write("dags/late.yaml", "tasks: [{id: short, run: x}]");
    let _server = town.serve_with("--slots 1");
    town.does("trigger busy");
    town.wait_for_run("1", "running");
    town.does("trigger late");
    says(
        &town,
        2,
        "short queued",
        "2 short",
        "· task short is queued: waits for a free slot of the executor; held by long of run 1 (busy); it needs one of them to end, or more slots: `nightrun serve --slots N`",
    );
    town.write("go", "");
}

#[test]
fn a_queued_run_names_the_run_that_holds_its_place() {
    let town = Town::with("one", &format!("tasks: [{{id: a, run: '{WAIT}'}}]"));
    let _server = town.serve();
    (0..3).for_each(|_| town.does("trigger one"));
    town.wait_for_run("1", "running");
    town.nightrun("why 2 a").prints(
        "· task a is waiting: its run has not begun: waits for the run before it to end (max_active_runs 1): run 1 (running) holds the place; it begins when one of them ends; `nightrun cancel 1` makes room",
    );
    town.nightrun("why one").prints(
        "· DAG one is in force: it has no schedule: it runs only when asked to; `nightrun trigger one` runs it
· run 3 of one is queued: waits for the run before it to end (max_active_runs 1): run 1 (running) holds the place; one queued run goes first, then it begins; `nightrun cancel 1` makes room
· run 2 of one is queued: waits for the run before it to end (max_active_runs 1): run 1 (running) holds the place; it begins when one of them ends; `nightrun cancel 1` makes room
▶ run 1 of one is running: at work",
    );
    town.does("cancel 3");
    town.does("pause one");
    let said = town.nightrun("why 2 --json").json();
    assert!(said[0]["why"].as_str().unwrap().starts_with("DAG one: it was paused by "), "{said}");
    assert_eq!(said[0]["unblock"], "`nightrun unpause one` lets it go on, `nightrun cancel 2` ends it");
    town.write("go", "");
}

#[test]
fn what_was_left_out_names_what_decided_it() {
    let town = Town::with(
        "ended",
        r#"
tasks:
  - {id: source, run: exit 7}
  - {id: one, depends_on: [source], run: x}
  - {id: two, depends_on: [one], run: x}
  - {id: three, depends_on: [two], trigger_rule: all_failed, run: "true"}
  - {id: spare, depends_on: [three], trigger_rule: all_skipped, run: x}
  - {id: pick, type: branch, with: {choose: left}}
  - {id: left, depends_on: [pick], run: "true"}
  - {id: right, depends_on: [pick], run: x}
  - {id: after_right, depends_on: [right], run: x}
  - {id: gate, type: short_circuit, with: {condition: false}}
  - {id: behind, depends_on: [gate], run: x}
  - {id: never, when: "{{ run.type == 'scheduled' }}", run: x}
"#,
    );
    assert_eq!(town.nightrun("run ended --data .nightrun -q").code, 1);
    town.nightrun("why 1").prints(
        "✗ run 1 of ended is failed: 3 tasks failed or were blocked, first `source`
✗ task source is failed: exit code 7; `nightrun logs 1 source` shows what went wrong, `nightrun rerun 1` tries again
⊘ task one is upstream_failed: its trigger rule `all_success` cannot hold any more: source (failed); it began with source (exit code 7); `nightrun logs 1 source` shows what went wrong, `nightrun rerun 1` tries again
⊘ task two is upstream_failed: its trigger rule `all_success` cannot hold any more: one (upstream_failed); it began with source (exit code 7); `nightrun logs 1 source` shows what went wrong, `nightrun rerun 1` tries again
→ task spare is skipped: its trigger rule `all_skipped` cannot hold any more: three (success)
→ task right is skipped: branch `pick` did not choose it; it chose left
→ task after_right is skipped: its trigger rule `all_success` cannot hold any more: right (skipped)
→ task behind is skipped: short-circuit `gate` ended this path
→ task never is skipped: its `when` is false: run.type == 'scheduled'",
    );
}

#[test]
fn a_dag_that_does_not_fire_says_who_or_what_holds_it() {
    let schedule = "schedule: '0 0 1 1 *'\ntasks: [{id: a, run: 'true'}]\n";
    let town = Town::with("paused", schedule);
    town.write("dags/off.yaml", &format!("enabled: false\n{schedule}"));
    town.write("dags/over.yaml", &format!("end_date: 2020-01-01\n{schedule}"));
    town.write("dags/gone.yaml", schedule);
    let server = town.serve();
    town.does("pause paused");
    std::fs::remove_file(town.path("dags/gone.yaml")).unwrap();
    for (dag, expected) in [
        ("off", "· DAG off is disabled: off.yaml says `enabled: false`; `enabled: true` lets it go on"),
        (
            "over",
            "· DAG over is in force: its schedule does not fire any more; a later `end_date` in over.yaml would let it",
        ),
    ] {
        town.nightrun(&format!("why {dag}")).prints(expected);
    }
    let gone = "· DAG gone is retired: no file defines it any more; put gone.yaml back\n";
    wait_for("the removal", || (town.nightrun("why gone").out == gone).then_some(()));
    let said = town.nightrun("why paused");
    same(
        &said.out.replace(&by(&said.out), "SOMEBODY"),
        "· DAG paused is paused: it was paused by SOMEBODY at TIME; `nightrun unpause paused` lets it go on",
    );
    town.does("pause --all");
    let said = town.nightrun("why off").out;
    assert!(said.contains("everything was paused by") && said.contains("unpause --all"), "{said}");
    drop(server);
}

/// Who paused.
fn by(said: &str) -> String {
    let (_, rest) = said.split_once("paused by ").unwrap();
    rest.split_once(" at ").unwrap().0.to_owned()
}

#[test]
fn a_tick_says_what_became_of_it() {
    let town = Town::with(
        "beat",
        &format!("overlap: skip\nschedule: '* * * * * *'\ntasks: [{{id: a, run: '{WAIT}'}}]"),
    );
    let _server = town.serve();
    let skipped = wait_for("a skipped tick", || {
        let said = town.nightrun("why beat").out;
        said.lines().find(|line| line.contains("is skipped")).map(str::to_owned)
    });
    let instant = skipped.split_whitespace().nth(2).unwrap();
    same(
        &skipped,
        "→ tick TIME of beat is skipped: a run was active already (overlap: skip); `nightrun trigger beat --at TIME` runs it now; `overlap: queue` would have let it wait",
    );
    town.nightrun(&format!("why beat {instant}")).prints(&skipped);
    let first = town.runs()[0]["logical_date"].as_str().unwrap().to_owned();
    town.nightrun(&format!("why beat {first}")).prints("✓ tick TIME of beat is success: it fired run 1");
    let future = town.nightrun("why beat 2100-01-01").out;
    assert!(future.contains("is waiting: it is due in"), "{future}");
    assert_eq!(town.nightrun("why beat someday").code, 2);
    town.write("go", "");
}

#[test]
fn what_waits_without_a_scheduler_says_so() {
    let town =
        Town::with("left", &format!("tasks: [{{id: a, run: '{WAIT}'}}, {{id: b, depends_on: [a], run: x}}]"));
    let server = town.serve();
    town.does("trigger left");
    town.wait_for_run("1", "running");
    server.kill();
    let said = town.nightrun("why 1");
    assert!(
        said.out.ends_with(
            "no scheduler works on .nightrun, so nothing moves; `nightrun serve` goes on with it\n"
        ),
        "{said:?}"
    );
    town.write("go", "");
}
