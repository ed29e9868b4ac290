//! `nightrun run`: one run, here and now; the exit code is the verdict.

use std::process::Stdio;

use crate::town::{Said, Town, is_alive, same, signal, sources, states, task, wait_for};

#[test]
fn every_example_ends_in_success() {
    let town = Town::new();
    for entry in std::fs::read_dir(sources().join("dags")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy();
        // Cases beside a DAG are played by `nightrun test`.
        if name.ends_with(".yaml") && !name.ends_with(".test.yaml") {
            let said = run_example(&town, &path.display().to_string());
            assert_eq!(said.code, 0, "{}: {}", path.display(), said.err);
        }
    }
}

fn run_example(town: &Town, path: &str) -> Said {
    let dir = if path.ends_with("nightly_sales.yaml") {
        format!("-p dir={}/sales", town.path("").display())
    } else {
        String::new()
    };
    town.nightrun(&format!("run {path} --json {dir}"))
}

#[test]
fn an_example_comes_out_of_the_binary_with_all_it_needs() {
    let town = Town::new();
    town.nightrun("example nightly_sales --into dags").prints(
        "dags/nightly_sales.yaml
         dags/scripts/sales/fetch.py
         dags/scripts/sales/load.py
         dags/scripts/sales/aggregate.py
         dags/scripts/sales/report.py"
            .replace("         ", "")
            .as_str(),
    );
    let report = town
        .nightrun(&format!("run nightly_sales -q --at 2026-11-21 -p dir={}/sales", town.path("").display()));
    report.prints(SALES);
    let again = town.nightrun("example nightly_sales --into dags");
    again.fails(1, "error: dags/nightly_sales.yaml: File exists (os error 17)");
}

const SALES: &str = "\
# Sales of 2026-11-20

| Region     |  Orders |    Revenue |
|------------|--------:|-----------:|
| eu         |     419 |  18,415.20 |
| us         |     357 |  14,929.40 |
| apac       |     243 |  11,627.50 |
| all        |   1,019 |  44,972.10 |

## Top products

| Product    |   Units |    Revenue |
|------------|--------:|-----------:|
| saffron    |     807 |  15,333.00 |
| olive oil  |     872 |  10,289.60 |
| coffee     |     877 |   6,577.50 |";

#[test]
fn the_sales_batch_replaces_a_day_that_is_run_again() {
    let town = Town::new();
    let dags = sources().join("dags");
    let args = format!(
        "run {}/nightly_sales.yaml -q --at 2026-11-21 -p dir={}/sales",
        dags.display(),
        town.path("").display()
    );
    for _ in 0..2 {
        town.nightrun(&args).prints(SALES);
    }
    same(&town.read("sales/reports/2026-11-20.md"), SALES);
    assert!(!town.path("sales/raw/2026-11-20").exists(), "raw files are cleaned up");
}

#[test]
fn progress_is_a_line_a_task_and_the_verdict() {
    let town = Town::with(
        "greeting",
        "
tasks:
  - id: greet
    run: echo name=world >> $NIGHTRUN_OUTPUT
  - id: answer
    depends_on: [greet]
    run: echo hello {{ tasks.greet.outputs.name }}
",
    );
    let said = town.nightrun("run dags/greeting.yaml");
    assert_eq!((said.code, said.out.as_str()), (0, ""));
    same(
        &said.err,
        "\
✓ greet   success             1ms
✓ answer  success             1ms

✓ greeting success in 15ms: done",
    );
}

#[test]
fn a_failed_run_shows_the_end_of_its_log_and_exits_with_1() {
    let town = Town::with(
        "broken",
        "
tasks:
  - id: load
    run: |
      for line in $(seq 30); do echo line $line; done
      echo no such table >&2
      exit 3
  - id: report
    depends_on: [load]
    run: echo never
",
    );
    let said = town.nightrun("run dags/broken.yaml");
    let tail = (12..=30).map(|line| format!("  │ line {line}")).collect::<Vec<_>>().join("\n");
    said.fails(
        1,
        &format!(
            "\
✗ load    failed              3ms  exit code 3
⊘ report  upstream_failed          its trigger rule `all_success` cannot hold any more

✗ load: exit code 3
{tail}
  │ no such table

✗ broken failed in 12ms: 2 tasks failed or were blocked, first `load`"
        ),
    );
}

#[test]
fn the_object_has_the_promised_shape() {
    let town = Town::with(
        "one",
        "
tasks:
  - {id: good, run: echo n=1 >> $NIGHTRUN_OUTPUT}
  - {id: bad, run: kill -9 $$}
",
    );
    let said = town.nightrun("run dags/one.yaml --json");
    assert_eq!(said.code, 1);
    assert_eq!(said.out.lines().count(), 1, "one JSON object and nothing else");
    let run = said.json();
    assert_eq!((&run["run_id"], &run["dag"], &run["state"]), (&"1".into(), &"one".into(), &"failed".into()));
    let (good, bad) = (task(&run, "good"), task(&run, "bad"));
    assert_eq!(good["state"], "success");
    assert_eq!(good["outputs"], serde_json::json!({"n": "1"}));
    assert_eq!(bad["reason"], "killed by signal 9 (SIGKILL)");
    let attempt = &good["attempts"][0];
    assert_eq!((&attempt["number"], &attempt["state"]), (&1.into(), &"success".into()));
    assert_eq!((&attempt["exit_code"], &attempt["signal"]), (&0.into(), &serde_json::Value::Null));
    assert_eq!(
        (&bad["attempts"][0]["exit_code"], &bad["attempts"][0]["signal"]),
        (&serde_json::Value::Null, &9.into())
    );
    for instant in ["started_at", "ended_at"] {
        let text = attempt[instant].as_str().unwrap();
        assert!(text.len() == "2026-11-21T01:30:00.000000000Z".len() && text.ends_with('Z'), "{text}");
    }
}

