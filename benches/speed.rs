//! Speed beside its floor, measured in the same run: `cargo bench --bench speed`. Machines differ and are
//! noisy: the ratios are what counts. `-- --smoke` runs each figure small, to see that it can be measured.
//!
//! fan:   independent processes, 16 at once, beside a bare loop that spawns `/bin/true` 16 at once
//! chain: from one task's exit to the next one's start, beside one fdatasync and one process start
//! noop:  tasks that need no process, each made durable, beside an fdatasync for all slots together
//! idle:  processor time of a server with nothing to do, beside the time that passed
//! wide:  one DAG of many tasks: from its file to the end, beside its run alone
//! items: one task for many items that need no process, beside as many tasks of a DAG
//! due:   many DAGs due in the same minute, decided in memory, beside a hundredth of them: the cost of each

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nightrun_core::dag::{Known, Source, read};
use nightrun_core::decide::{DagText, Event, State, step};
use nightrun_core::time::Timestamp;
use nightrun_core::timetable::Zone;
use serde_json::{Value as Json, json};

/// The program under measurement.
const NIGHTRUN: &str = env!("CARGO_BIN_EXE_nightrun");

/// How many processes at once.
const SLOTS: usize = 16;

fn main() {
    let smoke = std::env::args().any(|arg| arg == "--smoke");
    let size = |full: usize| if smoke { full / 100 } else { full };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let rows = [
        fan(folder.path(), size(10_000)),
        chain(folder.path(), size(1_000)),
        noop(folder.path(), size(20_000)),
        wide(folder.path(), size(100_000)),
        items(folder.path(), size(100_000)),
        due(size(10_000)),
        idle(folder.path(), Duration::from_secs(if smoke { 1 } else { 20 })),
    ];
    println!("{:<8} {:>8} {:>14} {:>14} {:>8}", "figure", "tasks", "nightrun", "floor", "ratio");
    for row in &rows {
        let text = |key: &str| row[key].as_str().unwrap_or("-").to_owned();
        println!(
            "{:<8} {:>8} {:>14} {:>14} {:>8}",
            text("figure"),
            row["tasks"],
            text("ours"),
            text("floor"),
            text("ratio")
        );
    }
    println!("{}", json!(rows));
}

fn row(figure: &str, tasks: usize, ours: Duration, floor: Duration) -> Json {
    let micros = |length: Duration| format!("{:.0} µs", length.as_secs_f64() * 1e6);
    let ratio = ours.as_secs_f64() / floor.as_secs_f64();
    json!({ "figure": figure, "tasks": tasks, "ours": micros(ours), "floor": micros(floor), "ratio": format!("{ratio:.2}") })
}

/// Writes a DAG and runs it; the run as JSON.
fn run(folder: &Path, name: &str, tasks: impl Iterator<Item = String>) -> Json {
    let path = folder.join(format!("{name}.yaml"));
    let mut file = File::create(&path).expect("a file");
    writeln!(file, "tasks:").expect("written");
    tasks.for_each(|task| writeln!(file, "  - {task}").expect("written"));
    let data = folder.join(format!("{name}-data"));
    let out = Command::new(NIGHTRUN)
        .args(["run", "--json", "--quiet", "--slots", &SLOTS.to_string(), "--data"])
        .arg(&data)
        .arg(&path)
        // There the configuration is.
        .current_dir(folder)
        .output()
        .expect("nightrun runs");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).expect("a run as JSON")
}

fn instant(value: &Json) -> Timestamp {
    value.as_str().and_then(Timestamp::parse).expect("an instant")
}

fn length(run: &Json) -> Duration {
    instant(&run["ended_at"]).since(instant(&run["started_at"]))
}

fn each(length: Duration, count: usize) -> Duration {
    length / u32::try_from(count).expect("a count")
}

fn median(mut lengths: Vec<Duration>) -> Duration {
    lengths.sort();
    lengths[lengths.len() / 2]
}

fn fan(folder: &Path, count: usize) -> Json {
    let floor = each(bare_loop(count), count);
    let run = run(folder, "fan", (0..count).map(|at| format!("{{id: t{at}, run: 'true'}}")));
    row("fan", count, each(length(&run), count), floor)
}

/// `/bin/true` so often, `SLOTS` threads at once, each spawning and waiting; nothing else.
fn bare_loop(count: usize) -> Duration {
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..SLOTS {
            scope.spawn(|| (0..count / SLOTS).for_each(|_| start_true()));
        }
    });
    begun.elapsed()
}

fn start_true() {
    let mut command = Command::new("/bin/true");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    command.status().expect("/bin/true runs");
}

fn chain(folder: &Path, count: usize) -> Json {
    let floor = median((0..200).map(|_| fdatasync(folder) + spawn_once()).collect());
    let tasks = (0..count).map(|at| match at {
        0 => "{id: t0, run: 'true'}".to_owned(),
        at => format!("{{id: t{at}, run: 'true', depends_on: [t{}]}}", at - 1),
    });
    let run = run(folder, "chain", tasks);
    let tasks = run["tasks"].as_array().expect("tasks");
    let hops = tasks.windows(2).map(|pair| {
        let (before, after) = (&pair[0]["attempts"][0], &pair[1]["attempts"][0]);
        instant(&after["started_at"]).since(instant(&before["ended_at"]))
    });
    row("chain", count, median(hops.collect()), floor)
}

