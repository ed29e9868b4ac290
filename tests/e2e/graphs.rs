//! The shapes of real workflows, run with few and many slots. The graphs are not part of this project: they
//! and their checker are used where they stand beside it or above it, in a folder `shared`.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::town::{Town, sources};

/// What all tasks of a graph sleep together, in seconds.
const WORK: f64 = 1.0;

#[derive(Deserialize)]
struct Graph {
    name: String,
    tasks: Vec<Task>,
}

#[derive(Deserialize)]
struct Task {
    id: String,
    runtime_s: f64,
    deps: Vec<String>,
}

#[test]
fn real_graphs_run_right_with_few_and_many_slots() {
    let mut beside = sources().ancestors().map(|folder| folder.join("shared"));
    let Some(shared) = beside.find(|shared| shared.join("conformance/graphs").is_dir()) else {
        println!("skipped: there is no folder `shared` with graphs beside {}", sources().display());
        return;
    };
    let checker = shared.join("tools/check_run.py");
    for entry in fs::read_dir(shared.join("conformance/graphs")).unwrap() {
        let path = entry.unwrap().path();
        let graph: Graph = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let scale = WORK / graph.tasks.iter().map(|task| task.runtime_s).sum::<f64>();
        for slots in [1, 4, 16] {
            check(&checker, &path, &graph, slots, scale);
        }
    }
}

fn check(checker: &Path, path: &Path, graph: &Graph, slots: u32, scale: f64) {
    let town = Town::with("graph", &file(graph, scale));
    let run = town.nightrun(&format!("run graph --json -q --slots {slots}")).json();
    town.write("run.json", &attempts(&run).to_string());
    let verdict = Command::new("python3")
        .arg(checker)
        .args([path, &town.path("run.json")])
        .args(["--slots", &slots.to_string(), "--scale", &scale.to_string(), "--only-success"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&verdict.stdout);
    assert!(verdict.status.success(), "{} with {slots} slots: {said}", graph.name);
}

/// The DAG file of a graph, as JSON, which is YAML too.
fn file(graph: &Graph, scale: f64) -> String {
    let task = |task: &Task| {
        let sleep = ["sleep".to_owned(), format!("{:.4}", task.runtime_s * scale)];
        json!({ "id": task.id, "depends_on": task.deps, "run": sleep })
    };
    json!({ "tasks": graph.tasks.iter().map(task).collect::<Vec<_>>() }).to_string()
}

/// The attempts of a run as the checker reads them.
fn attempts(run: &Json) -> Json {
    let list = |value: &Json| value.as_array().unwrap().clone();
    let of_task = |task: Json| {
        let attempts = list(&task["attempts"]).into_iter();
        attempts.map(move |attempt| {
            json!({
                "task": task["id"], "attempt": attempt["number"], "state": attempt["state"],
                "start": micros(&attempt["started_at"]), "end": micros(&attempt["ended_at"]),
            })
        })
    };
    list(&run["tasks"]).into_iter().flat_map(of_task).collect()
}

/// An instant with six digits behind the point: the checker's language may know no more.
fn micros(instant: &Json) -> String {
    let text = instant.as_str().unwrap();
    format!("{}Z", &text[.."2026-11-21T01:30:00.000000".len()])
}
