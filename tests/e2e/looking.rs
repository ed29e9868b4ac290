//! Verbs that look: what they print, whole; with and without a running server.

use serde_json::json;

use crate::town::{Town, masked};

const LOOK: &str = r#"
description: Something to look at
schedule: {cron: "30 1 * * *", timezone: Europe/Paris}
params: {region: eu}
tasks:
  - id: extract
    run: |
      echo "extracting {{ params.region }}"
      echo "rows:=3" >> "$NIGHTRUN_OUTPUT"
    outputs: [rows]
  - id: load
    depends_on: [extract]
    run: echo "try $NIGHTRUN_TRY" >&2; exit 3
    retries: 1
    retry_delay: 10ms
  - id: optional
    depends_on: [extract]
    when: "{{ tasks.extract.outputs.rows > 5 }}"
    run: echo
  - id: report
    depends_on: [load]
    run: echo "{{ tasks.extract.outputs.rows }} rows"
"#;

/// A town in which `look` has run once, and failed.
fn town() -> Town {
    let town = Town::with("look", LOOK);
    let said = town.nightrun("run look --at 2026-11-20 -q --data .nightrun");
    assert_eq!(said.code, 1, "{said:?}");
    town
}

const RUNS: &str = " RUN  DAG   STATE     TYPE    LOGICAL DATE         STARTED              TOOK
 1    look  ✗ failed  manual  2026-11-19 23:00:00  2026-11-21 03:32:48  23ms";

const TASKS: &str = " TASK        STATE            TRIES  TOOK  WHY
 ✓ extract   success          1      1ms   done
 ✗ load      failed           2      1ms   exit code 3
 → optional  skipped          0      -     its `when` is false
 ⊘ report    upstream_failed  0      -     its trigger rule `all_success` cannot hold any more";

#[test]
fn runs_and_their_tasks_are_tables() {
    let town = town();
    town.nightrun("runs").prints(RUNS);
    town.nightrun("runs --dag look --state failed").prints(RUNS);
    town.nightrun("runs --state success").prints(" RUN  DAG  STATE  TYPE  LOGICAL DATE  STARTED  TOOK");
    town.nightrun("tasks 1").prints(TASKS);
    town.nightrun("runs show 1").prints(&format!(
        "✗ run 1 of look: failed, 2 tasks failed or were blocked, first `load`
  manual, asked for by nightrun run, logical date 2026-11-19T23:00:00Z
  from 2026-11-21 03:32:48 to 2026-11-21 03:32:48 (UTC), took 23ms

{TASKS}"
    ));
    town.nightrun("runs show 7").fails(1, "error: there is no run 7\n  = help: `nightrun runs` lists them");
    let wrong = town.nightrun("runs --state done");
    assert_eq!(wrong.code, 2, "{wrong:?}");
}

#[test]
fn tasks_are_found_over_all_runs_and_followed_through_them() {
    let town = town();
    let failed = " TASK    STATE   DAG   RUN  LOGICAL DATE         TRIES  TOOK  WHY
 ✗ load  failed  look  1    2026-11-19 23:00:00  2      1ms   exit code 3";
    town.nightrun("tasks --state failed").prints(failed);
    town.nightrun("tasks --dag look --task load --from 2026-11-19 --to 2026-11-20").prints(failed);
    town.nightrun("tasks 1 --state skipped").prints(
        " TASK        STATE    TRIES  TOOK  WHY
 → optional  skipped  0      -     its `when` is false",
    );
    let states = |verb: &str| {
        let told = town.nightrun(&format!("{verb} --json")).json();
        let states = told.as_array().unwrap().iter().map(|it| it["state"].as_str().unwrap().to_owned());
        states.collect::<Vec<_>>()
    };
    assert_eq!(states("tasks --all"), ["upstream_failed", "skipped", "failed", "success"]);
    assert_eq!(states("tasks --state failed,skipped"), ["skipped", "failed"]);
    assert_eq!(states("tasks 1 --task load"), ["failed"]);
    assert_eq!(states("tasks history look load"), ["failed"]);
    let history = town.nightrun("tasks history look extract");
    assert!(
        history.out.contains("✓ success") && history.out.contains("failed 0 of the last 1; median"),
        "{history:?}"
    );
    town.nightrun("tasks history look nobody").fails(
        1,
        "error: DAG `look` never had a task `nobody`\n  = help: `nightrun dags show look` shows its tasks",
    );
    for wrong in ["tasks --state done", "tasks --from noon", "tasks 1 --dag look"] {
        assert_eq!(town.nightrun(wrong).code, 2, "{wrong}");
    }
}

