//! Several DAGs in a file, the defaults of folders, and what a change of them comes to.

use serde_json::json;

use crate::town::{Town, task, wait_for};

const TWO: &str = "id: one\ntasks: [{id: a, run: echo}]\n---\nid: two\ntasks: [{id: b, run: echo}]\n";

#[test]
fn one_of_several_dags_in_a_file_is_named() {
    let town = Town::with("both", TWO);
    for target in ["dags/both.yaml#two", "dags/both.yaml --dag two", "two"] {
        let run = town.nightrun(&format!("run {target} --json -q")).json();
        assert_eq!((&run["dag"], &run["state"]), (&json!("two"), &json!("success")), "{target}");
    }
    let said = town.nightrun("run dags/both.yaml");
    assert_eq!(said.code, 2);
    assert!(said.err.contains("choose one with dags/both.yaml#ID or --dag ID: one, two"), "{said:?}");
    let said = town.nightrun("next dags/both.yaml#three");
    assert!(said.code == 2 && said.err.contains("it defines one, two"), "{said:?}");
    town.does("validate");
}

#[test]
fn a_folder_gives_its_dags_what_they_do_not_say() {
    let town = Town::new();
    std::fs::create_dir_all(town.path("dags/team/deep")).unwrap();
    town.write("dags/_defaults.yaml", "env: {WHERE: root, WHO: root}\ntimezone: Asia/Tokyo\n");
    town.write("dags/team/_defaults.yaml", "env: {WHO: team}\ndefaults: {skip_on_exit: [7]}\n");
    let text = "schedule: 0 3 * * *\ntasks:\n  - {id: a, run: echo $WHERE $WHO, capture: text}\n  \
                - {id: b, run: exit 7}\n";
    town.write("dags/team/deep/it.yaml", text);
    for target in ["it", "dags/team/deep/it.yaml"] {
        let run = town.nightrun(&format!("run {target} --json -q")).json();
        assert_eq!(task(&run, "a")["outputs"]["return_value"], "root team", "{target}");
        assert_eq!(task(&run, "b")["state"], "skipped");
    }
    assert!(town.nightrun("next it -n 1").out.contains("03:00:00 +09:00"));
    // Elsewhere: folders above the file, as long as they have defaults.
    std::fs::create_dir_all(town.path("other/deep")).unwrap();
    town.write("other/_defaults.yaml", "timezone: Asia/Tokyo\n");
    town.write("other/deep/it.yaml", text);
    assert!(town.nightrun("next other/deep/it.yaml -n 1").out.contains("03:00:00 +00:00"));
    town.write("other/deep/_defaults.yaml", "# nothing\n");
    assert!(town.nightrun("next other/deep/it.yaml -n 1").out.contains("03:00:00 +09:00"));
}

#[test]
fn faults_of_folder_defaults_are_told_once_at_their_place() {
    let town = Town::with("one", "tasks: [{id: a, run: echo}]\n");
    town.write("dags/two.yaml", "tasks: [{id: a, run: echo}]\n");
    town.write("dags/_defaults.yaml", "defaults:\n  retries: many\n");
    let found = |args: &str| -> Vec<String> {
        let faults = town.nightrun(&format!("validate --format json {args}")).json();
        let list = faults.as_array().unwrap().iter();
        list.map(|it| {
            format!("{} {}:{}", it["code"].as_str().unwrap(), it["path"].as_str().unwrap(), it["line"])
        })
        .collect()
    };
    let all = ["E104 dags/_defaults.yaml:2", "E122 dags/one.yaml:1", "E122 dags/two.yaml:1"];
    assert_eq!(found(""), all);
    assert_eq!(found("dags"), all);
    assert_eq!(found("dags/one.yaml"), all[..2]);
    assert_eq!(found("dags/_defaults.yaml"), all[..1]);
    assert_eq!(town.nightrun("run one").code, 1);
}

const WITH_VARS: &str = "vars: {url: null, mode: quick}\ntasks:\n  - id: a\n    \
                         run: echo {{ vars.url }} {{ vars.mode }}\n    capture: text\n";

