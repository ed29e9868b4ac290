//! What has been is changed by hand: reruns, marks, notes, parts of a DAG; and who did so.

use crate::town::{Town, same, states, task, wait_for};

/// Fails at `left` until there is a file `mended`; `path` chooses `right`.
const BRANCHY: &str = r#"
tasks:
  - {id: extract, run: 'echo "rows=$NIGHTRUN_TRY" >> "$NIGHTRUN_OUTPUT"', outputs: [rows]}
  - {id: left, depends_on: [extract], run: test -e ../mended}
  - {id: right, depends_on: [extract], run: echo right}
  - {id: join, depends_on: [left, right], run: "echo joined {{ tasks.extract.outputs.rows }}"}
  - {id: tell, depends_on: [left], trigger_rule: one_failed, run: echo told}
  - {id: all_bad, depends_on: [left, right], trigger_rule: all_failed, run: echo bad}
  - {id: report, depends_on: [join], run: echo report}
"#;

/// A town in which run 1 of `branchy` has failed.
fn town() -> Town {
    let town = Town::with("branchy", BRANCHY);
    assert_eq!(town.nightrun("run branchy --data .nightrun -q").code, 1);
    town
}

#[test]
fn several_runs_are_looked_at_before_the_first_is_changed() {
    let town = town();
    assert_eq!(town.nightrun("run branchy --data .nightrun -q").code, 1);
    town.write("mended", "");
    let wrong = town.nightrun("rerun 1 2 77");
    assert_eq!(wrong.code, 1, "{wrong:?}");
    assert!(town.runs().iter().all(|run| run["state"] == "failed"), "a wrong number changes nothing");
    let plans = town.nightrun("rerun 1 2 --dry-run --json").json();
    assert_eq!((plans[0]["run_id"].as_str(), plans[1]["run_id"].as_str()), (Some("1"), Some("2")));
    town.does("rerun 1 2");
    assert!(town.runs().iter().all(|run| run["state"] == "success"), "{:?}", town.runs());
    town.does("db check");
}

#[test]
fn a_dry_run_shows_exactly_what_would_change() {
    let town = town();
    let table = [
        (
            "",
            " TASK     IS               BECOMES  WHY
 left     failed           waiting  failed
 join     upstream_failed  waiting  blocked by `left`
 all_bad  skipped          waiting  skipped because of `left`
 report   upstream_failed  waiting  blocked by `join`",
        ),
        (
            "--only",
            " TASK    IS               BECOMES  WHY
 left    failed           waiting  failed
 join    upstream_failed  waiting  blocked by `left`
 report  upstream_failed  waiting  blocked by `join`",
        ),
        ("--task left --only", " TASK  IS      BECOMES  WHY\n left  failed  waiting  chosen"),
        (
            "--task join --upstream",
            " TASK     IS               BECOMES  WHY
 extract  success          waiting  upstream of what was chosen
 left     failed           waiting  upstream of what was chosen
 right    success          waiting  upstream of what was chosen
 join     upstream_failed  waiting  chosen
 all_bad  skipped          waiting  skipped because of `left`
 report   upstream_failed  waiting  blocked by `join`",
        ),
        (
            "--task left --downstream",
            " TASK     IS               BECOMES  WHY
 left     failed           waiting  chosen
 join     upstream_failed  waiting  downstream of what was chosen
 tell     success          waiting  downstream of what was chosen
 all_bad  skipped          waiting  downstream of what was chosen
 report   upstream_failed  waiting  downstream of what was chosen",
        ),
        (
            "--all",
            " TASK     IS               BECOMES  WHY
 extract  success          waiting  all tasks
 left     failed           waiting  all tasks
 right    success          waiting  all tasks
 join     upstream_failed  waiting  all tasks
 tell     success          waiting  all tasks
 all_bad  skipped          waiting  all tasks
 report   upstream_failed  waiting  all tasks",
        ),
    ];
    let before = town.nightrun("runs show 1 --json").out;
    for (args, rows) in table {
        let end = "run 1: failed → queued; this was a dry run, nothing has changed";
        town.nightrun(&format!("rerun 1 {args} --dry-run")).prints(&format!("{rows}\n{end}"));
    }
    assert_eq!(town.nightrun("runs show 1 --json").out, before, "a dry run changes nothing");
    town.nightrun("rerun 1 --task nobody").fails(
        1,
        "error: run 1 has no task `nobody`; it has extract, left, right, join, tell, all_bad, report",
    );
    town.nightrun("rerun 7").fails(1, "error: there is no run 7");
    town.nightrun("rerun 1 --task left --item 3")
        .fails(1, "error: task `left` of run 1 has no item 3; it has none");
}

