//! Whole DAGs with scripted outcomes, recorded from Airflow 3.3.2's scheduler code with our stated
//! deviations (`tests/conformance`), as real DAG files with real processes. The core is held to all of
//! them elsewhere; here a sample goes the whole way.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::town::{Town, sources};

/// One in so many cases is run.
const SAMPLE: usize = 7;

/// A choice comes before a failure elsewhere: `docs/decisions/001-a-choice-comes-before-a-failure.md`.
const ONE_WE_DECIDE_OTHERWISE: &str = "random/35";

#[derive(Deserialize)]
struct Case {
    id: String,
    dag: Dag,
    #[serde(rename = "final")]
    states: BTreeMap<String, String>,
    run: String,
    attempts: BTreeMap<String, usize>,
}

#[derive(Deserialize)]
struct Dag {
    tasks: Vec<Task>,
}

#[derive(Deserialize)]
struct Task {
    id: String,
    #[serde(default)]
    upstream: Vec<String>,
    trigger_rule: Option<String>,
    #[serde(default)]
    retries: u32,
    outcome: Option<Outcome>,
    branch: Option<Vec<String>>,
    short_circuit: Option<String>,
}

/// Of every attempt, or of each.
#[derive(Deserialize)]
#[serde(untagged)]
enum Outcome {
    Always(String),
    Each(Vec<String>),
}

impl Outcome {
    /// A script that ends this way, by the number of its attempt.
    fn script(&self) -> String {
        let exit = |word: &str| match word {
            "success" => "exit 0",
            "fail" => "exit 1",
            "skip" => "exit 99",
            other => panic!("an outcome {other}"),
        };
        match self {
            Self::Always(word) => exit(word).to_owned(),
            Self::Each(words) => {
                let arms =
                    words.iter().enumerate().map(|(at, word)| format!("{}) {} ;;", at + 1, exit(word)));
                format!("case $NIGHTRUN_TRY in {} esac", arms.collect::<Vec<_>>().join(" "))
            }
        }
    }
}

impl Case {
    /// The DAG file, as JSON, which is YAML too.
    fn file(&self) -> String {
        let task = |task: &Task| {
            let script = task.outcome.as_ref().map_or("exit 0".to_owned(), Outcome::script);
            let mut file = json!({
                "id": task.id,
                "depends_on": task.upstream,
                "trigger_rule": task.trigger_rule.as_deref().unwrap_or("all_success"),
                "retries": task.retries,
                "retry_delay": "0s",
                "run": script,
            });
            if let Some(chosen) = &task.branch {
                file["type"] = "branch".into();
                file["run"] = format!("nightrun output choose --json '{}'\n{script}", json!(chosen)).into();
            }
            if let Some(kind) = &task.short_circuit {
                file["type"] = "short_circuit".into();
                file["run"] = format!("nightrun output condition false\n{script}").into();
                file["with"] = json!({"ignore_downstream_trigger_rules": kind != "direct"});
            }
            file
        };
        json!({ "tasks": self.dag.tasks.iter().map(task).collect::<Vec<_>>() }).to_string()
    }
}

impl Case {
    /// True when a task may begin before the one that perhaps skips it has decided: then the number of its
    /// attempts hangs on the clock. (The core is held to these cases in rounds.)
    fn races(&self) -> bool {
        let chooses = |task: &Task| task.branch.is_some() || task.short_circuit.is_some();
        let eager = |task: &Task| {
            let rule = task.trigger_rule.as_deref().unwrap_or_default();
            matches!(rule, "always" | "one_success" | "one_failed" | "one_done")
        };
        self.dag.tasks.iter().any(chooses) && self.dag.tasks.iter().any(eager)
    }
}

#[test]
fn recorded_dags_end_as_recorded() {
    let text = std::fs::read_to_string(sources().join("tests/conformance/dag_simulation.jsonl")).unwrap();
    let cases = text.lines().map(|line| serde_json::from_str::<Case>(line).unwrap());
    let town = Town::new();
    let mut seen = 0;
    for case in cases.filter(|case| case.id != ONE_WE_DECIDE_OTHERWISE && !case.races()).step_by(SAMPLE) {
        town.write("dags/case.yaml", &case.file());
        ends_as_recorded(&case, &town.run("case"));
        seen += 1;
    }
    assert!(seen >= 40, "only {seen} cases");
}

fn ends_as_recorded(case: &Case, run: &Json) {
    let id = &case.id;
    assert_eq!(run["state"], case.run.as_str(), "{id}");
    for task in run["tasks"].as_array().unwrap() {
        let name = task["id"].as_str().unwrap();
        assert_eq!(task["state"], case.states[name].as_str(), "{id}: {name}");
        let attempts = task["attempts"].as_array().unwrap().len();
        assert_eq!(attempts, case.attempts.get(name).copied().unwrap_or(0), "{id}: attempts of {name}");
    }
}
