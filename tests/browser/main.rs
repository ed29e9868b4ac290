//! The pages in a real browser: the real server on a scratch folder, Chromium as people have it. Where there is
//! no Chromium these tests say so and do nothing.

mod acts;
mod album;
mod attacks;
#[path = "../../web/tests/web/busy.rs"]
mod busy;
mod clicks;
mod door;
mod driver;
mod eyes;
mod gallery;
#[path = "../../web/tests/web/history.rs"]
mod history;
#[path = "../../web/tests/web/house.rs"]
mod house;
mod looks;
mod masses;
mod pages;
mod plain;
#[expect(dead_code, reason = "scenes of the room of pages; some of them are pictured here")]
#[path = "../../web/tests/web/scenes.rs"]
mod scenes;
#[path = "../../web/tests/web/seasons.rs"]
mod seasons;
#[expect(dead_code, reason = "the harness of the command line; what serves is needed here")]
#[path = "../e2e/town.rs"]
mod town;
mod wreck;

use driver::Browser;
use town::{Server, Town};

/// A DAG with what a page can show: params, groups, items, values, a schedule.
const SALES: &str = r#"
description: Orders into the warehouse
owner: data
tags: [nightly]
schedule: "0 3 * * *"
params:
  region: {type: string, enum: [eu, us], default: eu, description: Sales region}
  limit: {type: integer, default: 10, min: 1}
vars: {bucket: none}
tasks:
  - id: extract
    run: |
      echo "region {{ params.region }}, limit {{ params.limit }}"
      echo rows=12 >> "$NIGHTRUN_OUTPUT"
    outputs: [rows]
  - id: load
    depends_on: [extract]
    run: echo loaded
"#;

/// Ends when the file `gate` is there, or with the town: who kills a server leaves its tasks.
const GATED: &str = r"
tasks:
  - id: before
    run: echo ready
  - id: wait
    depends_on: [before]
    run: seq 200; while test -d TOWN && ! test -e GATE; do sleep 0.05; done; echo through
  - id: after
    depends_on: [wait]
    run: echo done
";

/// Fails twice until the file `cure` is there.
const SICK: &str = r#"
tasks:
  - id: check
    retries: 1
    retry_delay: 0s
    run: echo "looking for the cure"; test -e CURE
  - id: report
    depends_on: [check]
    run: echo well
"#;

const BROKEN: &str = "tasks:\n  - id: a\n    run: echo\n    depends_on: [nobody]\n";

/// A town with some DAGs, its server, and a browser before it; none where there is no Chromium.
struct Scene {
    browser: Browser,
    server: Server,
    town: Town,
}

fn scene() -> Option<Scene> {
    scene_with(driver::open)
}

fn scene_with(open: fn(&str) -> Option<Browser>) -> Option<Scene> {
    if !driver::is_there() {
        return None;
    }
    let town = Town::new();
    write_dags(&town);
    let server = town.serve();
    let browser = open(&server.address())?;
    Some(Scene { browser, server, town })
}

/// The DAG files of a scene.
fn write_dags(town: &Town) {
    let here = |text: &str| {
        let path = |name: &str| town.path(name).display().to_string();
        text.replace("TOWN", &path("")).replace("GATE", &path("gate")).replace("CURE", &path("cure"))
    };
    for (name, text) in [("sales", SALES), ("gated", GATED), ("sick", SICK), ("broken", BROKEN)] {
        town.write(&format!("dags/{name}.yaml"), &here(text));
    }
}

impl Scene {
    /// Triggers a DAG by the command line, and waits until its run is in this state.
    fn has_run(&self, dag: &str, state: &str) -> String {
        let said = self.town.nightrun(&format!("trigger {dag} --json"));
        let run = said.json()["run_id"].as_str().unwrap_or_else(|| panic!("{said:?}")).to_owned();
        self.town.wait_for_run(&run, state);
        run
    }

    /// Nothing was complained about, neither in the browser nor in the server.
    #[track_caller]
    fn is_calm(&self) {
        self.browser.is_calm();
        let log = self.server.log();
        assert!(!log.contains("ERROR") && !log.contains("panicked"), "{log}");
    }
}