#[test]
fn logs_are_printed_as_they_are() {
    let town = town();
    town.nightrun("logs 1").prints("try 2");
    town.nightrun("logs 1 load --try 1").prints("try 1");
    town.nightrun("logs 1 extract").prints("extracting eu");
    town.nightrun("logs 1 report").fails(
        1,
        "error: task `report` has not been tried: its trigger rule `all_success` cannot hold any more",
    );
    town.nightrun("logs 1 load --try 3").fails(2, "error: task `load` has 2 attempts, none of them 3");
    town.nightrun("logs 1 lod")
        .fails(2, "error: run 1 has no task `lod`\n  = help: it has extract, load, optional, report");
}

#[test]
fn values_are_shown_as_a_table_or_bare() {
    let town = town();
    town.nightrun("xcom 1").prints(" TASK     KEY   VALUE\n extract  rows  3");
    town.nightrun("xcom 1 extract rows").prints("3");
    town.nightrun("xcom 1 extract row").fails(1, "error: task `extract` has no value `row`");
}

#[test]
fn why_answers_in_a_sentence() {
    let town = town();
    town.nightrun("why 1").prints(
        "✗ run 1 of look is failed: 2 tasks failed or were blocked, first `load`
✗ task load is failed: exit code 3; `nightrun logs 1 load` shows what went wrong, `nightrun rerun 1` tries again
→ task optional is skipped: its `when` is false: tasks.extract.outputs.rows > 5
⊘ task report is upstream_failed: its trigger rule `all_success` cannot hold any more: load (failed); it began with load (exit code 3); `nightrun logs 1 load` shows what went wrong, `nightrun rerun 1` tries again",
    );
    town.nightrun("why 1 extract").prints("✓ task extract is success: done");
    town.nightrun("why look").prints("· DAG look is in force: it fires next at 2026-11-22T00:30:00Z, in 21h");
    town.nightrun("why lok").fails(1, "error: there is no DAG `lok`\n  = help: `nightrun dags` lists them");
}

#[test]
fn dags_show_when_they_fire_and_how_they_ran() {
    town().nightrun("dags").prints(
        " DAG   SCHEDULE                   NEXT                  LAST RUNS
 look  30 1 * * * (Europe/Paris)  2026-11-22T00:30:00Z  ✗",
    );
    Town::new().nightrun("dags").fails(
        1,
        "error: there is no store in .nightrun
  = help: name the data folder with --data DIR; `nightrun serve` and `nightrun run --data DIR` make one",
    );
}

#[test]
fn a_running_server_changes_no_answer() {
    let town = town();
    let _server = town.serve();
    town.nightrun("runs").prints(RUNS);
    town.nightrun("tasks 1").prints(TASKS);
    town.nightrun("logs 1").prints("try 2");
    town.nightrun("why 1 report").prints(
        "⊘ task report is upstream_failed: its trigger rule `all_success` cannot hold any more: load (failed); it began with load (exit code 3); `nightrun logs 1 load` shows what went wrong, `nightrun rerun 1` tries again",
    );
}

