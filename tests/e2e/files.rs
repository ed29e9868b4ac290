//! Several DAGs in a file, the defaults of folders, and what a change of them comes to.

use serde_json::json;

use crate::town::{Town, task};

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