#[test]
fn what_failed_runs_again_and_what_was_kept_stays() {
    let town = town();
    town.write("mended", "");
    let said = town.nightrun("clear 1 --why mended");
    assert_eq!(said.code, 0, "{said:?}");
    let run = town.nightrun("runs show 1 --json").json();
    assert_eq!(
        states(&run),
        "extract success, left success, right success, join success, tell success, all_bad skipped, report success"
    );
    let tries = |id: &str| task(&run, id)["attempts"].as_array().unwrap().len();
    assert_eq!(["extract", "left", "right", "join"].map(tries), [1, 2, 1, 1]);
    town.nightrun("logs 1 join").prints("joined 1");
    // A task that runs again hides the outputs of its former try.
    town.does("rerun 1 --task extract --downstream");
    town.nightrun("logs 1 join").prints("joined 2");
    town.nightrun("rerun 1").prints("nothing of run 1 changes: no task fits what was asked for");
    town.does("db check");
}

#[test]
fn a_retry_budget_is_whole_again_and_attempts_are_counted_on() {
    let text = "tasks: [{id: a, run: exit 3, retries: 1, retry_delay: 0s}]";
    let town = Town::with("stubborn", text);
    assert_eq!(town.nightrun("run stubborn --data .nightrun -q").code, 1);
    assert_eq!(town.nightrun("rerun 1").code, 1);
    let run = town.nightrun("runs show 1 --json").json();
    let numbers: Vec<_> =
        task(&run, "a")["attempts"].as_array().unwrap().iter().map(|it| it["number"].clone()).collect();
    assert_eq!(numbers, [1, 2, 3, 4]);
    town.does("db check");
}

#[test]
fn a_mark_lets_go_on_what_was_blocked() {
    let town = town();
    town.nightrun("mark 1 left success --why by-hand").prints(
        " TASK     IS               BECOMES  WHY
 left     failed           success  marked
 join     upstream_failed  waiting  blocked by `left`
 all_bad  skipped          waiting  skipped because of `left`
 report   upstream_failed  waiting  blocked by `join`
run 1: failed → queued",
    );
    let run = town.nightrun("runs show 1 --json").json();
    assert_eq!(run["state"], "success", "{run}");
    town.nightrun("mark 1 report failed")
        .prints(" TASK    IS       BECOMES  WHY\n report  success  failed   marked\nrun 1: success → failed");
    town.nightrun("mark 1 report failed").fails(1, "error: task `report` is failed");
    town.does("note 1 looked --task report");
    let run = town.nightrun("runs show 1 --json").json();
    assert_eq!((&run["notes"][0]["text"], &run["notes"][0]["task"]), (&"looked".into(), &"report".into()));
    town.nightrun("audit").prints(
        " WHEN                 WHO           WHAT                                         WHY
 2026-11-21 06:03:18  cli:tess      note task report of run 1 looked
 2026-11-21 06:03:18  cli:tess      mark task report of run 1 success → failed
 2026-11-21 06:03:18  cli:tess      rerun run 1 3 tasks                          by-hand
 2026-11-21 06:03:18  cli:tess      mark task left of run 1 failed → success     by-hand
 2026-11-21 06:03:18  nightrun run  trigger run 1 of branchy",
    );
    town.does("db check");
}

#[test]
fn a_server_takes_the_same_words_and_goes_on_over_a_restart() {
    let town = town();
    let server = town.serve();
    town.write("mended", "");
    let said = town.nightrun("rerun 1 --wait --json");
    assert_eq!((said.code, &said.json()["verdict"]), (0, &"success".into()), "{said:?}");
    town.does("mark 1 right skipped");
    server.stop();
    let _server = town.serve();
    assert_eq!(task(&town.nightrun("runs show 1 --json").json(), "right")["state"], "skipped");
    let deeds = town.nightrun("audit --json").json();
    assert_eq!([&deeds[0]["verb"], &deeds[1]["verb"]], ["rerun", "mark"], "what it let go on comes after it");
    town.does("db check");
}

#[test]
fn what_is_at_work_is_let_alone() {
    let town = Town::with(
        "slow",
        "tasks:\n  - {id: a, run: exit 1}\n  - {id: b, depends_on: [a], trigger_rule: all_done, \
         run: \"while ! test -e ../go; do sleep 0.05; done\"}\n",
    );
    let _server = town.serve();
    town.does("trigger slow");
    wait_for("b to be at work", || {
        let run = town.nightrun("runs show 1 --json").json();
        (task(&run, "b")["state"] == "running").then_some(())
    });
    let busy = "error: task `b`, which hangs on `a`, is at work; wait for its end, or cancel the run";
    town.nightrun("rerun 1").fails(1, busy);
    town.nightrun("mark 1 b success")
        .fails(1, "error: task `b` is running; wait for its end, or cancel the run");
    town.write("go", "");
    town.wait_for_run("1", "failed");
}

const CHAIN: &str = r"
tasks:
  - {id: a, run: echo}
  - {id: b, depends_on: [a], run: echo}
  - {id: c, depends_on: [b], run: echo}
  - {id: d, depends_on: [a], run: echo}
";