#[test]
fn every_verb_that_looks_speaks_json() {
    let town = town();
    let json = |verb: &str| town.nightrun(&format!("{verb} --json")).json();
    let runs = json("runs");
    assert_eq!(
        runs[0].as_object().unwrap().keys().collect::<Vec<_>>(),
        ["run_id", "dag", "run_type", "logical_date", "state", "started_at", "ended_at"]
    );
    assert_eq!((&runs[0]["run_id"], &runs[0]["run_type"]), (&json!("1"), &json!("manual")));
    assert_eq!(json("runs show 1")["tasks"], json("tasks 1"));
    assert_eq!(json("xcom 1"), json!({"extract": {"rows": 3}, "load": {}, "optional": {}, "report": {}}));
    let mut why = json("why 1 optional");
    assert!(why[0].as_object_mut().unwrap().remove("since").is_some());
    assert_eq!(
        why,
        json!([{
            "what": "task optional", "state": "skipped",
            "why": "its `when` is false: tasks.extract.outputs.rows > 5", "unblock": null,
            "reason_kind": "when_false",
        }])
    );
    let dag = &json("dags")[0];
    assert_eq!((&dag["dag"], &dag["recent"][0]["state"]), (&json!("look"), &json!("failed")));
    assert_eq!(json("config")["slots"], json!({"value": 16, "from": "default"}));
    assert_eq!(
        json("next look -n 2 --after 2026-11-21T00:00:00Z"),
        json!(["2026-11-21T00:30:00Z", "2026-11-22T00:30:00Z"])
    );
    assert_eq!(json("dry-run look")[0]["values"], json!([["NR_1", "eu"]]));
}

#[test]
fn a_dry_run_shows_the_commands_and_runs_none() {
    let town = Town::with("look", LOOK);
    let said = town.nightrun("dry-run look --at 2026-11-20 -p region=us");
    said.prints(
        r#"look, logical date 2026-11-19T23:00:00Z, data from 2026-11-18T00:30:00Z to 2026-11-19T00:30:00Z

1. extract
   │ echo "extracting ${NR_1}"
   │ echo "rows:=3" >> "$NIGHTRUN_OUTPUT"
   NR_1="us"

2. optional after extract
   when tasks.extract.outputs.rows > 5
   │ echo

3. load after extract
   │ echo "try $NIGHTRUN_TRY" >&2; exit 3

4. report after load
   │ echo "{{ tasks.extract.outputs.rows }} rows"
   rendered only when it runs: `tasks.extract.outputs.rows` is not defined; `tasks.extract.outputs` is empty"#,
    );
    assert!(!town.path(".nightrun").exists(), "a dry run leaves nothing behind");
}

