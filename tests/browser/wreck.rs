//! A house in which everything is broken: files that do not read, runs that fail or are lost, and at last a store
//! that takes no commit and cannot be read whole.

use std::process::{Command, Stdio};

use crate::town::{Server, Town, wait_for};

const FAULTY: &str = "id: ingest\nschedule: '61 4 * * *'\ntasks:\n  - id: fetch\n    run: ./fetch.sh\n    retry_policy: 3\n  - id: unpack\n    depends_on: [fetsh]\n    timeout: 90\n    run: ./unpack.sh\n";

const FAILING: &str = "description: Fails at its first task
tasks:
  - id: extract
    run: |
      for line in 1 2 3 4 5; do echo \"reading part $line\"; done
      echo 'psql: error: could not connect to server' >&2
      exit 3
  - {id: load, depends_on: [extract], run: 'true'}
  - {id: mail, depends_on: [load], run: 'true'}
";

/// Begins by writing a line to the file `tries`, and has no end of its own.
const LOST: &str = "tasks:\n  - {id: copy, run: 'echo ready; echo 1 >> TRIES; exec sleep 600'}\n";

/// What makes a store refuse: each commit fails, and the vars cannot be read.
const BREAK: &str = "import sqlite3, sys
store = sqlite3.connect(sys.argv[1], timeout=30)
store.execute(\"CREATE TRIGGER full BEFORE INSERT ON transition_log BEGIN SELECT RAISE(FAIL, 'database or disk is full'); END\")
store.execute('ALTER TABLE var RENAME TO lost')
store.commit()
";

/// The house, and the numbers of its runs.
pub(crate) struct Wreck {
    pub(crate) server: Server,
    failed: String,
    lost: String,
    _town: Town,
}

impl Wreck {
    pub(crate) fn new() -> Self {
        let town = Town::new();
        let lost = LOST.replace("TRIES", &town.path("tries").display().to_string());
        for (name, text) in
            [("ingest", FAULTY), ("failing", FAILING), ("copying", &lost), ("not_yaml", "tasks: [\n")]
        {
            town.write(&format!("dags/{name}.yaml"), text);
        }
        let has_begun = |times: usize| {
            wait_for("the copy", || (town.read("tries").lines().count() == times).then_some(()));
        };
        let server = town.serve();
        let failed = triggered(&town, "failing");
        town.wait_for_run(&failed, "failed");
        let lost = triggered(&town, "copying");
        has_begun(1);
        server.kill();
        let server = town.serve();
        has_begun(2);
        let status =
            Command::new("python3").args(["-c", BREAK]).arg(town.path(".nightrun/nightrun.db")).status();
        assert!(status.unwrap().success());
        // Nobody is answered before it is stored.
        let mut unheard =
            town.command("trigger failing").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        wait_for("the store to refuse", || (server.get("/health")["status"] == "unwell").then_some(()));
        unheard.kill().unwrap();
        unheard.wait().unwrap();
        Self { server, failed, lost, _town: town }
    }

    /// Its pages; some of them say what is wrong with the request, the rest what is wrong with the house.
    pub(crate) fn pages(&self) -> Vec<(&'static str, String)> {
        let (failed, lost) = (&self.failed, &self.lost);
        vec![
            ("tonight", "/".into()),
            ("dags", "/dags".into()),
            ("dag", "/dags/failing".into()),
            ("dag-graph", "/dags/failing/graph".into()),
            ("dag-file", "/dags/failing/file".into()),
            ("dag-trigger", "/dags/failing/trigger".into()),
            ("runs", "/runs".into()),
            ("run", format!("/runs/{lost}")),
            ("run-failed", format!("/runs/{failed}")),
            ("run-graph", format!("/runs/{failed}/graph")),
            ("run-events", format!("/runs/{lost}/events")),
            ("rerun", format!("/runs/{failed}/rerun")),
            ("task", format!("/runs/{lost}/tasks/copy")),
            ("task-failed", format!("/runs/{failed}/tasks/extract")),
            ("faults", "/faults".into()),
            ("vars", "/vars".into()),
            ("system", "/system".into()),
        ]
    }
}

fn triggered(town: &Town, dag: &str) -> String {
    town.nightrun(&format!("trigger {dag} --json")).json()["run_id"].as_str().unwrap().to_owned()
}