#[test]
fn a_part_of_a_dag_runs_and_the_rest_counts_as_done() {
    let table = [
        ("--only b", "a skipped, b success, c skipped, d skipped"),
        ("--only b --only d", "a skipped, b success, c skipped, d success"),
        ("--from b", "a skipped, b success, c success, d skipped"),
        ("--skip b", "a success, b skipped, c success, d success"),
        ("--from a --skip d", "a success, b success, c success, d skipped"),
    ];
    let town = Town::with("chain", CHAIN);
    for (args, expected) in table {
        let said = town.nightrun(&format!("run chain --json {args}"));
        assert_eq!((said.code, states(&said.json()).as_str()), (0, expected), "{args}");
    }
    town.nightrun("run chain -q --only e").fails(2, "error: DAG `chain` has no task `e`");
    town.nightrun("run chain -q --only a --skip a").fails(2, "error: nothing would be left to run");
}

const CHOICE: &str = r#"
tasks:
  - {id: path, when: "{{ params.go }}", run: echo}
  - {id: after, depends_on: [path], run: echo}
params: {go: false}
"#;

#[test]
fn what_a_condition_skipped_is_judged_anew_with_what_is_above_it() {
    let town = Town::with("choice", CHOICE);
    assert_eq!(town.nightrun("run choice --data .nightrun -q").code, 0);
    let said = town.nightrun("rerun 1 --task path --dry-run");
    same(
        &said.out,
        " TASK   IS       BECOMES  WHY
 path   skipped  waiting  chosen
 after  skipped  waiting  skipped because of `path`
run 1: success → queued; this was a dry run, nothing has changed",
    );
}

#[test]
fn a_run_goes_over_to_the_dag_as_it_is_only_when_asked_to() {
    let town = Town::with("mended", "tasks: [{id: a, run: exit 1}]");
    assert_eq!(town.nightrun("run mended --data .nightrun -q").code, 1);
    town.write("dags/mended.yaml", "tasks: [{id: a, run: echo}, {id: b, depends_on: [a], run: echo}]");
    assert_eq!(town.nightrun("rerun 1").code, 1, "it keeps its version");
    town.nightrun("rerun 1 --latest").prints(
        " TASK  IS       BECOMES  WHY
 a     failed   waiting  failed
 b     waiting  waiting  new in the DAG
run 1: failed → queued
✓ run 1 is success",
    );
    assert_eq!(states(&town.nightrun("runs show 1 --json").json()), "a success, b success");
    town.write(
        "dags/mended.yaml",
        "tasks: [{id: c, run: echo c}, {id: b, depends_on: [c], run: 'echo {{ ds }}'}, {id: d, depends_on: [b], run: echo}]",
    );
    town.nightrun("rerun 1 --task b --latest").prints(
        " TASK  IS       BECOMES  WHY
 b     success  waiting  chosen
 a     success  removed  the DAG has it no more
 c     waiting  waiting  new in the DAG
 d     waiting  waiting  new in the DAG
run 1: success → queued
✓ run 1 is success",
    );
    let run = town.nightrun("runs show 1 --json").json();
    assert_eq!(states(&run), "a removed, b success, c success, d success");
    let ended = |id: &str| task(&run, id)["ended_at"].as_str().unwrap().to_owned();
    assert!(ended("c") <= ended("b") && ended("b") <= ended("d"), "the new dependencies hold: {run}");
    assert!(
        town.nightrun("why 1").out.contains("run 1 of mended is success"),
        "the DAG is read as the run has it"
    );
    town.write("dags/mended.yaml", "tasks: [{id: a, run: echo}, {id: e, depends_on: [a], run: echo}]");
    town.nightrun("rerun 1 --all --latest").prints(
        " TASK  IS       BECOMES  WHY
 a     removed  waiting  back in the DAG
 b     success  removed  the DAG has it no more
 c     success  removed  the DAG has it no more
 d     success  removed  the DAG has it no more
 e     waiting  waiting  new in the DAG
run 1: success → queued
✓ run 1 is success",
    );
    town.does("db check");
}

#[test]
fn a_dry_run_with_the_latest_version_leaves_the_store_as_it_was() {
    let town = Town::with("mended", "tasks: [{id: a, run: exit 1}]");
    assert_eq!(town.nightrun("run mended --data .nightrun -q").code, 1);
    town.write("dags/mended.yaml", "tasks: [{id: a, run: echo}]");
    let before = town.nightrun("dags history mended --json").out;
    let said = town.nightrun("rerun 1 --latest --dry-run");
    assert!(said.out.contains("this was a dry run, nothing has changed"), "{said:?}");
    assert_eq!(town.nightrun("dags history mended --json").out, before);
}

#[test]
fn who_waits_for_a_run_hears_that_the_server_has_ended() {
    let town =
        Town::with("long", "tasks: [{id: a, run: 'test -e ../go || exit 1; touch ../began; sleep 1000'}]");
    let server = town.serve();
    town.does("trigger long");
    town.wait_for_run("1", "failed");
    town.write("go", "");
    let waiting = town.command("rerun 1 --wait").stderr(std::process::Stdio::piped()).spawn().unwrap();
    wait_for("the task", || town.path("began").exists().then_some(()));
    server.kill();
    let said = crate::town::Said::by(waiting.wait_with_output().unwrap());
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.err.contains("run 1 is running, and the server has ended"), "{said:?}");
}