#[test]
fn a_faulty_file_is_not_run() {
    let town = Town::with(
        "ring",
        "
tasks:
  - {id: a, run: echo, depends_on: [b]}
  - {id: b, run: echo, depends_on: [a], retry_policy: 3}
",
    );
    let said = town.nightrun("run dags/ring.yaml");
    assert_eq!(said.code, 1);
    assert!(said.err.contains("E204") && said.err.contains("E101"), "{}", said.err);
    assert!(said.err.ends_with("error: dags/ring.yaml has 2 errors, so it was not run\n"), "{}", said.err);
}

#[test]
fn wrong_usage_exits_with_2() {
    let town = Town::with(
        "typed",
        "
params: {limit: {type: integer, min: 1, default: 5}}
tasks: [{id: a, run: echo}]
",
    );
    town.nightrun("run dags/absent.yaml").fails(2, "error: there is no file dags/absent.yaml");
    town.nightrun("run absent").fails(
        2,
        "\
error: there is no DAG `absent` in dags
  = help: name a file, or the folder with --dags DIR",
    );
    town.nightrun("run typed -p speed=1").fails(
        2,
        "\
error: DAG `typed` has no param `speed`
  = help: it has limit",
    );
    town.nightrun("run typed -p limit=many")
        .fails(2, "error: param `limit` is of type integer, which `many` is not");
    town.nightrun("run typed --at yesterday").fails(
        2,
        "\
error: `yesterday` is no date
  = help: write 2026-11-21, 2026-11-21T01:30 (in the DAG's zone) or 2026-11-21T01:30:00Z",
    );
    let refused = town.nightrun("run typed -p limit=0");
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.err.contains("param `limit`: the value 0 is below the minimum 1"), "{}", refused.err);
    for wrong in ["run", "fly", "run typed --slots 0", "runs --limit"] {
        assert_eq!(town.nightrun(wrong).code, 2, "{wrong}");
    }
}

#[test]
fn params_and_the_date_reach_the_tasks() {
    let town = Town::with(
        "dated",
        "
timezone: Europe/Paris
params: {region: eu, limit: 10}
tasks:
  - id: show
    run: echo {{ ds }} {{ logical_date | in_tz('UTC') }} {{ params.region }} {{ params.limit + 1 }}
    capture: last_line
",
    );
    let line = |args: &str| {
        let run = town.nightrun(&format!("run dated --json {args}")).json();
        task(&run, "show")["outputs"]["return_value"].as_str().unwrap().to_owned()
    };
    assert_eq!(line("--at 2026-11-20 -p region=us"), "2026-11-20 2026-11-19T23:00:00+00:00 us 11");
    assert_eq!(line("--at 2026-07-01T01:30 -p limit=4"), "2026-07-01 2026-06-30T23:30:00+00:00 eu 5");
    assert_eq!(line("--at 2026-11-20T23:30:00Z"), "2026-11-21 2026-11-20T23:30:00+00:00 eu 11");
}

#[test]
fn a_data_folder_keeps_the_run_to_be_looked_at() {
    let town = Town::with("kept", "tasks: [{id: a, run: echo seen}]");
    let said = town.nightrun("run kept --data kept-data");
    assert!(
        said.err.ends_with("look at it again with: nightrun runs show 1 --data kept-data\n"),
        "{}",
        said.err
    );
    town.nightrun("logs 1 a --data kept-data").prints("seen");
}

#[test]
fn ctrl_c_ends_the_run_and_every_process_of_it() {
    let town = Town::with(
        "long",
        "
tasks:
  - id: sleeper
    run: |
      sleep 1000 &
      echo $! > child
      sleep 1000
    working_dir: ..
  - {id: after, depends_on: [sleeper], run: echo}
",
    );
    let child =
        town.command("run long --json").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let pid: u32 = wait_for("the child", || town.read("child").trim().parse().ok());
    signal(child.id(), "INT");
    let said = Said::by(child.wait_with_output().unwrap());
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.err.starts_with("ending the run; once more to leave at once\n"), "{}", said.err);
    assert_eq!(states(&said.json()), "sleeper canceled, after canceled");
    assert!(!is_alive(pid), "a process of the task lives on");
}

#[test]
fn reports_are_printed_and_nothing_else() {
    let town = Town::with(
        "reporting",
        "
tasks:
  - id: text
    run: printf 'report<<END\\ntwo\\nlines\\nEND\\n' >> $NIGHTRUN_OUTPUT
  - id: number
    depends_on: [text]
    run: echo 'report:=3' >> $NIGHTRUN_OUTPUT
",
    );
    let said = town.nightrun("run reporting -q");
    said.prints("two\nlines");
    assert_eq!(said.err, "");
}
