//! Runs for dates of the past: which, in which order, and what is left out and why.

use crate::town::{Town, wait_for};

/// Every day at two; fails on the 18th until there is a file `mended`.
const DAILY: &str = r#"
schedule: "0 2 * * *"
start_date: 2026-11-17
params: {region: eu}
tasks:
  - id: load
    run: |
      test -e ../mended || test {{ ds }} != 2026-11-18
      echo "{{ params.region }} {{ ds }} $NIGHTRUN_RUN_TYPE" >> ../loaded
"#;

fn dates(table: &[(&str, &str, &str)]) -> String {
    let rows = table.iter().map(|(day, action, why)| format!(" 2026-11-{day} 02:00:00  {action}  {why}\n"));
    format!(" DATE  ACTION  WHY\n{}", rows.collect::<String>())
}

/// Compares with the days told apart, which the harness would mask.
fn prints(said: &crate::town::Said, code: i32, expected: &str) {
    assert_eq!(said.code, code, "{said:?}");
    let plain = |text: &str| {
        let lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
        lines.collect::<Vec<_>>().join("\n")
    };
    assert_eq!(plain(&said.out), plain(expected));
}

#[test]
fn missing_dates_run_once_failed_ones_again_and_all_anew() {
    let town = Town::with("daily", DAILY);
    town.does("run daily --data .nightrun -q --at 2026-11-19T02:00:00Z");
    let stretch = "backfill daily --from 2026-11-16 --to 2026-11-20";
    let plan = dates(&[
        ("16", "skip", "it is before the start of the DAG"),
        ("17", "run", ""),
        ("18", "run", ""),
        ("19", "skip", "run 1 has it: success"),
        ("20", "run", ""),
    ]);
    let dry = town.nightrun(&format!("{stretch} --dry-run"));
    let sums = "daily: 3 to run, 0 to rerun, 2 skipped; this was a dry run, nothing was begun";
    prints(&dry, 0, &format!("{plan}{sums}"));
    let done = town.nightrun(&format!("{stretch} --param region=us"));
    let begun = "backfill 1 of daily: 3 to run, 0 to rerun, 2 skipped; at most 1 at once";
    prints(&done, 1, &format!("{plan}{begun}\n✗ backfill 1 is failed: 2 done, 1 failed"));
    assert_eq!(town.read("loaded"), "eu 2026-11-19 manual\nus 2026-11-17 backfill\nus 2026-11-20 backfill\n");

    let again = dates(&[
        ("16", "skip", "it is before the start of the DAG"),
        ("17", "skip", "run 2 has it: success"),
        ("18", "rerun", "run 3, what failed of it"),
        ("19", "skip", "run 1 has it: success"),
        ("20", "skip", "run 4 has it: success"),
    ]);
    town.write("mended", "");
    let sums = "backfill 2 of daily: 0 to run, 1 to rerun, 4 skipped; at most 1 at once";
    let end = "✓ backfill 2 is success: 1 done, 0 failed";
    prints(&town.nightrun(&format!("{stretch} --failed")), 0, &format!("{again}{sums}\n{end}"));
    assert_eq!(town.runs().len(), 4, "a date that failed gets no second run");

    let said = town.nightrun(&format!("{stretch} --all --order newest --json")).json();
    assert_eq!(said["dates"][0]["instant"], "2026-11-20T02:00:00.000000000Z");
    assert_eq!(said["state"], "success");
    let loaded = town.read("loaded");
    let days: Vec<&str> = loaded.lines().rev().take(4).filter_map(|it| it.split(' ').nth(1)).collect();
    assert_eq!(days, ["2026-11-17", "2026-11-18", "2026-11-19", "2026-11-20"]);
    town.does("db check");
}

#[test]
fn what_makes_no_sense_is_refused_with_its_reason() {
    let town = Town::with("daily", DAILY);
    town.write("dags/byhand.yaml", "tasks: [{id: a, run: echo}]");
    let _server = town.serve();
    let table = [
        ("daily --from 2026-11-20 --to 2026-11-18", "the stretch is reversed"),
        (
            "daily --from 2090-01-01 --to 2090-01-02",
            "the stretch begins at 2090-01-01T00:00:00Z, which has not",
        ),
        ("byhand --from 2026-11-18 --to 2026-11-19", "DAG `byhand` has no schedule"),
        ("nobody --from 2026-11-18 --to 2026-11-19", "there is no DAG `nobody`"),
        ("daily --from 2026-11-18 --to 2026-11-19 --failed -p region=us", "a run that runs again keeps"),
    ];
    for (args, why) in table {
        let said = town.nightrun(&format!("backfill {args}"));
        assert!(said.code == 1 && said.err.starts_with(&format!("error: {why}")), "{args}: {said:?}");
    }
    assert!(town.runs().is_empty());
}

#[test]
fn a_backfill_is_paused_resumed_and_survives_its_server() {
    let text = DAILY.replace("test -e ../mended ||", "while ! test -e ../go; do sleep 0.05; done;");
    let text = text.replace("!= 2026-11-18", "!= 2000-01-01");
    let town = Town::with("daily", &text);
    let server = town.serve();
    town.does("backfill daily --from 2026-11-17 --to 2026-11-20 --max-active 2");
    let shown = || town.nightrun("backfill show 1 --json").json();
    wait_for("two runs", || (shown()["active"] == 2).then_some(()));
    assert_eq!(shown()["left"], 2, "no more than two at once");
    town.does("backfill pause 1 --why lunch");
    server.kill();
    let _server = town.serve();
    town.write("go", "");
    wait_for("what was begun to end", || (shown()["done"] == 2).then_some(()));
    assert_eq!((&shown()["state"], &shown()["left"]), (&"paused".into(), &2.into()));
    town.does("backfill resume 1");
    wait_for("its end", || (shown()["state"] == "success").then_some(()));
    assert_eq!(shown()["done"], 4);
    town.does("db check");
}

#[test]
fn a_canceled_backfill_ends_its_runs() {
    let text = DAILY.replace("test -e ../mended ||", "sleep 60;");
    let town = Town::with("daily", &text);
    let _server = town.serve();
    town.does("backfill daily --from 2026-11-17 --to 2026-11-20");
    town.does("backfill cancel 1");
    let run = town.wait_for_run("1", "canceled");
    assert_eq!(run["run_type"], "backfill");
    let shown = town.nightrun("backfill show 1 --json").json();
    assert_eq!((&shown["state"], &shown["left"]), (&"canceled".into(), &3.into()));
    town.nightrun("backfill resume 1").fails(1, "error: there is no active backfill 1");
}