#[test]
fn next_fire_times_of_a_dag_and_of_an_expression() {
    let town = Town::with("look", LOOK);
    let said = town.nightrun("next look -n 2 --after 2099-03-28T02:00:00Z");
    assert!(
        said.out.starts_with("Sun 2099-03-29 01:30:00 +01:00  2099-03-29T00:30:00Z  in "),
        "{}",
        said.out
    );
    let spring = town
        .command("next --timezone Europe/Paris --after 2099-03-28T12:00:00Z -n 2 --json --cron")
        .arg("30 2 * * *")
        .output()
        .unwrap();
    assert_eq!(spring.stdout, b"[\"2099-03-29T01:00:00Z\",\"2099-03-30T00:30:00Z\"]\n");
    let questions = r#"{"expr": "0 0 * * *", "tz": "UTC", "start": "2026-11-21T00:00:00Z", "n": 2}
{"expr": "30 2 * * *", "tz": "Europe/Paris", "start": "2026-03-28T12:00:00Z", "n": 1, "dst": "airflow"}
{"expr": "0 0 30 2 *", "tz": "UTC", "start": "2026-11-21T00:00:00Z", "n": 1}
{"expr": "0 0 * * *", "tz": "Mars/Base", "start": "2026-11-21T00:00:00Z", "n": 1}
"#;
    let answers = town.nightrun_reading("next --batch", questions);
    let lines: Vec<&str> = answers.out.lines().collect();
    assert_eq!(lines[0], r#"["2026-11-22T00:00:00Z","2026-11-23T00:00:00Z"]"#);
    assert_eq!(lines[1], r#"["2026-03-29T01:30:00Z"]"#);
    assert!(lines[2].starts_with("{\"error\":") && lines[3].starts_with("{\"error\":"), "{}", answers.out);
    assert_eq!(lines.len(), 4);
}

#[test]
fn examples_codes_schema_and_completions_come_out_of_the_binary() {
    let town = Town::new();
    let examples = town.nightrun("example");
    assert!(examples.out.contains("nightly_sales"), "{}", examples.out);
    assert!(town.nightrun("example hello").out.starts_with("# Two tasks and one value"));
    town.nightrun("example hi")
        .fails(2, "error: there is no example `hi`\n  = help: `nightrun example` lists them");
    assert!(town.nightrun("explain e204").out.starts_with("# E204: cycle in task dependencies\n"));
    let codes = town.nightrun("explain").out;
    assert!(codes.lines().count() >= 25, "{codes}");
    for code in codes.lines().map(|line| line.split_whitespace().next().unwrap()) {
        assert!(town.nightrun(&format!("explain {code}")).out.starts_with(&format!("# {code}: ")), "{code}");
    }
    let schema = town.nightrun("schema").json();
    assert_eq!(schema["additionalProperties"], false);
    assert!(schema["properties"]["schedule"]["description"].is_string());
    for shell in ["bash", "zsh", "fish"] {
        assert!(town.nightrun(&format!("completions {shell}")).out.contains("nightrun"), "{shell}");
    }
}

#[test]
fn the_configuration_says_where_each_value_comes_from() {
    let town = Town::new();
    town.write("nightrun.yaml", "slots: 3\npools: {db: 2}\n");
    let mut command = town.command("config --data elsewhere");
    let said = crate::town::Said::by(command.env("NIGHTRUN_LISTEN", "127.0.0.1:8181").output().unwrap());
    said.prints(
        " KEY       VALUE           FROM
 dags      dags            default
 data      elsewhere       flag or environment
 listen    127.0.0.1:8181  flag or environment
 slots     3               nightrun.yaml
 max_items  10000          default
 keep_runs  all            default
 keep_days  all            default
 timezone  UTC             default
 pools     {\"db\":2}        nightrun.yaml
 url       http://127.0.0.1:8181  default
 access    login: auto     default
 notify    []              default",
    );
    town.write("nightrun.yaml", "slot: 3\n");
    let wrong = town.nightrun("config");
    assert!(wrong.code == 2 && wrong.err.contains("unknown field `slot`"), "{wrong:?}");
}

#[test]
fn the_store_can_be_checked_and_copied() {
    let town = town();
    town.nightrun("db check").prints(".nightrun/nightrun.db is sound, and agrees with its log");
    town.nightrun("db backup copy.db").prints("copied to copy.db");
    std::fs::create_dir(town.path("restored")).unwrap();
    std::fs::rename(town.path("copy.db"), town.path("restored/nightrun.db")).unwrap();
    town.nightrun("tasks 1 --data restored").prints(TASKS);
    std::fs::write(town.path("taken.db"), "").unwrap();
    assert_eq!(town.nightrun("db backup taken.db").code, 1, "a file that is there is not overwritten");
}

#[test]
fn colours_are_for_terminals() {
    let town = town();
    for verb in ["runs", "runs show 1", "why 1", "dags", "dry-run look", "example", "config"] {
        assert!(!town.nightrun(verb).out.contains('\u{1b}'), "{verb}");
    }
    assert!(!town.nightrun("run look").err.contains('\u{1b}'));
    assert!(town.nightrun("--color always run look").err.contains('\u{1b}'));
    assert!(masked(&town.nightrun("--help").out).contains("Exit codes: 0 well, 1 something failed"));
}