/// One durable write of a page, as a commit does.
fn fdatasync(folder: &Path) -> Duration {
    let file =
        OpenOptions::new().create(true).append(false).write(true).truncate(false).open(folder.join("sync"));
    let file = file.expect("a file");
    file.write_all_at(&[1; 4096], 0).expect("written");
    let begun = Instant::now();
    file.write_all_at(&[2; 4096], 0).and_then(|()| file.sync_data()).expect("synced");
    begun.elapsed()
}

/// How long it takes until a process is there.
fn spawn_once() -> Duration {
    let begun = Instant::now();
    let mut child = Command::new("/bin/true").process_group(0).spawn().expect("/bin/true runs");
    let took = begun.elapsed();
    child.wait().expect("it ends");
    took
}

fn noop(folder: &Path, count: usize) -> Json {
    let run = run(folder, "noop", (0..count).map(|at| format!("{{id: t{at}, type: noop}}")));
    // Nothing runs but the commits: at best each carries what all slots have done.
    let floor = each(median((0..50).map(|_| fdatasync(folder)).collect()), SLOTS);
    row("noop", count, each(length(&run), count), floor)
}

fn wide(folder: &Path, count: usize) -> Json {
    let begun = Instant::now();
    let tasks = (0..count)
        .map(|at| format!("{{id: t{at}, type: noop, depends_on: [{}]}}", if at == 0 { "" } else { "t0" }));
    let whole = run(folder, "wide", tasks);
    row("wide", count, each(begun.elapsed(), count), each(length(&whole), count))
}

/// A fan of so many items, each made durable.
fn items(folder: &Path, count: usize) -> Json {
    std::fs::write(folder.join("nightrun.yaml"), "max_items: 100000\n").expect("a file");
    let fan = |count: usize| format!("{{id: each, type: noop, foreach: {{items: {{range: [0, {count}]}}}}}}");
    let ours = run(folder, "items", [fan(count)].into_iter());
    let floor = run(folder, "items_floor", (0..count).map(|at| format!("{{id: t{at}, type: noop}}")));
    row("items", count, each(length(&ours), count), each(length(&floor), count))
}

/// What one of so many DAGs costs that are due at once; its run and its first task are decided.
fn due(count: usize) -> Json {
    row("due", count, due_each(count), due_each((count / 100).max(1)))
}

fn due_each(count: usize) -> Duration {
    let eve = Timestamp::parse("2026-11-21T23:59:30Z").expect("an instant");
    let known = Known::new(Zone::utc(), eve);
    let text = "schedule: '@daily'\ntasks: [{id: a, run: 'true'}, {id: b, run: 'true', depends_on: [a]}]\n";
    let dag = |at: usize| {
        let path = format!("dag{at}.yaml");
        let dag = read(&Source::new(&path, text), &known).dags.remove(0);
        let defaults = Vec::new().into();
        DagText { dag: Arc::new(dag), hash: path.clone(), path, text: text.into(), defaults }
    };
    let mut state = State::new(16, &BTreeMap::new());
    let dags = (0..count).map(dag).collect();
    let _ = step(&mut state, Event::DagsRead { read: dags, gone: vec![], faults: vec![] }, eve);
    let midnight = eve.plus(Duration::from_secs(30));
    let begun = Instant::now();
    // One step takes a bounded number of facts; the rest follows in the next.
    while state.next_deadline().is_some_and(|at| at <= midnight) {
        let decided = step(&mut state, Event::TimePassed, midnight);
        assert!(!decided.transitions.is_empty(), "a timer that is due is looked at");
    }
    let taken = begun.elapsed();
    assert_eq!(state.runs().count(), count, "each DAG has its run");
    each(taken, count)
}

/// What a server with one DAG, due next year, takes of a processor.
fn idle(folder: &Path, length: Duration) -> Json {
    let dags = folder.join("dags");
    std::fs::create_dir_all(&dags).expect("a folder");
    std::fs::write(dags.join("yearly.yaml"), "schedule: '@yearly'\ntasks: [{id: a, run: 'true'}]\n")
        .expect("a file");
    let mut server = Command::new(NIGHTRUN)
        .args(["serve", "--listen", "127.0.0.1:0", "--dags"])
        .arg(&dags)
        .arg("--data")
        .arg(folder.join("idle-data"))
        .stderr(Stdio::null())
        .spawn()
        .expect("nightrun serves");
    // It has started when its socket is there; then it may rest.
    while !folder.join("idle-data/nightrun.sock").exists() {
        std::thread::sleep(Duration::from_millis(10));
    }
    let before = processor_time(server.id());
    std::thread::sleep(length);
    let taken = processor_time(server.id()).saturating_sub(before);
    server.kill().and_then(|()| server.wait()).expect("it ends");
    row("idle", 1, taken, length)
}

/// User and system time of a process so far; the kernel counts hundredths of a second.
fn processor_time(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process lives");
    let after_name = stat.rsplit(')').next().expect("a name in brackets");
    let ticks: u64 =
        after_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}