#[test]
fn a_var_comes_from_the_environment_the_store_or_the_file() {
    let town = Town::with("it", WITH_VARS);
    let printed = |run: &serde_json::Value| task(run, "a")["outputs"]["return_value"].clone();
    let run = town.nightrun("run it --json -q").json();
    let told = task(&run, "a")["reason"].as_str().unwrap().to_owned();
    assert!(told.contains("the var `url` has no value") && told.contains("NIGHTRUN_VAR_URL"), "{told}");
    town.does("vars set url stored --data kept");
    assert_eq!(town.nightrun("vars get url --data kept").out, "stored\n");
    assert_eq!(printed(&town.nightrun("run it --json -q --data kept").json()), "stored quick");
    let said = town.command("run it --json -q --data kept").env("NIGHTRUN_VAR_URL", "env").output().unwrap();
    assert_eq!(printed(&crate::town::Said::by(said).json()), "env quick");
    town.does("vars delete url --data kept");
    assert_eq!(town.nightrun("vars get url --data kept").code, 1);
    assert_eq!(town.nightrun("vars set 1x y --data kept").code, 2);
    assert_eq!(town.nightrun("vars list --json --data kept").json(), json!([]));
    town.does("db check --data kept");
    town.write("dags/it.yaml", &WITH_VARS.replace("vars.mode", "vars.mood"));
    assert_eq!(town.nightrun("validate --format json").json()[0]["code"], "E413");
}

#[test]
fn vars_are_set_through_a_server_that_runs_and_say_by_whom() {
    let town = Town::with("it", WITH_VARS);
    let server = town.serve();
    town.does("vars set url one");
    town.does("vars set mode [1,2] --json");
    let listed = server.get("/api/v1/vars");
    let item = |at: usize| (listed["items"][at]["name"].clone(), listed["items"][at]["value"].clone());
    assert_eq!([item(0), item(1)], [(json!("mode"), json!([1, 2])), (json!("url"), json!("one"))]);
    let whoami = std::process::Command::new("id").arg("-un").output().unwrap();
    let user = String::from_utf8(whoami.stdout).unwrap();
    let by = || server.get("/api/v1/vars/url")["updated_by"].clone();
    assert_eq!(by(), "cli:tess");
    let mut nameless = town.command("vars set url one");
    assert!(nameless.env("USER", "").status().unwrap().success());
    assert_eq!(by(), format!("cli:{}", user.trim()), "the environment says no USER, so the system does");
    town.does("trigger it");
    let run = town.wait_for_run("1", "success");
    assert_eq!(task(&run, "a")["outputs"]["return_value"], "one [1,2]");
    town.does("vars delete mode");
    assert_eq!(town.nightrun("vars delete mode").code, 1);
    assert_eq!(server.get("/api/v1/vars/mode")["status"], 404);
}

#[test]
fn a_run_keeps_the_defaults_it_began_with_over_a_restart_and_a_change() {
    let town = Town::new();
    let both = "id: one\ntasks: [{id: a, run: echo}]\n---\nid: two\ntasks:\n  - id: wait\n    \
                run: until [ -e go ]; do sleep 0.02; done\n  - id: tell\n    depends_on: [wait]\n    \
                run: echo $WHO\n    capture: text\n";
    town.write("dags/_defaults.yaml", "env: {WHO: old}\n");
    town.write("dags/both.yaml", both);
    let server = town.serve();
    town.does("trigger two");
    town.wait_for_run("1", "running");
    server.kill();
    town.write("dags/_defaults.yaml", "env: {WHO: new}\n");
    town.write("dags/go", "");
    let server = town.serve();
    let run = town.wait_for_run("1", "success");
    assert_eq!(task(&run, "tell")["outputs"]["return_value"], "old");
    town.does("trigger two");
    let run = town.wait_for_run("2", "success");
    assert_eq!(task(&run, "tell")["outputs"]["return_value"], "new");
    server.stop();
    town.does("db check");
}

#[test]
fn the_example_of_a_folder_runs_as_it_says() {
    let town = Town::new();
    town.nightrun("example folder --into dags")
        .prints("dags/folder/orders_and_returns.yaml\ndags/folder/_defaults.yaml");
    let file = "dags/folder/orders_and_returns.yaml";
    let orders = town.nightrun(&format!("run {file}#orders --json -q --at 2026-11-21")).json();
    assert_eq!(task(&orders, "load")["outputs"]["return_value"], "Good night, orders of 2026-11-21");
    let returns = town.nightrun(&format!("run {file} --dag returns --json -q")).json();
    assert_eq!(
        (&returns["state"], &task(&returns, "alarm")["state"]),
        (&json!("success"), &json!("skipped"))
    );
    let _server = town.serve();
    let shown = wait_for("the DAG", || {
        let shown = town.nightrun("dags show returns --json");
        (shown.code == 0).then(|| shown.json())
    });
    assert_eq!((&shown["owner"], &shown["tags"]), (&json!("after-sales"), &json!(["example", "folder"])));
    assert_eq!(shown["vars"][0], json!({"name": "threshold", "default": 3}));
}
