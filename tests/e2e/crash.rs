//! `kill -9` of `serve` at any moment under load: nothing is lost, nothing happens twice.
//!
//! The ledger, which tasks write themselves, is held against the store.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::Value as Json;

use crate::ledger::{self, Line};
use crate::town::{Town, is_alive, wait_for};

/// How often the server is killed, unless `NIGHTRUN_CRASHES` says otherwise.
const CRASHES: u32 = 3;

#[test]
fn a_killed_server_loses_nothing_and_doubles_nothing() {
    let town = Town::new();
    town.write("dags/beat.yaml", &beat(&town));
    town.write("dags/batch.yaml", &batch(&town));
    let mut asked = 0;
    for crash in 0..crashes() {
        let server = town.serve();
        for _ in 0..3 {
            asked += usize::from(town.nightrun("trigger batch").code == 0);
        }
        // Any moment will do, and each is another one.
        let until = Duration::from_millis(300 + u64::from(crash) * 577 % 1_500);
        let begin = Instant::now();
        wait_for("a moment", || (begin.elapsed() > until).then_some(()));
        server.kill();
    }
    let server = town.serve();
    town.nightrun("pause beat");
    let runs = wait_for("every run to end", || {
        let runs = town.runs();
        runs.iter().all(|run| run["ended_at"].is_string()).then_some(runs)
    });
    assert!(runs.iter().all(|run| run["state"] == "success"), "{runs:?}");
    let by_hand = runs.iter().filter(|run| run["run_type"] == "manual").count();
    assert_eq!(by_hand, asked, "each answered request became one run");
    each_second_has_one_run(&runs);
    let lines = ledger::read(&town);
    the_ledger_agrees(&town, &runs, &lines);
    assert_eq!(server.stop(), 0);
    town.nightrun("db check").prints(".nightrun/nightrun.db is sound, and agrees with its log");
    no_process_is_left(&town);
}

fn crashes() -> u32 {
    #[expect(clippy::disallowed_methods, reason = "how long to torture is said to the test from outside")]
    let asked = std::env::var("NIGHTRUN_CRASHES");
    asked.ok().and_then(|text| text.parse().ok()).unwrap_or(CRASHES)
}

/// Fires every second.
fn beat(town: &Town) -> String {
    let script = ledger::noting(town, "sleep 0.2");
    format!(
        "schedule: \"* * * * * *\"\nmax_active_runs: 5\ntasks:\n  - id: beat\n    run: |\n      {script}\n"
    )
}

/// Two layers of tasks, each of them after all of the layer before.
fn batch(town: &Town) -> String {
    let script = ledger::noting(town, "sleep 0.1");
    let mut dag = "max_active_runs: 100\ntasks:\n".to_owned();
    for layer in ["a", "b"] {
        let after = if layer == "a" { "[]" } else { "[a0, a1, a2, a3]" };
        for at in 0..4 {
            let task = format!("  - id: {layer}{at}\n    depends_on: {after}\n    run: |\n      {script}\n");
            dag.push_str(&task);
        }
    }
    dag
}

fn each_second_has_one_run(runs: &[Json]) {
    let scheduled = runs.iter().filter(|run| run["run_type"] == "scheduled");
    let seconds: Vec<i64> = scheduled
        .map(|run| {
            chrono::DateTime::parse_from_rfc3339(run["logical_date"].as_str().unwrap()).unwrap().timestamp()
        })
        .collect();
    let sorted: BTreeSet<i64> = seconds.iter().copied().collect();
    assert_eq!(sorted.len(), seconds.len(), "no instant fired twice");
    let (first, last) = (sorted.first().unwrap(), sorted.last().unwrap());
    assert_eq!(i64::try_from(sorted.len()), Ok(last - first + 1), "no instant was missed");
}

/// What tasks wrote down is what the store says of them.
fn the_ledger_agrees(town: &Town, runs: &[Json], lines: &[Line]) {
    let begins = ledger::begins(lines);
    assert!(begins.values().all(|times| *times == 1), "an attempt number was used twice: {begins:?}");
    let mut ends: BTreeMap<(String, String), u32> = BTreeMap::new();
    for line in lines.iter().filter(|line| !line.begins) {
        *ends.entry((line.run.clone(), line.task.clone())).or_default() = line.number;
    }
    for run in runs {
        let id = run["run_id"].as_str().unwrap();
        let shown = town.nightrun(&format!("runs show {id} --json")).json();
        for task in shown["tasks"].as_array().unwrap() {
            let name = task["id"].as_str().unwrap();
            let attempts = task["attempts"].as_array().unwrap();
            let numbers: Vec<u64> = attempts.iter().map(|it| it["number"].as_u64().unwrap()).collect();
            assert_eq!(numbers, (1..=attempts.len() as u64).collect::<Vec<_>>(), "run {id}, {name}");
            let last = u32::try_from(attempts.len()).unwrap();
            let key = (id.to_owned(), name.to_owned());
            let own: Vec<&Line> = lines.iter().filter(|it| it.run == id && it.task == name).collect();
            assert_eq!(
                ends.get(&key),
                Some(&last),
                "the last attempt is the one that ended: {task}, {own:?}"
            );
            let started = lines.iter().filter(|it| it.begins && it.run == id && it.task == name);
            assert!(started.map(|it| it.number).all(|number| number <= last), "run {id}, {name}");
        }
    }
    each_task_waited_for_those_before(lines);
}

/// No task of the second layer began before the last attempt of each in the first had ended.
fn each_task_waited_for_those_before(lines: &[Line]) {
    for second in lines.iter().filter(|line| line.begins && line.task.starts_with('b') && line.dag == "batch")
    {
        let first = lines.iter().filter(|line| line.run == second.run && line.task.starts_with('a'));
        let late = first.max_by_key(|line| line.nanos).unwrap();
        assert!(
            late.nanos <= second.nanos,
            "run {}: {} began before {} ended",
            second.run,
            second.task,
            late.task
        );
    }
}

/// No process that bears the mark of an attempt of this town lives on.
fn no_process_is_left(town: &Town) {
    let mark = format!("NIGHTRUN_OUTPUT={}", town.path(".nightrun").canonicalize().unwrap().display());
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
        let environ = std::fs::read(entry.path().join("environ")).unwrap_or_default();
        let marked = environ.split(|byte| *byte == 0).any(|it| it.starts_with(mark.as_bytes()));
        assert!(!(marked && is_alive(pid)), "process {pid} was left behind");
    }
}
